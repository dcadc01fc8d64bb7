"""Which engines the use cases of imports run on, and the kinds of rows."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from vitrine.imports.dynamodb import DynamoDBImports
from vitrine.imports.s3 import S3Pictures, S3Uploads
from vitrine.platform.aws import client
from vitrine.platform.settings import setting
from vitrine.platform.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vitrine.imports.model import ImportKey
    from vitrine.imports.ports import Kind
    from vitrine.imports.run_import import Importer
    from vitrine.review.model import Snapshot


@cache
def import_repository() -> DynamoDBImports:
    """Return the repository of imports and rejections."""
    return DynamoDBImports(client("dynamodb"), setting("IMPORTS_TABLE"))


def _report_row(key: ImportKey, row: int, error: Exception) -> None:
    from vitrine.platform.metrics import MetricUnit, metrics  # noqa: PLC0415 - for the worker alone
    from vitrine.platform.telemetry import logger  # noqa: PLC0415 - as above

    logger.error("row failed", exc_info=error, extra={**key._asdict(), "row": row})
    metrics.add_metric("ImportRowsFailed", MetricUnit.Count, 1)


@cache
def uploads() -> S3Uploads:
    """Return the uploads bucket."""
    return S3Uploads(client("s3"), setting("UPLOADS_BUCKET"))


@cache
def uploaded_pictures() -> S3Pictures:
    """Return the pictures that are uploaded for galleries."""
    return S3Pictures(client("s3"), setting("PICTURES_BUCKET"))


@cache
def published_pictures() -> S3Pictures:
    """Return the pictures that are uploaded for galleries, with their public addresses."""
    address = setting("PUBLIC_API_URL")
    return S3Pictures(client("s3"), setting("PICTURES_BUCKET"), address)


def _images() -> Kind:
    from vitrine.galleries.wiring import gallery_repository, new_incarnation  # noqa: PLC0415 - a kind loads its own room
    from vitrine.imports.images import ImageRow, write_images  # noqa: PLC0415 - as above
    from vitrine.imports.ports import Kind  # noqa: PLC0415 - as above
    from vitrine.platform.times import to_rfc3339  # noqa: PLC0415 - as above

    return Kind(
        row=ImageRow,
        id_headings=("id", "image_id"),
        write=lambda import_, rows: write_images(gallery_repository(), new_incarnation, import_, rows),
        defaults=lambda import_: {"created_at": to_rfc3339(import_.created_at)},
    )


def _stores() -> Kind:
    from vitrine.imports.ports import Kind  # noqa: PLC0415 - a kind loads its own room
    from vitrine.imports.stores import StoreRow, write_stores  # noqa: PLC0415 - as above
    from vitrine.visits.wiring import visit_store  # noqa: PLC0415 - as above

    return Kind(
        row=StoreRow,
        id_headings=("store_id", "id"),
        write=lambda import_, rows: write_stores(visit_store(), import_, rows),
    )


def _snapshots() -> Kind:
    from vitrine.imports.ports import Kind  # noqa: PLC0415 - a kind loads its own room
    from vitrine.imports.snapshots import SnapshotRow, write_snapshots  # noqa: PLC0415 - as above
    from vitrine.review.add_snapshots import AddedSnapshot, add_snapshots  # noqa: PLC0415 - as above
    from vitrine.review.wiring import (  # noqa: PLC0415 - as above
        known_galleries,
        products,
        review_store,
        second_opinion_percent,
    )

    def add(sent: Iterable[Snapshot]) -> list[AddedSnapshot]:
        return add_snapshots(review_store(), known_galleries(), products(), sent, second_opinion_percent())

    return Kind(
        row=SnapshotRow,
        id_headings=("snapshot_id", "id"),
        write=lambda import_, rows: write_snapshots(add, import_, rows),
    )


def _products() -> Kind:
    from vitrine.catalog.wiring import product_repository  # noqa: PLC0415 - a kind loads its own room
    from vitrine.imports.catalog import ProductRow, write_products  # noqa: PLC0415 - as above
    from vitrine.imports.ports import Kind  # noqa: PLC0415 - as above
    from vitrine.recommendations.wiring import withdrawals  # noqa: PLC0415 - as above

    return Kind(
        row=ProductRow,
        id_headings=("product_id", "id"),
        write=lambda import_, rows: write_products(product_repository(), withdrawals(), import_, rows),
    )


def _interactions() -> Kind:
    from vitrine.catalog.wiring import interaction_repository  # noqa: PLC0415 - a kind loads its own room
    from vitrine.imports.catalog import InteractionRow, write_interactions  # noqa: PLC0415 - as above
    from vitrine.imports.ports import Kind  # noqa: PLC0415 - as above
    from vitrine.platform.times import to_rfc3339  # noqa: PLC0415 - as above
    from vitrine.recommendations.wiring import response_cache  # noqa: PLC0415 - as above

    return Kind(
        row=InteractionRow,
        id_headings=("interaction_id", "id"),
        write=lambda import_, rows: write_interactions(interaction_repository(), response_cache().drop, import_, rows),
        defaults=lambda import_: {"occurred_at": to_rfc3339(import_.created_at)},
    )


KINDS: dict[str, Callable[[], Kind]] = {
    "images": _images,
    "products": _products,
    "interactions": _interactions,
    "stores": _stores,
    "snapshots": _snapshots,
}


def importer(hops: int = 0) -> Importer:
    """Return what runs imports; `hops` is how often the import was continued before."""
    from vitrine.imports.run_import import Importer  # noqa: PLC0415 - for the worker alone
    from vitrine.imports.sqs import SqsContinuations  # noqa: PLC0415 - as above

    return Importer(
        repository=import_repository(),
        uploads=uploads(),
        continuations=SqsContinuations(client("sqs"), setting("IMPORTS_QUEUE"), hops),
        kind=lambda name: KINDS[name](),
        clock=utc_now,
        report=_report_row,
    )
