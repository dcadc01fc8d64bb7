"""Sums of events that lose weight as they age, in whole numbers. Pure.

Forward decay (Cormode et al. 2009, doi 10.1109/ICDE.2009.65): instead of shrinking a sum as time passes, each event is
added with a weight that grows with time, and the sum is scaled when it is read. So the order of events does not
matter, and an event is one addition in the write that counts it.

Weights double every half-life, so time is cut into *epochs* of 32 half-lives, each with a sum of its own. The sum of
the epoch before the last one is below 2⁻³² of an event's weight and can go. A billion events take 24 of the 38
digits that DynamoDB keeps exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.ranking.model import WHOLE_LOOK

if TYPE_CHECKING:
    from collections.abc import Mapping

_HALF_LIVES_AN_EPOCH = 32
KEPT_EPOCHS = 2


def epoch_at(seconds: float, half_life_seconds: float) -> int:
    """The epoch of a moment (seconds since 1970)."""
    return int(seconds // (_HALF_LIVES_AN_EPOCH * half_life_seconds))


def amount_at(seconds: float, half_life_seconds: float, units: int = WHOLE_LOOK) -> int:
    """What an event at a moment adds to its epoch's sum. `units` of `WHOLE_LOOK` are one event."""
    landmark = epoch_at(seconds, half_life_seconds) * _HALF_LIVES_AN_EPOCH * half_life_seconds
    growth: float = 2.0 ** ((seconds - landmark) / half_life_seconds)
    return round(units * growth)


def value_at(seconds: float, half_life_seconds: float, sums: Mapping[int, int]) -> float:
    """What sums, by epoch, are worth at a moment: an event of that moment counts one."""
    value = 0.0
    for epoch, total in sums.items():
        landmark = epoch * _HALF_LIVES_AN_EPOCH * half_life_seconds
        value += total / WHOLE_LOOK * 2.0 ** ((landmark - seconds) / half_life_seconds)
    return value
