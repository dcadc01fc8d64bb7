"""Retries after a conflict with another writer."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final, TypeVar

from vitrine.platform.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    Result = TypeVar("Result")

_FIRST_PAUSE_SECONDS: Final = 0.01
_LONGEST_PAUSE_SECONDS: Final = 0.5


class Superseded(Exception):
    """Another writer changed the item first; nothing was written."""


def retry(
    attempt: Callable[[], Result],
    *,
    on: type[Exception] | tuple[type[Exception], ...] = Superseded,
    attempts: int = 8,
    refusal: str = "Others are changing the same thing. Send the request again.",
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Call `attempt` until it no longer raises `on`, with random pauses that grow.

    Raises Unavailable with the message `refusal` after `attempts` calls.
    """
    for tries in range(attempts):
        try:
            return attempt()
        except on:
            if tries + 1 < attempts:
                sleep(random.uniform(0, min(_FIRST_PAUSE_SECONDS * 2**tries, _LONGEST_PAUSE_SECONDS)))  # noqa: S311
    raise Unavailable(refusal, 1)
