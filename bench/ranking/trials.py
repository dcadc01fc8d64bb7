"""How right estimates and experiments are: many simulated ones, judged by the shipped functions."""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

import numpy as np

from bench.ranking.rankers import shipped
from bench.ranking.simulate import State, first, simulate
from bench.ranking.worlds import BASE, PAGE, Rates, real_tests, shrunk_rates
from vitrine.ranking.experiments import Arm, clickers_e_value, lift_interval, preference_interval, split_e_value
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


class Drafts(NamedTuple):
    """Pages that two orders make in turn, a row a visitor: the images by position, and which order picked each."""

    images: np.ndarray
    teams: np.ndarray


def draft(first_order: np.ndarray, second_order: np.ndarray, begins: np.ndarray) -> Drafts:
    """As `interleaving.interleave`, for many visitors. `begins` says by round whether the first order begins."""
    visitors, rows = len(begins), np.arange(len(begins))
    orders = first_order, second_order
    taken = np.zeros((visitors, 1 + max(int(order.max()) for order in orders)), bool)
    images, teams = np.empty((visitors, PAGE), int), np.empty((visitors, PAGE), int)
    for turn in range(PAGE):
        teams[:, turn] = np.where(begins[:, turn // 2] == (turn % 2 == 0), 0, 1)
        for team, order in enumerate(orders):
            picking = teams[:, turn] == team
            free = ~taken[rows[picking, None], order[picking]]
            images[picking, turn] = order[picking, np.argmax(free, axis=1)]
        taken[rows, images[:, turn]] = True
    return Drafts(images, teams)


def votes(drafts: Drafts, look: np.ndarray, true: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Which images each visitor looks at and clicks, and the team of the first click (-1 if there is none)."""
    looked = rng.random(drafts.images.shape) < look
    clicked = looked & (rng.random(looked.shape) < np.take_along_axis(true, drafts.images, axis=1))
    team = np.take_along_axis(drafts.teams, clicked.argmax(axis=1)[:, None], axis=1)[:, 0]
    return looked, clicked, np.where(clicked.any(axis=1), team, -1)


class Interleaved(NamedTuple):
    """Of experiments with interleaved pages: the share decided, the share decided rightly, visitors at the median."""

    decided: float
    rightly: float
    visitors: float
    interval_missed: float = 0.0


def interleaved_orders(lift: float, runs: int = RUNS) -> Interleaved:
    """Experiments with two fixed orders: 1.4 % of visitors of the first one click, and of the second more by `lift`.

    They are orders as two policies make them: of the true rates, blurred more or less. How two orders share their
    images decides how much visitors tell, so there are twenty pairs of them.
    """
    rng = np.random.default_rng(15)
    shares = np.array([_vote_shares(lift, rng) for _ in range(20)])
    decided, rightly, missed = [], 0, 0
    for run in range(runs):
        first_votes, second_votes = np.cumsum(
            rng.multinomial(VISITORS_A_LOOK, [*shares[run % 20], 1 - shares[run % 20].sum()], LOOKS)[:, :2], axis=0
        ).T
        share = shares[run % 20][1] / shares[run % 20].sum()
        is_missed = False
        for look in range(LOOKS):
            one, other = int(first_votes[look]), int(second_votes[look])
            interval = preference_interval(one, other)
            is_missed |= interval is not None and not interval.low <= share <= interval.high
            if clickers_e_value(one, other) > _DECIDED_AT:
                decided.append((look + 1) * VISITORS_A_LOOK)
                rightly += lift > 0 and other > one
                break
        missed += is_missed
    undecided = [np.inf] * (runs - len(decided))
    return Interleaved(len(decided) / runs, rightly / runs, median(decided + undecided), missed / runs)


def _vote_shares(lift: float, rng: np.random.Generator) -> tuple[float, float]:
    """The probabilities that a visitor's first click is on an image of the first order, and of the second."""
    look, images = BASE.look(), 200
    true = rng.choice(shrunk_rates(real_tests().views, real_tests().clicks), images)
    noise = rng.normal(0, 1, (2, images))

    def order(blur: float, at: int) -> np.ndarray:
        return np.argsort(-(np.log(true) + blur * noise[at]))[: 2 * PAGE]

    first_order = order(1.0, 0)
    value = float((look * true[first_order[:PAGE]]).sum())
    low, high = 0.0, 3.0
    for _ in range(30):  # the second is blurred as much as makes its lift
        blur = (low + high) / 2
        is_better = float((look * true[order(blur, 1)[:PAGE]]).sum()) > value * (1 + lift)
        low, high = (blur, high) if is_better else (low, blur)
    second_order = order(low, 1) if lift else first_order
    true *= CLICK_RATE / value
    visitors = 4_000
    one, other = (np.tile(order_, (visitors, 1)) for order_ in (first_order, second_order))
    drafts = draft(one, other, rng.random((visitors, PAGE)) < 0.5)
    chances = look * true[drafts.images]
    before = np.cumprod(np.hstack([np.ones((visitors, 1)), 1 - chances[:, :-1]]), axis=1)
    won = [float((before * chances * (drafts.teams == team)).sum(axis=1).mean()) for team in (0, 1)]
    return won[0], won[1]


def interleaved_policies(
    policies: tuple[str, str], runs: int = 60, visitors: int = 10_000, *, arms_share: bool = True
) -> Interleaved:
    """Experiments that begin with nothing counted; both arms learn from all events, or from the images they placed.

    After each hundred visitors both orders are made again and the result is read. The second policy is the right one.
    """
    rng = np.random.default_rng(16)
    world, batch, rows = BASE, 100, np.arange(runs)[:, None]
    true = np.repeat(Rates(world, runs, rng).at(0.0), batch, axis=0)
    states = [State(world, shipped(policy), runs) for policy in policies]
    won = np.zeros((runs, 2), int)
    decided, right = np.full(runs, np.inf), np.zeros(runs, bool)
    for start in range(0, visitors, batch):
        orders = []
        for state, policy in zip(states, policies, strict=True):
            if start % (10 * batch) == 0:
                state.fit(anyway=False)
            score = np.broadcast_to(shipped(policy).score(state), state.views.shape)
            orders.append(np.repeat(first(score, 0.0, 2 * PAGE), batch, axis=0))
        drafts = draft(orders[0], orders[1], rng.random((runs * batch, PAGE)) < 0.5)
        looked, clicked, team = votes(drafts, world.look(), true, rng)
        for at, state in enumerate(states):
            mine = (drafts.teams == at) | arms_share
            image, seen, hit = (one.reshape(runs, -1) for one in (drafts.images, looked & mine, clicked & mine))
            for counted, amount in ((state.views, seen), (state.exposure, seen), (state.clicks, hit)):
                np.add.at(counted, (rows, image), amount)
            won[:, at] += (team == at).reshape(runs, batch).sum(axis=1)
        for run in np.flatnonzero(np.isinf(decided)):
            if clickers_e_value(int(won[run, 0]), int(won[run, 1])) > _DECIDED_AT:
                decided[run], right[run] = start + batch, won[run, 1] > won[run, 0]
    return Interleaved(float(np.isfinite(decided).mean()), float(right.mean()), float(np.median(decided)))
