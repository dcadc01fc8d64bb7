"""Interactions over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vitrine.access.wiring import check_quota, note_outcome, trust_user
from vitrine.catalog.model import UserKey
from vitrine.catalog.record_interactions import record_interactions, remove_interaction
from vitrine.catalog.responses import (
    EarningsByDayResponse,
    ErasureResponse,
    InteractionResponse,
    RecordedInteractionsResponse,
    earnings_response,
    interaction_response,
)
from vitrine.catalog.wiring import interaction_repository
from vitrine.platform.http import JSON_OR_TEXT, PUBLISHABLE, SECRET, HttpApp, Request, Response
from vitrine.platform.problems import FieldError, InvalidRequest
from vitrine.platform.wiring import saved_responses
from vitrine.recommendations.wiring import response_cache, shortlist_tasks

if TYPE_CHECKING:
    from vitrine.catalog.requests import PostedInteraction

_MOST_FROM_A_PAGE = 20
_OLDEST_FROM_A_PAGE = timedelta(days=7)
_CLOCKS_DIFFER = timedelta(minutes=5)
_DAYS = 30
_MOST_DAYS = 366

lambda_handler = app = HttpApp(check_quota=check_quota, note=note_outcome, saved_responses=saved_responses)


@app.post(
    "/interactions",
    scope=PUBLISHABLE,
    body="vitrine.catalog.requests:PostInteractionsRequest",
    media_types=JSON_OR_TEXT,
    responses={202: RecordedInteractionsResponse},
)
def post(request: Request) -> Response:
    """Add or change interactions, each once by its id; the response comes when all are stored.

    A publishable key may send at most 20, of the last seven days. Each must name a visitor by an id that nobody can
    guess, or a user with the token that the shop's server signed, in `user_token` or the header `X-User-Token`; others
    are `rejected`.
    """
    from vitrine.catalog.requests import PostInteractionsRequest  # noqa: PLC0415 - readers never load bodies

    posted = request.body(PostInteractionsRequest).interactions
    is_page = request.caller.kind == PUBLISHABLE
    if is_page and len(posted) > _MOST_FROM_A_PAGE:
        rule = f"must have at most {_MOST_FROM_A_PAGE} items with a publishable key"
        raise InvalidRequest(f"interactions {rule}", [FieldError("/interactions", rule)])
    refusals = [_refusal(request, interaction) if is_page else None for interaction in posted]
    sent = [
        interaction.sent(interaction.user_id, interaction.interaction_id, request.now)
        for interaction, refusal in zip(posted, refusals, strict=True)
        if refusal is None
    ]
    recorded = iter(record_interactions(interaction_repository(), request.merchant_id, sent, response_cache().drop))
    results = [
        {"interaction_id": interaction.interaction_id, "status": "rejected", "detail": refusal}
        if refusal is not None
        else {"interaction_id": interaction.interaction_id, "status": next(recorded).status}
        for interaction, refusal in zip(posted, refusals, strict=True)
    ]
    return Response(202, {"results": results})


def _refusal(request: Request, posted: PostedInteraction) -> str | None:
    """Why an interaction from a web page is refused; None if it is accepted."""
    if trust_user(request, posted.user_id, posted.user_token) is None:
        return "user_id must be a visitor's id, or come with a valid user_token"
    age = request.now - (posted.occurred_at or request.now)
    if not -_CLOCKS_DIFFER <= age <= _OLDEST_FROM_A_PAGE:
        return "occurred_at must lie in the last seven days"
    return None


@app.get(
    "/recommendations/earnings",
    responses={200: EarningsByDayResponse},
    query={
        "from": {
            "type": "string",
            "format": "date",
            "description": "The first day, in UTC; by default 30 days end with `to`.",
        },
        "to": {
            "type": "string",
            "format": "date",
            "x-not-before": "from",
            "description": "The last day; today by default.",
        },
    },
)
def earnings(request: Request) -> Response:
    """Read what recommendations led to, by day: interactions that carry a `recommendation_id`."""
    last = request.query.get("to", request.now.date())
    first = request.query.get("from", last - timedelta(days=_DAYS - 1))
    if not timedelta() <= last - first < timedelta(days=_MOST_DAYS):
        rule = f"must be at most {_MOST_DAYS} days, and not before from"
        raise InvalidRequest(f"to {rule}", [FieldError("/query/to", rule)])
    return Response(200, earnings_response(interaction_repository().earnings(request.merchant_id, first, last)))


@app.put(
    "/users/{user_id}/interactions/{interaction_id}",
    body="vitrine.catalog.requests:PutInteraction",
    responses={200: InteractionResponse, 201: InteractionResponse},
    is_change=False,
)
def put(request: Request) -> Response:
    """Add or change one interaction."""
    from vitrine.catalog.requests import PutInteraction  # noqa: PLC0415 - readers never load bodies

    user = _user(request)
    sent = request.body(PutInteraction).sent(user.user_id, request.path_id("interaction_id"), request.now)
    [recorded] = record_interactions(interaction_repository(), user.merchant_id, [sent], response_cache().drop)
    return Response(201 if recorded.status == "created" else 200, interaction_response(recorded.interaction))


@app.delete("/users/{user_id}/interactions/{interaction_id}", responses={204: None}, is_change=False)
def delete(request: Request) -> Response:
    """Delete one interaction."""
    remove_interaction(interaction_repository(), _user(request), request.path_id("interaction_id"))
    return Response(204)


@app.get("/users/{user_id}/interactions", responses={200: InteractionResponse}, paged=True)
def list_interactions(request: Request) -> Response:
    """List a user's interactions, newest first."""
    page = request.page(str)
    interactions, after = interaction_repository().newest_interactions(_user(request), page.limit, page.state)
    return request.list_response([interaction_response(interaction) for interaction in interactions], after)


@app.delete("/users/{user_id}", scope=SECRET, responses={202: ErasureResponse})
def erase(request: Request) -> Response:
    """Erase a user: interactions, purchases and everything derived from them."""
    user = _user(request)
    response_cache().drop(user)
    shortlist_tasks().erase(user)
    return Response(202, {"status": "erasing"})


def _user(request: Request) -> UserKey:
    return UserKey(request.merchant_id, request.path_id("user_id"))
