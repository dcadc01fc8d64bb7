"""A model is built in parts, each of which may fail and run again, and is published in one write.

export   interactions, part by part, and the products, from the stores to files
         nothing follows where a run of the schedule has the files that the model that is read was learned from
learn    files to files, by one engine
load     the results into the slot that is not read, over as many invocations as they take; the last one publishes
refresh  shortlists, part by part
"""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from vitrine.catalog.model import PARTS, UserKey
from vitrine.platform.hops import next_hop
from vitrine.platform.problems import Unavailable
from vitrine.recommendations.choose_weights import choose_weights
from vitrine.recommendations.model import number_of
from vitrine.recommendations.model_files import (
    interaction_line,
    product_line,
    read_neighbours,
    read_popular,
    token_lines,
)
from vitrine.recommendations.ports import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from vitrine.catalog.model import Interaction, Product
    from vitrine.recommendations.model import Weights
    from vitrine.recommendations.ports import ModelRepository, Tasks

_DAY_SECONDS = 86_400
_STUCK_SECONDS = 3600
ROWS_AT_ONCE = 250
_RESULTS = ["popular", *(f"neighbours-{part:02}" for part in range(PARTS))]
STEPS: dict[str, list[str]] = {
    "export": [*(f"{part:02}" for part in range(PARTS)), "products"],
    "learn": ["model", "weights"],
    "load": _RESULTS,
    "refresh": [f"{part:02}" for part in range(PARTS)],
}
_NEXT = dict(zip(STEPS, [*list(STEPS)[1:], None], strict=True))


class Work(NamedTuple):
    """One part of a step of a run, of which the rows before `start` are done in `hops` invocations."""

    merchant_id: str
    run: int
    step: str
    part: str
    start: int = 0
    hops: int = 0


class Source(NamedTuple):
    """An exported part: how many rows, and a digest of them in any order."""

    rows: int
    digest: str


class ReadModel(NamedTuple):
    """The model that is read: since when (seconds), and what it was learned from, by part of the export."""

    number: int
    published_at: float
    sources: Mapping[str, Source]


class ModelBuild(NamedTuple):
    """A run as it stands. `number` is when it began, in milliseconds, or one more than that of the run before.

    `status` is `running`, `completed` or `unchanged`; `moved_at` (seconds) is when it began or a part was done last.
    """

    number: int
    slot: str
    status: str
    done: frozenset[str]
    moved_at: float = 0.0
    if_changed: bool = False
    sources: Mapping[str, Source] = MappingProxyType({})
    read: ReadModel | None = None

    def is_under_way(self, now: datetime) -> bool:
        """Whether it is running and a part was done within the last hour."""
        return self.status == "running" and now.timestamp() - self.moved_at < _STUCK_SECONDS

    def has_nothing_new(self) -> bool:
        """Whether it would learn the model that is read again."""
        return self.read is not None and self.read.sources == self.sources


class Arrivals(NamedTuple):
    """The latest run, and how many changes of interactions have come since it began."""

    run: ModelBuild | None
    since: int


class BuildRepository(Protocol):
    """The latest run of each merchant."""

    def begin(
        self, merchant_id: str, earliest: int, *, if_changed: bool = False, after: int | None = None
    ) -> ModelBuild:
        """Begin the merchant's run, in the slot that is not read; an earlier run can publish nothing from here on.

        Raises LaterRun unless the latest run is the run `after` (0 for no run), where that is given.
        """
        ...

    def find(self, merchant_id: str) -> ModelBuild | None:
        """The latest run, read consistently."""
        ...

    def finish_part(self, work: Work, source: Source | None = None) -> ModelBuild | None:
        """Note that a part is done, and its source; the run then, or None when it is no longer the latest."""
        ...

    def note_arrivals(self, merchant_id: str, changes: int) -> Arrivals:
        """Count changes of interactions."""
        ...

    def end(self, merchant_id: str, number: int, status: str) -> None:
        """The run has ended."""
        ...


class Files(Protocol):
    """Files of runs."""

    def write_once(self, name: str, lines: Iterable[str]) -> None:
        """Store lines, compressed where the name ends in `.gz`, unless the file is there."""
        ...

    def read(self, name: str) -> Iterator[str]:
        """Lines of a file, decompressed where its name ends in `.gz`."""
        ...

    def delete(self, prefix: str, before: str) -> None:
        """Remove all files whose name begins so and sorts before `before`."""
        ...


