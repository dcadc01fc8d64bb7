"""Galleries and images over HTTP."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from vitrine.access.wiring import check_quota, note_outcome
from vitrine.engagement.wiring import gallery_counters
from vitrine.galleries.audit_gallery import audit_gallery
from vitrine.galleries.change_image import change_image, delete_image
from vitrine.galleries.change_ranking import restore_version
from vitrine.galleries.delete_gallery import request_deletion
from vitrine.galleries.explain_images import explain_images
from vitrine.galleries.model import DEFAULT_GALLERY, GalleryKey
from vitrine.galleries.put_gallery import put_gallery
from vitrine.galleries.put_images import ImageDraft, put_images
from vitrine.galleries.read_gallery import (
    Position,
    find_gallery,
    find_image,
    find_shown_image,
    read_hidden,
    read_order,
)
from vitrine.galleries.read_lab import estimate_ranking, read_lab_order
from vitrine.galleries.read_stats import all_galleries, read_hours
from vitrine.galleries.responses import (
    AuditResponse,
    ChallengeImageResponse,
    CountsByTimeResponse,
    DeletionResponse,
    EstimateResponse,
    ExperimentResponse,
    FieldErrorResponse,
    GalleryResponse,
    ImageResponse,
    PutImageResponse,
    PutImagesResponse,
    VersionResponse,
    challenge_response,
    counts_by_time_response,
    estimate_response,
    experiment_response,
    explanation_response,
    gallery_response,
    image_response,
    placed_response,
    suspect_response,
    version_response,
)
from vitrine.galleries.run_experiment import end_experiment, read_experiment, start_experiment
from vitrine.galleries.wiring import gallery_repository, gallery_tasks, new_incarnation, recent_galleries
from vitrine.platform.http import PUBLISHABLE, SECRET, HttpApp, Refused, Request, Response
from vitrine.platform.ids import LONGEST_ID
from vitrine.platform.problems import (
    FieldError,
    Forbidden,
    InvalidRequest,
    NotFound,
    ServiceError,
    headers_of,
    status_of,
)
from vitrine.platform.times import to_rfc3339
from vitrine.platform.wiring import saved_responses
from vitrine.ranking.experiments import arm_of
from vitrine.ranking.lab import LabVisitor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from vitrine.galleries.model import Gallery, Image
    from vitrine.galleries.read_gallery import OrderedPage
    from vitrine.galleries.requests import NewImage, PatchImageRequest

_CHALLENGE_PAGE = 500
_CHALLENGE_BYTES = 4_000_000
_MOST_ERRORS_AN_IMAGE = 5
_MOST_WITHDRAWALS = 1000
_AN_HOUR = timedelta(hours=1)
_SPAN: dict[str, dict[str, Any]] = {
    "from": {"type": "string", "format": "date-time"},
    "to": {"type": "string", "format": "date-time", "x-not-before": "from"},
    "granularity": {"type": "string", "enum": ["hour", "day"], "default": "hour"},
}
_EXPLAIN: dict[str, dict[str, Any]] = {
    "explain": {
        "type": "string",
        "enum": ["true", "false"],
        "default": "false",
        "description": "Whether to explain each image's position; needs a secret key.",
    }
}

_VISITOR: dict[str, dict[str, Any]] = {
    "session_id": {
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_ID,
        "description": "The visitor, as in events; a visitor in the gallery's lab gets a page in random order.",
    }
}

lambda_handler = app = HttpApp(check_quota=check_quota, note=note_outcome, saved_responses=saved_responses)


@app.put(
    "/galleries/{gallery_id}",
    body="vitrine.galleries.requests:PutGalleryRequest",
    responses={200: GalleryResponse, 201: GalleryResponse},
)
def put(request: Request) -> Response:
    """Create or change a gallery."""
    from vitrine.galleries.requests import PutGalleryRequest  # noqa: PLC0415 - readers never load bodies

    key = _key(request)
    result = put_gallery(
        gallery_repository(), gallery_tasks(), key, request.body(PutGalleryRequest).changes(), now=request.now
    )
    recent_galleries().forget(key)
    return Response(201 if result.created else 200, gallery_response(result.gallery, counts=True))


@app.get("/galleries", scope=PUBLISHABLE, responses={200: GalleryResponse}, paged=True, cacheable=True)
def list_galleries(request: Request) -> Response:
    """List galleries by id."""
    page = request.page(str)
    galleries = gallery_repository().list_galleries(request.merchant_id, page.limit, page.state)
    items = [_gallery_response(request, gallery) for gallery in galleries if not gallery.deleting]
    return request.list_response(items, galleries[-1].key.gallery_id if len(galleries) == page.limit else None)


@app.get("/galleries/{gallery_id}", scope=PUBLISHABLE, responses={200: GalleryResponse}, cacheable=True)
def get(request: Request) -> Response:
    """Read a gallery with its totals."""
    gallery = find_gallery(gallery_repository(), _key(request))
    return Response(200, _gallery_response(request, gallery), shared_seconds=gallery.cache_seconds)


@app.delete("/galleries/{gallery_id}", responses={202: DeletionResponse})
def delete(request: Request) -> Response:
    """Delete a gallery and its images."""
    request_deletion(gallery_repository(), gallery_tasks(), _key(request))
    return Response(202, {"status": "deleting"})


@app.post(
    "/galleries/{gallery_id}/images",
    body="vitrine.galleries.requests:PostImagesRequest",
    responses={200: PutImagesResponse},
)
def post_images(request: Request) -> Response:
    """Create or update images, each independently of the others."""
    from vitrine.galleries.requests import PostImagesRequest  # noqa: PLC0415 - readers never load bodies

    results: list[PutImageResponse] = []
    drafts: dict[int, ImageDraft] = {}
    seen: set[str] = set()
    key = _key(request)
    for index, sent in enumerate(request.items(PostImagesRequest)):
        result, draft = _judge(index, sent, seen, request.now)
        results.append(result)
        if draft:
            drafts[index] = draft
            seen.add(draft.image_id)
    done = put_images(gallery_repository(), key, list(drafts.values()), new_incarnation=new_incarnation)
    for index, put_image in zip(drafts, done, strict=True):
        results[index] = {"id": put_image.image_id, "status": put_image.status}
    return Response(200, {"results": results})


@app.get(
    "/galleries/{gallery_id}/images",
    scope=PUBLISHABLE,
    responses={200: ImageResponse},
    query={**_EXPLAIN, **_VISITOR},
    paged=True,
    cacheable=True,
)
def get_images(request: Request) -> Response:
    """Read the ordered gallery.

    A publishable key gets no counts unless the gallery has `public_counts`; a secret key may ask for the reasons for
    each image's position (`explain=true`). `by_visitor: true` beside the items means that the order differs by visitor:
    then send the visitor's `session_id`, the same as in events. Send an item's `arm`, if it has one, with its events.
    """
    page = request.page((int, int, str, str | None, str | None, int))
    start = Position(*page.state) if page.state else None
    gallery = recent_galleries().find(_key(request), request.now)
    ordered = _read_for_visitor(request, gallery, page.limit, start)
    counts = _shows_counts(request, gallery)
    items = [placed_response(placed, ordered.arms, counts=counts) for placed in ordered.placed]
    _explain(request, gallery, [placed.image for placed in ordered.placed], items)
    response = request.list_response(items, ordered.next)
    if gallery.orders_by_visitor:
        response.content["by_visitor"] = True
    return response._replace(shared_seconds=gallery.cache_seconds)


@app.get("/galleries/{gallery_id}/hidden-images", responses={200: ImageResponse}, paged=True)
def get_hidden_images(request: Request) -> Response:
    """List the hidden images of a gallery, by id.

    One page looks through a thousand images of the gallery. It may have fewer items than `limit`, even none, and a
    `next_cursor`.
    """
    page = request.page(str)
    hidden = read_hidden(gallery_repository(), _key(request), page.limit, page.state)
    return request.list_response([image_response(image, counts=True) for image in hidden.images], hidden.next)


@app.get(
    "/galleries/{gallery_id}/images/{image_id}",
    scope=PUBLISHABLE,
    responses={200: ImageResponse},
    query=_EXPLAIN,
    cacheable=True,
)
def get_image(request: Request) -> Response:
    """Read an image; with a secret key also a hidden one, and the reasons for its position (`explain=true`)."""
    gallery = recent_galleries().find(_key(request), request.now)
    find = find_image if request.caller.kind == SECRET else find_shown_image
    image = find(gallery_repository(), gallery.key, request.path_id("image_id"))
    response = image_response(image, counts=_shows_counts(request, gallery))
    _explain(request, gallery, [image], [response])
    return Response(200, response, shared_seconds=gallery.cache_seconds)


@app.patch(
    "/galleries/{gallery_id}/images/{image_id}",
    body="vitrine.galleries.requests:PatchImageRequest",
    responses={200: ImageResponse},
)
def patch_image(request: Request) -> Response:
    """Change an image, pin it or hide it."""
    from vitrine.galleries.requests import PatchImageRequest  # noqa: PLC0415 - readers never load bodies

    changes = request.body(PatchImageRequest)
    image = change_image(
        gallery_repository(),
        _key(request),
        request.path_id("image_id"),
        lambda image: _patched(image, changes, request.now),
    )
    return Response(200, image_response(image, counts=True))


@app.delete("/galleries/{gallery_id}/images/{image_id}", responses={204: None})
def delete_one(request: Request) -> Response:
    """Delete an image."""
    delete_image(gallery_repository(), gallery_counters(), _key(request), request.path_id("image_id"))
    return Response(204)


@app.get("/galleries/{gallery_id}/stats", responses={200: CountsByTimeResponse}, query=_SPAN)
def get_gallery_stats(request: Request) -> Response:
    """Read a gallery's views and clicks by hour or day (UTC) of their counting.

    Without `from` and `to` they add up to the gallery's totals. The hour or day that contains `from` is included whole.
    """
    return _stats(request, [find_gallery(gallery_repository(), _key(request))])


@app.get("/stats", responses={200: CountsByTimeResponse}, query=_SPAN)
def get_stats(request: Request) -> Response:
    """Read the views and clicks of all galleries by hour or day (UTC)."""
    return _stats(request, all_galleries(gallery_repository(), request.merchant_id))


def _stats(request: Request, galleries: Iterable[Gallery]) -> Response:
    query = request.query
    first = query.get("from")
    if first and query["granularity"] == "day":
        first = first.replace(hour=0)
    hours = read_hours(gallery_repository(), galleries, first, query.get("to", request.now + _AN_HOUR))
    return Response(200, counts_by_time_response(hours, query["granularity"]))


@app.get("/galleries/{gallery_id}/audit", responses={200: AuditResponse})
def audit(request: Request) -> Response:
    """Compare the totals and score that each image shows with its counter; list withdrawn pictures and suspects.

    `withdrawn` has up to 1,000 pictures of the last 90 days that were deleted because no image shows them any more.
    `suspects` are visitors of web pages whose events no person sends; they count in totals and in no rate.
    """
    from vitrine.renditions.wiring import holdings  # noqa: PLC0415 - only audits read withdrawals

    result = audit_gallery(gallery_repository(), gallery_counters(), _key(request), now=request.now)
    mismatched = [
        {
            "id": mismatch.image_id,
            "shown": mismatch.shown._asdict(),
            "counted": mismatch.counted._asdict(),
            "score": mismatch.score._asdict() if mismatch.score else None,
        }
        for mismatch in result.mismatched
    ]
    withdrawals = holdings().list_withdrawals(*_key(request))[:_MOST_WITHDRAWALS]
    withdrawn = [
        {"id": withdrawal.image_id, "digest": withdrawal.digest, "withdrawn_at": to_rfc3339(withdrawal.at)}
        for withdrawal in withdrawals
    ]
    response: dict[str, Any] = {"images": result.images, "mismatched": mismatched, "withdrawn": withdrawn}
    if result.suspects:
        response["suspects"] = [suspect_response(suspect) for suspect in result.suspects]
    return Response(200, response)


@app.delete("/galleries/{gallery_id}/suspects/{visitor}", responses={204: None})
def trust_suspect(request: Request) -> Response:
    """Trust a visitor whose events looked automated (`suspects` of the audit): later events count in rates again."""
    key = find_gallery(gallery_repository(), _key(request)).key
    visitor = request.path_id("visitor")
    if not gallery_repository().trust_suspect(key, visitor):
        raise NotFound(f"Gallery {key.gallery_id} has no suspect {visitor}.")
    return Response(204)


@app.get("/galleries/{gallery_id}/ranking-versions", responses={200: VersionResponse}, paged=True)
def get_versions(request: Request) -> Response:
    """List the versions of a gallery's ranking, latest first."""
    page = request.page(int)
    gallery = find_gallery(gallery_repository(), _key(request))
    versions = gallery_repository().list_versions(gallery.key, page.limit, page.state)
    last = versions[-1].number if len(versions) == page.limit and versions[-1].number > 1 else None
    return request.list_response([version_response(gallery, version) for version in versions], last)


