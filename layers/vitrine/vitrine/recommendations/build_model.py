"""Build a model in work items that can fail and be repeated, and publish it in one write.

export   store interactions, by part, and products as files
         a scheduled build ends here if the files are those that the published model was learned from
learn    learn the model from the files, and measure its weights, its profile and how to treat repeats
load     mark the newest touches that were learned from, so that none counts twice; write the results into the
         unpublished slot, over as many invocations as needed; the last part publishes
refresh  mark touches that were kept late, and make the shortlists again, by part
"""

from __future__ import annotations

from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from vitrine.catalog.model import PARTS, UserKey
from vitrine.platform.hops import next_hop
from vitrine.platform.problems import Unavailable
from vitrine.recommendations.model import number_of
from vitrine.recommendations.model_files import (
    interaction_line,
    product_line,
    read_neighbours,
    read_popular,
    read_touches,
    token_lines,
)
from vitrine.recommendations.ports import LaterBuild, Model, Source, WorkItem
from vitrine.recommendations.recent import MOST_LEARNED, mark_learned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from vitrine.recommendations.ports import (
        BuildRepository,
        Catalog,
        Engine,
        Files,
        ModelBuild,
        ModelRepository,
        RecentRepository,
        Tasks,
        WeightChooser,
        WorkQueue,
    )

_DAY_SECONDS = 86_400
ROWS_AT_ONCE = 250
_RESULTS = ["popular", *(f"neighbours-{part:02}" for part in range(PARTS))]
STEPS: dict[str, list[str]] = {
    "export": [*(f"{part:02}" for part in range(PARTS)), "products"],
    "learn": ["model", "weights"],
    "load": _RESULTS,
    "refresh": [f"{part:02}" for part in range(PARTS)],
}
_NEXT = dict(zip(STEPS, [*list(STEPS)[1:], None], strict=True))


def start_build(
    builds: BuildRepository, queue: WorkQueue, merchant_id: str, now: datetime, *, if_changed: bool = False
) -> ModelBuild:
    """Start a build in place of one that is under way.

    With `if_changed` it ends after the export if the published model was learned from the same data.
    """
    build = builds.start(merchant_id, _number_at(now), if_changed=if_changed)
    _send(queue, merchant_id, build, "export")
    return build


def request_build(builds: BuildRepository, queue: WorkQueue, merchant_id: str, now: datetime) -> ModelBuild:
    """Return the build that is under way, or start one.

    Queues the missing parts of the export again: whoever started the build may have died before queueing them.
    """
    build = builds.find(merchant_id)
    if build is None or not build.is_under_way(now):
        return start_build(builds, queue, merchant_id, now)
    _send(queue, merchant_id, build, "export")
    return build


def start_build_if_due(
    builds: BuildRepository, queue: WorkQueue, merchant_id: str, changes: int, now: datetime
) -> ModelBuild | None:
    """Count changed interactions; start a build once they are as many as the published model was learned from.

    So a new shop has a model from its first interaction on, and a new one whenever its interactions double.
    """
    latest, changed = builds.count_changes(merchant_id, changes)
    learned = interactions_of(latest.published.sources) if latest and latest.published else 0
    if changed < max(1, learned) or (latest and latest.is_under_way(now)):
        return None
    try:
        build = builds.start(merchant_id, _number_at(now), after=latest.number if latest else 0)
    except LaterBuild:
        return None
    _send(queue, merchant_id, build, "export")
    return build


def interactions_of(sources: Mapping[str, Source]) -> int:
    """Return how many interactions were exported."""
    return sum(source.rows for part, source in sources.items() if part != "products")


def _number_at(now: datetime) -> int:
    return int(now.timestamp() * 1000)


def _send(queue: WorkQueue, merchant_id: str, build: ModelBuild, step: str) -> None:
    remaining = [part for part in STEPS[step] if f"{step}/{part}" not in build.done]
    queue.send(WorkItem(merchant_id, build.number, step, part) for part in remaining)


