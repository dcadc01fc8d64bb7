"""Galleries and images over HTTP."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from vitrine.access.wiring import admit
from vitrine.engagement.wiring import gallery_counters
from vitrine.galleries.answers import (
    AuditAnswer,
    ChallengeImageAnswer,
    CountsByTimeAnswer,
    DeletionAnswer,
    EstimateAnswer,
    ExperimentAnswer,
    FieldErrorAnswer,
    GalleryAnswer,
    ImageAnswer,
    PutImageAnswer,
    PutImagesAnswer,
    VersionAnswer,
    challenge_answer,
    counts_by_time_answer,
    estimate_answer,
    experiment_answer,
    explanation_answer,
    gallery_answer,
    image_answer,
    placed_answer,
    version_answer,
)
from vitrine.galleries.audit_gallery import audit_gallery
from vitrine.galleries.change_image import change_image, delete_image
from vitrine.galleries.change_ranking import restore_version
from vitrine.galleries.delete_gallery import request_deletion
from vitrine.galleries.explain_images import explain_images
from vitrine.galleries.model import DEFAULT_GALLERY, GalleryKey
from vitrine.galleries.put_gallery import put_gallery
from vitrine.galleries.put_images import ImageDraft, put_images
from vitrine.galleries.read_gallery import Position, find_gallery, find_image, find_shown_image, read_order
from vitrine.galleries.read_lab import read_lab_order, try_ranking
from vitrine.galleries.read_stats import all_galleries, read_hours
from vitrine.galleries.run_experiment import end_experiment, read_experiment, start_experiment
from vitrine.galleries.wiring import gallery_store, gallery_tasks, new_incarnation, recent_galleries
from vitrine.platform.http import LONGEST_ID, PUBLISHABLE, SECRET, Answer, HttpApp, Refused, Request
from vitrine.platform.problems import (
    FieldError,
    Forbidden,
    InvalidRequest,
    NotFound,
    ServiceError,
    headers_of,
    status_of,
)
from vitrine.platform.wiring import replays
from vitrine.ranking.experiments import arm_of
from vitrine.ranking.lab import LabVisitor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vitrine.galleries.bodies import NewImage, PatchImage
    from vitrine.galleries.model import Gallery, Image
    from vitrine.ranking.model import Version

_CHALLENGE_PAGE = 500
_CHALLENGE_BYTES = 4_000_000
_MOST_ERRORS_AN_IMAGE = 5
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
        "description": "Whether to tell why images are where they are; needs a secret key.",
    }
}

_VISITOR: dict[str, dict[str, Any]] = {
    "session_id": {
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_ID,
        "description": "The visitor, as in events: who belongs to the gallery's lab gets a page in random order.",
    }
}

lambda_handler = app = HttpApp(admit=admit, replays=replays)


@app.route(
    "PUT",
    "/galleries/{gallery_id}",
    body="vitrine.galleries.bodies:PutGallery",
    answers={200: GalleryAnswer, 201: GalleryAnswer},
)
def put(request: Request) -> Answer:
    """Create or change a gallery."""
    from vitrine.galleries.bodies import PutGallery  # noqa: PLC0415 - readers never load bodies

    key = _key(request)
    result = put_gallery(gallery_store(), gallery_tasks(), key, request.body(PutGallery).changes(), now=request.now)
    recent_galleries().forget(key)
    return Answer(201 if result.created else 200, gallery_answer(result.gallery, counts=True))


@app.route("GET", "/galleries", scope=PUBLISHABLE, answers={200: GalleryAnswer}, paged=True, cacheable=True)
def list_galleries(request: Request) -> Answer:
    """List galleries by id."""
    page = request.page(str)
    galleries = gallery_store().list_galleries(request.merchant_id, page.limit, page.state)
    items = [_gallery_answer(request, gallery) for gallery in galleries if not gallery.deleting]
    return request.list_answer(items, galleries[-1].key.gallery_id if len(galleries) == page.limit else None)


@app.route("GET", "/galleries/{gallery_id}", scope=PUBLISHABLE, answers={200: GalleryAnswer}, cacheable=True)
def get(request: Request) -> Answer:
    """Read a gallery with its totals."""
    gallery = find_gallery(gallery_store(), _key(request))
    return Answer(200, _gallery_answer(request, gallery), shared_seconds=gallery.cache_seconds)


@app.route("DELETE", "/galleries/{gallery_id}", answers={202: DeletionAnswer})
def delete(request: Request) -> Answer:
    """Delete a gallery and its images."""
    request_deletion(gallery_store(), gallery_tasks(), _key(request))
    return Answer(202, {"status": "deleting"})


@app.route(
    "POST",
    "/galleries/{gallery_id}/images",
    body="vitrine.galleries.bodies:PostImages",
    answers={200: PutImagesAnswer},
)
def post_images(request: Request) -> Answer:
    """Create or describe images, each judged on its own."""
    from vitrine.galleries.bodies import PostImages  # noqa: PLC0415 - readers never load bodies

    results: list[PutImageAnswer] = []
    drafts: dict[int, ImageDraft] = {}
    seen: set[str] = set()
    key = _key(request)
    for at, sent in enumerate(request.items(PostImages)):
        result, draft = _judge(at, sent, seen)
        results.append(result)
        if draft:
            drafts[at] = draft
            seen.add(draft.image_id)
    done = put_images(gallery_store(), key, list(drafts.values()), new_incarnation=new_incarnation)
    for at, put_image in zip(drafts, done, strict=True):
        results[at] = {"id": put_image.image_id, "status": put_image.status}
    return Answer(200, {"results": results})


@app.route(
    "GET",
    "/galleries/{gallery_id}/images",
    scope=PUBLISHABLE,
    answers={200: ImageAnswer},
    query={**_EXPLAIN, **_VISITOR},
    paged=True,
    cacheable=True,
)
def get_images(request: Request) -> Answer:
    """Read the ordered gallery.

    A publishable key gets no counts, unless the gallery has `public_counts`; a secret one may ask why each image is
    where it is (`explain=true`). `by_visitor: true` beside the items says that the order differs by visitor: then name
    them as `session_id`, as in their events.
    """
    page = request.page((int, int, str, str | None))
    start = Position(*page.state) if page.state else None
    gallery = recent_galleries().find(_key(request), request.now)
    visitor = _lab_visitor(request, gallery)
    if visitor is not None:
        ordered = read_lab_order(gallery_store(), gallery, page.limit, start, visitor)
    else:
        version = _arm_read(request, gallery)
        ordered = read_order(gallery_store(), gallery, page.limit, start, version)
    counts = _shows_counts(request, gallery)
    items = [placed_answer(placed, counts=counts) for placed in ordered.placed]
    _explain(request, gallery, [placed.image for placed in ordered.placed], items)
    answer = request.list_answer(items, ordered.next)
    if gallery.orders_by_visitor:
        answer.content["by_visitor"] = True
    return answer._replace(shared_seconds=gallery.cache_seconds)


@app.route(
    "GET",
    "/galleries/{gallery_id}/images/{image_id}",
    scope=PUBLISHABLE,
    answers={200: ImageAnswer},
    query=_EXPLAIN,
    cacheable=True,
)
def get_image(request: Request) -> Answer:
    """Read an image; with a secret key also a hidden one, and why it is where it is (`explain=true`)."""
    gallery = recent_galleries().find(_key(request), request.now)
    find = find_image if request.caller.kind == SECRET else find_shown_image
    image = find(gallery_store(), gallery.key, request.path_id("image_id"))
    answer = image_answer(image, counts=_shows_counts(request, gallery))
    _explain(request, gallery, [image], [answer])
    return Answer(200, answer, shared_seconds=gallery.cache_seconds)


@app.route(
    "PATCH",
    "/galleries/{gallery_id}/images/{image_id}",
    body="vitrine.galleries.bodies:PatchImage",
    answers={200: ImageAnswer},
)
def patch_image(request: Request) -> Answer:
    """Change an image; pin or hide it."""
    from vitrine.galleries.bodies import PatchImage  # noqa: PLC0415 - readers never load bodies

    changes = request.body(PatchImage)
    image = change_image(
        gallery_store(), _key(request), request.path_id("image_id"), lambda image: _patched(image, changes)
    )
    return Answer(200, image_answer(image, counts=True))


@app.route("DELETE", "/galleries/{gallery_id}/images/{image_id}", answers={204: None})
def delete_one(request: Request) -> Answer:
    """Delete an image."""
    delete_image(gallery_store(), gallery_counters(), _key(request), request.path_id("image_id"))
    return Answer(204)


@app.route("GET", "/galleries/{gallery_id}/stats", answers={200: CountsByTimeAnswer}, query=_SPAN)
def get_gallery_stats(request: Request) -> Answer:
    """Count a gallery's views and clicks by hour or day (UTC), as its totals took them in.

    Without `from` and `to` their sums are the gallery's totals. `from` includes the hour or day that it lies in.
    """
    return _stats(request, [find_gallery(gallery_store(), _key(request))])


@app.route("GET", "/stats", answers={200: CountsByTimeAnswer}, query=_SPAN)
def get_stats(request: Request) -> Answer:
    """Count the views and clicks of all galleries by hour or day (UTC)."""
    return _stats(request, all_galleries(gallery_store(), request.merchant_id))


def _stats(request: Request, galleries: Iterable[Gallery]) -> Answer:
    query = request.query
    first = query.get("from")
    if first and query["granularity"] == "day":
        first = first.replace(hour=0)
    hours = read_hours(gallery_store(), galleries, first, query.get("to", request.now + _AN_HOUR))
    return Answer(200, counts_by_time_answer(hours, query["granularity"]))


@app.route("GET", "/galleries/{gallery_id}/audit", answers={200: AuditAnswer})
def audit(request: Request) -> Answer:
    """Compare what every image shows with what was counted for it."""
    found = audit_gallery(gallery_store(), gallery_counters(), _key(request), now=request.now)
    mismatched = [
        {
            "id": it.image_id,
            "shown": it.shown._asdict(),
            "counted": it.counted._asdict(),
            "score": it.score._asdict() if it.score else None,
        }
        for it in found.mismatched
    ]
    return Answer(200, {"images": found.images, "mismatched": mismatched})


@app.route("GET", "/galleries/{gallery_id}/ranking-versions", answers={200: VersionAnswer}, paged=True)
def get_versions(request: Request) -> Answer:
    """List the versions of a gallery's ranking, the latest first."""
    page = request.page(int)
    gallery = find_gallery(gallery_store(), _key(request))
    versions = gallery_store().list_versions(gallery.key, page.limit, page.state)
    last = versions[-1].number if len(versions) == page.limit and versions[-1].number > 1 else None
    return request.list_answer([version_answer(gallery, version) for version in versions], last)


