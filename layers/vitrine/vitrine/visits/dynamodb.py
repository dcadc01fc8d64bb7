"""Store visits in one table.

| pk | sk | what |
|---|---|---|
| `stores/{merchant_id}` | `{store_id}` | a store; in index `by_area` |
| `jobs/{merchant_id}` | `{job_id}` | a job's totals and the numbers of its open groups |
| `job/{merchant_id}/{job_id}` | `group/{number}` | a group result |
| same | `failed/{attempt}/{store_id}` | a failed store's first reason |
| `store_jobs/{merchant_id}/{store_id}` | `{job_id}` | marks that a job has visits of the store |
| `visits/{merchant_id}/{store_id}` | `{time}/{job_id}/{visit}` | a visit's sums; in indexes `by_area`, `by_merchant` |
| `picture/{merchant_id}/{digest of the URL}` | `picture` | a recently measured picture; expires |

A job starts with the set of its groups' numbers. One conditional write removes a group's number from the set and adds
its result to the totals, so repeating it changes nothing. For the same reason a visit stores which attempts it summed.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from vitrine.platform.dynamodb import (
    ConditionFailed,
    OnTable,
    batch_get,
    batch_put,
    query_all,
    query_some,
    translated,
)
from vitrine.platform.threads import run_all
from vitrine.platform.times import epoch_seconds, from_rfc3339, to_rfc3339
from vitrine.visits.model import (
    GroupResult,
    ImageSize,
    Job,
    JobKey,
    MeasuredVisit,
    MeasuringFailure,
    Outcome,
    Store,
    StoreFailure,
    Task,
    visit_gains,
)
from vitrine.visits.ports import KnownPicture

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from vitrine.platform.dynamodb import Item
    from vitrine.visits.model import VisitGain
    from vitrine.visits.ports import Span

T = TypeVar("T")

_PARALLEL_WRITES = 16
_KNOWN_FOR = timedelta(days=1)
_WHOLE = "images = measured"


class DynamoDBVisits(OnTable):
    """VisitRepository on DynamoDB."""

    # -- stores ----------------------------------------------------------------------------------------------

    def put_stores(self, merchant_id: str, stores: Iterable[Store]) -> None:
        batch_put(
            self._client,
            self._table,
            [
                {
                    **_key(f"stores/{merchant_id}", store.store_id),
                    "name": {"S": store.name},
                    "area": {"S": store.area},
                    "area_key": {"S": f"{merchant_id}/{store.area}"},
                    "sorted_by": {"S": f"store/{store.store_id}"},
                }
                for store in stores
            ],
        )

    def find_stores(self, merchant_id: str, store_ids: Collection[str]) -> Mapping[str, Store]:
        keys = [_key(f"stores/{merchant_id}", store_id) for store_id in dict.fromkeys(store_ids)]
        return {
            item["sk"]["S"]: Store(item["sk"]["S"], item["name"]["S"], item["area"]["S"])
            for item in batch_get(self._client, self._table, keys)
        }

    def area_exists(self, merchant_id: str, area: str) -> bool:
        return bool(
            query_some(
                self._client,
                1,
                TableName=self._table,
                IndexName="by_area",
                KeyConditionExpression="area_key = :area AND begins_with(sorted_by, :stores)",
                ExpressionAttributeValues={":area": {"S": f"{merchant_id}/{area}"}, ":stores": {"S": "store/"}},
            )
        )

    # -- jobs ------------------------------------------------------------------------------------------------

    def add_job(self, job: Job) -> None:
        item = {
            **_job_key(job.key),
            "created_at": {"S": to_rfc3339(job.created_at)},
            "visits": {"N": str(job.visits)},
            "images": {"N": str(job.images)},
            "done": {"N": "0"},
            "failed": {"N": "0"},
            "attempt": {"N": str(job.attempt)},
            "open": _numbers(job.open),
        }
        self._unless_refused(
            lambda: self._client.put_item(
                TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)"
            )
        )

    def find_job(self, key: JobKey) -> Job | None:
        item = self._find(_job_key(key))
        return _job(item) if item else None

    def begin_attempt(self, key: JobKey, attempt: int) -> None:
        item = self._find(_job_key(key))
        if not item or "failing" not in item:
            return
        self._unless_refused(
            lambda: self._client.update_item(
                TableName=self._table,
                Key=_job_key(key),
                UpdateExpression="SET #open = :failing, attempt = :attempt, failed = :none REMOVE failing",
                ConditionExpression="attempt = :before AND attribute_not_exists(#open) AND failing = :failing",
                ExpressionAttributeNames={"#open": "open"},
                ExpressionAttributeValues={
                    ":failing": item["failing"],
                    ":attempt": {"N": str(attempt)},
                    ":before": {"N": str(attempt - 1)},
                    ":none": {"N": "0"},
                },
            )
        )

    def find_results(self, key: JobKey, numbers: Collection[int]) -> Mapping[int, GroupResult]:
        keys = [_result_key(key, number) for number in numbers]
        results = [_result(key, item) for item in batch_get(self._client, self._table, keys)]
        return {result.number: result for result in results}

    def list_results(self, key: JobKey, start: int, limit: int) -> Sequence[GroupResult]:
        items = query_some(
            self._client,
            limit,
            TableName=self._table,
            KeyConditionExpression="pk = :job AND sk BETWEEN :start AND :end",
            ExpressionAttributeValues={
                ":job": {"S": _results(key)},
                ":start": {"S": _group_name(start)},
                ":end": {"S": "group/~"},
            },
            ConsistentRead=True,
        )
        return [_result(key, item) for item in items]

    def add_result(self, result: GroupResult) -> GroupResult:
        item = {
            **_result_key(result.job, result.number),
            "attempt": {"N": str(result.attempt)},
            "outcomes": {"S": json.dumps([_outcome_json(outcome) for outcome in result.outcomes])},
        }
        try:
            self._put_item(
                item,
                ConditionExpression="attribute_not_exists(pk) OR attempt < :attempt",
                ExpressionAttributeValues={":attempt": {"N": str(result.attempt)}},
            )
        except ConditionFailed:
            return self.find_results(result.job, [result.number])[result.number]
        return result

    def note_failures(self, key: JobKey, attempt: int, failures: Iterable[StoreFailure]) -> None:
        def note(failure: StoreFailure) -> None:
            self._unless_refused(
                lambda: self._client.put_item(
                    TableName=self._table,
                    Item={
                        **_key(_results(key), f"failed/{attempt:06}/{failure.store_id}"),
                        "at": {"N": str(failure.at)},
                        "reason": {"S": failure.reason},
                    },
                    ConditionExpression="attribute_not_exists(pk) OR #at > :at",
                    ExpressionAttributeNames={"#at": "at"},
                    ExpressionAttributeValues={":at": {"N": str(failure.at)}},
                )
            )

        self._each(note, list(failures))

    def list_failures(self, key: JobKey, attempt: int) -> Sequence[StoreFailure]:
        prefix = f"failed/{attempt:06}/"
        items = query_all(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :job AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":job": {"S": _results(key)}, ":prefix": {"S": prefix}},
            ConsistentRead=True,
        )
        failures = [
            StoreFailure(item["sk"]["S"].removeprefix(prefix), int(item["at"]["N"]), item["reason"]["S"])
            for item in items
        ]
        return sorted(failures, key=lambda failure: failure.at)

    def settle(self, result: GroupResult) -> None:
        number = _numbers([result.number])
        failing = ", failing :number" if result.failed else ""
        self._unless_refused(
            lambda: self._client.update_item(
                TableName=self._table,
                Key=_job_key(result.job),
                UpdateExpression=f"DELETE #open :number ADD done :done, failed :failed{failing}",
                ConditionExpression="attempt = :attempt AND contains(#open, :member)",
                ExpressionAttributeNames={"#open": "open"},
                ExpressionAttributeValues={
                    ":number": number,
                    ":member": {"N": str(result.number)},
                    ":done": {"N": str(result.measured)},
                    ":failed": {"N": str(result.failed)},
                    ":attempt": {"N": str(result.attempt)},
                },
            )
        )

    def note_stores(self, key: JobKey, store_ids: Iterable[str]) -> None:
        batch_put(
            self._client,
            self._table,
            [_key(f"store_jobs/{key.merchant_id}/{store_id}", key.job_id) for store_id in store_ids],
        )

    def list_jobs(self, merchant_id: str, store_id: str | None, first: str, last: str, limit: int) -> Sequence[Job]:
        partition = f"jobs/{merchant_id}" if store_id is None else f"store_jobs/{merchant_id}/{store_id}"
        items = query_some(
            self._client,
            limit,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={":pk": {"S": partition}, ":first": {"S": first}, ":last": {"S": last}},
            ScanIndexForward=False,
        )
        if store_id is not None:
            keys = [_job_key(JobKey(merchant_id, item["sk"]["S"])) for item in items]
            items = batch_get(self._client, self._table, keys)
        return sorted(map(_job, items), key=lambda job: job.key.job_id, reverse=True)

    # -- visits ----------------------------------------------------------------------------------------------

    def add_to_visits(self, result: GroupResult) -> None:
        merchant_id, job_id = result.job
        token = f"{result.number}.{result.attempt}"

        def add(gain: VisitGain) -> None:
            task = gain.task
            sort_key = f"{_sortable(task.visited_at)}/{job_id}/{task.visit:05}"
            self._unless_refused(
                lambda: self._client.update_item(
                    TableName=self._table,
                    Key=_key(f"visits/{merchant_id}/{task.store_id}", sort_key),
                    UpdateExpression="ADD perimeter :perimeter, measured :measured, summed :tokens "
                    "SET images = :images, store_id = :store, visited_at = :at, area_key = :area, "
                    "merchant_key = :merchant, sorted_by = :sort_key",
                    ConditionExpression="NOT contains(summed, :token)",
                    ExpressionAttributeValues={
                        ":perimeter": {"N": str(gain.perimeter)},
                        ":measured": {"N": str(gain.measured)},
                        ":tokens": {"SS": [token]},
                        ":token": {"S": token},
                        ":images": {"N": str(task.visit_images)},
                        ":store": {"S": task.store_id},
                        ":at": {"S": to_rfc3339(task.visited_at)},
                        ":area": {"S": f"{merchant_id}/{gain.area}"},
                        ":merchant": {"S": merchant_id},
                        ":sort_key": {"S": f"visit/{sort_key}"},
                    },
                )
            )

        self._each(add, visit_gains(result))

    def list_visits(
        self, merchant_id: str, store_id: str | None, area: str | None, span: Span, limit: int
    ) -> Sequence[MeasuredVisit]:
        prefix = "" if store_id is not None else "visit/"
        query: dict[str, Any] = {
            "TableName": self._table,
            "FilterExpression": _WHOLE,
            "ExpressionAttributeValues": {
                ":start": {"S": prefix + (_sortable(span.start) if span.start else "0")},
                ":end": {"S": prefix + (_sortable(span.end) if span.end else "~")},
            },
        }
        if store_id is not None:
            partition, sort, value = "pk", "sk", f"visits/{merchant_id}/{store_id}"
        elif area is not None:
            partition, sort, value = "area_key", "sorted_by", f"{merchant_id}/{area}"
            query["IndexName"] = "by_area"
        else:
            partition, sort, value = "merchant_key", "sorted_by", merchant_id
            query["IndexName"] = "by_merchant"
        query["KeyConditionExpression"] = f"{partition} = :partition AND {sort} BETWEEN :start AND :end"
        query["ExpressionAttributeValues"][":partition"] = {"S": value}
        return [_visit(item) for item in query_some(self._client, limit, **query)]

    # -- recently measured pictures ----------------------------------------------------------------------------

    def find_pictures(self, merchant_id: str, urls: Collection[str], now: datetime) -> Mapping[str, KnownPicture]:
        keys = [_picture_key(merchant_id, url) for url in urls]
        items = batch_get(self._client, self._table, keys, consistent=False)
        return {
            item["url"]["S"]: KnownPicture(*_known(json.loads(item["known"]["S"])))
            for item in items
            if int(item["expires_at"]["N"]) > epoch_seconds(now)
        }

    def save_pictures(self, merchant_id: str, pictures: Mapping[str, KnownPicture], now: datetime) -> None:
        expires_at = str(epoch_seconds(now + _KNOWN_FOR))
        batch_put(
            self._client,
            self._table,
            [
                {
                    **_picture_key(merchant_id, url),
                    "url": {"S": url},
                    "known": {"S": json.dumps([_picture_json(known.picture), known.etag, known.last_modified])},
                    "expires_at": {"N": expires_at},
                }
                for url, known in pictures.items()
            ],
        )

    def _unless_refused(self, write: Callable[[], object]) -> None:
        """Write; ignore a failed condition, which means that the write was done before."""
        try:
            with translated():
                write()
        except ConditionFailed:
            return

    def _each(self, write: Callable[[T], None], items: Sequence[T]) -> None:
        if len(items) > 1:
            run_all(self._writers, write, items)
        else:
            for item in items:
                write(item)

    @cached_property
    def _writers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_PARALLEL_WRITES)


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _job_key(key: JobKey) -> dict[str, Any]:
    return _key(f"jobs/{key.merchant_id}", key.job_id)


def _results(key: JobKey) -> str:
    return f"job/{key.merchant_id}/{key.job_id}"


def _group_name(number: int) -> str:
    return f"group/{number:06}"


def _result_key(key: JobKey, number: int) -> dict[str, Any]:
    return _key(_results(key), _group_name(number))


def _picture_key(merchant_id: str, url: str) -> dict[str, Any]:
    return _key(f"picture/{merchant_id}/{hashlib.sha256(url.encode()).hexdigest()}", "picture")


def _numbers(numbers: Iterable[int]) -> dict[str, Any]:
    return {"NS": [str(number) for number in numbers]}


def _sortable(moment: datetime) -> str:
    """Return a time as text that sorts like the times."""
    return moment.isoformat(timespec="microseconds")


def _job(item: Item) -> Job:
    return Job(
        key=JobKey(item["pk"]["S"].removeprefix("jobs/"), item["sk"]["S"]),
        created_at=from_rfc3339(item["created_at"]["S"]),
        visits=int(item["visits"]["N"]),
        images=int(item["images"]["N"]),
        open=frozenset(map(int, item.get("open", {}).get("NS", ()))),
        done=int(item["done"]["N"]),
        failed=int(item["failed"]["N"]),
        attempt=int(item["attempt"]["N"]),
        failing=frozenset(map(int, item.get("failing", {}).get("NS", ()))),
    )


def _visit(item: Item) -> MeasuredVisit:
    return MeasuredVisit(item["store_id"]["S"], from_rfc3339(item["visited_at"]["S"]), int(item["perimeter"]["N"]))


def _result(key: JobKey, item: Item) -> GroupResult:
    return GroupResult(
        job=key,
        number=int(item["sk"]["S"].removeprefix("group/")),
        attempt=int(item["attempt"]["N"]),
        outcomes=tuple(map(_outcome, json.loads(item["outcomes"]["S"]))),
    )


def _outcome_json(outcome: Outcome) -> list[Any]:
    task = outcome.task._replace(visited_at=to_rfc3339(outcome.task.visited_at))  # type: ignore[arg-type]
    picture = _picture_json(outcome.picture) if outcome.picture else None
    return [task, outcome.attempt, outcome.area, picture, outcome.failure, outcome.bytes_fetched]


def _outcome(value: list[Any]) -> Outcome:
    task, attempt, area, picture, failure, bytes_fetched = value
    read = Task(*task)
    return Outcome(
        read._replace(visited_at=from_rfc3339(cast("str", read.visited_at))),
        attempt,
        area,
        ImageSize(*picture) if picture else None,
        MeasuringFailure(*failure) if failure else None,
        bytes_fetched,
    )


def _picture_json(picture: ImageSize) -> list[Any]:
    return [picture.format, picture.width, picture.height, picture.orientation]


def _known(value: list[Any]) -> tuple[ImageSize, str | None, str | None]:
    picture, etag, last_modified = value
    return ImageSize(*picture), etag, last_modified
