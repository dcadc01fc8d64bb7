"""The uploads bucket, on S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from vitrine.imports.model import LARGEST_OBJECT_BYTES, ImportRefused
from vitrine.platform.uploads import sign_put

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

    from vitrine.imports.model import ObjectVersion
    from vitrine.platform.uploads import SignedPut

PART_BYTES = 4 << 20
_GONE = frozenset({"NoSuchKey", "PreconditionFailed", "404", "412"})


class S3Uploads:
    """Uploads on S3."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self, upload: ObjectVersion, start: int) -> Iterator[bytes]:
        """Iterate over the object's bytes from `start`, in parts; no connection stays open between them.

        Raises ImportRefused if the object is too large, or was replaced or deleted.
        """
        if upload.size > LARGEST_OBJECT_BYTES:
            raise ImportRefused("file_too_large", f"The file has over {LARGEST_OBJECT_BYTES} bytes; split it.")
        for first in range(start, upload.size, PART_BYTES):
            last = min(first + PART_BYTES, upload.size) - 1
            try:
                part = self._client.get_object(
                    Bucket=self._bucket, Key=upload.key, IfMatch=upload.etag, Range=f"bytes={first}-{last}"
                )
            except ClientError as error:
                if error.response["Error"]["Code"] in _GONE:
                    raise ImportRefused(
                        "object_replaced", "The file was replaced or deleted meanwhile; upload it again."
                    ) from error
                raise
            yield part["Body"].read()

    def delete(self, upload: ObjectVersion) -> None:
        """Delete the object, unless it was replaced."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=upload.key, IfMatch=upload.etag)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise

    def upload_to(self, object_key: str, media_type: str, size: int | None, expires_seconds: int) -> SignedPut:
        """Return a signed request that stores an object of this media type once; of exactly `size` bytes if given."""
        return sign_put(self._client, self._bucket, object_key, media_type, size=size, expires_seconds=expires_seconds)