class Engine(Protocol):
    """Learns a model."""

    def learn(self, tables: str, results: str, now_seconds: float) -> None:
        """From the files under `tables` to those under `results`, with the SQL of `learn.sql`."""
        ...


class WeightChooser(Protocol):
    """Measures what foretells best what a merchant's shoppers do."""

    def choose(self, tables: str) -> Weights | None:
        """The weights for the files under `tables`; None where there are too few interactions to tell."""
        ...


class Catalog(Protocol):
    """What there is to learn from."""

    def interactions(self, merchant_id: str, part: int) -> Iterator[Interaction]:
        """Those of the users of a part."""
        ...

    def products(self, merchant_id: str) -> Iterator[Product]:
        """All products."""
        ...


class WorkQueue(Protocol):
    """Parts that wait."""

    def send(self, works: Iterable[Work]) -> None:
        """Let these be done, in any order, each at least once."""
        ...


class LaterBuild(Exception):
    """Another run has begun."""


def begin_run(
    runs: BuildRepository, queue: WorkQueue, merchant_id: str, now: datetime, *, if_changed: bool = False
) -> ModelBuild:
    """Begin a run; one that is under way is given up.

    With `if_changed` it ends after the export where the model that is read was learned from the same.
    """
    run = runs.begin(merchant_id, _number_at(now), if_changed=if_changed)
    _send(queue, merchant_id, run, "export")
    return run


def ask_for_run(runs: BuildRepository, queue: WorkQueue, merchant_id: str, now: datetime) -> ModelBuild:
    """The run that is under way, or one that begins.

    Parts of an export come again: who began the run may have died before they were sent.
    """
    run = runs.find(merchant_id)
    if run is None or not run.is_under_way(now):
        return begin_run(runs, queue, merchant_id, now)
    _send(queue, merchant_id, run, "export")
    return run


def begin_run_if_due(
    runs: BuildRepository, queue: WorkQueue, merchant_id: str, changes: int, now: datetime
) -> ModelBuild | None:
    """Count changes of interactions, and begin a run once as many came as the model that is read was learned from.

    So a new shop has a model from its first interaction on, and models are as many as its interactions double.
    """
    run, since = runs.note_arrivals(merchant_id, changes)
    learned = interactions_of(run.read.sources) if run and run.read else 0
    if since < max(1, learned) or (run and run.is_under_way(now)):
        return None
    try:
        begun = runs.begin(merchant_id, _number_at(now), after=run.number if run else 0)
    except LaterBuild:
        return None
    _send(queue, merchant_id, begun, "export")
    return begun


def interactions_of(sources: Mapping[str, Source]) -> int:
    """How many interactions were exported."""
    return sum(it.rows for part, it in sources.items() if part != "products")


def _number_at(now: datetime) -> int:
    return int(now.timestamp() * 1000)


def _send(queue: WorkQueue, merchant_id: str, run: ModelBuild, step: str) -> None:
    left = [part for part in STEPS[step] if f"{step}/{part}" not in run.done]
    queue.send(Work(merchant_id, run.number, step, part) for part in left)


