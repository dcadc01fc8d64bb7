"""Uploaded pictures of snapshots in an S3 bucket."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from vitrine.platform.uploads import sign_put

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from vitrine.platform.uploads import SignedPut
    from vitrine.review.model import Snapshot

PREFIX = "snapshots/"
UPLOAD_SECONDS = 900
READ_SECONDS = 3600


class S3Pictures:
    """Pictures on S3, one object a snapshot."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def upload_to(self, snapshot: Snapshot, size: int | None) -> SignedPut:
        """Return a signed request that stores the picture once; of exactly `size` bytes if given."""
        key = object_key(snapshot.merchant_id, snapshot.snapshot_id)
        media_type = _content_type(snapshot.filename)
        return sign_put(self._client, self._bucket, key, media_type, size=size, expires_seconds=UPLOAD_SECONDS)

    def remove(self, merchant_id: str, snapshot_id: str) -> None:
        """Delete the picture, so that another can be uploaded."""
        self._client.delete_object(Bucket=self._bucket, Key=object_key(merchant_id, snapshot_id))

    def read(self, merchant_id: str, snapshot_id: str) -> bytes | None:
        """Return the picture, or None."""
        try:
            stored = self._client.get_object(Bucket=self._bucket, Key=object_key(merchant_id, snapshot_id))
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                return None
            raise
        return stored["Body"].read()

    def address_of(self, snapshot: Snapshot) -> str:
        """Return the snapshot's own URL, or one that reads our bucket for an hour."""
        if snapshot.url is not None:
            return snapshot.url
        key = object_key(snapshot.merchant_id, snapshot.snapshot_id)
        return self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=READ_SECONDS
        )


def object_key(merchant_id: str, snapshot_id: str) -> str:
    """Return the key of a snapshot's picture."""
    return f"{PREFIX}{merchant_id}/{snapshot_id}"


def snapshot_at(key: str) -> tuple[str, str]:
    """Return the merchant and snapshot of a key; the inverse of `object_key`."""
    merchant_id, snapshot_id = key.removeprefix(PREFIX).split("/")
    return merchant_id, snapshot_id


def _content_type(filename: str) -> str:
    guessed = mimetypes.guess_type(filename)[0] or ""
    return guessed if guessed.startswith("image/") else "application/octet-stream"