@app.route("POST", "/galleries/{gallery_id}/ranking-versions/{version}/restore", answers={202: GalleryAnswer})
def post_restore(request: Request) -> Answer:
    """Order the gallery as an earlier version did, under a new number."""
    number = request.path_parameters["version"]
    if not re.fullmatch(r"[0-9]{1,9}", number):
        raise NotFound(f"There is no ranking version {number}.")
    gallery = restore_version(gallery_store(), gallery_tasks(), _key(request), int(number), now=request.now)
    return Answer(202, gallery_answer(gallery, counts=True))


@app.route(
    "POST",
    "/galleries/{gallery_id}/ranking-estimates",
    body="vitrine.galleries.bodies:RankingBody",
    answers={200: EstimateAnswer},
)
def post_estimate(request: Request) -> Answer:
    """Estimate from the lab's visitors what the gallery would earn under a ranking."""
    from vitrine.galleries.bodies import RankingBody  # noqa: PLC0415 - readers never load bodies

    ranking = request.body(RankingBody).ranking()
    gallery = find_gallery(gallery_store(), _key(request))
    return Answer(
        200, estimate_answer(try_ranking(gallery_store(), gallery_counters(), gallery, ranking, now=request.now))
    )


_EXPERIMENT = "/galleries/{gallery_id}/experiments/{experiment_id}"


