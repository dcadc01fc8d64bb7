"""Fetch originals from other hosts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from vitrine.platform.fetcher import PASSING, FetchError
from vitrine.renditions.ports import RefusedPictureError, Unreachable

if TYPE_CHECKING:
    from vitrine.platform.fetcher import Fetcher, RemoteFile

SECONDS: Final = 25


class RemoteOriginals:
    """Fetch on the platform's fetcher."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    def __call__(self, url: str) -> bytes:
        """Return the whole file. Raises RefusedPictureError, Unreachable."""
        try:
            return self._fetcher.fetch(url, _read, until=time.monotonic() + SECONDS)
        except FetchError as error:
            if error.code in PASSING or error.again_after is not None:
                raise Unreachable(error.code, error.detail) from error
            raise RefusedPictureError(error.code, error.detail) from error


def _read(file: RemoteFile) -> bytes:
    return file.readall() or b""
