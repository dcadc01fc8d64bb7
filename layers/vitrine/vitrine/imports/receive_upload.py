"""Find or create the import of an object that was uploaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.imports.model import (
    Import,
    ImportFailure,
    ImportKey,
    ImportRefused,
    derived_import_id,
    object_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from vitrine.imports.model import ObjectName, ObjectVersion
    from vitrine.imports.ports import ImportRepository


def receive_upload(  # noqa: PLR0913 - an upload has this many facts
    repository: ImportRepository,
    is_merchant: Callable[[str], bool],
    kinds: Collection[str],
    upload: ObjectVersion,
    sequencer: str,
    *,
    now: datetime,
) -> ImportKey | None:
    """Return the import of this object, the same one at each call; None if the object belongs to no merchant.

    The object belongs to the import that was requested for its key by the API. For any other object an import is
    created, as failed if the object cannot be imported.
    """
    _, merchant_id, *_ = (*upload.key.split("/", 2), "")
    if upload.key.endswith("/") or not merchant_id or not is_merchant(merchant_id):
        return None
    derived = ImportKey(merchant_id, derived_import_id(upload, sequencer))
    try:
        name = _read_name(upload.key, kinds)
    except ImportRefused as refusal:
        failure = ImportFailure(refusal.code, refusal.detail)
        repository.add(
            Import(derived, "", None, upload.key, now, {}, upload, "failed", finished_at=now, failure=failure)
        )
        return derived
    waiting = repository.find(ImportKey(merchant_id, name.stem))
    if waiting and waiting.object_key == upload.key and repository.attach(waiting.key, upload):
        return waiting.key
    repository.add(Import(derived, name.kind, name.gallery_id, upload.key, now, {}, upload))
    return derived


def _read_name(object_key: str, kinds: Collection[str]) -> ObjectName:
    name = object_name(object_key)
    if name.kind not in kinds:
        raise ImportRefused("unknown_kind", f"{name.kind!r:.60} cannot be imported; use {', '.join(kinds)}.")
    return name