@app.route("POST", _EXPERIMENT, body="vitrine.galleries.bodies:StartExperiment", answers={201: ExperimentAnswer})
def post_experiment(request: Request) -> Answer:
    """Try a second ranking on half of the visitors."""
    from vitrine.galleries.bodies import StartExperiment  # noqa: PLC0415 - readers never load bodies

    key, experiment_id = _key(request), request.path_id("experiment_id")
    arms = [arm.ranking() for arm in request.body(StartExperiment).arms]
    start_experiment(gallery_store(), gallery_tasks(), key, experiment_id, arms, now=request.now)
    recent_galleries().forget(key)
    return Answer(201, experiment_answer(read_experiment(gallery_store(), gallery_counters(), key, experiment_id)))


@app.route("GET", _EXPERIMENT, answers={200: ExperimentAnswer})
def get_experiment(request: Request) -> Answer:
    """Read how an experiment stands: valid whenever it is looked at."""
    standing = read_experiment(gallery_store(), gallery_counters(), _key(request), request.path_id("experiment_id"))
    return Answer(200, experiment_answer(standing))


@app.route("DELETE", _EXPERIMENT, answers={200: ExperimentAnswer})
def delete_experiment(request: Request) -> Answer:
    """End an experiment; the gallery takes the ranking that won, its first one where neither did."""
    key = _key(request)
    standing = end_experiment(
        gallery_store(),
        gallery_counters(),
        gallery_tasks(),
        key,
        request.path_id("experiment_id"),
        now=request.now,
    )
    recent_galleries().forget(key)
    return Answer(200, experiment_answer(standing))


