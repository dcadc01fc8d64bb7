"""The repository of imports keeps its contract on DynamoDB and in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.memory.imports import ImportsInMemory
from vitrine.imports.dynamodb import DynamoDBImports
from vitrine.imports.model import Import, ImportFailure, ImportKey, ObjectVersion, Progress, Rejection
from vitrine.imports.ports import ImportBusy, Lease, LeaseLost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.conftest import Tables

    Repository = DynamoDBImports | ImportsInMemory

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE, MILLISECOND = timedelta(minutes=1), timedelta(milliseconds=1)
KEY = ImportKey("shop", "one")
UPLOAD = ObjectVersion("imports/shop/images/one.csv", "etag", 100)
NEW = Import(KEY, "images", "summer", UPLOAD.key, NOON, {"Title": "name"})
ANN, BOB = Lease("ann", NOON + MINUTE), Lease("bob", NOON + MINUTE)


@pytest.fixture(params=["moto", "memory"])
def repository(request: pytest.FixtureRequest, tables_on_moto: Tables) -> Iterator[Repository]:
    if request.param == "memory":
        yield ImportsInMemory()
        return
    with tables_on_moto("ImportsTable") as dynamodb:
        yield DynamoDBImports(dynamodb, "ImportsTable")


class TestImports:
    def test_are_added_once(self, repository: Repository) -> None:
        failure = ImportFailure("bad_name", "Name it otherwise.")
        failed = replace(NEW, key=ImportKey("shop", "two"), gallery_id=None, upload=UPLOAD, status="failed")
        failed = replace(failed, finished_at=NOON, failure=failure)
        for new in (NEW, failed, replace(NEW, kind="products")):
            repository.add(new)
        assert [repository.find(key) for key in (KEY, failed.key)] == [NEW, failed]
        assert repository.find(ImportKey("other", "one")) is None

    def test_are_listed_newest_first_page_by_page(self, repository: Repository) -> None:
        for number in range(5):
            key = ImportKey("shop", str(number))
            repository.add(replace(NEW, key=key, created_at=NOON + number % 3 * MINUTE))
        repository.add(replace(NEW, key=ImportKey("other", "one")))
        pages, after = [], None
        while True:
            page, after = repository.newest("shop", 2, after)
            pages.append([each.key.import_id for each in page])
            if after is None:
                break
        assert [import_id for page in pages for import_id in page] == ["2", "4", "1", "3", "0"]
        assert max(map(len, pages)) == 2

    def test_take_one_object(self, repository: Repository) -> None:
        repository.add(NEW)
        assert repository.attach(KEY, UPLOAD)
        assert repository.attach(KEY, UPLOAD)
        assert not repository.attach(KEY, UPLOAD._replace(etag="other"))
        assert not repository.attach(ImportKey("shop", "two"), UPLOAD)
        assert repository.find(KEY) == replace(NEW, upload=UPLOAD)


class TestLeases:
    @pytest.fixture(autouse=True)
    def _import(self, repository: Repository) -> None:
        repository.add(NEW)

    def test_exclude_other_workers_until_they_end(self, repository: Repository) -> None:
        leased = repository.lease(KEY, ANN, NOON)
        assert leased == repository.find(KEY) == replace(NEW, status="running", started_at=NOON)
        assert repository.lease(KEY, ANN, NOON + MILLISECOND) == leased
        for now, left in ((NOON, 60), (NOON + MINUTE, 0)):
            with pytest.raises(ImportBusy) as busy:
                repository.lease(KEY, BOB, now)
            assert busy.value.seconds == left
        assert repository.lease(KEY, BOB, NOON + MINUTE + MILLISECOND) == leased
        repository.release(KEY, ANN)
        with pytest.raises(ImportBusy):
            repository.lease(KEY, ANN, NOON)
        repository.release(KEY, BOB)
        assert repository.lease(KEY, ANN, NOON) == leased

    def test_are_not_given_for_what_is_finished_or_unknown(self, repository: Repository) -> None:
        assert repository.lease(ImportKey("shop", "two"), ANN, NOON) is None
        repository.lease(KEY, ANN, NOON)
        repository.finish(KEY, ANN, None, NOON)
        assert repository.lease(KEY, ANN, NOON) is repository.lease(KEY, BOB, NOON + 2 * MINUTE) is None

    def test_let_only_their_holder_advance_from_what_it_read(self, repository: Repository) -> None:
        first, second = Progress(10, 9, 1, 500), Progress(20, 18, 2, 900)
        with pytest.raises(LeaseLost):
            repository.advance(KEY, ANN, Progress(), first)
        repository.lease(KEY, ANN, NOON)
        with pytest.raises(LeaseLost):
            repository.advance(KEY, BOB, Progress(), first)
        for _ in range(2):
            repository.advance(KEY, ANN, Progress(), first)
        repository.advance(KEY, ANN, first, second)
        with pytest.raises(LeaseLost):
            repository.advance(KEY, ANN, Progress(), first)
        found = repository.find(KEY)
        assert found
        assert found.progress == second

    @pytest.mark.parametrize("failure", [None, ImportFailure("stopped", "Upload it again.")])
    def test_let_only_their_holder_finish(self, repository: Repository, failure: ImportFailure | None) -> None:
        repository.lease(KEY, ANN, NOON)
        with pytest.raises(LeaseLost):
            repository.finish(KEY, BOB, failure, NOON)
        repository.finish(KEY, ANN, failure, NOON + MINUTE)
        found = repository.find(KEY)
        assert found
        assert (found.status, found.finished_at) == ("failed" if failure else "completed", NOON + MINUTE)
        assert found.failure == failure


def test_rejections_are_listed_in_the_order_of_rows_page_by_page(repository: Repository) -> None:
    rejections = [Rejection(row, "missing", "must be given", "name" if row % 2 else None) for row in range(1, 12)]
    repository.put_rejections(NEW, 5, [Rejection(6, "old", "written before a crash")])
    repository.put_rejections(NEW, 5, rejections[5:])
    repository.put_rejections(NEW, 0, rejections[:5])
    listed: list[Rejection] = []
    after = None
    while True:
        page = repository.rejections(KEY, 3, after)
        listed += page.rejections
        after = page.next
        if after is None:
            break
    assert listed == rejections
    assert repository.rejections(ImportKey("shop", "two"), 3, None) == ([], None)
