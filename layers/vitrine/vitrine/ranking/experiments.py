"""Which of two policies earns more: an answer that is valid whenever looked at. Pure.

Visitors are split evenly between two arms. Whoever looks at a usual test again and again finds differences that are
not there (a z-test looked at 200 times: in 39 to 63 % of experiments without any). An e-value does not care: without
a difference it exceeds 20 ever, however often looked at, with a probability of at most 1/20 (Ville's inequality).
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from vitrine.ranking.lab import Interval, chance

Decision = Literal["undecided", "first", "second", "bad_split"]

_CLICKERS_PRIOR = 50.0
_DECIDED_AT = 20.0
_SPLIT_PRIOR = 500.0
_BAD_SPLIT_AT = 1000.0
_ERROR = 0.05
_SHARPEST_AT = 20_000  # visitors at which the interval is as narrow as it can be
_TUNING = (-2 * math.log(_ERROR) + math.log(-2 * math.log(_ERROR)) + 1) / _SHARPEST_AT
_LARGEST_EXPONENT = 700.0


class Arm(NamedTuple):
    """What visitors of an arm did. `squares` is the sum over visitors of their clicks squared."""

    visitors: int = 0
    clickers: int = 0
    clicks: int = 0
    squares: int = 0


class ExperimentResult(NamedTuple):
    """What is known of two arms. The lift is the second arm's clicks a visitor over the first's: 0.2 is 20 % more."""

    lift: float | None
    interval: Interval | None
    e_value: float
    split_e_value: float
    decision: Decision


def arm_of(secret: str, visitor: str, experiment: str) -> Literal[0, 1]:
    """The arm of a visitor, the same each time."""
    return 0 if chance(secret, "arm", experiment, visitor) < 0.5 else 1  # noqa: PLR2004 - an even split


def judge(first: Arm, second: Arm) -> ExperimentResult:
    """Judge two arms by what was counted so far.

    Where more visitors came to one arm than chance allows (a lost redirect, a robot, a cache), nothing is decided:
    the arms' visitors are not alike.
    """
    e_value = clickers_e_value(first.clickers, second.clickers)
    split = split_e_value(first.visitors, second.visitors)
    decision: Decision = "undecided"
    if split >= _BAD_SPLIT_AT:
        decision = "bad_split"
    elif e_value > _DECIDED_AT:
        decision = "first" if first.clickers > second.clickers else "second"
    lift = None
    if first.clicks and second.visitors:
        lift = second.clicks / second.visitors / (first.clicks / first.visitors) - 1
    return ExperimentResult(lift, lift_interval(first, second), e_value, split, decision)


def clickers_e_value(first: int, second: int) -> float:
    """Evidence that visitors of one arm are likelier to click at all, under an even split.

    Each clicker is of either arm by a fair coin where arms do not differ. Against it stands a beta prior of the coin
    for effects of about 20 %.
    """
    return _against_a_fair_coin(first, second, _CLICKERS_PRIOR)


def split_e_value(first: int, second: int) -> float:
    """Evidence that visitors are not split evenly (Lindon & Malek 2022, arXiv 2011.03567)."""
    return _against_a_fair_coin(first, second, _SPLIT_PRIOR)


def _against_a_fair_coin(first: int, second: int, prior: float) -> float:
    exponent = _log_beta(prior + first, prior + second) - _log_beta(prior, prior) + (first + second) * math.log(2)
    return math.exp(min(exponent, _LARGEST_EXPONENT))


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)


def lift_interval(first: Arm, second: Arm) -> Interval | None:
    """An interval of the lift that holds at all looks together with 95 %; None while it has no end.

    A lift is in it unless the asymptotic confidence sequence (Waudby-Smith et al. 2021, arXiv 2103.06476) of the
    difference `second - (1 + lift) * first`, in clicks a visitor, leaves out 0 (Fieller's construction).
    """
    if not (first.clicks and second.clicks):
        return None
    visitors = first.visitors + second.visitors
    width = 2 * (visitors * _TUNING + 1) / (visitors * _TUNING)
    reach = width * math.log(math.sqrt(visitors * _TUNING + 1) / _ERROR)
    mean, error = _mean_and_error(first)
    other, other_error = _mean_and_error(second)
    # (other - ratio·mean)² ≤ reach·(other_error + ratio²·error): a quadratic in the ratio
    square, linear, constant = mean**2 - reach * error, -2 * mean * other, other**2 - reach * other_error
    discriminant = linear**2 - 4 * square * constant
    if square <= 0 or discriminant < 0:
        return None
    low, high = ((-linear + sign * math.sqrt(discriminant)) / (2 * square) for sign in (-1, 1))
    return Interval(max(low, 0.0) - 1, high - 1)


def _mean_and_error(arm: Arm) -> tuple[float, float]:
    mean = arm.clicks / arm.visitors
    return mean, max(arm.squares / arm.visitors - mean**2, 0.0) / arm.visitors
