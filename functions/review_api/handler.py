"""Snapshots, claims and verdicts over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from vitrine.access.wiring import admit
from vitrine.platform.http import ANYONE, ID_PATTERN, REVIEWER, Answer, HttpApp, Refused, Request
from vitrine.platform.problems import FieldError, InvalidRequest, NotFound
from vitrine.platform.wiring import replays
from vitrine.review.add_snapshots import add_snapshots
from vitrine.review.answers import (
    AddSnapshotAnswer,
    AddSnapshotsAnswer,
    ClaimsAnswer,
    ProductCountsAnswer,
    SnapshotAnswer,
    StatsAnswer,
    TrailAnswer,
    VerdictAnswer,
    added_answer,
    claimed_answer,
    product_counts_answer,
    snapshot_answer,
    stats_answer,
    step_answer,
    verdict_answer,
)
from vitrine.review.change_snapshot import find_snapshot
from vitrine.review.claim_snapshots import claim_snapshots, renew_leases
from vitrine.review.judge_snapshot import decide, reopen, undo
from vitrine.review.model import STATUSES, Lease, Snapshot
from vitrine.review.show_products import show_products
from vitrine.review.wiring import known_galleries, lease_time, pictures, products, queue_settings, review_store

if TYPE_CHECKING:
    from vitrine.review.bodies import NewSnapshot

_LONGEST_NAME = 64
_REDIRECT_SECONDS = 1800

lambda_handler = app = HttpApp(admit=admit, replays=replays)


@app.route("POST", "/snapshots", body="vitrine.review.bodies:PostSnapshots", answers={200: AddSnapshotsAnswer})
def post_snapshots(request: Request) -> Answer:
    """Add snapshots, each judged on its own."""
    from vitrine.review.bodies import PostSnapshots  # noqa: PLC0415 - readers never load bodies

    sent = request.items(PostSnapshots)
    snapshots = [_snapshot(it, request) for it in sent if not isinstance(it, Refused)]
    percent = queue_settings().second_opinion_percent
    added = iter(add_snapshots(review_store(), known_galleries(), products(), snapshots, percent))
    results = [
        _rejected(at, it) if isinstance(it, Refused) else added_answer(next(added), pictures(), it.size)
        for at, it in enumerate(sent)
    ]
    return Answer(200, {"results": results})


@app.route(
    "GET",
    "/snapshots",
    scope=REVIEWER,
    answers={200: SnapshotAnswer},
    query={
        "status": {"type": "string", "enum": list(STATUSES)},
        "product_id": {"type": "string", "pattern": ID_PATTERN},
    },
    paged=True,
)
def list_snapshots(request: Request) -> Answer:
    """List snapshots by status, product and age."""
    page = request.page((int, str | None))
    product_id = request.query.get("product_id")
    statuses = [request.query["status"]] if "status" in request.query else list(STATUSES)
    at, after = page.state or (0, None)
    found: list[Snapshot] = []
    while at < len(statuses) and len(found) < page.limit:
        some, after = review_store().list_snapshots(
            request.merchant_id, statuses[at], product_id, page.limit - len(found), after
        )
        found += some
        at += after is None
    items = [snapshot_answer(snapshot, pictures()) for snapshot in found]
    return request.list_answer(items, [at, after] if at < len(statuses) else None)


@app.route("GET", "/snapshots/{snapshot_id}", scope=REVIEWER, answers={200: SnapshotAnswer})
def get_snapshot(request: Request) -> Answer:
    """Read a snapshot."""
    snapshot = find_snapshot(review_store(), request.merchant_id, request.path_id("snapshot_id"))
    return Answer(200, snapshot_answer(snapshot, pictures()))


@app.route("GET", "/snapshots/{snapshot_id}/trail", scope=REVIEWER, answers={200: TrailAnswer})
def get_trail(request: Request) -> Answer:
    """Read every step of a snapshot: who had it and who decided what, when."""
    snapshot = find_snapshot(review_store(), request.merchant_id, request.path_id("snapshot_id"))
    steps = review_store().read(request.merchant_id, snapshot.snapshot_id)
    return Answer(200, {"items": [step_answer(step) for step in steps]})


@app.route("GET", "/snapshot-pictures/{merchant_id}/{snapshot_id}", scope=ANYONE, answers={302: None}, cacheable=True)
def get_picture(request: Request) -> Answer:
    """Show the picture of an approved snapshot to everyone."""
    snapshot = find_snapshot(review_store(), request.path_id("merchant_id"), request.path_id("snapshot_id"))
    if snapshot.status != "approved":
        raise NotFound(f"There is no picture {snapshot.snapshot_id}.")
    return Answer(302, headers={"Location": pictures().address_of(snapshot)}, shared_seconds=_REDIRECT_SECONDS)


@app.route(
    "POST", "/review/claims", scope=REVIEWER, body="vitrine.review.bodies:PostClaim", answers={200: ClaimsAnswer}
)
def post_claim(request: Request) -> Answer:
    """Lease the next snapshots to the reviewer in `X-Reviewer`."""
    from vitrine.review.bodies import PostClaim  # noqa: PLC0415 - readers never load bodies

    body = request.body(PostClaim)
    lease, merchant_id, store = _lease(request), request.merchant_id, review_store()
    held = renew_leases(store, merchant_id, lease, body.renew)
    if body.limit:
        held += claim_snapshots(store, merchant_id, lease, body.limit, body.product_id)
    product_ids = {snapshot.product_id for snapshot in held}
    shown = show_products(store, products(), pictures(), merchant_id, product_ids)
    return Answer(200, {"items": [claimed_answer(it, shown[it.product_id], pictures()) for it in held]})


@app.route(
    "PUT",
    "/review/snapshots/{snapshot_id}/decision",
    scope=REVIEWER,
    body="vitrine.review.bodies:PutDecision",
    answers={200: VerdictAnswer},
)
def put_decision(request: Request) -> Answer:
    """Approve or disapprove a snapshot that is leased to the reviewer."""
    from vitrine.review.bodies import PutDecision  # noqa: PLC0415 - readers never load bodies

    body = request.body(PutDecision)
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
    return Answer(200, verdict_answer(snapshot))


@app.route("DELETE", "/review/snapshots/{snapshot_id}/decision", scope=REVIEWER, answers={200: VerdictAnswer})
def delete_decision(request: Request) -> Answer:
    """Take one's own verdict back within 10 minutes; the snapshot is leased to the reviewer again."""
    snapshot_id = request.path_id("snapshot_id")
    snapshot = undo(review_store(), request.merchant_id, snapshot_id, _lease(request))
    return Answer(200, verdict_answer(snapshot))


