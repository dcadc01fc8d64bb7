"""Snapshots, claims and decisions over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from vitrine.access.wiring import check_quota, note_outcome
from vitrine.platform.http import ANYONE, REVIEWER, HttpApp, Refused, Request, Response
from vitrine.platform.ids import ID_PATTERN
from vitrine.platform.problems import FieldError, InvalidRequest, NotFound
from vitrine.platform.times import to_rfc3339
from vitrine.platform.wiring import saved_responses
from vitrine.renditions.model import SNAPSHOTS
from vitrine.renditions.wiring import copies_of, originals
from vitrine.review.add_snapshots import add_snapshots
from vitrine.review.change_snapshot import find_snapshot
from vitrine.review.claim_snapshots import claim_snapshot, claim_snapshots, first_release, renew_leases
from vitrine.review.judge_snapshot import decide, reopen, undo
from vitrine.review.mirroring import holder_of
from vitrine.review.model import LISTINGS, Lease, Listing, Snapshot
from vitrine.review.responses import (
    AddSnapshotResponse,
    AddSnapshotsResponse,
    ClaimsResponse,
    DecisionResponse,
    ProductCountsResponse,
    SnapshotResponse,
    StatsResponse,
    TrailResponse,
    added_response,
    claimed_response,
    decision_response,
    product_counts_response,
    snapshot_response,
    stats_response,
    step_response,
)
from vitrine.review.show_products import show_products
from vitrine.review.wiring import known_galleries, lease_time, pictures, products, review_store, second_opinion_percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.renditions.model import Original
    from vitrine.review.requests import NewSnapshot

_LONGEST_NAME = 64
_REDIRECT_SECONDS = 1800
_LISTINGS_OF: dict[str, tuple[Listing, ...]] = {
    **{listing: (listing,) for listing in LISTINGS},
    "waiting": ("waiting", "disputed"),
}

lambda_handler = app = HttpApp(check_quota=check_quota, note=note_outcome, saved_responses=saved_responses)


@app.post("/snapshots", body="vitrine.review.requests:PostSnapshotsRequest", responses={200: AddSnapshotsResponse})
def post_snapshots(request: Request) -> Response:
    """Add snapshots; one that is refused does not affect the others."""
    from vitrine.review.requests import PostSnapshotsRequest  # noqa: PLC0415 - readers never load bodies

    sent = request.items(PostSnapshotsRequest)
    snapshots = [_snapshot(new, request) for new in sent if not isinstance(new, Refused)]
    percent = second_opinion_percent()
    added = iter(add_snapshots(review_store(), known_galleries(), products(), snapshots, percent))
    results = [
        _rejected(index, new) if isinstance(new, Refused) else added_response(next(added), pictures(), new.size)
        for index, new in enumerate(sent)
    ]
    return Response(200, {"results": results})


@app.get(
    "/snapshots",
    scope=REVIEWER,
    responses={200: SnapshotResponse},
    query={
        "status": {
            "type": "string",
            "enum": list(LISTINGS),
            "description": "`waiting` includes those on which two reviewers disagree; `disputed` has only those.",
        },
        "product_id": {"type": "string", "pattern": ID_PATTERN},
    },
    paged=True,
)
def list_snapshots(request: Request) -> Response:
    """List snapshots by status, product and age."""
    page = request.page((int, str | None))
    product_id = request.query.get("product_id")
    listings = _LISTINGS_OF.get(request.query.get("status", ""), LISTINGS)
    index, after = page.state or (0, None)
    snapshots: list[Snapshot] = []
    while index < len(listings) and len(snapshots) < page.limit:
        more, after = review_store().list_snapshots(
            request.merchant_id, listings[index], product_id, page.limit - len(snapshots), after
        )
        snapshots += more
        index += after is None
    copies = _copies(request, snapshots)
    items = [_response(request, snapshot, copies.get(snapshot.snapshot_id)) for snapshot in snapshots]
    return request.list_response(items, [index, after] if index < len(listings) else None)


@app.get("/snapshots/{snapshot_id}", scope=REVIEWER, responses={200: SnapshotResponse})
def get_snapshot(request: Request) -> Response:
    """Read a snapshot."""
    snapshot = find_snapshot(review_store(), request.merchant_id, request.path_id("snapshot_id"))
    original = _copies(request, [snapshot]).get(snapshot.snapshot_id)
    return Response(200, _response(request, snapshot, original))


@app.get("/snapshots/{snapshot_id}/trail", scope=REVIEWER, responses={200: TrailResponse})
def get_trail(request: Request) -> Response:
    """Read a snapshot's audit trail: who claimed it and who decided what, when."""
    snapshot = find_snapshot(review_store(), request.merchant_id, request.path_id("snapshot_id"))
    steps = review_store().read(request.merchant_id, snapshot.snapshot_id)
    return Response(200, {"items": [step_response(step) for step in steps]})


@app.get("/snapshot-pictures/{merchant_id}/{snapshot_id}", scope=ANYONE, responses={302: None}, cacheable=True)
def get_picture(request: Request) -> Response:
    """Redirect anyone to the picture of an approved snapshot."""
    snapshot = find_snapshot(review_store(), request.path_id("merchant_id"), request.path_id("snapshot_id"))
    if snapshot.status != "approved":
        raise NotFound(f"There is no picture {snapshot.snapshot_id}.")
    return Response(302, headers={"Location": pictures().address_of(snapshot)}, shared_seconds=_REDIRECT_SECONDS)


