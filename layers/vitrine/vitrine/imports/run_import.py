"""An import runs, chunk by chunk, over as many invocations as it takes.

Rows of a chunk go into their room, its rejections are stored under the chunk's first row, and one conditional
write moves the import on. Each of these leaves the same state when it is done again, so a run that stopped
anywhere is repeated from where the import stands.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from vitrine.imports.model import (
    TELLS_OF_PEOPLE,
    ImportFailure,
    ImportRefused,
    Progress,
    Rejection,
    columns_of,
    file_form,
)
from vitrine.imports.ports import AcceptedRow, ImportBusy
from vitrine.imports.read_rows import Place, resume_rows
from vitrine.platform.broken_rules import broken_rules
from vitrine.platform.problems import Unavailable, Unstorable
from vitrine.platform.threads import one_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from vitrine.imports.model import Import, ImportKey, Row
    from vitrine.imports.ports import Continuations, ImportRepository, Kind, Lease, Uploads

CHUNK_ROWS = 495  # images are committed by 99
LONGEST_DELAY_SECONDS = 900
_RULES_NAMED = 2
_PAUSES_SECONDS = (1, 2, 4, 8)

# What code says of the values that it meets; what stores and networks say stops the import, to be repeated.
_OF_A_ROW = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, Unstorable)

JudgedRow = AcceptedRow | list[Rejection]


@dataclass(frozen=True)
class Importer:
    """What a run works with. `report` is told of each row that failed for a reason on our side."""

    repository: ImportRepository
    uploads: Uploads
    continuations: Continuations
    kind: Callable[[str], Kind]
    clock: Callable[[], datetime]
    report: Callable[[ImportKey, int, Exception], None]
    pause: Callable[[float], None] = time.sleep
    chunk_rows: int = CHUNK_ROWS


class _Run(NamedTuple):
    importer: Importer
    taken: Import
    lease: Lease
    kind: Kind


def run_import(importer: Importer, key: ImportKey, lease: Lease, time_is_left: Callable[[], bool]) -> Progress:
    """Take rows in while time is left, at least one chunk, then hand on to another invocation.

    Does nothing for a finished import, and looks again later while another worker is at it. Answers what this
    run added. Raises LeaseLost, or what a store raised: then the call is to be repeated.
    """
    taken = _lease(importer, key, lease)
    if taken is None:
        return Progress()
    progress = before = taken.progress
    failure = None
    try:
        for progress in _take_chunks(importer, taken, lease):
            if not time_is_left():
                importer.repository.release(key, lease)
                importer.continuations.send(key, 0)
                return _added(before, progress)
    except ImportRefused as refusal:
        failure = ImportFailure(refusal.code, refusal.detail)
    except Exception:
        importer.repository.release(key, lease)
        raise
    importer.repository.finish(key, lease, failure, importer.clock())
    return _added(before, progress)


def _added(before: Progress, after: Progress) -> Progress:
    return Progress(*(late - early for early, late in zip(before, after, strict=True)))


def give_up(importer: Importer, key: ImportKey, lease: Lease) -> bool:
    """Mark an import as failed that stopped too often; False when it is finished or a worker is at it."""
    if _lease(importer, key, lease) is None:
        return False
    detail = "It stopped several times for a reason on our side. Put the file again; what came in stays."
    importer.repository.finish(key, lease, ImportFailure("stopped", detail), importer.clock())
    return True


def forget_file(importer: Importer, key: ImportKey) -> None:
    """Remove the file of a finished import if it tells of people: who is erased must not live on in it.

    Harmless when repeated.
    """
    made = importer.repository.find(key)
    if made and made.upload and made.finished_at and made.kind in TELLS_OF_PEOPLE:
        importer.uploads.delete(made.upload)


def _lease(importer: Importer, key: ImportKey, lease: Lease) -> Import | None:
    """The import, or None when it is finished or, for now, with another worker."""
    try:
        return importer.repository.lease(key, lease, importer.clock())
    except ImportBusy as busy:
        importer.continuations.send(key, min(int(busy.seconds) + 1, LONGEST_DELAY_SECONDS))
        return None


def _take_chunks(importer: Importer, taken: Import, lease: Lease) -> Iterator[Progress]:
    """The import's progress after each chunk."""
    if taken.upload is None:
        raise ImportRefused("no_object", "No file was put yet.")
    kind = importer.kind(taken.kind)
    fields = kind.row.model_fields
    columns = columns_of(
        fields,
        [name for name, field in fields.items() if field.is_required()],
        kind.id_headings,
        taken.columns,
    )
    form = file_form(taken.object_key.rpartition("/")[2])
    upload, behind = taken.upload, taken.progress
    place = Place(behind.read, behind.offset) if behind.offset else Place()
    rows = resume_rows(lambda start: importer.uploads.read(upload, start), form, columns, place)
    for _ in islice(rows, behind.read - place.row):  # imports from before offsets were kept
        pass
    run = _Run(importer, taken, lease, kind)
    progress = taken.progress
    judged = _judged(run, kind.defaults(taken), rows)
    with closing(one_ahead(_chunks(judged, importer.chunk_rows, place))) as chunks:
        for chunk, offset in chunks:
            progress = _take_chunk(run, progress, chunk, offset)
            yield progress