@app.post("/galleries/{gallery_id}/ranking-versions/{version}/restore", responses={202: GalleryResponse})
def post_restore(request: Request) -> Response:
    """Restore an earlier version's ranking as a new version."""
    number = request.path_parameters["version"]
    if not re.fullmatch(r"[0-9]{1,9}", number):
        raise NotFound(f"There is no ranking version {number}.")
    gallery = restore_version(gallery_repository(), gallery_tasks(), _key(request), int(number), now=request.now)
    return Response(202, gallery_response(gallery, counts=True))


@app.post(
    "/galleries/{gallery_id}/ranking-estimates",
    body="vitrine.galleries.requests:RankingSettings",
    responses={200: EstimateResponse},
    is_change=False,
)
def post_estimate(request: Request) -> Response:
    """Estimate what the gallery would earn under a ranking, from the visitors of its lab."""
    from vitrine.galleries.requests import RankingSettings  # noqa: PLC0415 - readers never load bodies

    ranking = request.body(RankingSettings).ranking()
    gallery = find_gallery(gallery_repository(), _key(request))
    return Response(
        200,
        estimate_response(
            estimate_ranking(gallery_repository(), gallery_counters(), gallery, ranking, now=request.now)
        ),
    )


_EXPERIMENT = "/galleries/{gallery_id}/experiments/{experiment_id}"


