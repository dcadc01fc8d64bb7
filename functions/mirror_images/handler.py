"""Mirror the pictures of images, and withdraw them once no image shows them."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

from vitrine.catalog.mirroring import ProductHolders
from vitrine.catalog.wiring import product_repository
from vitrine.galleries.mirroring import GalleryHolders
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.wiring import gallery_repository
from vitrine.imports.model import PictureKey
from vitrine.imports.wiring import uploaded_pictures as pictures_of_galleries
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import invocation, logger
from vitrine.platform.times import utc_now
from vitrine.recommendations.wiring import withdrawals
from vitrine.renditions.mirror_image import Mirror, Mirrored, mirror_image
from vitrine.renditions.model import PRODUCTS, SNAPSHOTS, Holder
from vitrine.renditions.ports import RefusedPictureError, Unreachable
from vitrine.renditions.sqs import read_holder
from vitrine.renditions.wiring import codec, edge, fetch, files, holdings, originals, pictures
from vitrine.review.mirroring import UPLOADED, SnapshotHolders
from vitrine.review.wiring import pictures as uploaded_pictures
from vitrine.review.wiring import review_store
from vitrine.visits.model import UnmeasurableError
from vitrine.visits.pictures import measure

if TYPE_CHECKING:
    from vitrine.renditions.ports import Holders

_AT_ONCE = 5
_MOST_DELIVERIES = 5


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_AT_ONCE)


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Mirror the images in parallel; those that fail are delivered again."""
    records = event["Records"]
    results = list(_threads().map(_mirror, records))
    failed = [record["messageId"] for record, result in zip(records, results, strict=True) if result is None]
    _report([result for result in results if result], len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _mirror(record: dict[str, Any]) -> Mirrored | None:
    """Mirror one image; return None if its message must be delivered again."""
    try:
        holder = read_holder(record["body"])
        result = mirror_image(_ports(holder), holder)
        if result.digest is None:
            _delete_upload(holder)
    except Unreachable as error:
        code, detail = error.args
        if int(record["attributes"]["ApproximateReceiveCount"]) < _MOST_DELIVERIES:
            return None
        result = Mirrored(None, RefusedPictureError(code, detail), [])
    except Exception:  # noqa: BLE001 - one image must not fail the others
        logger.exception("mirroring failed", extra={"image": record["body"]})
        return None
    if result.refused:
        logger.info("refused", extra={"image": record["body"], "code": result.refused.code})
    return result


def _delete_upload(holder: Holder) -> None:
    """Delete the uploaded picture of an image that was deleted; a hidden one may be shown again."""
    if holder.gallery_id in {PRODUCTS, SNAPSHOTS}:
        return
    if not gallery_repository().get_images(GalleryKey(holder.merchant_id, holder.gallery_id), [holder.image_id]):
        pictures_of_galleries().delete(PictureKey(*holder))


def _report(results: list[Mirrored], failed: int) -> None:
    metrics.add_metric("PicturesMirrored", MetricUnit.Count, sum(result.digest is not None for result in results))
    metrics.add_metric("PicturesRefused", MetricUnit.Count, sum(result.refused is not None for result in results))
    metrics.add_metric("PicturesWithdrawn", MetricUnit.Count, sum(len(result.withdrawn) for result in results))
    metrics.flush_metrics()
    logger.info("mirrored", extra={"images": len(results), "failed": failed})


def _ports(holder: Holder) -> Mirror:
    return Mirror(
        holders=_holders(holder.gallery_id),
        holdings=holdings(),
        pictures=pictures(),
        files=files(),
        edge=edge(),
        codec=codec(),
        fetch=_fetch,
        check=_check,
        now=utc_now,
        sleep=time.sleep,
    )


def _holders(gallery_id: str) -> Holders:
    if gallery_id == PRODUCTS:
        return ProductHolders(product_repository(), originals(), withdrawals())
    if gallery_id == SNAPSHOTS:
        return SnapshotHolders(review_store(), originals())
    return GalleryHolders(gallery_repository())


def _fetch(url: str) -> bytes:
    """Return a picture of another host, or one that was uploaded to our bucket."""
    if not url.startswith(UPLOADED):
        return fetch()(url)
    merchant_id, snapshot_id = url.removeprefix(UPLOADED).split("/")
    content = uploaded_pictures().read(merchant_id, snapshot_id)
    if content is None:
        raise RefusedPictureError("picture_missing", "There is no uploaded picture")
    return content


def _check(content: bytes) -> None:
    """Refuse the files that cannot be measured."""
    try:
        measure(io.BytesIO(content))
    except UnmeasurableError as error:
        raise RefusedPictureError(error.code, error.detail) from error
