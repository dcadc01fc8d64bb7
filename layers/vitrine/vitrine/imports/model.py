"""Imports, the names of their objects, and which heading means which column. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from vitrine.platform.uploads import SignedPut

Status = Literal["waiting", "running", "completed", "failed"]
Format = Literal["csv", "jsonl", "json", "xlsx"]

LARGEST_OBJECT_BYTES = 5 << 30
LARGEST_PICTURE_BYTES = 50 << 20
_ID = re.compile(r"[A-Za-z0-9._~:-]{1,128}")
_FILE_NAME = re.compile(
    r"(?P<stem>[^/]+)\.(?:(?P<format>csv|jsonl|json)(?P<gzip>\.gz)?|(?P<sheet>xlsx))", re.IGNORECASE
)
_IN_GALLERIES = "images"
_WELL_NAMED = "imports/{merchant_id}/{kind}/[{gallery_id}/]{name}.{xlsx|{csv|jsonl|json}[.gz]}"


class ImportRefused(Exception):
    """The import cannot start or continue. `code` names the reason, `detail` says what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def refuse(code: str, detail: str) -> NoReturn:
    """Raise ImportRefused."""
    raise ImportRefused(code, detail)


class ImportKey(NamedTuple):
    """An import of a merchant."""

    merchant_id: str
    import_id: str


class ObjectVersion(NamedTuple):
    """An object as it was uploaded."""

    key: str
    etag: str
    size: int


class FileForm(NamedTuple):
    """The format of a file, and whether it is compressed."""

    format: Format
    gzipped: bool


class ObjectName(NamedTuple):
    """The parts of an uploaded object's name."""

    merchant_id: str
    kind: str
    gallery_id: str | None
    stem: str


class Progress(NamedTuple):
    """Counts of rows. The next run continues after the row `read`, at the byte `offset` of the decompressed file."""

    read: int = 0
    imported: int = 0
    rejected: int = 0
    offset: int = 0


_NOTHING = Progress()


class ImportFailure(NamedTuple):
    """Why an import failed, and what to do."""

    code: str
    detail: str


PERSONAL_KINDS = frozenset({"interactions"})


@dataclass(frozen=True)
class Import:
    """The import of one object. `upload` is None until the object is uploaded."""

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
    """A data row, numbered from 1, with its values by our column names."""

    number: int
    values: Mapping[str, object]


class Rejection(NamedTuple):
    """Why a row was not imported."""

    row: int
    code: str
    detail: str
    column: str | None = None


def file_form(name: str) -> FileForm:
    """Return a file's form by the end of its name. Raises ImportRefused."""
    match = _FILE_NAME.fullmatch(name)
    if match is None:
        raise ImportRefused(
            "bad_name",
            "The file's name must end in .xlsx, .csv, .jsonl or .json; .gz may follow the last three.",
        )
    return FileForm(cast("Format", (match["format"] or match["sheet"]).lower()), match["gzip"] is not None)


def object_name(key: str) -> ObjectName:
    """Return the parts of an object's name. Raises ImportRefused."""
    prefix, merchant_id, kind, *gallery, file_name = key.split("/") if key.count("/") >= 3 else [""] * 4  # noqa: PLR2004
    match = _FILE_NAME.fullmatch(file_name)
    fits = prefix == "imports" and len(gallery) <= (kind == _IN_GALLERIES) and all(map(_ID.fullmatch, gallery))
    if match is None or not fits:
        raise ImportRefused("bad_name", f"Name the object {_WELL_NAMED}; only images have a gallery.")
    return ObjectName(merchant_id, kind, gallery[0] if gallery else None, match["stem"])


def upload_key(key: ImportKey, kind: str, gallery_id: str | None, form: FileForm) -> str:
    """Return the object key for the file of an import that was requested by the API."""
    gallery = f"{gallery_id}/" if gallery_id else ""
    extension = ".gz" if form.gzipped else ""
    return f"imports/{key.merchant_id}/{kind}/{gallery}{key.import_id}.{form.format}{extension}"


def derived_import_id(upload: ObjectVersion, sequencer: str) -> str:
    """Return the import id of an object that was uploaded without the API: the same for each notification of it."""
    return hashlib.sha256(f"{upload.key}\n{upload.etag}\n{sequencer}".encode()).hexdigest()[:32]


@lru_cache(maxsize=4096)
def plain_heading(heading: str) -> str:
    """Return the normal form of a heading: `createdAt`, `Created At`, `created_at` and `CREATED-AT` have the same."""
    return "".join(filter(str.isalnum, heading)).casefold()


@dataclass(frozen=True)
class Columns:
    """The columns of a kind of rows, by normalised heading, and which of them are required."""

    by_heading: Mapping[str, str]
    required: frozenset[str]

    def named(self, heading: str) -> str | None:
        """Return the column that a heading means; None if it means none."""
        return self.by_heading.get(plain_heading(heading))


def columns_of(
    names: Iterable[str], required: Iterable[str], id_headings: Iterable[str], mapped: Mapping[str, str]
) -> Columns:
    """Return the columns with these names. All `id_headings` mean the id column, whose name is the first of them.

    `mapped` is the merchant's own `{heading: column}`. With a mapping, only mapped columns are imported, and the
    required ones and the row's id, by their usual headings unless they are mapped.
    """
    id_column, *_ = headings = list(id_headings)
    always = frozenset(required)
    usual = {plain_heading(name): name for name in names} | {plain_heading(name): id_column for name in headings}
    chosen = {plain_heading(heading): column for heading, column in mapped.items()}
    unmapped = {
        heading: column
        for heading, column in usual.items()
        if not chosen or (column not in chosen.values() and (column in always or column == id_column))
    }
    return Columns(unmapped | chosen, always)


class PictureKey(NamedTuple):
    """A picture that is uploaded for a gallery."""

    merchant_id: str
    gallery_id: str
    image_id: str


class NewPicture(NamedTuple):
    """A picture that a merchant wants to upload. `sha256` is the digest of its content, in hexadecimal."""

    key: PictureKey
    sha256: str
    size: int
    media_type: str
    name: str
    created_at: datetime


class Refusal(NamedTuple):
    """Why a picture was refused: `code` is for programs, `detail` for the merchant."""

    code: str
    detail: str


class StoredPicture(NamedTuple):
    """A picture as it was uploaded; of one that was refused, only the refusal is left."""

    size: int
    name: str
    created_at: datetime
    is_added: bool = False
    refusal: Refusal | None = None


class PictureResult(NamedTuple):
    """How far a picture is; `upload` puts it unless it is in the gallery or was refused."""

    picture: NewPicture
    status: Literal["wanted", "waiting", "added", "refused"]
    upload: SignedPut | None = None
    refusal: Refusal | None = None


def image_id_of(sha256: str) -> str:
    """Return the id of the image that a picture becomes: the same picture is one image of a gallery."""
    return sha256[:32]
