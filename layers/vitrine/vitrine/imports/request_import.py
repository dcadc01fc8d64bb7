"""Prepare an import whose file will be uploaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.imports.model import file_form

if TYPE_CHECKING:
    from vitrine.imports.model import Import
    from vitrine.imports.ports import ImportRepository, Uploads
    from vitrine.platform.uploads import SignedPut

UPLOAD_SECONDS = 900
_MEDIA_TYPES = {
    "csv": "text/csv",
    "jsonl": "application/x-ndjson",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_GZIP = "application/gzip"


def request_import(repository: ImportRepository, uploads: Uploads, new: Import, size: int | None) -> SignedPut:
    """Store an import that waits for its file; return the signed request that uploads it, of `size` bytes if given."""
    form = file_form(new.object_key.rpartition("/")[2])
    media_type = _GZIP if form.gzipped else _MEDIA_TYPES[form.format]
    repository.add(new)
    return uploads.upload_to(new.object_key, media_type, size, UPLOAD_SECONDS)
