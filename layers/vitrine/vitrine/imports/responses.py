"""Imports in responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from vitrine.platform.times import to_rfc3339
from vitrine.platform.uploads import UploadResponse, upload_response

if TYPE_CHECKING:
    from vitrine.imports.model import Import, PictureResult, Rejection


class ImportRequestResponse(TypedDict):
    import_id: str
    upload: UploadResponse
    expires_at: str


class FailureResponse(TypedDict):
    code: str
    detail: str


class UploadedPictureResponse(TypedDict):
    image_id: str
    status: str
    upload: NotRequired[UploadResponse]
    error: NotRequired[FailureResponse]


class PicturesResponse(TypedDict):
    results: list[UploadedPictureResponse]


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


def import_response(import_: Import) -> ImportResponse:
    """Return an import."""
    failure = import_.failure
    return {
        "import_id": import_.key.import_id,
        "kind": import_.kind,
        "gallery_id": import_.gallery_id,
        "object": import_.object_key,
        "status": import_.status,
        "rows_read": import_.progress.read,
        "rows_imported": import_.progress.imported,
        "rows_rejected": import_.progress.rejected,
        "created_at": to_rfc3339(import_.created_at),
        "started_at": to_rfc3339(import_.started_at) if import_.started_at else None,
        "finished_at": to_rfc3339(import_.finished_at) if import_.finished_at else None,
        "error": {"code": failure.code, "detail": failure.detail} if failure else None,
    }


def rejection_response(rejection: Rejection) -> RejectionResponse:
    """Return why a row was not imported."""
    response: RejectionResponse = {"row": rejection.row, "code": rejection.code, "detail": rejection.detail}
    if rejection.column is not None:
        response["column"] = rejection.column
    return response


def picture_response(result: PictureResult) -> UploadedPictureResponse:
    """Return how far a picture is, and where to put it."""
    response: UploadedPictureResponse = {"image_id": result.picture.key.image_id, "status": result.status}
    if result.upload:
        response["upload"] = upload_response(result.upload)
    if result.refusal:
        response["error"] = {"code": result.refusal.code, "detail": result.refusal.detail}
    return response
