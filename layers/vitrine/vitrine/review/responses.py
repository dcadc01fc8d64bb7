"""Snapshots, claims and counts in responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from vitrine.platform.times import to_rfc3339
from vitrine.platform.uploads import UploadResponse, upload_response
from vitrine.renditions.responses import RenditionsResponse, renditions_of
from vitrine.review.mirroring import holder_of, picture_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vitrine.renditions.model import Holder, Original
    from vitrine.review.add_snapshots import AddedSnapshot
    from vitrine.review.model import Opinion, Snapshot
    from vitrine.review.ports import ComparedProduct, Counts, Pictures, ProductCounts, ReviewerCounts, Step


class FieldErrorResponse(TypedDict):
    pointer: str
    detail: str


class AddSnapshotResponse(TypedDict):
    snapshot_id: str | None
    status: str
    code: NotRequired[int]
    detail: NotRequired[str]
    errors: NotRequired[list[FieldErrorResponse]]
    upload: NotRequired[UploadResponse]


class AddSnapshotsResponse(TypedDict):
    results: list[AddSnapshotResponse]


class OpinionResponse(TypedDict):
    reviewer: str
    decision: str
    decided_at: str
    reason: str | None


class SnapshotResponse(TypedDict):
    """A snapshot. For a reviewer's key `gallery_id` is null, because planted snapshots have no gallery."""

    snapshot_id: str
    product_id: str
    filename: str
    status: str
    created_at: str
    image_url: str
    renditions: RenditionsResponse | None
    gallery_id: str | None
    decided_by: str | None
    decided_at: str | None
    reason: str | None
    opinions: list[OpinionResponse]


class ComparedProductResponse(TypedDict):
    product_id: str
    name: str | None
    pictures: list[str]
    renditions: list[RenditionsResponse | None]


class ClaimedResponse(TypedDict):
    snapshot_id: str
    product: ComparedProductResponse
    filename: str
    image_url: str
    renditions: RenditionsResponse | None
    lease_expires_at: str


class ClaimsResponse(TypedDict):
    """Claimed snapshots; if none could be claimed because reviewers hold them, when the first of their leases ends."""

    items: list[ClaimedResponse]
    held_until: str | None


class DecisionResponse(TypedDict):
    snapshot_id: str
    status: str
    lease_expires_at: str | None


class ProductCountsResponse(TypedDict):
    product_id: str
    uploading: int
    waiting: int
    approved: int
    disapproved: int


class ReviewerResponse(TypedDict):
    """What a reviewer did. For a reviewer's key `planted` and `accuracy` are null: they would betray each answer."""

    reviewer: str
    verdicts: int
    approved: int
    disapproved: int
    unsure: int
    verdicts_per_minute: float | None
    second_opinions: int
    agreement: float | None
    planted: int | None
    accuracy: float | None


class StatsResponse(TypedDict):
    uploading: int
    waiting: int
    approved: int
    disapproved: int
    reviewers: list[ReviewerResponse]


class StepResponse(TypedDict):
    revision: int
    at: str
    status: str
    action: str
    reviewer: str | None
    reason: str | None


class TrailResponse(TypedDict):
    items: list[StepResponse]


_CONFLICT = 409


def added_response(result: AddedSnapshot, pictures: Pictures, size: int | None) -> AddSnapshotResponse:
    """Return the result for one snapshot, with the upload request if its picture is to be uploaded."""
    snapshot = result.snapshot
    if result.refusal:
        response: AddSnapshotResponse = {
            "snapshot_id": snapshot.snapshot_id,
            "status": "rejected",
            "detail": result.refusal.detail,
        }
        if result.refusal.code in {"known", "conflict"}:
            response["code"] = _CONFLICT
        return response
    response = {"snapshot_id": snapshot.snapshot_id, "status": "created"}
    if snapshot.url is None:
        response["upload"] = upload_response(pictures.upload_to(snapshot, size))
    return response


