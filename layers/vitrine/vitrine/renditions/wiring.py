"""Which engines the use cases of renditions run on."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from vitrine.platform.aws import client
from vitrine.platform.settings import setting
from vitrine.renditions.model import Holder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vitrine.renditions.cloudfront import CloudFrontCaches
    from vitrine.renditions.dynamodb import DynamoDBHoldings, DynamoDBOriginals, DynamoDBPictures
    from vitrine.renditions.model import Original
    from vitrine.renditions.ports import Edge
    from vitrine.renditions.remote import RemoteOriginals
    from vitrine.renditions.s3 import S3Files
    from vitrine.renditions.sqs import SqsMirroring
    from vitrine.renditions.vips import VipsCodec


@cache
def pictures() -> DynamoDBPictures:
    """Return the records of originals."""
    from vitrine.renditions.dynamodb import DynamoDBPictures  # noqa: PLC0415 - only what needs the table loads it

    return DynamoDBPictures(client("dynamodb"), setting("RENDITIONS_TABLE"))


@cache
def holdings() -> DynamoDBHoldings:
    """Return which image may hold which pictures."""
    from vitrine.renditions.dynamodb import DynamoDBHoldings  # noqa: PLC0415 - as above

    return DynamoDBHoldings(client("dynamodb"), setting("RENDITIONS_TABLE"))


@cache
def originals() -> DynamoDBOriginals:
    """Return the copies that products and snapshots refer to."""
    from vitrine.renditions.dynamodb import DynamoDBOriginals  # noqa: PLC0415 - as above

    return DynamoDBOriginals(client("dynamodb"), setting("RENDITIONS_TABLE"))


def copies_of(
    merchant_id: str, gallery_id: str, ids: Iterable[str], *, consistent: bool = False
) -> dict[str, Original]:
    """Return the copies of the pictures of products (`PRODUCTS`) or snapshots (`SNAPSHOTS`), by id."""
    holders = [Holder(merchant_id, gallery_id, image_id) for image_id in ids]
    return {holder.image_id: original for holder, original in originals().find(holders, consistent=consistent).items()}


@cache
def files() -> S3Files:
    """Return the files of originals and renditions."""
    from vitrine.renditions.s3 import S3Files  # noqa: PLC0415 - as above

    return S3Files(client("s3"), setting("PICTURES_BUCKET"))


@cache
def codec() -> VipsCodec:
    """Return the codec."""
    from vitrine.renditions.vips import VipsCodec  # noqa: PLC0415 - as above

    return VipsCodec()


@cache
def fetch() -> RemoteOriginals:
    """Return what fetches originals from other hosts."""
    from vitrine.platform.wiring import fetcher  # noqa: PLC0415 - only the worker has its layer
    from vitrine.renditions.remote import RemoteOriginals  # noqa: PLC0415 - as above

    return RemoteOriginals(fetcher())


@cache
def mirroring() -> SqsMirroring:
    """Return the queue of images to mirror."""
    from vitrine.renditions.sqs import SqsMirroring  # noqa: PLC0415 - only what sends loads it

    return SqsMirroring(client("sqs"), setting("MIRRORING_QUEUE"))


@cache
def edge() -> Edge:
    """Return what has withdrawn pictures removed from the caches."""
    queue = setting("INVALIDATIONS_QUEUE", "")
    if not queue:
        return NoEdge()
    from vitrine.renditions.sqs import SqsEdge  # noqa: PLC0415 - only a stack with an edge loads it

    return SqsEdge(client("sqs"), queue)


@cache
def caches() -> CloudFrontCaches:
    """Return the caches of the edge."""
    from vitrine.renditions.cloudfront import CloudFrontCaches  # noqa: PLC0415 - only what invalidates loads it

    return CloudFrontCaches(client("cloudfront"), setting("EDGE_DISTRIBUTION"))


class NoEdge:
    """Edge for a stack without caches."""

    def invalidate(self, digest: str) -> None:
        """Do nothing."""