class ModelBuilder:
    """Builds models."""

    def __init__(  # noqa: PLR0913, PLR0917 - a port each
        self,
        runs: BuildRepository,
        files: Files,
        engine: Engine,
        chooser: WeightChooser,
        catalog: Catalog,
        models: ModelRepository,
        queue: WorkQueue,
        shortlists: Tasks,
    ) -> None:
        self._runs = runs
        self._files = files
        self._engine = engine
        self._chooser = chooser
        self._catalog = catalog
        self._models = models
        self._queue = queue
        self._shortlists = shortlists

    def do(self, work: Work, time_is_left: Callable[[], bool]) -> bool:
        """Do one part; the last of a step lets the next begin. Answers whether the run ended with it.

        Work of a run that was given up is left.

        A part that was done before may have died before the next step heard of it.
        """
        run = self._runs.find(work.merchant_id)
        if run is None or run.number != work.run or run.status != "running":
            return False
        source = None
        if f"{work.step}/{work.part}" not in run.done:
            if work.step == "export":
                source = self._export(work)
            elif work.step != "load":
                getattr(self, f"_{work.step}")(work, run)
            elif rest := self._load(work, run, time_is_left):
                self._queue.send([rest._replace(hops=next_hop(work.hops))])
                return False
        after = self._runs.finish_part(work, source)
        if after is None or not all(f"{work.step}/{part}" in after.done for part in STEPS[work.step]):
            return False
        if work.step == "export" and after.if_changed and after.has_nothing_new():
            self._end(work, "unchanged")
            return True
        following = _NEXT[work.step]
        if work.step == "load":
            self._models.publish(work.merchant_id, Model(run.number, run.slot))
        if following:
            _send(self._queue, work.merchant_id, after, following)
            return False
        self._end(work, "completed")
        return True

    def _end(self, work: Work, status: str) -> None:
        self._files.delete(f"{work.merchant_id}/", before=f"{work.merchant_id}/{work.run + 1}/")
        self._runs.end(work.merchant_id, work.run, status)

    def _export(self, work: Work) -> Source:
        """Files that stay as they are once they are there: whatever is done twice from them gives the same."""
        tables = f"{_prefix(work)}tables"
        if work.part != "products":
            file = f"{tables}/interactions/{work.part}.csv.gz"
            found = self._catalog.interactions(work.merchant_id, int(work.part))
            self._files.write_once(file, map(interaction_line, found))
            return _source(self._files.read(file))
        products, tokens = f"{tables}/products/00.csv.gz", f"{tables}/tokens/00.csv.gz"
        self._files.write_once(products, map(product_line, self._catalog.products(work.merchant_id)))
        self._files.write_once(
            tokens, (line for product in self._catalog.products(work.merchant_id) for line in token_lines(product))
        )
        described = _source(self._files.read(products))
        return Source(described.rows, described.digest + _source(self._files.read(tokens)).digest)

    def _learn(self, work: Work, run: ModelBuild) -> None:
        tables = f"{_prefix(work)}tables"
        if work.part == "model":
            day = run.number // 1000 // _DAY_SECONDS * _DAY_SECONDS
            self._engine.learn(tables, f"{_prefix(work)}results", day)
            return
        weights = self._chooser.choose(tables)
        if weights:
            self._models.put_weights(work.merchant_id, Model(run.number, run.slot), weights)

    def _load(self, work: Work, run: ModelBuild, time_is_left: Callable[[], bool]) -> Work | None:
        """What is left of the part when time is up, or when the store throttles after some of it."""
        model = Model(run.number, run.slot)
        lines = self._files.read(f"{_prefix(work)}results/{work.part}.csv")
        if work.part == "popular":
            for category, popular in dict(read_popular(lines)).items():
                self._models.put_popular(work.merchant_id, model, category, popular)
            return None
        rest = work
        rows = islice(read_neighbours(lines), work.start, None)
        while some := list(islice(rows, ROWS_AT_ONCE)):
            if rest != work and not time_is_left():
                return rest
            try:
                self._models.put_neighbourhoods(work.merchant_id, model, some)
            except Unavailable:
                if rest == work:
                    raise
                return rest
            rest = rest._replace(start=rest.start + len(some))
        return None

    def _refresh(self, work: Work, run: ModelBuild) -> None:
        del run
        found = self._catalog.interactions(work.merchant_id, int(work.part))
        users = dict.fromkeys(UserKey(work.merchant_id, it.user_id) for it in found)
        self._shortlists.refresh(users)


class LocalEngine:
    """An engine that learns on this machine's disk."""

    def __init__(self, files: Any, learn: Any) -> None:
        """`files` copies to and from a disk; `learn` is `vitrine.recommendations.duckdb.learn`."""
        self._files = files
        self._learn = learn

    def learn(self, tables: str, results: str, now_seconds: float) -> None:
        """From files to files, by way of this disk."""
        disk = Path(tempfile.mkdtemp())
        try:
            (disk / "results").mkdir()
            self._files.fetch(tables, disk / "tables")
            for name in self._learn(disk / "tables", disk / "results", now_seconds=now_seconds):
                self._files.store(disk / "results" / name, f"{results}/{name}")
        finally:
            shutil.rmtree(disk)

    def choose(self, tables: str) -> Weights | None:
        """The weights that are measured on these files."""
        disk = Path(tempfile.mkdtemp())
        try:
            self._files.fetch(tables, disk)
            return choose_weights(disk, self._learn)
        finally:
            shutil.rmtree(disk)


def _source(lines: Iterable[str]) -> Source:
    """Of lines in any order, and of the code that learns from them."""
    rows, total = 0, number_of(_recipe())
    for line in lines:
        rows += 1
        total += number_of(line)
    return Source(rows, f"{total % 2**63:x}")


@cache
def _recipe() -> str:
    here = Path(__file__).parent
    return "".join(
        (here / name).read_text() for name in ("learn.sql", "learn_model.py", "choose_weights.py", "model.py")
    )


def _prefix(work: Work) -> str:
    return f"{work.merchant_id}/{work.run}/"
