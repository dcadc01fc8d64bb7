"""Pictures of images are mirrored, and withdrawn once nothing shows them."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from vitrine.galleries.mirroring import GalleryHolders
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.metrics import MetricUnit, metrics
from vitrine.platform.telemetry import invocation, logger
from vitrine.platform.times import utc_now
from vitrine.renditions.mirror_image import Mirror, Mirrored, mirror_image
from vitrine.renditions.ports import RefusedPictureError, Unreachable
from vitrine.renditions.sqs import read_holder
from vitrine.renditions.wiring import NoEdge, codec, fetch, files, holdings, pictures
from vitrine.visits.model import UnmeasurableError
from vitrine.visits.pictures import measure

_AT_ONCE = 5
_DELIVERIES_FOR_A_HOST = 5


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_AT_ONCE)


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Mirror the images beside one another; what fails is delivered again."""
    records = event["Records"]
    done = list(_threads().map(_run, records))
    failed = [record["messageId"] for record, it in zip(records, done, strict=True) if it is None]
    _report([it for it in done if it], len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _run(record: dict[str, Any]) -> Mirrored | None:
    """What became of the image; None when it is to be delivered again."""
    try:
        done = mirror_image(_mirror(), read_holder(record["body"]))
    except Unreachable as error:
        code, detail = error.args
        if int(record["attributes"]["ApproximateReceiveCount"]) < _DELIVERIES_FOR_A_HOST:
            return None
        done = Mirrored(None, RefusedPictureError(code, detail), [])
    except Exception:  # noqa: BLE001 - one image must not hold up the others
        logger.exception("mirroring failed", extra={"image": record["body"]})
        return None
    if done.refused:
        logger.info("refused", extra={"image": record["body"], "code": done.refused.code})
    return done


def _report(done: list[Mirrored], failed: int) -> None:
    metrics.add_metric("PicturesMirrored", MetricUnit.Count, sum(it.digest is not None for it in done))
    metrics.add_metric("PicturesRefused", MetricUnit.Count, sum(it.refused is not None for it in done))
    metrics.add_metric("PicturesWithdrawn", MetricUnit.Count, sum(len(it.withdrawn) for it in done))
    metrics.flush_metrics()
    logger.info("mirrored", extra={"images": len(done), "failed": failed})


def _mirror() -> Mirror:
    return Mirror(
        holders=GalleryHolders(gallery_repository()),
        holdings=holdings(),
        pictures=pictures(),
        files=files(),
        edge=NoEdge(),
        codec=codec(),
        fetch=fetch(),
        check=_check,
        now=utc_now,
        sleep=time.sleep,
    )


def _check(content: bytes) -> None:
    """Refuse what is refused when it is measured."""
    try:
        measure(io.BytesIO(content))
    except UnmeasurableError as error:
        raise RefusedPictureError(error.code, error.detail) from error
