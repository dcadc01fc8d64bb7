"""How right estimates and experiments are: many simulated ones, judged by the shipped functions."""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

import numpy as np

from bench.ranking.rankers import shipped
from bench.ranking.simulate import first, simulate
from bench.ranking.worlds import BASE, PAGE, real_tests, shrunk_rates
from vitrine.ranking.experiments import Arm, clickers_e_value, lift_interval, split_e_value
from vitrine.ranking.interleaving import interleave
from vitrine.ranking.lab import LabImage, estimate
from vitrine.ranking.model import Prior
from vitrine.ranking.policies import POLICIES

LAB_SHARE = 0.1
LOOKS = 200
RUNS = 1_500
VISITORS_A_LOOK = 500
CLICK_RATE = 0.014
PAIR_VISITORS_A_LOOK = 2_500
_DECIDED_AT, _FLAGGED_AT = 20, 1_000


class Estimated(NamedTuple):
    pages: int
    bias: float
    deviation: float
    coverage: float
    lift_coverage: float


def estimates(seeds: int = 120) -> tuple[list[Estimated], float, float]:
    """Estimates of three policies from a lab beside `optimistic_rate`, and which part of clicks it cost; last the cost
    beside `interest`.
    """
    marks = (10_000, 50_000)
    moments = simulate(BASE, shipped("optimistic_rate"), marks, seeds=seeds, lab_share=LAB_SHARE)
    without = simulate(BASE, shipped("optimistic_rate"), marks[:1], seeds=seeds)
    found = []
    for moment in moments:
        errors, covered, lifts_covered = [], [], []
        for policy in ("interest", "smoothed_rate", "optimistic_rate"):
            planned = first(POLICIES[policy].score(moment.evidence, Prior(moment.mean_rate)) + 0 * moment.true, 0, PAGE)
            for seed in range(seeds):
                truth, truth_today = (
                    float((BASE.look() * moment.true[seed, order[seed]]).sum()) for order in (planned, moment.order)
                )
                result = _estimate(moment, seed, planned[seed])
                errors.append(result.clicks_per_page / truth - 1)
                covered.append(result.interval.low <= truth <= result.interval.high)
                lift = truth / truth_today - 1
                # the same images in the same order have no lift, exactly
                lifts_covered.append(result.lift_interval.low - 1e-9 <= lift <= result.lift_interval.high + 1e-9)
        found.append(
            Estimated(
                moment.pages,
                float(np.mean(errors)),
                float(np.std(errors)),
                float(np.mean(covered)),
                float(np.mean(lifts_covered)),
            )
        )
    cost = 1 - moments[0].clicks.mean() / without[0].clicks.mean()
    by_interest = [
        simulate(BASE, shipped("interest"), marks[:1], seeds=seeds, lab_share=share)[0].clicks.mean()
        for share in (0.0, LAB_SHARE)
    ]
    return found, float(cost), float(1 - by_interest[1] / by_interest[0])


def _estimate(moment, seed, planned):
    places = {int(image): at for at, image in enumerate(planned)}
    places_today = {int(image): at for at, image in enumerate(moment.order[seed])}
    return estimate(
        [
            LabImage(
                int(moment.lab_views[seed, image]),
                int(moment.lab_clicks[seed, image]),
                places.get(image),
                places_today.get(image),
            )
            for image in places | places_today
        ],
        moment.lab_pages,
    )


class Trial(NamedTuple):
    """Of many experiments: how many were decided, how many wrongly, after how many visitors of an arm at the median.

    `visitors` is the median of those decided, `visitors_of_all` that of all.
    """

    decided: float
    wrongly: float
    visitors: float
    visitors_of_all: float
    interval_missed: float


def experiments(lift: float, runs: int = RUNS) -> Trial:
    """Experiments on visitors of whom 1.4 % click in the first arm."""
    rates = np.full((runs, 1), CLICK_RATE) * np.array([1, 1 + lift])
    return _trial(rates, VISITORS_A_LOOK, lift, np.random.default_rng(11))


def real_pairs(pairs: int = RUNS) -> Trial:
    """Experiments between two variants of one real test, up to half a million visitors."""
    tests = real_tests()
    rng = np.random.default_rng(12)
    rates = shrunk_rates(tests.views, tests.clicks)
    sizes = np.bincount(tests.test)
    chosen = rng.choice(np.flatnonzero(sizes > 1), pairs)
    members = [rng.choice(np.flatnonzero(tests.test == test), 2, replace=False) for test in chosen]
    return _trial(rates[np.array(members)], PAIR_VISITORS_A_LOOK, None, rng)


