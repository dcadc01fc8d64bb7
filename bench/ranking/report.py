"""Does the ranking hold what docs/ranking.md says? Prints each figure beside what it must be at least.

    python -m bench.ranking.report [--quick]

A month of a simulated gallery, 15 settings, 20 seeds each; `--quick` leaves out other rankers and long runs. Ends
with 1 where a figure is missed.
"""

from __future__ import annotations

import argparse
import sys
from functools import cache

import numpy as np

from bench.ranking import trials
from bench.ranking.rankers import OTHERS, POSITION_DEBIASED, SHIPPED, WITH_HYSTERESIS, shipped
from bench.ranking.simulate import simulate
from bench.ranking.worlds import WORLDS

SHORT, LONG = (2_000, 10_000), (100_000,)
BY_NAME = {world.name: world for world in WORLDS}
OPTIMISTIC, TRENDING, INTEREST = shipped("optimistic_rate"), shipped("trending_rate"), shipped("interest")


class Checks:
    """Figures, what they must be, and whether they are."""

    def __init__(self) -> None:
        self.missed = 0

    def at_least(self, what: str, value: float, floor: float) -> None:
        self._tell(what, value, f"≥ {floor:g}", is_met=value >= floor)

    def at_most(self, what: str, value: float, ceiling: float) -> None:
        self._tell(what, value, f"≤ {ceiling:g}", is_met=value <= ceiling)

    def _tell(self, what: str, value: float, bound: str, *, is_met: bool) -> None:
        self.missed += not is_met
        shown = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4f}"
        print(f"| {what} | {shown} | {bound} | {'pass' if is_met else 'MISSED'} |", flush=True)


@cache
def short_runs(ranker) -> np.ndarray:
    """Shares of a clairvoyant order's clicks: a row a setting, a column a mark, averaged over the seeds."""
    return np.array([[moment.share.mean() for moment in simulate(world, ranker, SHORT)] for world in WORLDS])


@cache
def long_run(ranker, world: str):
    [moment] = simulate(BY_NAME[world], ranker, LONG)
    return moment


def table_of_rankers(rankers) -> None:
    print("\nShare of a clairvoyant order's clicks, mean of 20 seeds\n")
    names = " | ".join(world.name for world in WORLDS)
    print(f"| ranker | 2,000 | 10,000 | worst gap | {names} |\n|---|" + "---|" * (len(WORLDS) + 3))
    best = np.max([short_runs(ranker)[:, 1] for ranker in rankers], axis=0)
    for ranker in rankers:
        shares = short_runs(ranker)
        cells = " | ".join(f"{share:.2f}" for share in shares[:, 1])
        gap = (best - shares[:, 1]).max()
        print(
            f"| {ranker.name} | {shares[:, 0].mean():.3f} | {shares[:, 1].mean():.3f} | {gap:.3f} | {cells} |",
            flush=True,
        )


def table_of_long_runs() -> None:
    print("\nAfter 100,000 page views, with the deviation of seeds\n\n| policy | S1 | S6 | S7 |\n|---|---|---|---|")
    for ranker in (INTEREST, shipped("smoothed_rate"), OPTIMISTIC, TRENDING):
        moments = [long_run(ranker, world) for world in ("S1", "S6", "S7")]
        print(
            f"| {ranker.name} | "
            + " | ".join(f"{moment.share.mean():.3f} ±{moment.share.std():.3f}" for moment in moments)
            + " |"
        )


def check_policies(checks: Checks, rankers) -> None:
    optimistic, interest = short_runs(OPTIMISTIC), short_runs(INTEREST)
    best = np.max([short_runs(ranker)[:, 1] for ranker in rankers], axis=0)
    checks.at_least("optimistic_rate, mean of settings at 2,000 page views", optimistic[:, 0].mean(), 0.65)
    checks.at_least("the same at 10,000", optimistic[:, 1].mean(), 0.79)
    checks.at_most("its worst gap to the best ranker of a setting", (best - optimistic[:, 1]).max(), 0.05)
    checks.at_least("its clicks by those of interest, worst setting", (optimistic[:, 1] / interest[:, 1]).min(), 1.1)
    switched = [world.name for world in WORLDS].index("S13")
    checks.at_least("first 10,000 page views after switching from interest", optimistic[switched, 1], 0.83)


def check_long_runs(checks: Checks) -> None:
    checks.at_least("optimistic_rate, S1 at 100,000", long_run(OPTIMISTIC, "S1").share.mean(), 0.94)
    checks.at_least("optimistic_rate, S6 at 100,000", long_run(OPTIMISTIC, "S6").share.mean(), 0.93)
    checks.at_least("trending_rate, S7 at 100,000", long_run(TRENDING, "S7").share.mean(), 0.80)
    stored = long_run(WITH_HYSTERESIS, "S1")
    checks.at_least("optimistic_rate as stored, S1 at 100,000", stored.share.mean(), 0.94)
    checks.at_most("rank writes by events at 100,000", stored.rank_writes / stored.events, 0.05)