def _judged(run: _Run, defaults: Mapping[str, object], rows: Iterator[Row | Rejection]) -> Iterator[JudgedRow]:
    for row in rows:
        if isinstance(row, Rejection):
            yield [row]
            continue
        try:
            yield AcceptedRow(row.number, run.kind.row.model_validate({**defaults, **row.values}))
        except ValidationError as error:
            yield [
                Rejection(row.number, rule.code, rule.detail, str(rule.path[0]) if rule.path else None)
                for rule in broken_rules(error)[:_RULES_NAMED]
            ]
        except Exception as error:  # noqa: BLE001 - whatever a row causes is told of that row
            yield [_failed(run, row.number, error)]


def _write(run: _Run, rows: Sequence[AcceptedRow]) -> list[Rejection]:
    """Take rows into their room. When what one holds makes that fail, halves are tried until it stands alone."""
    try:
        return list(run.kind.write(run.taken, rows))
    except _OF_A_ROW as error:
        if len(rows) == 1:
            return [_failed(run, rows[0].number, error)]
        if not rows:
            raise
    middle = len(rows) // 2
    return [*_write(run, rows[:middle]), *_write(run, rows[middle:])]


def _failed(run: _Run, number: int, error: Exception) -> Rejection:
    run.importer.report(run.taken.key, number, error)
    return Rejection(number, "row_failed", "The row could not be taken in, for a reason on our side. We were told.")


def _chunks(rows: Iterator[JudgedRow], size: int, place: Place) -> Iterator[tuple[list[JudgedRow], int]]:
    """Chunks of rows and the offsets behind them; those before a refusal come first."""
    refusal = None
    while refusal is None:
        chunk: list[JudgedRow] = []
        try:
            chunk.extend(islice(rows, size))
        except ImportRefused as error:
            refusal = error
        if not chunk:
            break
        yield chunk, place.offset
    if refusal:
        raise refusal


def _take_chunk(run: _Run, before: Progress, chunk: Sequence[JudgedRow], offset: int) -> Progress:
    accepted = [row for row in chunk if isinstance(row, AcceptedRow)]
    rejections = [rejection for row in chunk if not isinstance(row, AcceptedRow) for rejection in row]

    def attempt() -> Progress:
        refused = sorted([*rejections, *_write(run, accepted)], key=attrgetter("row"))
        rejected = len({rejection.row for rejection in refused})
        imported = len(chunk) - rejected
        after = Progress(before.read + len(chunk), before.imported + imported, before.rejected + rejected, offset)
        if refused:
            run.importer.repository.put_rejections(run.taken, before.read, refused)
        run.importer.repository.advance(run.taken.key, run.lease, before, after)
        return after

    for seconds in _PAUSES_SECONDS:
        try:
            return attempt()
        except Unavailable:
            run.importer.pause(seconds)
    return attempt()
