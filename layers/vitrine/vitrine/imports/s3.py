"""The uploads bucket, and the uploaded pictures in the pictures bucket, on S3."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore.exceptions import ClientError

from vitrine.imports.model import LARGEST_OBJECT_BYTES, ImportRefused, PictureKey, Refusal, StoredPicture
from vitrine.platform.times import from_rfc3339, to_rfc3339
from vitrine.platform.uploads import SignedPut, sign_put

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef

    from vitrine.imports.model import NewPicture, ObjectVersion

PART_BYTES = 4 << 20
PICTURES_PREFIX = "gallery-uploads/"
UPLOAD_SECONDS = 900
READ_SECONDS = 3600
_STATE, _ADDED, _REFUSED = "state", "added", "refused"
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


class S3Pictures:
    """UploadedPictures on S3, one object a picture; its tag `state` says what became of it."""

    def __init__(self, client: S3Client, bucket: str, public_api_url: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._public_api_url = public_api_url

    def upload_to(self, picture: NewPicture) -> SignedPut:
        """Return a signed request that stores this picture, of this size, media type and content, and no other."""
        checksum = base64.b64encode(bytes.fromhex(picture.sha256)).decode()
        about = _packed({"name": picture.name, "created_at": to_rfc3339(picture.created_at)})
        url = self._client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self._bucket,
                "Key": object_key(picture.key),
                "ContentType": picture.media_type,
                "ContentLength": picture.size,
                "ChecksumSHA256": checksum,
                "Metadata": {"about": about},
            },
            ExpiresIn=UPLOAD_SECONDS,
        )
        headers = {
            "Content-Type": picture.media_type,
            "Content-Length": str(picture.size),
            "x-amz-checksum-sha256": checksum,
            "x-amz-meta-about": about,
        }
        return SignedPut(url, "PUT", headers)

    def find(self, key: PictureKey) -> StoredPicture | None:
        """Return what is known of an upload, or None."""
        try:
            head = self._client.head_object(Bucket=self._bucket, Key=object_key(key))
            tags = self._client.get_object_tagging(Bucket=self._bucket, Key=object_key(key))["TagSet"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            raise
        about = _unpacked(head["Metadata"].get("about", ""))
        refusal = Refusal(about["code"], about["detail"]) if "code" in about else None
        created_at = from_rfc3339(about["created_at"]) if "created_at" in about else head["LastModified"]
        name = about.get("name", key.image_id)
        return StoredPicture(head["ContentLength"], name, created_at, _state_in(tags) == _ADDED, refusal)

    def read(self, key: PictureKey) -> bytes:
        """Return the picture. Raises ClientError if it was deleted meanwhile: the next delivery finds nothing."""
        return self._client.get_object(Bucket=self._bucket, Key=object_key(key))["Body"].read()

    def note_added(self, key: PictureKey) -> None:
        """Mark the upload as added to its gallery; another upload of the same picture is not marked."""
        try:
            self._client.put_object_tagging(
                Bucket=self._bucket, Key=object_key(key), Tagging={"TagSet": [{"Key": _STATE, "Value": _ADDED}]}
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise

    def refuse(self, key: PictureKey, refusal: Refusal) -> None:
        """Replace the picture by the reason for its refusal, which is kept for a day."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=object_key(key),
            Body=b"",
            Metadata={"about": _packed(refusal._asdict())},
            Tagging=f"{_STATE}={_REFUSED}",
        )

    def delete(self, key: PictureKey) -> None:
        """Delete the picture; one that is gone is no error."""
        self._client.delete_object(Bucket=self._bucket, Key=object_key(key))

    def address_of(self, key: PictureKey) -> str:
        """Return the URL at which everybody may see the picture while its gallery shows it."""
        return f"{self._public_api_url}{path_of(key)}"

    def signed_address_of(self, key: PictureKey) -> str:
        """Return a URL that reads the picture for an hour."""
        return self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": object_key(key)}, ExpiresIn=READ_SECONDS
        )


def object_key(key: PictureKey) -> str:
    """Return the key of an uploaded picture."""
    return PICTURES_PREFIX + "/".join(key)


def picture_at(object_key: str) -> PictureKey:
    """Return the picture of a key; the inverse of `object_key`."""
    return PictureKey(*object_key.removeprefix(PICTURES_PREFIX).split("/"))


def path_of(key: PictureKey) -> str:
    """Return the path of an uploaded picture below the API."""
    return "/gallery-pictures/" + "/".join(quote(part, safe="~") for part in key)


def _state_in(tags: list[TagTypeDef]) -> str | None:
    return next((tag["Value"] for tag in tags if tag["Key"] == _STATE), None)


def _packed(about: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(about, ensure_ascii=False).encode()).decode()


def _unpacked(text: str) -> dict[str, str]:
    return json.loads(base64.urlsafe_b64decode(text)) if text else {}
