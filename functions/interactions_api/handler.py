"""What shoppers did with products, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vitrine.access.wiring import admit, trust_user
from vitrine.catalog.answers import (
    EarningsByDayAnswer,
    ErasureAnswer,
    InteractionAnswer,
    RecordedInteractionsAnswer,
    earnings_answer,
    interaction_answer,
)
from vitrine.catalog.model import UserKey
from vitrine.catalog.record_interactions import record_interactions, remove_interaction
from vitrine.catalog.wiring import interaction_store
from vitrine.platform.http import JSON_OR_TEXT, PUBLISHABLE, SECRET, Answer, HttpApp, Request
from vitrine.platform.problems import FieldError, InvalidRequest
from vitrine.platform.wiring import replays
from vitrine.recommendations.wiring import entries, shortlist_tasks

if TYPE_CHECKING:
    from vitrine.catalog.bodies import PostedInteraction

_MOST_FROM_A_PAGE = 20
_OLDEST_FROM_A_PAGE = timedelta(days=7)
_CLOCKS_DIFFER = timedelta(minutes=5)
_DAYS = 30
_MOST_DAYS = 366

lambda_handler = app = HttpApp(admit=admit, replays=replays)


@app.route(
    "POST",
    "/interactions",
    scope=PUBLISHABLE,
    body="vitrine.catalog.bodies:PostInteractions",
    media_types=JSON_OR_TEXT,
    answers={202: RecordedInteractionsAnswer},
)
def post(request: Request) -> Answer:
    """Add or change interactions, each once by its id; answered when all are stored.

    With a publishable key at most 20, of the last seven days. Each must name a visitor's id that nobody can guess, or
    a user with the token that the shop's server signed, in `user_token` or the header `X-User-Token`; others are
    `rejected`.
    """
    from vitrine.catalog.bodies import PostInteractions  # noqa: PLC0415 - readers never load bodies

    posted = request.body(PostInteractions).interactions
    is_page = request.caller.kind == PUBLISHABLE
    if is_page and len(posted) > _MOST_FROM_A_PAGE:
        rule = f"must have at most {_MOST_FROM_A_PAGE} items with a publishable key"
        raise InvalidRequest(f"interactions {rule}", [FieldError("/interactions", rule)])
    refusals = [_refusal(request, it) if is_page else None for it in posted]
    sent = [it.sent(it.user_id, it.interaction_id) for it, why in zip(posted, refusals, strict=True) if why is None]
    recorded = iter(record_interactions(interaction_store(), request.merchant_id, sent, entries().drop))
    results = [
        {"interaction_id": it.interaction_id, "status": "rejected", "detail": why}
        if why is not None
        else {"interaction_id": it.interaction_id, "status": next(recorded).status}
        for it, why in zip(posted, refusals, strict=True)
    ]
    return Answer(202, {"results": results})


def _refusal(request: Request, posted: PostedInteraction) -> str | None:
    """Why an interaction is not taken from a page; None when it is."""
    if trust_user(request, posted.user_id, posted.user_token) is None:
        return "the user is neither a visitor's id nor proven by a token"
    age = request.now - (posted.occurred_at or request.now)
    if not -_CLOCKS_DIFFER <= age <= _OLDEST_FROM_A_PAGE:
        return "occurred_at must be in the last seven days"
    return None


@app.route(
    "GET",
    "/recommendations/earnings",
    answers={200: EarningsByDayAnswer},
    query={
        "from": {"type": "string", "format": "date", "description": "The first day, in UTC; 30 days unless given."},
        "to": {"type": "string", "format": "date", "x-not-before": "from", "description": "The last day; today."},
    },
)
def earnings(request: Request) -> Answer:
    """Read what recommendations led to, by day: interactions that carry a `recommendation_id`."""
    last = request.query.get("to", request.now.date())
    first = request.query.get("from", last - timedelta(days=_DAYS - 1))
    if not timedelta() <= last - first < timedelta(days=_MOST_DAYS):
        rule = f"must be at most {_MOST_DAYS} days, and not before from"
        raise InvalidRequest(f"to {rule}", [FieldError("/query/to", rule)])
    return Answer(200, earnings_answer(interaction_store().earnings(request.merchant_id, first, last)))


@app.route(
    "PUT",
    "/users/{user_id}/interactions/{interaction_id}",
    body="vitrine.catalog.bodies:PutInteraction",
    answers={200: InteractionAnswer, 201: InteractionAnswer},
)
def put(request: Request) -> Answer:
    """Add or change one interaction."""
    from vitrine.catalog.bodies import PutInteraction  # noqa: PLC0415 - readers never load bodies

    user = _user(request)
    sent = request.body(PutInteraction).sent(user.user_id, request.path_id("interaction_id"))
    [recorded] = record_interactions(interaction_store(), user.merchant_id, [sent], entries().drop)
    return Answer(201 if recorded.status == "created" else 200, interaction_answer(recorded.interaction))


@app.route("DELETE", "/users/{user_id}/interactions/{interaction_id}", answers={204: None})
def delete(request: Request) -> Answer:
    """Take one interaction away."""
    remove_interaction(interaction_store(), _user(request), request.path_id("interaction_id"))
    return Answer(204)


@app.route("GET", "/users/{user_id}/interactions", answers={200: InteractionAnswer}, paged=True)
def list_interactions(request: Request) -> Answer:
    """List a user's interactions, newest first."""
    page = request.page(str)
    found, after = interaction_store().newest_interactions(_user(request), page.limit, page.state)
    return request.list_answer([interaction_answer(it) for it in found], after)


@app.route("DELETE", "/users/{user_id}", scope=SECRET, answers={202: ErasureAnswer})
def erase(request: Request) -> Answer:
    """Erase a user: interactions, purchases and all that was made of them."""
    user = _user(request)
    entries().drop(user)
    shortlist_tasks().erase(user)
    return Answer(202, {"status": "erasing"})


def _user(request: Request) -> UserKey:
    return UserKey(request.merchant_id, request.path_id("user_id"))