def _challenge_error(error: ServiceError) -> Answer:
    if isinstance(error, InvalidRequest):
        return Answer(400, {"message": "There was an error parsing the given request"})
    return Answer(status_of(error), {"message": error.detail}, headers_of(error))


@app.route(
    "GET",
    "/images",
    scope=PUBLISHABLE,
    answers={200: list[ChallengeImageAnswer]},
    on_error=_challenge_error,
    cacheable=True,
)
def challenge_images(request: Request) -> Answer:
    """Read the gallery `default` as the gallery challenge has it: whole, to the 4 MB that one answer can carry."""
    gallery = recent_galleries().find(GalleryKey(request.merchant_id, DEFAULT_GALLERY), request.now)
    images: list[ChallengeImageAnswer] = []
    position = None
    room = _CHALLENGE_BYTES
    while True:
        page = read_order(gallery_store(), gallery, _CHALLENGE_PAGE, position)
        for image in map(challenge_answer, page.placed):
            room -= len(json.dumps(image))
            if room < 0:
                return Answer(200, images, shared_seconds=gallery.cache_seconds)
            images.append(image)
        position = page.next
        if position is None:
            return Answer(200, images, shared_seconds=gallery.cache_seconds)


def _lab_visitor(request: Request, gallery: Gallery) -> LabVisitor | None:
    """The visitor, where one is named who belongs to the gallery's lab."""
    session_id = request.query.get("session_id")
    share = gallery.live.ranking.lab_share
    if session_id is None or not share:
        return None
    visitor = LabVisitor(request.caller.merchant_secret, gallery.key.gallery_id, gallery.live.number, session_id)
    return visitor if visitor.is_in_lab(share) else None


def _arm_read(request: Request, gallery: Gallery) -> Version:
    """The version that the visitor reads: that of his arm, where an experiment runs and he is named."""
    experiment, session_id = gallery.experiment, request.query.get("session_id")
    if experiment is None or not experiment.is_ready or gallery.next is None or session_id is None:
        return gallery.live
    lot = f"{gallery.key.gallery_id}/{experiment.experiment_id}"
    return (gallery.live, gallery.next)[arm_of(request.caller.merchant_secret, session_id, lot)]


def _explain(request: Request, gallery: Gallery, images: Sequence[Image], answers: Sequence[ImageAnswer]) -> None:
    """Add to the answers why each image is where it is, where that is asked for."""
    if request.query.get("explain") != "true":
        return
    if request.caller.kind != SECRET:
        raise Forbidden("Why an image is where it is needs a secret key.")
    now = int(request.now.timestamp())
    explained = explain_images(gallery_store(), gallery_counters(), gallery, images, now=now)
    for image, answer in zip(images, answers, strict=True):
        answer["explanation"] = explanation_answer(gallery, image, explained[image.image_id])


def _key(request: Request) -> GalleryKey:
    return GalleryKey(request.merchant_id, request.path_id("gallery_id"))


def _shows_counts(request: Request, gallery: Gallery) -> bool:
    return request.caller.kind == SECRET or gallery.public_counts


def _gallery_answer(request: Request, gallery: Gallery) -> GalleryAnswer:
    return gallery_answer(gallery, counts=_shows_counts(request, gallery))


def _judge(at: int, sent: NewImage | Refused, seen: set[str]) -> tuple[PutImageAnswer, ImageDraft | None]:
    if isinstance(sent, Refused):
        return _rejected(at, (sent.text("id") or "")[:LONGEST_ID] or None, sent.errors[:_MOST_ERRORS_AN_IMAGE]), None
    if sent.id is not None and sent.id in seen:
        return _rejected(at, sent.id, [FieldError("/id", "this id stands in the request already")]), None
    draft = ImageDraft(sent.id or uuid4().hex, sent.description())
    return {"id": draft.image_id, "status": "created"}, draft


def _rejected(at: int, image_id: str | None, errors: Sequence[FieldError]) -> PutImageAnswer:
    told: list[FieldErrorAnswer] = [
        {"pointer": f"/images/{at}{error.pointer}", "detail": error.detail} for error in errors
    ]
    return {"id": image_id, "status": "rejected", "errors": told}


def _patched(image: Image, changes: PatchImage) -> Image:
    sent = {name: getattr(changes, name) for name in changes.model_fields_set}
    placing = {name: sent.pop(name) for name in ("pinned_position", "hidden") if name in sent}
    for several in ("tags", "product_ids"):
        if sent.get(several, ()) is None:
            sent[several] = ()
    return image._replace(description=image.description._replace(**sent), **placing)
