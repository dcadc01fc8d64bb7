"""Sums of events that lose weight as they age, in whole numbers. Pure.

Forward decay (Cormode et al. 2009, doi 10.1109/ICDE.2009.65): a sum does not shrink as time passes. Each event is
added with a weight that grows with time, and the sum is scaled when it is read. So the order of events does not
matter, and an event is one addition in the write that counts it.

Weights double every half-life, so time is divided into *epochs* of 32 half-lives, each with its own sum. The sum of
the epoch before the previous one is worth less than 2⁻³² of an event and can be deleted. A billion events take 24 of
the 38 digits that DynamoDB stores exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

UNIT = 2**16
_HALF_LIVES_AN_EPOCH = 32
_EPOCHS_IN_USE = 2
_DAY = 86_400


EventType = Literal["view", "click"]
Kind = Literal["views", "clicks"]
"""What is counted for an image: the events of each type, in the same order."""
KIND_OF: Mapping[EventType, Kind] = dict(zip(get_args(EventType), get_args(Kind), strict=True))


class SumKey(NamedTuple):
    """Which events a sum holds: views or clicks, in one epoch of a half-life.

    `arm` is empty for visitors outside experiments; each arm of an experiment has its own sums.
    """

    kind: Kind
    half_life_days: int
    epoch: int
    arm: str = ""

    @property
    def outdated(self) -> SumKey:
        """The sum that is worth nothing once this one exists."""
        return SumKey(self.kind, self.half_life_days, self.epoch - _EPOCHS_IN_USE, self.arm)


def sum_at(kind: Kind, half_life_days: int, seconds: float, arm: str = "") -> SumKey:
    """Return the sum that takes an event of this moment (seconds since 1970)."""
    return SumKey(kind, half_life_days, int(seconds // (_HALF_LIVES_AN_EPOCH * half_life_days * _DAY)), arm)


def amount_at(half_life_days: int, seconds: float) -> int:
    """Return what an event of this moment adds to its sum."""
    start = _start_of(sum_at("views", half_life_days, seconds))
    growth: float = 2.0 ** ((seconds - start) / (half_life_days * _DAY))
    return round(UNIT * growth)


def worth(
    kind: Kind,
    half_life_days: int,
    seconds: float,
    sums: Mapping[SumKey, int],
    *,
    without_arm: str | None = None,
) -> float:
    """Return what sums are worth at a moment: an event of that moment counts 1, one a half-life older counts ½.

    Leaves out the sums of `without_arm`.
    """
    value = 0.0
    for key, total in sums.items():
        if key.kind == kind and key.half_life_days == half_life_days and key.arm != without_arm:
            value += total / UNIT * 2.0 ** ((_start_of(key) - seconds) / (half_life_days * _DAY))
    return value


def _start_of(key: SumKey) -> int:
    return key.epoch * _HALF_LIVES_AN_EPOCH * key.half_life_days * _DAY