@app.post(_EXPERIMENT, body="vitrine.galleries.requests:StartExperimentRequest", responses={201: ExperimentResponse})
def post_experiment(request: Request) -> Response:
    """Start an experiment: half of the visitors see a second ranking, or all see pages made of both."""
    from vitrine.galleries.requests import StartExperimentRequest  # noqa: PLC0415 - readers never load bodies

    key, experiment_id = _key(request), request.path_id("experiment_id")
    body = request.body(StartExperimentRequest)
    arms = [arm.ranking() for arm in body.arms]
    start_experiment(gallery_repository(), gallery_tasks(), key, experiment_id, arms, mode=body.mode, now=request.now)
    recent_galleries().forget(key)
    return Response(
        201, experiment_response(read_experiment(gallery_repository(), gallery_counters(), key, experiment_id))
    )


@app.get(_EXPERIMENT, responses={200: ExperimentResponse})
def get_experiment(request: Request) -> Response:
    """Read an experiment's result so far; it is statistically valid at any time.

    `interval` is that of `lift`, or with the mode `interleave` that of `preference`: the share of visitors who clicked
    an image of the second arm first, among those who clicked. Then `clickers` are those whose first click it was, and
    there is no `srm`.
    """
    standing = read_experiment(
        gallery_repository(), gallery_counters(), _key(request), request.path_id("experiment_id")
    )
    return Response(200, experiment_response(standing))


