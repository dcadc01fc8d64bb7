"""Workers measure groups of pictures and account for each exactly once.

A group's outcomes are recorded first, under the condition that nobody did before. Everything that is counted
then follows from the record that stands: the failed stores, the visits, the published images, and last the
job's totals, so that a job is over only when all of it can be seen. Each step is harmless when repeated, so a
worker that died anywhere is followed by one that goes through all of them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.visits.model import MeasuringFailure, Outcome, Record, products_to_review, refusal_of, store_failures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from vitrine.visits.model import Group
    from vitrine.visits.ports import KnownProducts, Measure, Publish, VisitRepository


class Measured(NamedTuple):
    """What a worker did, for its metrics."""

    pictures: int
    failures: int
    bytes_fetched: int


def measure_group(  # noqa: PLR0913 - a group touches all of these
    repository: VisitRepository,
    measure: Measure,
    publish: Publish,
    group: Group,
    *,
    products: KnownProducts,
    clock: Callable[[], datetime],
) -> Measured:
    """Measure a group unless that is done, and account for it."""
    record = _recorded(repository, group)
    if record and record.attempt >= group.attempt:
        account_for(repository, publish, record)
        return Measured(0, 0, 0)
    repository.note_stores(group.job, {task.store_id for task in group.tasks})
    outcomes = _outcomes(repository, products, measure, group, clock)
    account_for(repository, publish, repository.record(_record(group, record, outcomes)))
    return Measured(
        sum(outcome.picture is not None for outcome in outcomes),
        sum(outcome.failure is not None for outcome in outcomes),
        sum(outcome.bytes_fetched for outcome in outcomes),
    )


def give_up_group(repository: VisitRepository, publish: Publish, group: Group) -> None:
    """Account for a group that no worker could finish, so that its job ends all the same."""
    record = _recorded(repository, group)
    if record is None or record.attempt < group.attempt:
        failure = MeasuringFailure("not_processed", "The picture could not be processed. Retry the job.")
        outcomes = [Outcome(task, group.attempt, None, None, failure, 0) for task in group.tasks]
        record = repository.record(_record(group, record, outcomes))
    account_for(repository, publish, record)


def account_for(repository: VisitRepository, publish: Publish, record: Record) -> None:
    """Let all that is counted follow the record. The job's own totals come last."""
    repository.note_failures(record.job, record.attempt, store_failures(record))
    repository.add_to_visits(record)
    published = [outcome for outcome in record.latest if outcome.picture and outcome.task.published]
    if published:
        publish(record.job, published)
    repository.settle(record)


def _record(group: Group, before: Record | None, outcomes: Iterable[Outcome]) -> Record:
    if before:
        return before.after(group.attempt, outcomes)
    in_order = sorted(outcomes, key=lambda outcome: outcome.task.at)
    return Record(group.job, group.number, group.attempt, tuple(in_order))


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
    found = measure({url: known.get(url) for url in urls})
    fresh = {url: it.known for url, it in found.items() if it.known and it.known != known.get(url)}
    repository.keep_pictures(merchant_id, fresh, clock())
    fetched = {url: it.bytes_fetched for url, it in found.items()}
    return [
        *(Outcome(task, group.attempt, None, None, refusal, 0) for task, refusal in refused.items()),
        *(
            Outcome(
                task,
                group.attempt,
                stores[task.store_id].area,
                found[task.url].picture,
                found[task.url].failure,
                fetched.pop(task.url, 0),
            )
            for task in tasks
        ),
    ]


def _recorded(repository: VisitRepository, group: Group) -> Record | None:
    return repository.find_records(group.job, [group.number]).get(group.number)
