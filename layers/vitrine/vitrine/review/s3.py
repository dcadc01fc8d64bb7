"""Snapshots' pictures in the bucket."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING

from vitrine.review.ports import Upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from vitrine.review.model import Snapshot

PREFIX = "snapshots/"
UPLOAD_SECONDS = 900
READ_SECONDS = 3600


class S3Pictures:
    """Pictures on S3, one object a snapshot."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def upload_to(self, snapshot: Snapshot) -> Upload:
        """Where the picture can be put. `If-None-Match` is signed, so a picture is never put over another."""
        headers = {"Content-Type": _content_type(snapshot.filename), "If-None-Match": "*"}
        url = self._client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self._bucket,
                "Key": object_key(snapshot.merchant_id, snapshot.snapshot_id),
                "ContentType": headers["Content-Type"],
                "IfNoneMatch": "*",
            },
            ExpiresIn=UPLOAD_SECONDS,
        )
        return Upload(url, "PUT", headers)

    def address_of(self, snapshot: Snapshot) -> str:
        """The snapshot's own address, or one that reads our bucket for an hour."""
        if snapshot.url is not None:
            return snapshot.url
        key = object_key(snapshot.merchant_id, snapshot.snapshot_id)
        return self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=READ_SECONDS
        )


def object_key(merchant_id: str, snapshot_id: str) -> str:
    """Where a snapshot's picture lies."""
    return f"{PREFIX}{merchant_id}/{snapshot_id}"


def snapshot_at(key: str) -> tuple[str, str]:
    """Inverse of `object_key`: merchant and snapshot."""
    merchant_id, snapshot_id = key.removeprefix(PREFIX).split("/")
    return merchant_id, snapshot_id


def _content_type(filename: str) -> str:
    guessed = mimetypes.guess_type(filename)[0] or ""
    return guessed if guessed.startswith("image/") else "application/octet-stream"