def check_estimates(checks: Checks) -> None:
    found, cost, cost_by_interest = trials.estimates()
    for estimate, deviation in zip(found, (0.13, 0.05), strict=True):
        checks.at_least(f"lab at {estimate.pages:,}: 95 % intervals hold the truth", estimate.coverage, 0.93)
        checks.at_least(f"lab at {estimate.pages:,}: intervals of lifts", estimate.lift_coverage, 0.93)
        checks.at_most(f"lab at {estimate.pages:,}: bias", abs(estimate.bias), 0.03)
        checks.at_most(f"lab at {estimate.pages:,}: relative deviation", estimate.deviation, deviation)
    checks.at_most("clicks that a lab of a tenth costs beside optimistic_rate", cost, 0.045)
    checks.at_most("the same beside interest", cost_by_interest, 0.045)


def check_experiments(checks: Checks) -> None:
    alike, better, pairs = trials.experiments(0.0), trials.experiments(0.2), trials.real_pairs()
    checks.at_most("A/A: told apart in 200 looks", alike.decided, 0.05)
    checks.at_most("A/A: interval ever without 0", alike.interval_missed, 0.05)
    checks.at_most("+20 % on 1.4 %: visitors of an arm, median of those decided", better.visitors, 25_000)
    checks.at_most("the same, median of all", better.visitors_of_all, 35_000)
    checks.at_most("+20 %: interval ever without it, until decided", better.interval_missed, 0.05)
    checks.at_least("real A/B pairs decided", pairs.decided, 0.65)
    checks.at_most("real A/B pairs decided wrongly", pairs.wrongly, 0.01)
    checks.at_most("even splits flagged", trials.bad_splits(0.5)[0], 0.001)
    found, visitors = trials.bad_splits(0.52)
    checks.at_most("52:48 flagged within, visitors at the median", visitors, 12_000)
    checks.at_least("52:48 flagged at all", found, 0.99)
    check_interleaving(checks, 2 * better.visitors_of_all)


def check_interleaving(checks: Checks, split: float) -> None:
    """`split` is how many visitors a split needs for +20 %."""
    equal, shared = trials.interleaved_orders(0.0), trials.interleaved_orders(0.2)
    checks.at_most("interleaved A/A: told apart in 200 looks", equal.decided, 0.05)
    checks.at_most("interleaved A/A: interval ever without the truth", equal.interval_missed, 0.05)
    checks.at_most("interleaved +20 % on 1.4 %: visitors, median of all", shared.visitors, 40_000)
    checks.at_most("the same, by visitors of a split", shared.visitors / split, 0.75)
    checks.at_most("the same, decided wrongly", shared.decided - shared.rightly, 0.05)
    checks.at_most("the same, interval ever without the truth, until decided", shared.interval_missed, 0.05)
    print("\nArms that learn while pages are interleaved, 60 galleries of 10,000 visitors, read after each hundred\n")
    print("| first | second | learn from | decided | for the second | visitors, median |\n|---|---|---|---|---|---|")
    alike, seeking = ("optimistic_rate", "optimistic_rate"), ("interest", "optimistic_rate")
    learning = {}
    for policies, arms_share in ((alike, True), (alike, False), (seeking, True), (("smoothed_rate", alike[1]), True)):
        found = learning[policies, arms_share] = trials.interleaved_policies(policies, arms_share=arms_share)
        source = "all events" if arms_share else "images they placed"
        shares = f"{found.decided:.2f} | {found.rightly:.2f}"
        print(f"| {' | '.join(policies)} | {source} | {shares} | {found.visitors:,.0f} |", flush=True)
    print("\n| what | found | must be | |\n|---|---|---|---|")
    checks.at_most("interleaved A/A, arms that learn: told apart", learning[alike, True].decided, 0.05)
    checks.at_least("interest beside optimistic_rate: decided rightly", learning[seeking, True].rightly, 0.95)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    is_quick = parser.parse_args().quick
    rankers = [*SHIPPED, POSITION_DEBIASED, *(() if is_quick else OTHERS)]
    table_of_rankers(rankers)
    if not is_quick:
        table_of_long_runs()
    print("\n| what | found | must be | |\n|---|---|---|---|")
    checks = Checks()
    check_policies(checks, rankers)
    if not is_quick:
        check_long_runs(checks)
    check_estimates(checks)
    check_experiments(checks)
    sys.exit(1 if checks.missed else 0)


if __name__ == "__main__":
    main()
