"""Which of two policies earns more: a result that is valid whenever it is read. Pure.

Visitors are split evenly between two arms, or see pages made of both (`interleaving.py`). Reading an ordinary test
repeatedly finds differences that do not exist (a z-test read 200 times: in 39 to 63 % of experiments without one). An
e-value may be read as often as one likes: without a difference, the probability that it ever exceeds 20 is at most 1/20
(Ville's inequality).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

from vitrine.ranking.lab import Interval, chance

if TYPE_CHECKING:
    from collections.abc import Callable

Mode = Literal["split", "interleave"]
Decision = Literal["undecided", "first", "second", "bad_split"]

_CLICKERS_PRIOR = 50.0
_DECIDED_AT = 20.0
_SPLIT_PRIOR = 500.0
_BAD_SPLIT_AT = 1000.0
_ERROR = 0.05
_SHARPEST_AT = 20_000  # the number of visitors for which the interval is narrowest
_TUNING = (-2 * math.log(_ERROR) + math.log(-2 * math.log(_ERROR)) + 1) / _SHARPEST_AT
_LARGEST_EXPONENT = 700.0
_TINY = 1e-12
_BISECTIONS = 50


class Arm(NamedTuple):
    """What the visitors of an arm did. `squares` is the sum of their squared clicks."""

    visitors: int = 0
    clickers: int = 0
    clicks: int = 0
    squares: int = 0


class ExperimentResult(NamedTuple):
    """The comparison of two arms.

    `lift` compares clicks per visitor: 0.2 means that the second arm has 20 % more. `preference` is the share of
    visitors of interleaved pages who clicked an image of the second arm first: 0.5 means that neither is better. An
    experiment has one of the two, and its `interval`. Interleaved pages split nobody, so there is no `split_e_value`.
    """

    lift: float | None
    interval: Interval | None
    e_value: float
    split_e_value: float | None
    decision: Decision
    preference: float | None = None


def arm_of(secret: str, visitor: str, experiment: str) -> Literal[0, 1]:
    """Return the arm of a visitor, always the same one."""
    return 0 if chance(secret, "arm", experiment, visitor) < 0.5 else 1  # noqa: PLR2004 - an even split


def judge(first: Arm, second: Arm) -> ExperimentResult:
    """Compare two arms by what was counted so far.

    If one arm has more visitors than chance allows (a lost redirect, a robot, a cache), the arms are not comparable
    and nothing is decided.
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


def judge_interleaved(first: Arm, second: Arm) -> ExperimentResult:
    """Compare the arms of interleaved pages. The clickers of an arm are those who clicked one of its images first.

    A visitor decides once, however much they click: coins and taste stay the same from click to click.
    """
    votes = first.clickers + second.clickers
    e_value = clickers_e_value(first.clickers, second.clickers)
    decision: Decision = "undecided"
    if e_value > _DECIDED_AT:
        decision = "first" if first.clickers > second.clickers else "second"
    preference = second.clickers / votes if votes else None
    return ExperimentResult(
        None, preference_interval(first.clickers, second.clickers), e_value, None, decision, preference
    )


def preference_interval(first: int, second: int) -> Interval | None:
    """Return a 95 % interval of the second arm's share of deciding visitors; None without any.

    It holds each share against which the evidence is less than 20 (a confidence sequence, by Ville's inequality).
    """
    if not first + second:
        return None
    exponent = _log_mixture(first, second, _CLICKERS_PRIOR) - math.log(_DECIDED_AT)

    def is_refuted(share: float) -> bool:
        return exponent > second * math.log(share) + first * math.log(1 - share)

    inside = (second + 0.5) / (first + second + 1)
    low, high = (_boundary(is_refuted, inside, end) for end in (_TINY, 1 - _TINY))
    return Interval(low, high)


def _boundary(is_refuted: Callable[[float], bool], inside: float, outside: float) -> float:
    """Return where shares begin to be refuted, by bisection; the end of the scale if none is."""
    if not is_refuted(outside):
        return round(outside)
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if is_refuted(middle) else (middle, outside)
    return inside


def clickers_e_value(first: int, second: int) -> float:
    """Return the evidence that visitors of one arm are more likely to click at all, given an even split.

    If the arms do not differ, a fair coin decides the arm of each clicker. The alternative is a coin with a beta
    prior that expects effects of about 20 %.
    """
    return _against_a_fair_coin(first, second, _CLICKERS_PRIOR)


def split_e_value(first: int, second: int) -> float:
    """Return the evidence that visitors are not split evenly (Lindon & Malek 2022, arXiv 2011.03567)."""
    return _against_a_fair_coin(first, second, _SPLIT_PRIOR)


def _against_a_fair_coin(first: int, second: int, prior: float) -> float:
    exponent = _log_mixture(first, second, prior) + (first + second) * math.log(2)
    return math.exp(min(exponent, _LARGEST_EXPONENT))


def _log_mixture(first: int, second: int, prior: float) -> float:
    """Return the logarithm of the probability of these tosses of a coin that follows the prior."""
    return _log_beta(prior + first, prior + second) - _log_beta(prior, prior)


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)


def lift_interval(first: Arm, second: Arm) -> Interval | None:
    """Return a 95 % interval of the lift that stays valid however often it is read; None while it is unbounded.

    It holds each lift for which the asymptotic confidence sequence (Waudby-Smith et al. 2021, arXiv 2103.06476) of
    `second - (1 + lift) * first`, in clicks per visitor, contains 0 (Fieller's construction).
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
