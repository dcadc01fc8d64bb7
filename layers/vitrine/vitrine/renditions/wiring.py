"""Renditions on their engines."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from vitrine.platform.aws import client
from vitrine.platform.settings import read_settings

if TYPE_CHECKING:
    from vitrine.renditions.dynamodb import DynamoDBHoldings, DynamoDBPictures
    from vitrine.renditions.remote import RemoteOriginals
    from vitrine.renditions.s3 import S3Files
    from vitrine.renditions.sqs import SqsMirroring
    from vitrine.renditions.vips import VipsCodec


class RenditionsSettings(NamedTuple):
    """Where pictures and their holders are kept."""

    renditions_table: str


class FilesSettings(NamedTuple):
    """Where originals and renditions are kept."""

    pictures_bucket: str


class QueueSettings(NamedTuple):
    """Where images to mirror wait."""

    mirroring_queue: str


@cache
def pictures() -> DynamoDBPictures:
    """What is known of originals."""
    from vitrine.renditions.dynamodb import DynamoDBPictures  # noqa: PLC0415 - who sends on never loads it

    return DynamoDBPictures(client("dynamodb"), read_settings(RenditionsSettings).renditions_table)


@cache
def holdings() -> DynamoDBHoldings:
    """Which image may hold which pictures."""
    from vitrine.renditions.dynamodb import DynamoDBHoldings  # noqa: PLC0415 - as above

    return DynamoDBHoldings(client("dynamodb"), read_settings(RenditionsSettings).renditions_table)


@cache
def files() -> S3Files:
    """Originals and renditions."""
    from vitrine.renditions.s3 import S3Files  # noqa: PLC0415 - as above

    return S3Files(client("s3"), read_settings(FilesSettings).pictures_bucket)


@cache
def codec() -> VipsCodec:
    """What decodes and encodes pictures."""
    from vitrine.renditions.vips import VipsCodec  # noqa: PLC0415 - as above

    return VipsCodec()


@cache
def fetch() -> RemoteOriginals:
    """Originals from other hosts."""
    from vitrine.platform.wiring import fetcher  # noqa: PLC0415 - only the worker has its layer
    from vitrine.renditions.remote import RemoteOriginals  # noqa: PLC0415 - as above

    return RemoteOriginals(fetcher())


@cache
def mirroring() -> SqsMirroring:
    """Images to mirror."""
    from vitrine.renditions.sqs import SqsMirroring  # noqa: PLC0415 - only what follows changes loads it

    return SqsMirroring(client("sqs"), read_settings(QueueSettings).mirroring_queue)


class NoEdge:
    """The port Edge where nothing stands in front of the origin."""

    def invalidate(self, digest: str) -> None:
        """Nothing is kept."""
