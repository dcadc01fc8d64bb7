"""What an import is, how its object is named and which heading means which column. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

Status = Literal["waiting", "running", "completed", "failed"]
Format = Literal["csv", "jsonl", "json"]

LARGEST_OBJECT_BYTES = 5 << 30
_ID = re.compile(r"[A-Za-z0-9._~:-]{1,128}")
_FILE_NAME = re.compile(r"(?P<stem>[^/]+)\.(?P<format>csv|jsonl|json)(?P<gzip>\.gz)?", re.IGNORECASE)
_IN_GALLERIES = "images"
_WELL_NAMED = "imports/{merchant_id}/{kind}/[{gallery_id}/]{name}.{csv|jsonl|json}[.gz]"


class ImportRefused(Exception):
    """The import cannot start or go on. `code` names the reason, `detail` says what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class ImportKey(NamedTuple):
    """Which import of which merchant."""

    merchant_id: str
    import_id: str


class ObjectVersion(NamedTuple):
    """An object as it stood when it was put."""

    key: str
    etag: str
    size: int


class FileForm(NamedTuple):
    """How a file is written."""

    format: Format
    gzipped: bool


class ObjectName(NamedTuple):
    """What the name of an uploaded object says."""

    merchant_id: str
    kind: str
    gallery_id: str | None
    stem: str


class Progress(NamedTuple):
    """Rows behind us. A later run goes on behind the row `read`, at the byte `offset` of the unpacked file."""

    read: int = 0
    imported: int = 0
    rejected: int = 0
    offset: int = 0


_NOTHING = Progress()


class ImportFailure(NamedTuple):
    """Why an import failed, and what to do."""

    code: str
    detail: str


TELLS_OF_PEOPLE = frozenset({"interactions"})


@dataclass(frozen=True)
class Import:
    """One object on its way in. `upload` is None until it was put."""

    key: ImportKey
    kind: str
    gallery_id: str | None
    object_key: str
    created_at: datetime
    columns: Mapping[str, str]
    upload: ObjectVersion | None = None
    status: Status = "waiting"
    progress: Progress = _NOTHING
    started_at: datetime | None = None
    finished_at: datetime | None = None
    failure: ImportFailure | None = None


class Row(NamedTuple):
    """A data row, numbered from 1, its values under our names of the columns."""

    number: int
    values: Mapping[str, object]


class Rejection(NamedTuple):
    """Why a row was left out."""

    row: int
    code: str
    detail: str
    column: str | None = None


def file_form(name: str) -> FileForm:
    """How the file is written, by the end of its name. Raises ImportRefused."""
    found = _FILE_NAME.fullmatch(name)
    if found is None:
        raise ImportRefused("bad_name", "End the file's name in .csv, .jsonl or .json, gzipped in .gz behind that.")
    return FileForm(cast("Format", found["format"].lower()), found["gzip"] is not None)


def object_name(key: str) -> ObjectName:
    """Read an object's name. Raises ImportRefused."""
    prefix, merchant_id, kind, *gallery, file_name = key.split("/") if key.count("/") >= 3 else [""] * 4  # noqa: PLR2004
    found = _FILE_NAME.fullmatch(file_name)
    fits = prefix == "imports" and len(gallery) <= (kind == _IN_GALLERIES) and all(map(_ID.fullmatch, gallery))
    if found is None or not fits:
        raise ImportRefused("bad_name", f"Name the object {_WELL_NAMED}; a gallery is for images only.")
    return ObjectName(merchant_id, kind, gallery[0] if gallery else None, found["stem"])


def upload_key(key: ImportKey, kind: str, gallery_id: str | None, form: FileForm) -> str:
    """Where the file of an import made over the API is put."""
    gallery = f"{gallery_id}/" if gallery_id else ""
    ending = ".gz" if form.gzipped else ""
    return f"imports/{key.merchant_id}/{kind}/{gallery}{key.import_id}.{form.format}{ending}"


def derived_import_id(upload: ObjectVersion, sequencer: str) -> str:
    """The import of an object put without the API: one for each time it is put, however often we hear of it."""
    return hashlib.sha256(f"{upload.key}\n{upload.etag}\n{sequencer}".encode()).hexdigest()[:32]


@lru_cache(maxsize=4096)
def plain_heading(heading: str) -> str:
    """`createdAt`, `Created At`, `created_at` and `CREATED-AT` are one heading."""
    return "".join(filter(str.isalnum, heading)).casefold()


@dataclass(frozen=True)
class Columns:
    """The columns of a kind of rows, and the headings they go by."""

    by_heading: Mapping[str, str]
    required: frozenset[str]

    def named(self, heading: str) -> str | None:
        """The column that the heading means; None when it is none of ours."""
        return self.by_heading.get(plain_heading(heading))


def columns_of(
    names: Iterable[str], required: Iterable[str], id_headings: Iterable[str], mapped: Mapping[str, str]
) -> Columns:
    """Columns by their own names; the first of `id_headings` is the column that they all mean.

    `mapped` is the merchant's own `{heading: column}`. Where there is one, no other columns are taken, except those
    that no row can be without: the required ones and the row's id, by their usual headings unless they are mapped.
    """
    id_column, *_ = headings = list(id_headings)
    always = frozenset(required)
    usual = {plain_heading(name): name for name in names} | {plain_heading(name): id_column for name in headings}
    chosen = {plain_heading(heading): column for heading, column in mapped.items()}
    kept = {
        heading: column
        for heading, column in usual.items()
        if not chosen or (column not in chosen.values() and (column in always or column == id_column))
    }
    return Columns(kept | chosen, always)
