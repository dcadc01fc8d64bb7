"""The platform on its engines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from vitrine.platform.settings import read_settings

if TYPE_CHECKING:
    from vitrine.platform.idempotency import ReplayedAnswers


@dataclass(frozen=True)
class IdempotencySettings:
    """Where first answers are kept."""

    idempotency_table: str


@cache
def replays() -> ReplayedAnswers:
    """Answers by Idempotency-Key. Loaded only when a request carries one."""
    from vitrine.platform.idempotency import ReplayedAnswers  # noqa: PLC0415 - see above

    return ReplayedAnswers(read_settings(IdempotencySettings).idempotency_table)