def _trial(rates: np.ndarray, visitors_a_look: int, lift: float | None, rng: np.random.Generator) -> Trial:
    decided, wrongly, missed = [], 0, 0
    for first_rate, second_rate in rates:
        in_first = rng.binomial(visitors_a_look, 0.5, LOOKS)
        visitors = np.cumsum([in_first, visitors_a_look - in_first], axis=1)
        clickers = np.cumsum(
            [rng.binomial(in_first, first_rate), rng.binomial(visitors_a_look - in_first, second_rate)], axis=1
        )
        is_missed = False
        for look in range(LOOKS):
            one, other = (int(count) for count in clickers[:, look])
            if lift is not None and not is_missed:
                arms = [Arm(int(visitors[at, look]), count, count, count) for at, count in enumerate((one, other))]
                interval = lift_interval(*arms)
                is_missed = interval is not None and not interval.low <= lift <= interval.high
            if clickers_e_value(one, other) > _DECIDED_AT:
                decided.append((look + 1) * visitors_a_look)
                wrongly += (one > other) != (first_rate > second_rate) or first_rate == second_rate
                break
        missed += is_missed
    undecided = [np.inf] * (len(rates) - len(decided))
    return Trial(
        len(decided) / len(rates),
        wrongly / len(rates),
        median(decided or undecided) / 2,
        median(decided + undecided) / 2,
        missed / len(rates),
    )


def bad_splits(share: float, runs: int = RUNS, visitors_a_look: int = 250) -> tuple[float, float]:
    """How many splits are flagged within 200 looks, and after how many visitors at the median."""
    rng = np.random.default_rng(13)
    flagged = []
    for _ in range(runs):
        first_arm = np.cumsum(rng.binomial(visitors_a_look, share, LOOKS))
        for look in range(LOOKS):
            everybody = (look + 1) * visitors_a_look
            if split_e_value(int(first_arm[look]), everybody - int(first_arm[look])) >= _FLAGGED_AT:
                flagged.append(everybody)
                break
    return len(flagged) / runs, median(flagged) if flagged else np.inf


def interleaved(runs: int = 60, most_pages: int = 10_000) -> tuple[float, float, float]:
    """The order that `interest` made in 10,000 page views against that of `optimistic_rate`, on one page.

    Returns the share decided rightly, and page views at the median, interleaved and as an experiment of two arms.
    """
    seeds = 20
    moments = [simulate(BASE, shipped(policy), (10_000,), seeds=seeds)[0] for policy in ("interest", "optimistic_rate")]
    rng = np.random.default_rng(14)
    look = BASE.look()
    pages_needed, arms_needed, rightly = [], [], 0
    for run in range(runs):
        seed = run % seeds
        true = moments[0].true[seed]
        values = [float((look * true[moment.order[seed]]).sum()) for moment in moments]
        one, other = ([str(image) for image in moment.order[seed]] for moment in moments)
        won = [0, 0]
        for page in range(1, most_pages + 1):
            picks = interleave(one, other, (rng.random(PAGE) < 0.5).__getitem__, PAGE)
            clicked = rng.random(PAGE) < look * true[[int(pick.image_id) for pick in picks]]
            for at in np.flatnonzero(clicked):
                won[picks[at].team] += 1
            if clicked.any() and clickers_e_value(*won) > _DECIDED_AT:
                pages_needed.append(page)
                rightly += (won[1] > won[0]) == (values[1] > values[0])
                break
        arms_needed.append(_pages_of_arms(values, most_pages, rng))
    undecided = [np.inf] * (runs - len(pages_needed))
    return rightly / runs, median(pages_needed + undecided), median(arms_needed)


def _pages_of_arms(values: list[float], most_pages: int, rng: np.random.Generator) -> float:
    """Page views until two arms of these clicks a page are told apart, each visitor viewing one page."""
    clickers = np.cumsum([rng.random(most_pages // 2) < 1 - np.exp(-value) for value in values], axis=1)
    for page in range(10, most_pages // 2, 10):
        if clickers_e_value(int(clickers[0, page]), int(clickers[1, page])) > _DECIDED_AT:
            return 2.0 * page
    return np.inf
