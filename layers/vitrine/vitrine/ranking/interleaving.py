"""Two orders on one page: tells quickly which one is better, but not by how much. Pure.

Team-draft interleaving (Radlinski et al. 2008, doi 10.1145/1458082.1458092): the orders take turns in picking images,
a coin decides who picks first in each round, and a click counts for the order that picked the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from vitrine.ranking.lab import chance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Team = Literal[0, 1]


class Pick(NamedTuple):
    """An image and the order that picked it."""

    image_id: str
    team: Team


class Coins(NamedTuple):
    """A visitor's coins in an experiment, always the same ones."""

    secret: str
    visitor: str
    experiment: str

    def first_begins(self, round_: int) -> bool:
        """Return whether the first order begins a round."""
        return chance(self.secret, "coin", self.experiment, self.visitor, round_) < 0.5  # noqa: PLR2004 - fair


def interleave(
    first: Iterable[str], second: Iterable[str], first_begins: Callable[[int], bool], limit: int, picked: int = 0
) -> list[Pick]:
    """Return the next `limit` images of two orders, after `picked` that neither of them contains any more.

    An order that has run out leaves its turn to the other.
    """
    picks: list[Pick] = []
    taken: set[str] = set()
    waiting = iter(first), iter(second)
    for turn in range(picked, picked + limit):
        team: Team = 0 if first_begins(turn // 2) == (turn % 2 == 0) else 1
        teams: tuple[Team, Team] = (0, 1) if team == 0 else (1, 0)
        pick = next(
            (Pick(image_id, team) for team in teams for image_id in waiting[team] if image_id not in taken), None
        )
        if pick is None:
            break
        picks.append(pick)
        taken.add(pick.image_id)
    return picks