@app.post(
    "/review/claims",
    scope=REVIEWER,
    body="vitrine.review.requests:PostClaimRequest",
    responses={200: ClaimsResponse},
    is_change=False,
)
def post_claim(request: Request) -> Response:
    """Lease the next snapshots to the reviewer named in `X-Reviewer`."""
    from vitrine.review.requests import PostClaimRequest  # noqa: PLC0415 - readers never load bodies

    body = request.body(PostClaimRequest)
    lease, merchant_id, store = _lease(request), request.merchant_id, review_store()
    held = renew_leases(store, merchant_id, lease, body.renew)
    release = None
    if body.snapshot_id:
        held.append(claim_snapshot(store, merchant_id, lease, body.snapshot_id))
    elif body.limit:
        claimed = claim_snapshots(store, merchant_id, lease, body.limit, body.product_id)
        release = None if claimed else first_release(store, merchant_id, lease, body.product_id)
        held += claimed
    product_ids = {snapshot.product_id for snapshot in held}
    shown = show_products(store, products(), pictures(), merchant_id, product_ids)
    compared = {picture.holder for product in shown.values() for picture in product.pictures}
    copies = originals().find(compared | {holder_of(snapshot) for snapshot in held})
    items = [claimed_response(snapshot, shown[snapshot.product_id], pictures(), copies) for snapshot in held]
    return Response(200, {"items": items, "held_until": to_rfc3339(release) if release else None})


@app.put(
    "/review/snapshots/{snapshot_id}/decision",
    scope=REVIEWER,
    body="vitrine.review.requests:PutDecisionRequest",
    responses={200: DecisionResponse},
    is_change=False,
)
def put_decision(request: Request) -> Response:
    """Approve or disapprove a snapshot that is leased to the reviewer, or pass it to another as `unsure`."""
    from vitrine.review.requests import PutDecisionRequest  # noqa: PLC0415 - readers never load bodies

    body = request.body(PutDecisionRequest)
    snapshot = decide(
        review_store(),
        request.merchant_id,
        request.path_id("snapshot_id"),
        _reviewer(request),
        body.decision,
        reason=body.reason,
        viewed_ms=body.viewed_ms,
        now=request.now,
    )
    return Response(200, decision_response(snapshot))


@app.delete(
    "/review/snapshots/{snapshot_id}/decision", scope=REVIEWER, responses={200: DecisionResponse}, is_change=False
)
def delete_decision(request: Request) -> Response:
    """Undo your own decision within 10 minutes; the snapshot is leased to you again."""
    snapshot_id = request.path_id("snapshot_id")
    snapshot = undo(review_store(), request.merchant_id, snapshot_id, _lease(request))
    return Response(200, decision_response(snapshot))


@app.post("/review/snapshots/{snapshot_id}/reopening", scope=REVIEWER, responses={200: DecisionResponse})
def post_reopening(request: Request) -> Response:
    """Lease a decided snapshot to the reviewer for another decision; it leaves its gallery meanwhile."""
    snapshot_id = request.path_id("snapshot_id")
    snapshot = reopen(review_store(), request.merchant_id, snapshot_id, _lease(request))
    return Response(200, decision_response(snapshot))


@app.get(
    "/review/products",
    scope=REVIEWER,
    responses={200: ProductCountsResponse},
    query={
        "prefix": {
            "type": "string",
            "pattern": ID_PATTERN,
            "description": "Only products whose ids begin with these characters.",
        }
    },
    paged=True,
)
def list_products(request: Request) -> Response:
    """List products with how many snapshots of each status they have; counts are up to date within seconds."""
    page = request.page(str)
    counts = review_store().products(request.merchant_id, page.limit, page.state, request.query.get("prefix", ""))
    items = [product_counts_response(product) for product in counts]
    return request.list_response(items, counts[-1].product_id if len(counts) == page.limit else None)


@app.get("/review/stats", scope=REVIEWER, responses={200: StatsResponse})
def get_stats(request: Request) -> Response:
    """Count snapshots by status, and show each reviewer's speed, agreement and accuracy."""
    store = review_store()
    totals, reviewers = store.totals(request.merchant_id), store.reviewers(request.merchant_id)
    return Response(200, stats_response(totals, reviewers, shows_planted=_shows_planted(request)))


def _response(request: Request, snapshot: Snapshot, original: Original | None) -> SnapshotResponse:
    return snapshot_response(snapshot, pictures(), original, shows_planted=_shows_planted(request))


def _shows_planted(request: Request) -> bool:
    """Return whether the sender may know which snapshots are planted: a reviewer may not."""
    return request.caller.role != REVIEWER


def _copies(request: Request, snapshots: Sequence[Snapshot]) -> dict[str, Original]:
    """Return the copies of the snapshots' pictures, by snapshot."""
    return copies_of(request.merchant_id, SNAPSHOTS, [snapshot.snapshot_id for snapshot in snapshots])


def _reviewer(request: Request) -> str:
    name = request.headers.get("x-reviewer", "").strip()
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise InvalidRequest(
            "Send the reviewer's name in the header X-Reviewer: 1 to 64 printable characters.",
            [FieldError("/header/X-Reviewer", "must have 1 to 64 printable characters")],
        )
    return name


def _lease(request: Request) -> Lease:
    return Lease(_reviewer(request), request.now, request.now + lease_time())


def _rejected(index: int, sent: Refused) -> AddSnapshotResponse:
    return {
        "snapshot_id": sent.text("snapshot_id"),
        "status": "rejected",
        "errors": [{"pointer": f"/snapshots/{index}{error.pointer}", "detail": error.detail} for error in sent.errors],
    }


def _snapshot(new: NewSnapshot, request: Request) -> Snapshot:
    return Snapshot(
        merchant_id=request.merchant_id,
        snapshot_id=new.snapshot_id or uuid4().hex,
        product_id=new.product_id,
        filename=new.filename,
        created_at=request.now,
        url=new.url,
        gallery_id=new.gallery_id,
        known_answer=new.known_answer,
        uploaded=not new.upload,
    )
