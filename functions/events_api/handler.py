"""View and click events over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NotRequired, TypedDict
from uuid import uuid4

from vitrine.access.wiring import check_quota, note_outcome, trust_user
from vitrine.engagement.count_events import Batch
from vitrine.engagement.model import Event, Result, SourcePage, tally
from vitrine.engagement.plain_events import plain_events, plain_searches
from vitrine.engagement.robots import is_robot
from vitrine.engagement.wiring import event_counter, event_queue, visit_notes, visitor_watch
from vitrine.galleries.model import DEFAULT_GALLERY, GalleryKey
from vitrine.galleries.read_gallery import find_gallery
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.http import JSON_OR_TEXT, PUBLISHABLE, HttpApp, Refused, Request, Response
from vitrine.platform.problems import InvalidRequest, MalformedRequest, NotFound, ServiceError, status_of
from vitrine.platform.telemetry import Metric
from vitrine.platform.wiring import saved_responses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vitrine.engagement.model import Rules
    from vitrine.engagement.plain_events import SentEvent

_MOST_ERRORS_AN_EVENT = 3
_TEACHING = frozenset({"accepted", "duplicate", "queued"})

lambda_handler = app = HttpApp(check_quota=check_quota, note=note_outcome, saved_responses=saved_responses)


class ResultResponse(TypedDict):
    event_id: str | None
    status: str
    detail: NotRequired[str]


class ResultsResponse(TypedDict):
    results: list[ResultResponse]


@app.post(
    "/galleries/{gallery_id}/events",
    scope=PUBLISHABLE,
    body="vitrine.engagement.requests:PostEventsRequest",
    media_types=JSON_OR_TEXT,
    responses={202: ResultsResponse},
)
def post_events(request: Request) -> Response:
    """Count events, each once and independently of the others; the response comes when all are stored.

    With buffered intake the result of an event that can count is `queued`: it is stored, and is counted within seconds.

    With a publishable key, an event keeps its `user_id` only if that is a visitor's id nobody can guess, or comes with
    the token that the shop's server signed, in `user_token` or the header `X-User-Token`. The event counts either way.
    """
    gallery = GalleryKey(request.merchant_id, request.path_id("gallery_id"))
    sent = _sent_events(request)
    events = [_event(request, event) for event in sent if not isinstance(event, Refused)]
    batch = _batch(request, gallery, events)
    results = _count(batch)
    _count_for_queries(batch, results)
    _count_for_products(request, gallery, events, results)
    return _results_response(sent, results)


@app.post(
    "/search/events",
    scope=PUBLISHABLE,
    body="vitrine.engagement.requests:PostSearchEventsRequest",
    media_types=JSON_OR_TEXT,
    responses={202: ResultsResponse},
)
def post_search_events(request: Request) -> Response:
    """Count searches whose results a shopper saw, each once and independently of the others.

    Their clicks are events of the images' galleries with the same `search_id`. With a publishable key, a visitor's
    search for the same words counts once an hour.
    """
    from vitrine.search.count_queries import UNKNOWN  # noqa: PLC0415 - most events are no searches
    from vitrine.search.wiring import query_counter  # noqa: PLC0415 - as above

    sent = _sent_searches(request)
    events = [event for event in sent if not isinstance(event, Refused)]
    counted = query_counter().count_searches(_batch(request, GalleryKey(request.merchant_id, ""), events))
    results = [counted.get(at) or Result(event.event_id, "rejected", UNKNOWN) for at, event in enumerate(events)]
    return _results_response(sent, results)


def _challenge_error(error: ServiceError) -> Response:
    if isinstance(error, NotFound):
        return Response(404, {"message": "There are no image with the specified ID"})
    if isinstance(error, MalformedRequest | InvalidRequest):
        return Response(400, {"message": "There was an error parsing the given request"})
    return Response(status_of(error), {"message": error.detail})


@app.post(
    "/images/{imageId}/events",
    scope=PUBLISHABLE,
    body="vitrine.engagement.requests:ChallengeEvent",
    responses={204: None},
    on_error=_challenge_error,
)
def post_challenge_event(request: Request) -> Response:
    """Count an event in the gallery challenge's form: it has no id, so it is never a duplicate."""
    from vitrine.engagement.requests import ChallengeEvent  # noqa: PLC0415 - usual events are read without pydantic

    sent = request.body(ChallengeEvent)
    event = Event(uuid4().hex, sent.eventType, request.path_id("imageId"))
    [result] = _count(_batch(request, GalleryKey(request.merchant_id, DEFAULT_GALLERY), [event]))
    if result.status == "rejected":
        raise NotFound(result.detail or "")
    return Response(204, metrics=_metrics([result.status]))


