"""The uploads bucket on S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from vitrine.imports.model import ImportRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

    from vitrine.imports.model import ObjectVersion

PART_BYTES = 4 << 20
LARGEST_OBJECT_BYTES = 5 << 30
_GONE = frozenset({"NoSuchKey", "PreconditionFailed", "404", "412"})


class S3Uploads:
    """Uploads in one bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self, upload: ObjectVersion) -> Iterator[bytes]:
        """The object's bytes, part by part: no connection stays open while rows are written.

        Raises ImportRefused when it is too large, or was replaced or removed.
        """
        if upload.size > LARGEST_OBJECT_BYTES:
            raise ImportRefused("file_too_large", f"The file has over {LARGEST_OBJECT_BYTES} bytes; split it.")
        for start in range(0, upload.size, PART_BYTES):
            end = min(start + PART_BYTES, upload.size) - 1
            try:
                part = self._client.get_object(
                    Bucket=self._bucket, Key=upload.key, IfMatch=upload.etag, Range=f"bytes={start}-{end}"
                )
            except ClientError as error:
                if error.response["Error"]["Code"] in _GONE:
                    raise ImportRefused(
                        "object_replaced", "The file was replaced or removed meanwhile; put it again."
                    ) from error
                raise
            yield part["Body"].read()

    def delete(self, upload: ObjectVersion) -> None:
        """Remove the object, unless it was replaced."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=upload.key, IfMatch=upload.etag)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise

    def sign_put(self, object_key: str, media_type: str, expires_seconds: int) -> str:
        """A URL that takes one object under this key, of this media type."""
        return self._client.generate_presigned_url(
            "put_object",
            Params={"Bucket": self._bucket, "Key": object_key, "ContentType": media_type},
            ExpiresIn=expires_seconds,
        )
