"""Two orders on one page: tells quickly which one is better, but not by how much. Pure.

Team-draft interleaving (Radlinski et al. 2008, doi 10.1145/1458082.1458092): the orders take turns in picking images,
a coin decides who picks first in each round, and a click counts for the order that picked the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from vitrine.ranking.lab import chance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Pick(NamedTuple):
    """An image and the order that picked it."""

    image_id: str
    team: Literal[0, 1]


def interleave(first: Sequence[str], second: Sequence[str], coins: Iterable[bool], limit: int) -> list[Pick]:
    """Return a page of `limit` images from two orders; one coin per round says whether the first order begins."""
    picks: list[Pick] = []
    taken: set[str] = set()
    waiting = iter(first), iter(second)
    for first_begins in coins:
        teams: tuple[Literal[0, 1], ...] = (0, 1) if first_begins else (1, 0)
        before = len(picks)
        for team in teams:
            image_id = next((candidate for candidate in waiting[team] if candidate not in taken), None)
            if image_id is not None and len(picks) < limit:
                picks.append(Pick(image_id, team))
                taken.add(image_id)
        if len(picks) == before:
            break
    return picks


def coins_of(secret: str, visitor: str, experiment: str, rounds: int) -> list[bool]:
    """Return a visitor's coins, always the same ones."""
    return [chance(secret, "coin", experiment, visitor, at) < 0.5 for at in range(rounds)]  # noqa: PLR2004 - fair