@app.route("POST", "/review/snapshots/{snapshot_id}/reopening", scope=REVIEWER, answers={200: VerdictAnswer})
def post_reopening(request: Request) -> Answer:
    """Lease a decided snapshot to the reviewer, to be judged anew; it leaves its gallery meanwhile."""
    snapshot_id = request.path_id("snapshot_id")
    snapshot = reopen(review_store(), request.merchant_id, snapshot_id, _lease(request))
    return Answer(200, verdict_answer(snapshot))


@app.route("GET", "/review/products", scope=REVIEWER, answers={200: ProductCountsAnswer}, paged=True)
def list_products(request: Request) -> Answer:
    """List products with how many snapshots they have of each status; counts follow within seconds."""
    page = request.page(str)
    found = review_store().products(request.merchant_id, page.limit, page.state)
    items = [product_counts_answer(product) for product in found]
    return request.list_answer(items, found[-1].product_id if len(found) == page.limit else None)


@app.route("GET", "/review/stats", scope=REVIEWER, answers={200: StatsAnswer})
def get_stats(request: Request) -> Answer:
    """Count snapshots by status, and say how fast, how united and how right reviewers are."""
    store = review_store()
    return Answer(200, stats_answer(store.totals(request.merchant_id), store.reviewers(request.merchant_id)))


def _reviewer(request: Request) -> str:
    name = request.headers.get("x-reviewer", "").strip()
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise InvalidRequest(
            "Say who reviews in the header X-Reviewer: 1 to 64 printable characters.",
            [FieldError("/header/X-Reviewer", "must have 1 to 64 printable characters")],
        )
    return name


def _lease(request: Request) -> Lease:
    return Lease(_reviewer(request), request.now, request.now + lease_time())


def _rejected(at: int, sent: Refused) -> AddSnapshotAnswer:
    return {
        "snapshot_id": sent.text("snapshot_id"),
        "status": "rejected",
        "errors": [{"pointer": f"/snapshots/{at}{it.pointer}", "detail": it.detail} for it in sent.errors],
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