@app.delete(_EXPERIMENT, responses={200: ExperimentResponse})
def delete_experiment(request: Request) -> Response:
    """End an experiment; the gallery takes the ranking that won, or keeps its first one if neither did."""
    key = _key(request)
    standing = end_experiment(
        gallery_repository(),
        gallery_counters(),
        gallery_tasks(),
        key,
        request.path_id("experiment_id"),
        now=request.now,
    )
    recent_galleries().forget(key)
    return Response(200, experiment_response(standing))


def _challenge_error(error: ServiceError) -> Response:
    if isinstance(error, InvalidRequest):
        return Response(400, {"message": "There was an error parsing the given request"})
    return Response(status_of(error), {"message": error.detail}, headers_of(error))


@app.get(
    "/images",
    scope=PUBLISHABLE,
    responses={200: list[ChallengeImageResponse]},
    on_error=_challenge_error,
    cacheable=True,
)
def challenge_images(request: Request) -> Response:
    """Read the gallery `default` in the gallery challenge's form: all images, up to the 4 MB of one response."""
    gallery = recent_galleries().find(GalleryKey(request.merchant_id, DEFAULT_GALLERY), request.now)
    images: list[ChallengeImageResponse] = []
    position = None
    room = _CHALLENGE_BYTES
    while True:
        page = read_order(gallery_repository(), gallery, _CHALLENGE_PAGE, position)
        for image in map(challenge_response, page.placed):
            room -= len(json.dumps(image))
            if room < 0:
                return Response(200, images, shared_seconds=gallery.cache_seconds)
            images.append(image)
        position = page.next
        if position is None:
            return Response(200, images, shared_seconds=gallery.cache_seconds)


