"""The caches of a CloudFront distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from vitrine.platform.aws import invalidate
from vitrine.renditions.ports import PictureBusy

if TYPE_CHECKING:
    from collections.abc import Collection

_MOST_PICTURES: Final = 5  # CloudFront works on 15 wildcards at a time and bills each path
_FOLDERS: Final = ("/pictures", "/v1/pictures")  # addresses in responses are relative to the API's, which is /v1
_BUSY: Final = frozenset({"TooManyInvalidationsInProgress", "Throttling", "ServiceUnavailable"})


class CloudFrontCaches:
    """The caches in front of the origin."""

    def __init__(self, client: Any, distribution: str) -> None:
        self._client = client
        self._distribution = distribution

    def invalidate(self, digests: Collection[str]) -> None:
        """Remove the pictures' renditions; of many pictures all renditions, at the cost of one. Raises PictureBusy."""
        below = [f"/{digest}" for digest in sorted(digests)] if len(digests) <= _MOST_PICTURES else [""]
        paths = [f"{folder}{each}/*" for folder in _FOLDERS for each in below]
        try:
            invalidate(self._client, self._distribution, paths)
        except ClientError as error:
            if error.response["Error"]["Code"] in _BUSY:
                raise PictureBusy from error
            raise
