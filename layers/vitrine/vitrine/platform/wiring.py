"""The platform on its engines."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from vitrine.platform.settings import read_settings

if TYPE_CHECKING:
    from vitrine.platform.fetcher import Fetcher
    from vitrine.platform.idempotency import ReplayedAnswers


class IdempotencySettings(NamedTuple):
    """Where first answers are kept."""

    idempotency_table: str


@cache
def replays() -> ReplayedAnswers:
    """Answers by Idempotency-Key. Loaded only when a request carries one."""
    from vitrine.platform.idempotency import ReplayedAnswers  # noqa: PLC0415 - see above

    return ReplayedAnswers(read_settings(IdempotencySettings).idempotency_table)


class FetcherSettings(NamedTuple):
    """`fetch_allowed_hosts` are hosts, parted by commas, that need not be public: for tests and the demo."""

    fetch_allowed_hosts: str = ""


@cache
def fetcher() -> Fetcher:
    """The one way out. Only functions with the layer of pictures have it."""
    from vitrine.platform.fetcher import Fetcher  # noqa: PLC0415 - see above

    allowed = read_settings(FetcherSettings).fetch_allowed_hosts
    return Fetcher(allowed_hosts=frozenset(host for host in allowed.split(",") if host))