class ModelBuilder:
    """Builds models."""

    def __init__(  # noqa: PLR0913, PLR0917 - one port each
        self,
        builds: BuildRepository,
        files: Files,
        engine: Engine,
        chooser: WeightChooser,
        catalog: Catalog,
        models: ModelRepository,
        queue: WorkQueue,
        shortlists: Tasks,
        recent: RecentRepository,
    ) -> None:
        self._builds = builds
        self._files = files
        self._engine = engine
        self._chooser = chooser
        self._catalog = catalog
        self._models = models
        self._queue = queue
        self._shortlists = shortlists
        self._recent = recent

    def do(self, item: WorkItem, time_is_left: Callable[[], bool]) -> bool:
        """Run one work item; finishing a step's last item starts the next step. Return whether the build ended.

        Items of builds that were replaced are ignored. An item that was done before still starts the next step: its
        first run may have died before it could.
        """
        build = self._builds.find(item.merchant_id)
        if build is None or build.number != item.build or build.status != "running":
            return False
        source = None
        if f"{item.step}/{item.part}" not in build.done:
            if item.step == "export":
                source = self._export(item)
            elif item.step == "learn":
                self._learn(item, build)
            elif item.step == "refresh":
                self._refresh(item, build)
            elif rest := self._load(item, build, time_is_left):
                self._queue.send([rest._replace(hops=next_hop(item.hops))])
                return False
        return self._finish(item, source)

    def _finish(self, item: WorkItem, source: Source | None) -> bool:
        after = self._builds.finish_part(item, source)
        if after is None or not all(f"{item.step}/{part}" in after.done for part in STEPS[item.step]):
            return False
        if item.step == "export" and after.if_changed and after.has_nothing_new():
            self._end(item, "unchanged")
            return True
        if item.step == "load":
            self._models.publish(item.merchant_id, Model(after.number, after.slot))
        if following := _NEXT[item.step]:
            _send(self._queue, item.merchant_id, after, following)
            return False
        self._end(item, "completed")
        return True

    def _mark_learned(self, item: WorkItem, build: ModelBuild, part: str) -> None:
        """Let touches count once that arrived between the begin of the build and its export."""
        if interactions_of(build.sources) <= MOST_LEARNED:
            file = _interactions_file(item, part)
            mark_learned(
                self._recent, item.merchant_id, build.number // 1000, lambda: set(read_touches(self._files.read(file)))
            )

    def _end(self, item: WorkItem, status: str) -> None:
        self._files.delete(f"{item.merchant_id}/", before=f"{item.merchant_id}/{item.build + 1}/")
        self._builds.end(item.merchant_id, item.build, status)

    def _export(self, item: WorkItem) -> Source:
        """Write files once: whatever is repeated reads the same files and gives the same result."""
        tables = f"{_prefix(item)}tables"
        if item.part != "products":
            file = _interactions_file(item, item.part)
            interactions = self._catalog.interactions(item.merchant_id, int(item.part))
            self._files.write_once(file, map(interaction_line, interactions))
            return _source(self._files.read(file))
        products, tokens = f"{tables}/products/00.csv.gz", f"{tables}/tokens/00.csv.gz"
        self._files.write_once(products, map(product_line, self._catalog.products(item.merchant_id)))
        self._files.write_once(
            tokens, (line for product in self._catalog.products(item.merchant_id) for line in token_lines(product))
        )
        source = _source(self._files.read(products))
        return Source(source.rows, source.digest + _source(self._files.read(tokens)).digest)

    def _learn(self, item: WorkItem, build: ModelBuild) -> None:
        tables = f"{_prefix(item)}tables"
        if item.part == "model":
            day = build.number // 1000 // _DAY_SECONDS * _DAY_SECONDS
            self._engine.learn(tables, f"{_prefix(item)}results", day, self._chooser.half_life(tables))
            return
        measured = self._chooser.choose(tables)
        if measured:
            self._models.put_measured(item.merchant_id, Model(build.number, build.slot), measured)

    def _load(self, item: WorkItem, build: ModelBuild, time_is_left: Callable[[], bool]) -> WorkItem | None:
        """Return what is left when time is up, or when the store throttles after some rows."""
        model = Model(build.number, build.slot)
        lines = self._files.read(f"{_prefix(item)}results/{item.part}.csv")
        if item.part == "popular":
            for category, popular in dict(read_popular(lines)).items():
                self._models.put_popular(item.merchant_id, model, category, popular)
            return None
        if not item.start:
            self._mark_learned(item, build, item.part.removeprefix("neighbours-"))
        rest = item
        rows = islice(read_neighbours(lines), item.start, None)
        while chunk := list(islice(rows, ROWS_AT_ONCE)):
            if rest != item and not time_is_left():
                return rest
            try:
                self._models.put_neighbourhoods(item.merchant_id, model, chunk)
            except Unavailable:
                if rest == item:
                    raise
                return rest
            rest = rest._replace(start=rest.start + len(chunk))
        return None

    def _refresh(self, item: WorkItem, build: ModelBuild) -> None:
        self._mark_learned(item, build, item.part)
        interactions = self._catalog.interactions(item.merchant_id, int(item.part))
        self._shortlists.refresh(
            dict.fromkeys(UserKey(item.merchant_id, interaction.user_id) for interaction in interactions)
        )


def _source(lines: Iterable[str]) -> Source:
    """Return the digest of lines in any order and of the code that learns from them."""
    rows, total = 0, number_of(_recipe())
    for line in lines:
        rows += 1
        total += number_of(line)
    return Source(rows, f"{total % 2**63:x}")


@cache
def _recipe() -> str:
    here = Path(__file__).parent
    return "".join(
        (here / name).read_text()
        for name in (
            "learn.sql",
            "learn_model.py",
            "held_out.py",
            "choose_half_life.py",
            "choose_weights.py",
            "measure_repeats.py",
            "model.py",
        )
    )


def _interactions_file(item: WorkItem, part: str) -> str:
    return f"{_prefix(item)}tables/interactions/{part}.csv.gz"


def _prefix(item: WorkItem) -> str:
    return f"{item.merchant_id}/{item.build}/"
