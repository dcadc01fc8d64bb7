"""Imports as clients read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from vitrine.platform.times import to_rfc3339

if TYPE_CHECKING:
    from vitrine.imports.model import Import, Rejection


class UploadResponse(TypedDict):
    url: str
    method: str
    headers: dict[str, str]


class ImportRequestResponse(TypedDict):
    import_id: str
    upload: UploadResponse
    expires_at: str


class FailureResponse(TypedDict):
    code: str
    detail: str


class ImportResponse(TypedDict):
    import_id: str
    kind: str
    gallery_id: str | None
    object: str
    status: str
    rows_read: int
    rows_imported: int
    rows_rejected: int
    created_at: str
    started_at: str | None
    finished_at: str | None
    error: FailureResponse | None


class RejectionResponse(TypedDict):
    row: int
    column: NotRequired[str]
    code: str
    detail: str


def import_response(shown: Import) -> ImportResponse:
    """An import."""
    return {
        "import_id": shown.key.import_id,
        "kind": shown.kind,
        "gallery_id": shown.gallery_id,
        "object": shown.object_key,
        "status": shown.status,
        "rows_read": shown.progress.read,
        "rows_imported": shown.progress.imported,
        "rows_rejected": shown.progress.rejected,
        "created_at": to_rfc3339(shown.created_at),
        "started_at": to_rfc3339(shown.started_at) if shown.started_at else None,
        "finished_at": to_rfc3339(shown.finished_at) if shown.finished_at else None,
        "error": {"code": shown.failure.code, "detail": shown.failure.detail} if shown.failure else None,
    }


def rejection_response(rejection: Rejection) -> RejectionResponse:
    """Why a row was left out."""
    response: RejectionResponse = {"row": rejection.row, "code": rejection.code, "detail": rejection.detail}
    if rejection.column is not None:
        response["column"] = rejection.column
    return response
