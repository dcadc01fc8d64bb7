"""Run an import, chunk by chunk, in as many invocations as it takes.

A chunk's rows are written to their room, its rejections are stored under the chunk's first row, and one conditional
write advances the import's progress. Each step can be repeated, so a run that stopped anywhere is repeated from the
stored progress.
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
    PERSONAL_KINDS,
    ImportFailure,
    ImportRefused,
    Progress,
    Rejection,
    columns_of,
    file_form,
)
from vitrine.imports.ports import AcceptedRow, ImportBusy
from vitrine.imports.read_rows import Position, resume_rows
from vitrine.platform.broken_rules import broken_rules
from vitrine.platform.problems import Unavailable, Unstorable
from vitrine.platform.threads import one_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from vitrine.imports.model import Import, ImportKey, Row
    from vitrine.imports.ports import Continuations, ImportRepository, Kind, Lease, Uploads

CHUNK_ROWS = 495  # a transaction has at most 99 images
LONGEST_DELAY_SECONDS = 900
_RULES_NAMED = 2
_PAUSES_SECONDS = (1, 2, 4, 8)

# Errors that a row's values can cause. Errors of databases and networks stop the run, which is then repeated.
_ROW_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, Unstorable)

CheckedRow = AcceptedRow | list[Rejection]


@dataclass(frozen=True)
class Importer:
    """The ports that a run needs. `report` is called for each row that failed because of an error on our side."""

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
    import_: Import
    lease: Lease
    kind: Kind


def run_import(importer: Importer, key: ImportKey, lease: Lease, time_is_left: Callable[[], bool]) -> Progress:
    """Import at least one chunk, and more while time is left; then continue in another invocation.

    Does nothing if the import is finished, and tries again later if another worker has it. Returns the progress of
    this run. Raises LeaseLost, or what a repository raised; the call can be repeated then.
    """
    import_ = _lease(importer, key, lease)
    if import_ is None:
        return Progress()
    progress = before = import_.progress
    failure = None
    try:
        for progress in _import_chunks(importer, import_, lease):
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
    return Progress(*(end - start for start, end in zip(before, after, strict=True)))


def give_up(importer: Importer, key: ImportKey, lease: Lease) -> bool:
    """Mark an import that stopped too often as failed; return False if it is finished or another worker has it."""
    if _lease(importer, key, lease) is None:
        return False
    detail = "The import stopped several times because of an error on our side. Upload the file again; its rows stay."
    importer.repository.finish(key, lease, ImportFailure("stopped", detail), importer.clock())
    return True


def forget_file(importer: Importer, key: ImportKey) -> None:
    """Delete the file of a finished import of personal data, so that erased users do not remain in it.

    Safe to repeat.
    """
    import_ = importer.repository.find(key)
    if import_ and import_.upload and import_.finished_at and import_.kind in PERSONAL_KINDS:
        importer.uploads.delete(import_.upload)


def _lease(importer: Importer, key: ImportKey, lease: Lease) -> Import | None:
    """Lease and return the import; None if it is finished, or another worker has it for now."""
    try:
        return importer.repository.lease(key, lease, importer.clock())
    except ImportBusy as busy:
        importer.continuations.send(key, min(int(busy.seconds) + 1, LONGEST_DELAY_SECONDS))
        return None


def _import_chunks(importer: Importer, import_: Import, lease: Lease) -> Iterator[Progress]:
    """Iterate over the import's progress after each chunk."""
    if import_.upload is None:
        raise ImportRefused("no_object", "No file has been uploaded yet.")
    kind = importer.kind(import_.kind)
    fields = kind.row.model_fields
    columns = columns_of(
        fields,
        [name for name, field in fields.items() if field.is_required()],
        kind.id_headings,
        import_.columns,
    )
    form = file_form(import_.object_key.rpartition("/")[2])
    upload, progress = import_.upload, import_.progress
    position = Position(progress.read, progress.offset) if progress.offset else Position()
    rows = resume_rows(lambda start: importer.uploads.read(upload, start), form, columns, position)
    for _ in islice(rows, progress.read - position.row):  # imports of earlier versions have no offset
        pass
    run = _Run(importer, import_, lease, kind)
    judged = _checked(run, kind.defaults(import_), rows)
    with closing(one_ahead(_chunks(judged, importer.chunk_rows, position))) as chunks:
        for chunk, offset in chunks:
            progress = _import_chunk(run, progress, chunk, offset)
            yield progress


def _checked(run: _Run, defaults: Mapping[str, object], rows: Iterator[Row | Rejection]) -> Iterator[CheckedRow]:
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
        except Exception as error:  # noqa: BLE001 - one row must not stop the others
            yield [_failed(run, row.number, error)]


def _write(run: _Run, rows: Sequence[AcceptedRow]) -> list[Rejection]:
    """Write rows to their room. If a row makes that fail, write halves until that row is alone, and reject it."""
    try:
        return list(run.kind.write(run.import_, rows))
    except _ROW_ERRORS as error:
        if len(rows) == 1:
            return [_failed(run, rows[0].number, error)]
        if not rows:
            raise
    middle = len(rows) // 2
    return [*_write(run, rows[:middle]), *_write(run, rows[middle:])]


def _failed(run: _Run, number: int, error: Exception) -> Rejection:
    run.importer.report(run.import_.key, number, error)
    return Rejection(number, "row_failed", "The row was not imported because of an error on our side, which we logged.")


def _chunks(rows: Iterator[CheckedRow], size: int, position: Position) -> Iterator[tuple[list[CheckedRow], int]]:
    """Iterate over chunks of rows, each with the offset after it. A refusal is raised after the rows before it."""
    refusal = None
    while refusal is None:
        chunk: list[CheckedRow] = []
        try:
            chunk.extend(islice(rows, size))
        except ImportRefused as error:
            refusal = error
        if not chunk:
            break
        yield chunk, position.offset
    if refusal:
        raise refusal


def _import_chunk(run: _Run, before: Progress, chunk: Sequence[CheckedRow], offset: int) -> Progress:
    accepted = [row for row in chunk if isinstance(row, AcceptedRow)]
    rejections = [rejection for row in chunk if not isinstance(row, AcceptedRow) for rejection in row]

    def attempt() -> Progress:
        refused = sorted([*rejections, *_write(run, accepted)], key=attrgetter("row"))
        rejected = len({rejection.row for rejection in refused})
        imported = len(chunk) - rejected
        after = Progress(before.read + len(chunk), before.imported + imported, before.rejected + rejected, offset)
        if refused:
            run.importer.repository.put_rejections(run.import_, before.read, refused)
        run.importer.repository.advance(run.import_.key, run.lease, before, after)
        return after

    for seconds in _PAUSES_SECONDS:
        try:
            return attempt()
        except Unavailable:
            run.importer.pause(seconds)
    return attempt()
