"""Files in an S3 bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_s3 import S3Client

_IMMUTABLE = "public, max-age=31536000, immutable"


class S3Files:
    """Files on S3."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self, key: str) -> bytes | None:
        """Return the file, or None."""
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                return None
            raise

    def write(self, key: str, content: bytes, media_type: str) -> None:
        """Store a file that never changes."""
        self._client.put_object(
            Bucket=self._bucket, Key=key, Body=content, ContentType=media_type, CacheControl=_IMMUTABLE
        )

    def delete(self, keys: Iterable[str]) -> None:
        """Delete up to 1,000 files; a key without a file is no error."""
        response = self._client.delete_objects(
            Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
        )
        if response.get("Errors"):
            raise RuntimeError(f"files were not deleted: {response['Errors']}")
