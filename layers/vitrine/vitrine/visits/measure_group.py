"""Measure a group of pictures, and count its result exactly once.

The group result is stored first, on the condition that no other worker stored one. Everything else follows from the
stored result: the failed stores, the visits, the published images, and last the job's totals, so a job ends only when
all of its effects are visible. Every step can be repeated, so after a crash another worker repeats them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.visits.model import GroupResult, MeasuringFailure, Outcome, products_to_review, refusal_of, store_failures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from vitrine.visits.model import Group
    from vitrine.visits.ports import KnownProducts, Measure, Publish, VisitRepository


class Measured(NamedTuple):
    """What was measured, for metrics."""

    pictures: int
    failures: int
    bytes_fetched: int


def measure_group(  # noqa: PLR0913 - a group needs all of these ports
    repository: VisitRepository,
    measure: Measure,
    publish: Publish,
    group: Group,
    *,
    products: KnownProducts,
    clock: Callable[[], datetime],
) -> Measured:
    """Measure a group unless its result is stored, and count the result."""
    result = _find_result(repository, group)
    if result and result.attempt >= group.attempt:
        account_for(repository, publish, result)
        return Measured(0, 0, 0)
    repository.note_stores(group.job, {task.store_id for task in group.tasks})
    outcomes = _outcomes(repository, products, measure, group, clock)
    account_for(repository, publish, repository.add_result(_result(group, result, outcomes)))
    return Measured(
        sum(outcome.picture is not None for outcome in outcomes),
        sum(outcome.failure is not None for outcome in outcomes),
        sum(outcome.bytes_fetched for outcome in outcomes),
    )


def give_up_group(repository: VisitRepository, publish: Publish, group: Group) -> None:
    """Store and count a failed result for a group that no worker could finish, so that its job ends."""
    result = _find_result(repository, group)
    if result is None or result.attempt < group.attempt:
        failure = MeasuringFailure("not_processed", "The picture could not be processed. Retry the job.")
        outcomes = [Outcome(task, group.attempt, None, None, failure, 0) for task in group.tasks]
        result = repository.add_result(_result(group, result, outcomes))
    account_for(repository, publish, result)


def account_for(repository: VisitRepository, publish: Publish, result: GroupResult) -> None:
    """Do everything that follows from a group result; the job's totals come last."""
    repository.note_failures(result.job, result.attempt, store_failures(result))
    repository.add_to_visits(result)
    published = [outcome for outcome in result.latest if outcome.picture and outcome.task.published]
    if published:
        publish(result.job, published)
    repository.settle(result)


def _result(group: Group, before: GroupResult | None, outcomes: Iterable[Outcome]) -> GroupResult:
    if before:
        return before.after(group.attempt, outcomes)
    in_order = sorted(outcomes, key=lambda outcome: outcome.task.at)
    return GroupResult(group.job, group.number, group.attempt, tuple(in_order))


def _outcomes(
    repository: VisitRepository, products: KnownProducts, measure: Measure, group: Group, clock: Callable[[], datetime]
) -> list[Outcome]:
    merchant_id = group.job.merchant_id
    stores = repository.find_stores(merchant_id, {task.store_id for task in group.tasks})
    to_review = products_to_review(group.tasks)
    unknown_products = to_review - products.existing(merchant_id, to_review) if to_review else set()
    refused = {task: refusal for task in group.tasks if (refusal := refusal_of(task, stores, unknown_products))}
    tasks = [task for task in group.tasks if task not in refused]
    urls = list(dict.fromkeys(task.url for task in tasks))
    known = repository.find_pictures(merchant_id, urls, clock())
    measured = measure({url: known.get(url) for url in urls})
    changed = {
        url: measurement.known
        for url, measurement in measured.items()
        if measurement.known and measurement.known != known.get(url)
    }
    repository.save_pictures(merchant_id, changed, clock())
    fetched = {url: measurement.bytes_fetched for url, measurement in measured.items()}
    return [
        *(Outcome(task, group.attempt, None, None, refusal, 0) for task, refusal in refused.items()),
        *(
            Outcome(
                task,
                group.attempt,
                stores[task.store_id].area,
                measured[task.url].picture,
                measured[task.url].failure,
                fetched.pop(task.url, 0),
            )
            for task in tasks
        ),
    ]


def _find_result(repository: VisitRepository, group: Group) -> GroupResult | None:
    return repository.find_results(group.job, [group.number]).get(group.number)