def _lab_visitor(request: Request, gallery: Gallery) -> LabVisitor | None:
    """The visitor that the request names, if in the gallery's lab."""
    session_id = request.query.get("session_id")
    share = gallery.live.ranking.lab_share
    if session_id is None or not share:
        return None
    visitor = LabVisitor(request.caller.merchant_secret, gallery.key.gallery_id, gallery.live.number, session_id)
    return visitor if visitor.is_in_lab(share) else None


def _read_for_visitor(request: Request, gallery: Gallery, limit: int, start: Position | None) -> OrderedPage:
    """A page of the visitor's order; today's for requests that name none."""
    visitor = _lab_visitor(request, gallery)
    if visitor is not None:
        return read_lab_order(gallery_repository(), gallery, limit, start, visitor)
    experiment, session_id = gallery.experiment, request.query.get("session_id")
    if experiment is None or not experiment.is_ready or gallery.next is None or session_id is None:
        return read_order(gallery_repository(), gallery, limit, start)
    secret, lot = request.caller.merchant_secret, f"{gallery.key.gallery_id}/{experiment.experiment_id}"
    if experiment.mode == "split":
        version = (gallery.live, gallery.next)[arm_of(secret, session_id, lot)]
        return read_order(gallery_repository(), gallery, limit, start, version)
    if start and (start.version, start.after_other is None) != (gallery.live.number, False):
        return read_order(gallery_repository(), gallery, limit, start)  # begun before the experiment
    from vitrine.galleries.read_interleaved import read_interleaved  # noqa: PLC0415 - few galleries interleave
    from vitrine.ranking.interleaving import Coins  # noqa: PLC0415 - as above

    coins = Coins(secret, session_id, lot)
    return read_interleaved(
        gallery_repository(), gallery, limit, start, coins, experiment=experiment, second=gallery.next
    )


def _explain(request: Request, gallery: Gallery, images: Sequence[Image], responses: Sequence[ImageResponse]) -> None:
    """Add the reasons for each image's position if requested. Raises Forbidden without a secret key."""
    if request.query.get("explain") != "true":
        return
    if request.caller.kind != SECRET:
        raise Forbidden("explain=true needs a secret key.")
    now = int(request.now.timestamp())
    explained = explain_images(gallery_repository(), gallery_counters(), gallery, images, now=now)
    for image, response in zip(images, responses, strict=True):
        response["explanation"] = explanation_response(gallery, image, explained[image.image_id])


def _key(request: Request) -> GalleryKey:
    return GalleryKey(request.merchant_id, request.path_id("gallery_id"))


def _shows_counts(request: Request, gallery: Gallery) -> bool:
    return request.caller.kind == SECRET or gallery.public_counts


def _gallery_response(request: Request, gallery: Gallery) -> GalleryResponse:
    return gallery_response(gallery, counts=_shows_counts(request, gallery), plans=request.caller.kind == SECRET)


def _judge(
    index: int, sent: NewImage | Refused, seen: set[str], now: datetime
) -> tuple[PutImageResponse, ImageDraft | None]:
    if isinstance(sent, Refused):
        return _rejected(index, (sent.text("id") or "")[:LONGEST_ID] or None, sent.errors[:_MOST_ERRORS_AN_IMAGE]), None
    if sent.id is not None and sent.id in seen:
        return _rejected(index, sent.id, [FieldError("/id", "is the id of an earlier image of this request")]), None
    draft = ImageDraft(sent.id or uuid4().hex, sent.description(now))
    return {"id": draft.image_id, "status": "created"}, draft


def _rejected(index: int, image_id: str | None, errors: Sequence[FieldError]) -> PutImageResponse:
    field_errors: list[FieldErrorResponse] = [
        {"pointer": f"/images/{index}{error.pointer}", "detail": error.detail} for error in errors
    ]
    return {"id": image_id, "status": "rejected", "errors": field_errors}


def _patched(image: Image, changes: PatchImageRequest, now: datetime) -> Image:
    sent = {name: getattr(changes, name) for name in changes.model_fields_set}
    placing = {name: sent.pop(name, getattr(image, name)) for name in ("pinned_position", "hidden")}
    nothing: dict[str, Any] = {"tags": (), "product_ids": (), "attributes": {}}
    sent |= {name: empty for name, empty in nothing.items() if name in sent and sent[name] is None}
    return image.put(**placing, now=now)._replace(description=image.description._replace(**sent))
