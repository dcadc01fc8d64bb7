"""The embedded index when writers die or race: no image is lost or comes back, and no version is incomplete."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.engines import SHOP, Engine, embedded, image
from vitrine.platform.aws import client
from vitrine.platform.problems import Unavailable
from vitrine.search import documents, segments, tantivy
from vitrine.search.model import Search
from vitrine.search.ports import RebuildSuperseded
from vitrine.search.segments import Current, LocalVersions, Manifest, SegmentRepository
from vitrine.search.tantivy import TantivyIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BUCKET = "searchbucket"
pytestmark = pytest.mark.usefixtures("cloud")


class Died(BaseException):
    """The process ended here."""


class MortalS3:
    """S3 whose caller dies at its n-th write: before it, or after it and before the response."""

    def __init__(self, s3: Any, dies_at: int, *, after: bool) -> None:
        self._s3 = s3
        self._writes_left = dies_at
        self._after = after

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._s3, name)
        return self._mortal(call) if name in {"put_object", "delete_objects"} else call

    def _mortal(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def attempt(**arguments: Any) -> Any:
            if self._writes_left < 0:
                raise Died
            self._writes_left -= 1
            if self._writes_left >= 0:
                return call(**arguments)
            if self._after:
                call(**arguments)
            raise Died

        return attempt


@pytest.fixture
def engine(cloud: None, tmp_path: Path) -> Engine:
    return embedded(client("s3"), BUCKET, tmp_path)


def writer(tmp_path: Path, s3: Any = None, **clocks: Any) -> TantivyIndex:
    """Another writer, with a disk of its own."""
    store = SegmentRepository(s3 or client("s3"), BUCKET)
    return TantivyIndex(store, LocalVersions(store, tmp_path / f"disk-{random.random()}", 10**9), **clocks)


def current() -> Manifest:
    manifest = SegmentRepository(client("s3"), BUCKET).current(SHOP)
    assert manifest
    assert manifest.manifest
    return manifest.manifest


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(11))
def test_an_update_that_dies_at_any_write_is_whole_after_it_is_delivered_again(
    engine: Engine, tmp_path: Path, step: int, *, after: bool
) -> None:
    old = [image(f"{n}", "Blue shoe") for n in range(5)]
    engine.put(*old)
    table = engine.table(SHOP)
    del table[old[0].key]
    table[old[1].key] = replace(old[1], name="Green hat")
    table[image("9").key] = image("9", "Blue shoe")
    changed = [old[0].key, old[1].key, image("9").key]
    with contextlib.suppress(Died):
        writer(tmp_path, MortalS3(client("s3"), step, after=after)).update(SHOP, changed, engine.read(SHOP))
    assert sorted(engine.found("blue")) in (["0", "1", "2", "3", "4"], ["2", "3", "4", "9"])
    writer(tmp_path).update(SHOP, changed, engine.read(SHOP))
    assert (sorted(engine.found("blue")), engine.found("green")) == (["2", "3", "4", "9"], ["1"])


@pytest.mark.parametrize("step", range(0, 22, 3))
def test_a_rebuild_that_dies_leaves_the_index_as_it_is_and_the_next_one_is_whole(
    engine: Engine, tmp_path: Path, step: int
) -> None:
    engine.put(*(image(f"{n}", "Blue shoe") for n in range(5)))
    table = engine.table(SHOP)
    dying = writer(tmp_path, MortalS3(client("s3"), step, after=step % 2 == 0))
    with contextlib.suppress(Died):
        dying.rebuild(SHOP, lambda: iter(list(table.values())), engine.read(SHOP), lambda _: None)
    assert sorted(engine.found("blue")) == ["0", "1", "2", "3", "4"]
    engine.put(image("9", "Blue shoe"))
    assert engine.rebuild() == 6
    assert sorted(engine.found("blue")) == ["0", "1", "2", "3", "4", "9"]


class Meets:
    """A reading of images during which something else happens, once."""

    def __init__(self, read: Callable[[Any], Any], happens: Callable[[], None]) -> None:
        self._read = read
        self._happens: Callable[[], None] | None = happens

    def __call__(self, keys: Any) -> Any:
        found = self._read(keys)
        happens, self._happens = self._happens, None
        if happens:
            happens()
        return found


def test_a_writer_that_was_overtaken_builds_on_the_newer_version(engine: Engine, tmp_path: Path) -> None:
    first, second = image("1", "Blue shoe"), image("2", "Green hat")
    engine.table(SHOP).update({first.key: first, second.key: second})
    read = engine.read(SHOP)
    other = writer(tmp_path)
    engine.index.update(SHOP, [first.key], Meets(read, lambda: other.update(SHOP, [second.key], read)))
    assert sorted(engine.found()) == ["1", "2"]


def test_without_the_condition_on_publishing_the_other_writers_image_would_be_lost(
    engine: Engine, tmp_path: Path
) -> None:
    class Unconditional(SegmentRepository):
        def publish(self, merchant_id: str, manifest: Manifest, replaces: str | None) -> str:
            found = self.current(merchant_id)
            return super().publish(merchant_id, manifest, found.etag if found else None)

    first, second = image("1", "Blue shoe"), image("2", "Green hat")
    engine.table(SHOP).update({first.key: first, second.key: second})
    read = engine.read(SHOP)
    store = Unconditional(client("s3"), BUCKET)
    careless = TantivyIndex(store, LocalVersions(store, tmp_path / "careless", 10**9))
    careless.update(SHOP, [first.key], Meets(read, lambda: writer(tmp_path).update(SHOP, [second.key], read)))
    assert engine.found() == ["1"]


def test_an_image_read_before_the_base_version_would_come_back(engine: Engine, tmp_path: Path) -> None:
    """Why `update` reads the base version first: otherwise an image deleted in between is indexed again."""
    shoe = image("1", "Blue shoe")
    engine.put(shoe)
    stale = engine.read(SHOP)([shoe.key])
    engine.drop(shoe)
    writer(tmp_path).update(SHOP, [shoe.key], lambda _: stale)
    assert engine.found() == ["1"]
    engine.follow([shoe.key])
    assert engine.found() == []


def test_a_deletion_of_what_is_not_there_still_overtakes(engine: Engine, tmp_path: Path) -> None:
    shoe = image("1", "Blue shoe")
    engine.put(image("2", "Hat"))
    engine.table(SHOP)[shoe.key] = shoe
    read = engine.read(SHOP)
    other = writer(tmp_path)

    def deleted() -> None:
        del engine.table(SHOP)[shoe.key]
        other.update(SHOP, [shoe.key], read)

    engine.index.update(SHOP, [shoe.key], Meets(read, deleted))
    assert engine.found() == ["2"]


def test_a_reader_during_publication_sees_the_version_before_or_after(engine: Engine, tmp_path: Path) -> None:
    engine.put(*(image(f"{n}", "Blue shoe") for n in range(4)))
    seen: list[list[str]] = []

    class Watched(SegmentRepository):
        def upload(self, *arguments: Any) -> Any:
            seen.append(sorted(engine.found("blue")))
            uploaded = super().upload(*arguments)
            seen.append(sorted(engine.found("blue")))
            return uploaded

    engine.table(SHOP).clear()
    store = Watched(client("s3"), BUCKET)
    index = TantivyIndex(store, LocalVersions(store, tmp_path / "watched", 10**9))
    index.update(SHOP, [image(f"{n}").key for n in range(4)], engine.read(SHOP))
    assert seen == [["0", "1", "2", "3"]] * 2
    assert engine.found("blue") == []


def damage(manifest: Manifest, change: Callable[[bytes], bytes]) -> None:
    for file in manifest.files.values():
        body = client("s3").get_object(Bucket=BUCKET, Key=file.object_key)["Body"].read()
        client("s3").put_object(Bucket=BUCKET, Key=file.object_key, Body=change(body))


def turn_a_bit(body: bytes) -> bytes:
    return body[:-1] + bytes([body[-1] ^ 1])


@pytest.mark.parametrize("change", [turn_a_bit, lambda body: body[: len(body) // 2], lambda _: b""])
def test_a_corrupt_version_is_never_served(engine: Engine, tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    engine.put(image("1", "Blue shoe"))
    assert engine.found() == ["1"]
    engine.put(image("2", "Blue hat"))
    damage(current(), change)
    assert engine.found() == ["1"], "the version that is open stays"
    fresh = embedded(client("s3"), BUCKET, tmp_path / "fresh")
    with pytest.raises(Unavailable):
        fresh.found()
    with pytest.raises(segments.CorruptFile):
        writer(tmp_path).update(SHOP, [image("2").key], engine.read(SHOP))
    repaired = writer(tmp_path)
    table = engine.table(SHOP)
    repaired.rebuild(SHOP, lambda: iter(list(table.values())), engine.read(SHOP), lambda _: None)
    assert sorted(engine.found()) == sorted(fresh.found()) == ["1", "2"]


def test_an_index_of_another_release_waits_for_its_rebuild(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.put(image("1", "Blue shoe"))
    monkeypatch.setattr(tantivy, "SCHEMA_NUMBER", documents.SCHEMA_NUMBER + 1)
    fresh = embedded(client("s3"), BUCKET, tmp_path / "fresh")
    fresh.tables = engine.tables
    with pytest.raises(Unavailable):
        fresh.found()
    with pytest.raises(segments.OtherSchema):
        fresh.follow([image("1").key])
    assert fresh.rebuild() == 1
    assert fresh.found() == ["1"]


def test_a_version_whose_files_are_gone_is_left_for_the_newest(engine: Engine, tmp_path: Path) -> None:
    engine.put(image("1", "Blue shoe"))
    store = SegmentRepository(client("s3"), BUCKET)
    real = store.current(SHOP)
    assert real
    assert real.manifest
    gone = {"x.idx": segments.StoredFile(f"search/{SHOP}/files/gone", 1, "0")}
    stale = Current(replace(real.manifest, files=gone, version="000000000000-old"), "old")
    responses = [stale]

    class Behind(SegmentRepository):
        def current(self, merchant_id: str, known_etag: str | None = None) -> Current | None:
            return responses.pop() if responses else super().current(merchant_id, known_etag)

    behind = Behind(client("s3"), BUCKET)
    finder = tantivy.TantivyFinder(behind, LocalVersions(behind, tmp_path / "b", 10**9))
    assert [hit.image.id for hit in finder.search(SHOP, Search(), None).hits] == ["1"]


def test_retired_files_are_kept_for_readers_and_then_deleted(engine: Engine, tmp_path: Path) -> None:
    times: Iterator[datetime] = iter(datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=25 * n) for n in range(99))
    index = writer(tmp_path, now=times.__next__)
    counts = []
    for n in range(40):
        shoe = image(f"{n % 7}", f"Blue shoe {n}")
        engine.table(SHOP)[shoe.key] = shoe
        index.update(SHOP, [shoe.key], engine.read(SHOP))
        counts.append(len(client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]))
    assert max(counts[20:]) <= max(counts[:20]) + 30, "what is retired does not pile up"
    assert sorted(engine.all_of()) == sorted({f"{n % 7}" for n in range(40)})


def test_what_dead_writers_left_is_swept_by_a_rebuild(engine: Engine, tmp_path: Path) -> None:
    engine.put(image("1", "Blue shoe"))
    with pytest.raises(Died):
        writer(tmp_path, MortalS3(client("s3"), 5, after=False)).update(SHOP, [image("1").key], engine.read(SHOP))
    index = writer(tmp_path, now=lambda: datetime.now(UTC) + timedelta(days=2))
    table = engine.table(SHOP)
    index.rebuild(SHOP, lambda: iter(list(table.values())), engine.read(SHOP), lambda _: None)
    manifest = current()
    known = {file.object_key for file in manifest.files.values()} | {key for key, _ in manifest.retired}
    stored = {entry["Key"] for entry in client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert {key for key in stored - known if "/files/" in key} == set()


def test_a_rebuild_that_another_overtook_stops(engine: Engine, tmp_path: Path) -> None:
    engine.put(image("1", "Blue shoe"))
    table = engine.table(SHOP)
    other = writer(tmp_path)

    def images() -> Iterator[Any]:
        other.rebuild(SHOP, lambda: iter(list(table.values())), engine.read(SHOP), lambda _: None)
        yield from table.values()

    with pytest.raises(RebuildSuperseded):
        engine.index.rebuild(SHOP, images, engine.read(SHOP), lambda _: None)
    assert engine.found() == ["1"]


@pytest.mark.parametrize("seed", range(3))
def test_writers_that_meet_and_die_at_random_end_as_one_clean_run(engine: Engine, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    table = engine.table(SHOP)
    waiting: list[Any] = []
    for turn in range(25):
        key = image(f"{chance.randrange(6)}").key
        if chance.random() < 0.3:
            table.pop(key, None)
        else:
            table[key] = image(key.image_id, f"Blue shoe {turn}")
        waiting += [key] * chance.choice([1, 1, 2])
        chance.shuffle(waiting)
        s3 = MortalS3(client("s3"), chance.choice([3, 9, 99]), after=chance.random() < 0.5)
        taken = waiting[: chance.randrange(1, 4)]
        try:
            writer(tmp_path, s3).update(SHOP, taken, engine.read(SHOP))
        except Died:
            continue
        del waiting[: len(taken)]
    writer(tmp_path).update(SHOP, waiting, engine.read(SHOP))
    hits = engine.page(limit=100).hits
    assert {hit.image.key: hit.image for hit in hits} == table
    assert len(hits) == len(table)
