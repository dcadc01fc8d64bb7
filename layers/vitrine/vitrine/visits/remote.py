"""Measure pictures on other hosts, many at once."""

from __future__ import annotations

import time
from functools import partial
from typing import IO, TYPE_CHECKING, cast

from vitrine.platform.fetcher import FetchError, Validator
from vitrine.platform.telemetry import logger
from vitrine.platform.threads import run_all
from vitrine.visits.model import MeasuringFailure, UnmeasurableError
from vitrine.visits.pictures import measure
from vitrine.visits.ports import KnownPicture, Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

    from vitrine.platform.fetcher import Fetcher, RemoteFile


class RemotePictures:
    """Measure over HTTP. `pause` is called after each picture.

    A call takes at most `seconds`: pictures that have not arrived by then fail. There must be as many `threads` as
    pictures in all concurrent calls, so that a slow host does not delay the pictures of others.
    """

    def __init__(self, fetcher: Fetcher, threads: Executor, seconds: float, pause: Callable[[], None]) -> None:
        self._fetcher = fetcher
        self._threads = threads
        self._seconds = seconds
        self._pause = pause

    def __call__(self, pictures: Mapping[str, KnownPicture | None]) -> Mapping[str, Measurement]:
        """Measure the pictures at these URLs; None for those that are not known yet."""
        measure_one = partial(self._one, until=time.monotonic() + self._seconds)
        return dict(zip(pictures, run_all(self._threads, measure_one, pictures, pictures.values()), strict=True))

    def _one(self, url: str, known: KnownPicture | None, until: float) -> Measurement:
        unless = Validator(known.etag, known.last_modified) if known else None
        try:
            return self._fetcher.fetch(url, partial(_measure, known), unless=unless, until=until)
        except (FetchError, UnmeasurableError) as error:
            return Measurement(None, MeasuringFailure(error.code, error.detail), 0, None)
        except Exception:  # noqa: BLE001 - one picture must not fail the others
            logger.exception("unexpected error of a picture", extra={"url": url})
            return Measurement(None, MeasuringFailure("not_processed", "The picture could not be processed"), 0, None)
        finally:
            self._pause()


def _measure(known: KnownPicture | None, file: RemoteFile) -> Measurement:
    if known and file.unchanged:
        return Measurement(known.picture, None, file.bytes_fetched, known)
    picture = measure(cast("IO[bytes]", file), near_bytes=file.near_bytes, budget=file.budget)
    validator = file.validator
    new = KnownPicture(picture, validator.etag, validator.last_modified) if validator else None
    return Measurement(picture, None, file.bytes_fetched, new)
