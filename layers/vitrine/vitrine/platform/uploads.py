"""Presigned URLs that accept one upload from anyone who has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client


class SignedPut(NamedTuple):
    """How to upload an object. S3 refuses it without these headers."""

    url: str
    method: str
    headers: Mapping[str, str]


class UploadResponse(TypedDict):
    """How to upload an object, in a response."""

    url: str
    method: str
    headers: dict[str, str]


def upload_response(put: SignedPut) -> UploadResponse:
    """Return how to upload, for a response."""
    return {"url": put.url, "method": put.method, "headers": dict(put.headers)}


def sign_put(  # noqa: PLR0913 - the URL signs each of these
    s3: S3Client, bucket: str, key: str, media_type: str, *, size: int | None, expires_seconds: int
) -> SignedPut:
    """A URL that accepts an object of this media type under `key`, unless there already is one.

    It accepts exactly `size` bytes if the size is given; S3 can enforce no other limit on a presigned PUT.
    """
    params: dict[str, Any] = {"Bucket": bucket, "Key": key, "ContentType": media_type, "IfNoneMatch": "*"}
    headers = {"Content-Type": media_type, "If-None-Match": "*"}
    if size is not None:
        params["ContentLength"] = size
        headers["Content-Length"] = str(size)
    url = s3.generate_presigned_url("put_object", Params=params, ExpiresIn=expires_seconds)
    return SignedPut(url, "PUT", headers)
