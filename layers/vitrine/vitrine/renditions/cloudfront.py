"""The caches of a CloudFront distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from botocore.exceptions import ClientError

from vitrine.renditions.ports import PictureBusy

if TYPE_CHECKING:
    from collections.abc import Collection

_MOST_PATHS: Final = 5  # CloudFront works on 15 wildcards at a time and bills each path
_ALL_PICTURES: Final = "/pictures/*"
_BUSY: Final = frozenset({"TooManyInvalidationsInProgress", "Throttling", "ServiceUnavailable"})


class CloudFrontCaches:
    """The caches in front of the origin."""

    def __init__(self, client: Any, distribution: str) -> None:
        self._client = client
        self._distribution = distribution

    def invalidate(self, digests: Collection[str]) -> None:
        """Remove the pictures' renditions; of many pictures, all renditions, which costs as one. Raises PictureBusy."""
        paths = [f"/pictures/{digest}/*" for digest in sorted(digests)]
        paths = paths if len(paths) <= _MOST_PATHS else [_ALL_PICTURES]
        batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": uuid4().hex}
        try:
            self._client.create_invalidation(DistributionId=self._distribution, InvalidationBatch=batch)
        except ClientError as error:
            if error.response["Error"]["Code"] in _BUSY:
                raise PictureBusy from error
            raise
