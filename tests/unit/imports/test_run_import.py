"""A run imports chunk by chunk, hands over when its time is up, and fails with a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, Field

from tests.memory.imports import ContinuationsInMemory, ImportsInMemory, UploadsInMemory, etag_of
from vitrine.imports.model import Import, ImportKey, ImportRefused, ObjectVersion, Progress, Rejection
from vitrine.imports.ports import AcceptedRow, Kind, Lease
from vitrine.imports.receive_upload import receive_upload
from vitrine.imports.request_import import request_import
from vitrine.imports.run_import import LONGEST_DELAY_SECONDS, Importer, forget_file, give_up, run_import
from vitrine.platform.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KINDS = ("images", "interactions")


class Row(BaseModel):
    id: str
    width: int = Field(gt=0)


class Shop:
    """A merchant `shop` and its imports of rows with an id and a width, three a chunk."""

    def __init__(self) -> None:
        self.repository = ImportsInMemory()
        self.uploads = UploadsInMemory()
        self.continuations = ContinuationsInMemory()
        self.now = NOON
        self.rows: dict[str, int] = {}
        self.failures: list[Exception] = []
        self.reported: list[int] = []
        self.paused: list[float] = []
        self.importer = Importer(
            self.repository,
            self.uploads,
            self.continuations,
            kind=lambda _: Kind(Row, ("id", "row_id"), self.write),
            clock=lambda: self.now,
            report=lambda key, row, error: self.reported.append(row),
            pause=self.paused.append,
            chunk_rows=3,
        )

    def write(self, import_: Import, rows: Sequence[AcceptedRow]) -> list[Rejection]:
        if self.failures:
            raise self.failures.pop(0)
        if any(row.row.id == "broken" for row in rows):
            raise ValueError
        self.rows |= {row.row.id: row.row.width for row in rows if row.row.id != "unwanted"}
        return [Rejection(row.number, "unwanted", "is not wanted") for row in rows if row.row.id == "unwanted"]

    def put(self, *rows: str, kind: str = "images", name: str = "rows.csv") -> ImportKey:
        """Upload a file; return the key of its import."""
        file = "\n".join(("id,width", *rows)).encode()
        object_key = f"imports/shop/{kind}/{name}"
        self.uploads.files[object_key] = file
        key = self.receive(ObjectVersion(object_key, etag_of(file), len(file)))
        assert key
        return key

    def receive(self, upload: ObjectVersion, sequencer: str = "1") -> ImportKey | None:
        return receive_upload(
            self.repository, lambda merchant_id: merchant_id == "shop", KINDS, upload, sequencer, now=self.now
        )

    def run(self, key: ImportKey, *time_is_left: bool, owner: str = "ann") -> Progress:
        left = iter(time_is_left)
        return run_import(self.importer, key, Lease(owner, self.now + MINUTE), lambda: next(left, True))

    def found(self, key: ImportKey) -> Import:
        found = self.repository.find(key)
        assert found
        return found

    def rejected(self, key: ImportKey) -> list[tuple[int, str]]:
        return [(each.row, each.code) for each in self.repository.rejections(key, 100, None).rejections]


def widths(numbers: Iterable[int]) -> list[str]:
    return [f"row{number},{number + 1}" for number in numbers]


class TestRunning:
    def test_imports_the_good_rows_and_says_what_is_wrong_with_the_others(self) -> None:
        shop = Shop()
        key = shop.put("a,1", "b,0", ",x", "unwanted,1", "broken,1", "c,2", "d,x")
        shop.run(key)
        done = shop.found(key)
        assert (done.status, done.finished_at, done.failure) == ("completed", NOON, None)
        assert done.progress[:3] == (7, 2, 5)
        assert shop.rows == {"a": 1, "c": 2}
        assert [row for row, _ in shop.rejected(key)] == [2, 3, 3, 4, 5, 7]
        assert [code for row, code in shop.rejected(key) if row in (4, 5)] == ["unwanted", "row_failed"]
        assert shop.reported == [5]
        assert shop.continuations.sent == []

    def test_goes_on_in_another_invocation_when_time_is_up(self) -> None:
        shop = Shop()
        key = shop.put(*widths(range(8)))
        progress = [shop.run(key, False, owner=owner) for owner in ("ann", "bob", "cid", "dan")]
        assert [each[:3] for each in progress] == [(3, 3, 0), (3, 3, 0), (2, 2, 0), (0, 0, 0)]
        assert shop.continuations.sent == [(key, 0)] * 3
        assert shop.found(key).status == "completed"
        assert shop.rows == {f"row{number}": number + 1 for number in range(8)}

    def test_twice_does_nothing_the_second_time(self) -> None:
        shop = Shop()
        key = shop.put("a,1")
        shop.run(key)
        before = shop.found(key)
        shop.now += MINUTE
        assert shop.run(key, owner="bob") == Progress()
        assert shop.found(key) == before

    def test_waits_for_another_worker_to_end(self) -> None:
        shop = Shop()
        key = shop.put("a,1")
        for minutes, delay in ((1, 61), (60, LONGEST_DELAY_SECONDS)):
            shop.repository.lease(key, Lease("bob", NOON + minutes * MINUTE), NOON)
            assert shop.run(key) == Progress()
            assert shop.continuations.sent.pop() == (key, delay)
        assert not give_up(shop.importer, key, Lease("ann", NOON + MINUTE))
        assert shop.rows == {}

    def test_repeats_a_chunk_after_pauses_while_a_room_is_busy(self) -> None:
        shop = Shop()
        key = shop.put("a,1")
        shop.failures = [Unavailable("busy", 1)] * 4
        shop.run(key)
        assert (shop.paused, shop.rows) == ([1, 2, 4, 8], {"a": 1})

    def test_leaves_the_lease_when_it_breaks_off(self) -> None:
        shop = Shop()
        key = shop.put(*widths(range(4)))
        shop.failures = [Unavailable("busy", 1)] * 5
        with pytest.raises(Unavailable):
            shop.run(key)
        assert shop.run(key, owner="bob")[:3] == (4, 4, 0)

    def test_gives_up_an_import_that_stopped_too_often(self) -> None:
        shop = Shop()
        key = shop.put("a,1")
        assert give_up(shop.importer, key, Lease("ann", NOON + MINUTE))
        failure = shop.found(key).failure
        assert failure
        assert failure.code == "stopped"
        assert not give_up(shop.importer, key, Lease("ann", NOON + MINUTE))


class TestAFileThatCannotBeRead:
    def test_keeps_the_rows_before_the_fault(self) -> None:
        shop = Shop()
        key = shop.put(*widths(range(4)), '"')
        shop.run(key)
        failed = shop.found(key)
        assert failed.failure
        assert (failed.status, failed.failure.detail.split(":")[0]) == ("failed", "After row 4")
        assert len(shop.rows) == 4

    def test_was_replaced_meanwhile(self) -> None:
        shop = Shop()
        key = shop.put("a,1")
        shop.uploads.files["imports/shop/images/rows.csv"] = b"other"
        shop.run(key)
        failure = shop.found(key).failure
        assert failure
        assert failure.code == "object_replaced"

    def test_was_never_uploaded(self) -> None:
        shop = Shop()
        new = Import(ImportKey("shop", "one"), "images", None, "imports/shop/images/one.csv", NOON, {})
        shop.repository.add(new)
        shop.run(new.key)
        failure = shop.found(new.key).failure
        assert failure
        assert failure.code == "no_object"


class TestUploads:
    def test_belong_to_the_import_that_was_requested_for_them_and_to_one_alone(self) -> None:
        shop = Shop()
        new = Import(ImportKey("shop", "one"), "images", None, "imports/shop/images/one.csv", NOON, {})
        signed = request_import(shop.repository, shop.uploads, new, 100)
        assert signed.headers == {"Content-Type": "text/csv"}
        assert shop.put("a,1", name="one.csv") == shop.put("a,1", name="one.csv") == new.key
        other = shop.put("b,1", name="one.csv")
        assert other != new.key
        shop.run(other)
        assert shop.found(new.key).status == "waiting"

    def test_without_a_request_are_one_import_per_notified_version(self) -> None:
        shop = Shop()
        upload = ObjectVersion("imports/shop/images/summer/x.csv", "etag", 1)
        first, again = shop.receive(upload), shop.receive(upload)
        assert first == again != shop.receive(upload, "2")
        assert first
        assert (shop.found(first).kind, shop.found(first).gallery_id) == ("images", "summer")

    @pytest.mark.parametrize(
        "object_key", ["imports/nobody/images/x.csv", "imports/x.csv", "imports/", "imports/shop/images/", "x"]
    )
    def test_of_no_merchant_are_ignored(self, object_key: str) -> None:
        assert Shop().receive(ObjectVersion(object_key, "etag", 1)) is None

    @pytest.mark.parametrize(
        ("object_key", "code"),
        [
            ("imports/shop/x.csv", "bad_name"),
            ("imports/shop/images/x.xls", "bad_name"),
            ("imports/shop/images/bad gallery!/x.csv", "bad_name"),
            ("imports/shop/planets/summer/x.csv", "bad_name"),
            ("imports/shop/planets/x.csv", "unknown_kind"),
        ],
    )
    def test_that_cannot_be_imported_are_failed_imports(self, object_key: str, code: str) -> None:
        shop = Shop()
        key = shop.receive(ObjectVersion(object_key, "etag", 1))
        assert key
        failed = shop.found(key)
        assert failed.failure
        assert (failed.status, failed.finished_at, failed.failure.code) == ("failed", NOON, code)

    def test_of_an_unknown_form_are_refused_before_they_are_stored(self) -> None:
        shop = Shop()
        new = Import(ImportKey("shop", "one"), "images", None, "imports/shop/images/one.xls", NOON, {})
        with pytest.raises(ImportRefused):
            request_import(shop.repository, shop.uploads, new, None)
        assert shop.repository.find(new.key) is None

    @pytest.mark.parametrize(("kind", "left"), [("interactions", []), ("images", ["imports/shop/images/rows.csv"])])
    def test_of_personal_data_are_deleted_once_they_are_imported(self, kind: str, left: list[str]) -> None:
        shop = Shop()
        key = shop.put("a,1", kind=kind)
        forget_file(shop.importer, key)
        assert len(shop.uploads.files) == 1
        shop.run(key)
        for _ in range(2):
            forget_file(shop.importer, key)
        assert list(shop.uploads.files) == left