def _sent_events(request: Request) -> list[SentEvent | Refused]:
    plain = plain_events(request.sent_json())
    if plain is not None:
        return [*plain]
    from vitrine.engagement.requests import PostEventsRequest  # noqa: PLC0415 - as above

    return [item if isinstance(item, Refused) else item.sent() for item in request.items(PostEventsRequest)]


def _sent_searches(request: Request) -> list[Event | Refused]:
    plain = plain_searches(request.sent_json())
    if plain is not None:
        return [*plain]
    from vitrine.engagement.requests import PostSearchEventsRequest  # noqa: PLC0415 - as above

    return [item if isinstance(item, Refused) else item.sent() for item in request.items(PostSearchEventsRequest)]


def _event(request: Request, sent: SentEvent) -> Event:
    """The event; its user is kept only if the sender may name that user."""
    event = sent.event
    if event.user_id is None:
        return event
    return event._replace(user_id=trust_user(request, event.user_id, sent.user_token))


def _batch(request: Request, gallery: GalleryKey, events: Sequence[Event]) -> Batch:
    agent = request.headers.get("user-agent", "")
    page = SourcePage(request.source_address, agent) if request.caller.kind == PUBLISHABLE else None
    return Batch(gallery, request.caller.merchant_secret, events, is_robot(agent), request.now, page)


def _count(batch: Batch) -> list[Result]:
    queue = event_queue()
    if queue:
        from vitrine.engagement.queue_events import queue_events  # noqa: PLC0415 - events are counted at once as a rule

        if not event_counter().rules(batch).has_gallery:
            find_gallery(gallery_repository(), batch.gallery)
        return queue_events(event_counter(), queue, batch)
    results = event_counter().count(batch)
    if all(result.status == "rejected" for result in results):
        find_gallery(gallery_repository(), batch.gallery)
    rules = event_counter().rules(batch)
    if rules.experiment is not None:
        visit_notes().note(batch, rules, results)
    visitor_watch().watch(batch, rules, results)
    return results


def _count_for_queries(batch: Batch, results: Sequence[Result]) -> None:
    """Count clicks for the queries that led to them.

    Includes duplicates, because the first request may have stopped between counting and this. Suspects and robots teach
    nothing. Clicks that were queued are counted here at once: queries have counters of their own.
    """
    clicks = [
        (event, visitor)
        for event, result, visitor in zip(batch.events, results, batch.visitors, strict=True)
        if event.search_id and event.type == "click" and result.status in _TEACHING and not batch.from_robot
    ]
    if not clicks:
        return
    from vitrine.search.wiring import query_counter  # noqa: PLC0415 - most events name no search

    rules: Rules = event_counter().rules(batch)
    trusted = [click for click, visitor in clicks if not rules.is_suspect(visitor, batch.page, batch.merchant_secret)]
    query_counter().count_clicks(replace(batch, events=trusted))


def _count_for_products(
    request: Request, gallery: GalleryKey, events: Sequence[Event], results: Sequence[Result]
) -> None:
    """Record interactions with the images' products.

    Includes a user's own duplicates, because the first request may have stopped between counting and this.
    """
    known = [event for event, result in zip(events, results, strict=True) if result.for_user]
    if not known:
        return
    from vitrine.catalog.take_events import take_events  # noqa: PLC0415 - most events name no user
    from vitrine.catalog.wiring import interaction_repository  # noqa: PLC0415 - as above

    take_events(interaction_repository(), gallery_repository().get_images, gallery, known, request.now)


def _results_response(sent: Iterable[object], results: Iterable[Result]) -> Response:
    """Return the results of all parts of a request, from those of its well-formed events."""
    counted = iter(results)
    responses = [_malformed(event) if isinstance(event, Refused) else _response(next(counted)) for event in sent]
    return Response(202, {"results": responses}, metrics=_metrics(response["status"] for response in responses))


def _metrics(statuses: Iterable[str]) -> dict[str, Metric]:
    return {f"Events{status.capitalize()}": Metric(amount) for status, amount in tally(statuses).items()}


def _malformed(event: Refused) -> ResultResponse:
    errors = [f"{error.pointer}: {error.detail}".removeprefix(": ") for error in event.errors[:_MOST_ERRORS_AN_EVENT]]
    return {"event_id": event.text("event_id"), "status": "rejected", "detail": "; ".join(errors)}


def _response(result: Result) -> ResultResponse:
    response: ResultResponse = {"event_id": result.event_id, "status": result.status}
    if result.detail is not None:
        response["detail"] = result.detail
    return response
