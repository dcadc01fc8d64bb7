"""A merchant asks where to put a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.imports.model import file_form

if TYPE_CHECKING:
    from vitrine.imports.model import Import
    from vitrine.imports.ports import ImportStore, Uploads

UPLOAD_SECONDS = 900
_MEDIA_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson", "json": "application/json"}
_GZIP = "application/gzip"


class UploadPlace(NamedTuple):
    """Where and how to put the file."""

    url: str
    media_type: str


def request_import(store: ImportStore, uploads: Uploads, new: Import) -> UploadPlace:
    """Prepare an import that waits for its file; the place takes it for `UPLOAD_SECONDS`."""
    form = file_form(new.object_key.rpartition("/")[2])
    media_type = _GZIP if form.gzipped else _MEDIA_TYPES[form.format]
    store.add(new)
    return UploadPlace(uploads.sign_put(new.object_key, media_type, UPLOAD_SECONDS), media_type)