def snapshot_response(
    snapshot: Snapshot, pictures: Pictures, original: Original | None, *, shows_planted: bool
) -> SnapshotResponse:
    """Return a snapshot; once it is decided, also who decided it and when.

    Unless it `shows_planted`, planted snapshots look like others.
    """
    latest = snapshot.opinions[-1] if snapshot.status in {"approved", "disapproved"} else None
    return {
        "snapshot_id": snapshot.snapshot_id,
        "product_id": snapshot.product_id,
        "filename": snapshot.filename,
        "status": snapshot.status,
        "created_at": to_rfc3339(snapshot.created_at),
        "image_url": pictures.address_of(snapshot),
        "renditions": renditions_of(picture_url(snapshot), original),
        "gallery_id": snapshot.gallery_id if shows_planted else None,
        "decided_by": latest.reviewer if latest else None,
        "decided_at": to_rfc3339(latest.at) if latest else None,
        "reason": latest.reason if latest else None,
        "opinions": [_opinion_response(opinion) for opinion in snapshot.opinions],
    }


def _opinion_response(opinion: Opinion) -> OpinionResponse:
    return {
        "reviewer": opinion.reviewer,
        "decision": opinion.decision,
        "decided_at": to_rfc3339(opinion.at),
        "reason": opinion.reason,
    }


def claimed_response(
    snapshot: Snapshot, product: ComparedProduct, pictures: Pictures, copies: Mapping[Holder, Original]
) -> ClaimedResponse:
    """Return a snapshot for its reviewer: nothing shows whether it is planted or wants a second opinion."""
    return {
        "snapshot_id": snapshot.snapshot_id,
        "product": {
            "product_id": snapshot.product_id,
            "name": product.name,
            "pictures": [picture.address for picture in product.pictures],
            "renditions": [renditions_of(picture.url, copies.get(picture.holder)) for picture in product.pictures],
        },
        "filename": snapshot.filename,
        "image_url": pictures.address_of(snapshot),
        "renditions": renditions_of(picture_url(snapshot), copies.get(holder_of(snapshot))),
        "lease_expires_at": to_rfc3339(snapshot.lease.until) if snapshot.lease else "",
    }


def decision_response(snapshot: Snapshot) -> DecisionResponse:
    """Return the status of a snapshot after a decision was made or undone."""
    return {
        "snapshot_id": snapshot.snapshot_id,
        "status": snapshot.status,
        "lease_expires_at": to_rfc3339(snapshot.lease.until) if snapshot.lease else None,
    }


def product_counts_response(product: ProductCounts) -> ProductCountsResponse:
    """Return how many snapshots of each status a product has."""
    counts = product.counts
    return {
        "product_id": product.product_id,
        "uploading": counts.get("uploading", 0),
        "waiting": counts.get("waiting", 0),
        "approved": counts.get("approved", 0),
        "disapproved": counts.get("disapproved", 0),
    }


def stats_response(totals: Counts, reviewers: Sequence[ReviewerCounts], *, shows_planted: bool) -> StatsResponse:
    """Return how many snapshots of each status there are, and the counts of each reviewer.

    Unless it `shows_planted`, the counts do not tell whether a verdict was on a planted snapshot.
    """
    return {
        "uploading": totals.get("uploading", 0),
        "waiting": totals.get("waiting", 0),
        "approved": totals.get("approved", 0),
        "disapproved": totals.get("disapproved", 0),
        "reviewers": [
            _reviewer_response(reviewer, shows_planted=shows_planted) for reviewer in reviewers if reviewer.counts
        ],
    }


def _reviewer_response(reviewer: ReviewerCounts, *, shows_planted: bool) -> ReviewerResponse:
    counts = reviewer.counts
    approved, disapproved, unsure = (counts.get(verdict, 0) for verdict in ("approved", "disapproved", "unsure"))
    verdicts = approved + disapproved + unsure
    return {
        "reviewer": reviewer.reviewer,
        "verdicts": verdicts,
        "approved": approved,
        "disapproved": disapproved,
        "unsure": unsure,
        "verdicts_per_minute": _ratio(60_000 * verdicts, counts.get("viewed_ms", 0)),
        "second_opinions": counts.get("shared", 0),
        "agreement": _ratio(counts.get("agreed", 0), counts.get("shared", 0)),
        "planted": counts.get("planted", 0) if shows_planted else None,
        "accuracy": _ratio(counts.get("planted_right", 0), counts.get("planted", 0)) if shows_planted else None,
    }


def step_response(step: Step) -> StepResponse:
    """Return one step of an audit trail."""
    return {
        "revision": step.revision,
        "at": to_rfc3339(step.at),
        "status": step.status,
        "action": step.action,
        "reviewer": step.reviewer,
        "reason": step.reason,
    }


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
