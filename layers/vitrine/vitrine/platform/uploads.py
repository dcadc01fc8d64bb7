"""Addresses that take one object from whoever has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client


class SignedPut(NamedTuple):
    """How to send an object's bytes. S3 refuses them without these headers."""

    url: str
    method: str
    headers: Mapping[str, str]


def sign_put(  # noqa: PLR0913 - an address is what these say
    s3: S3Client, bucket: str, key: str, media_type: str, *, size: int | None, expires_seconds: int
) -> SignedPut:
    """An address that takes an object of this media type under `key`, once: never in place of another.

    It takes exactly `size` bytes where the size is known; S3 can hold an address of a PUT to no other limit.
    """
    params: dict[str, Any] = {"Bucket": bucket, "Key": key, "ContentType": media_type, "IfNoneMatch": "*"}
    headers = {"Content-Type": media_type, "If-None-Match": "*"}
    if size is not None:
        params["ContentLength"] = size
        headers["Content-Length"] = str(size)
    url = s3.generate_presigned_url("put_object", Params=params, ExpiresIn=expires_seconds)
    return SignedPut(url, "PUT", headers)
