"""Counts by the hour in an S3 bucket, at `{merchant_id}/{gallery_id}/{hour}/{batch}.jsonl.gz`."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vitrine.engagement.ports import CounterKey, ShardKey, ShardState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_s3 import S3Client

    from vitrine.galleries.model import GalleryKey


class S3History:
    """History on S3."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def store(self, gallery: GalleryKey, hour: int, batch: str, states: Sequence[ShardState]) -> None:
        rows = (
            json.dumps([*state.key.counters[1:], state.key.path, state.at, state.is_closed, state.amounts, state.tree])
            + "\n"
            for state in states
        )
        self._client.put_object(
            Bucket=self._bucket,
            Key=f"{_hours(gallery)}{_name(hour)}/{batch}.jsonl.gz",
            Body=gzip.compress("".join(rows).encode(), mtime=0),
        )

    def read(self, gallery: GalleryKey, until: int) -> Iterator[ShardState]:
        prefix = _hours(gallery)
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for key in (found["Key"] for page in pages for found in page.get("Contents", [])):
            if key >= f"{prefix}{_name(until)}":
                return
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            for row in gzip.decompress(body).splitlines():
                image_id, incarnation, path, at, is_closed, amounts, *more = json.loads(row)
                tree = more[0] if more else 0  # rows have it since trees fold
                shard = ShardKey(CounterKey(gallery, image_id, incarnation), path, tree if path else 0)
                yield ShardState(shard, at, is_closed, amounts, tree)


def _hours(gallery: GalleryKey) -> str:
    return f"{gallery.merchant_id}/{gallery.gallery_id}/"


def _name(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:13]
