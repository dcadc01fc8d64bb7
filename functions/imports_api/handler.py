"""Imports over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from vitrine.access.wiring import check_quota, note_outcome
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.wiring import gallery_repository
from vitrine.imports.model import Import, ImportKey, ImportRefused, PictureKey, file_form, upload_key
from vitrine.imports.request_import import UPLOAD_SECONDS, request_import
from vitrine.imports.responses import (
    ImportRequestResponse,
    ImportResponse,
    PicturesResponse,
    RejectionResponse,
    import_response,
    picture_response,
    rejection_response,
)
from vitrine.imports.s3 import path_of
from vitrine.imports.upload_pictures import upload_pictures
from vitrine.imports.wiring import KINDS, import_repository, uploaded_pictures, uploads
from vitrine.platform.http import ANYONE, HttpApp, Request, Response
from vitrine.platform.problems import FieldError, InvalidRequest, NotFound
from vitrine.platform.times import to_rfc3339
from vitrine.platform.uploads import upload_response
from vitrine.platform.wiring import saved_responses

if TYPE_CHECKING:
    from vitrine.imports.model import FileForm
    from vitrine.imports.requests import PostImportRequest

_REDIRECT_SECONDS = 1800

lambda_handler = app = HttpApp(check_quota=check_quota, note=note_outcome, saved_responses=saved_responses)


@app.post("/imports", body="vitrine.imports.requests:PostImportRequest", responses={201: ImportRequestResponse})
def post(request: Request) -> Response:
    """Prepare an import; the response says where to put its file."""
    from vitrine.imports.requests import PostImportRequest  # noqa: PLC0415 - readers never load bodies

    body = request.body(PostImportRequest)
    form = _judge(body)
    key = ImportKey(request.merchant_id, uuid4().hex)
    object_key = upload_key(key, body.kind, body.gallery_id, form)
    new = Import(key, body.kind, body.gallery_id, object_key, request.now, body.columns or {})
    upload = request_import(import_repository(), uploads(), new, body.size)
    response: ImportRequestResponse = {
        "import_id": key.import_id,
        "upload": upload_response(upload),
        "expires_at": to_rfc3339(request.now + timedelta(seconds=UPLOAD_SECONDS)),
    }
    return Response(201, response, {"Location": f"/imports/{key.import_id}"})


@app.get("/imports", responses={200: ImportResponse}, paged=True)
def list_imports(request: Request) -> Response:
    """List imports, newest first."""
    page = request.page(str)
    found, following = import_repository().newest(request.merchant_id, page.limit, page.state)
    return request.list_response([import_response(made) for made in found], following)


@app.get("/imports/{import_id}", responses={200: ImportResponse})
def get(request: Request) -> Response:
    """Read an import and its progress."""
    return Response(200, import_response(_find(request)))


@app.get("/imports/{import_id}/errors", responses={200: RejectionResponse}, paged=True)
def errors(request: Request) -> Response:
    """List the rows that an import rejected, with the reasons."""
    page = request.page((str, int))
    found = import_repository().rejections(_find(request).key, page.limit, page.state)
    return request.list_response([rejection_response(rejection) for rejection in found.rejections], found.next)


@app.post(
    "/galleries/{gallery_id}/pictures",
    body="vitrine.imports.requests:PostPicturesRequest",
    responses={200: PicturesResponse},
    is_change=False,
)
def post_pictures(request: Request) -> Response:
    """Upload pictures into a gallery: the response says where to put each, and how far it is.

    A picture is known by its content: sent twice, it is one image. Once it is put and checked, it is `added` under
    `image_id`; what is no picture is `refused`. Send the same request again to see.
    """
    from vitrine.imports.requests import PostPicturesRequest  # noqa: PLC0415 - readers never load bodies

    key = GalleryKey(request.merchant_id, request.path_id("gallery_id"))
    pictures = [sent.picture(key, request.now) for sent in request.body(PostPicturesRequest).pictures]
    results = upload_pictures(gallery_repository(), uploaded_pictures(), key, pictures)
    return Response(200, {"results": [picture_response(result) for result in results]})


@app.get("/gallery-pictures/{merchant_id}/{gallery_id}/{image_id}", scope=ANYONE, responses={302: None}, cacheable=True)
def get_picture(request: Request) -> Response:
    """Redirect anyone to an uploaded picture that its gallery shows."""
    key = PictureKey(*(request.path_id(name) for name in ("merchant_id", "gallery_id", "image_id")))
    found = gallery_repository().get_images(GalleryKey(key.merchant_id, key.gallery_id), [key.image_id])
    image = found.get(key.image_id)
    if image is None or image.hidden or not image.description.url.endswith(path_of(key)):
        raise NotFound(f"There is no picture {key.image_id}.")
    return Response(
        302, headers={"Location": uploaded_pictures().signed_address_of(key)}, shared_seconds=_REDIRECT_SECONDS
    )


def _find(request: Request) -> Import:
    found = import_repository().find(ImportKey(request.merchant_id, request.path_id("import_id")))
    if found is None:
        raise NotFound("There is no import with this id.")
    return found


def _judge(body: PostImportRequest) -> FileForm:
    """The file's format. Raises InvalidRequest for a filename, kind or columns that cannot be imported."""
    errors = []
    if body.kind not in KINDS:
        errors.append(FieldError("/kind", f"must be one of {', '.join(KINDS)}"))
    elif unknown := set((body.columns or {}).values()) - set(columns := KINDS[body.kind]().row.model_fields):
        known = ", ".join(columns)
        errors += [
            FieldError("/columns", f"{name!r:.60} is not a column; the columns are {known}") for name in sorted(unknown)
        ]
    if body.gallery_id and body.kind != "images":
        errors.append(FieldError("/gallery_id", "is for images only"))
    try:
        form = file_form(body.filename.rpartition("/")[2])
    except ImportRefused as refusal:
        errors.append(FieldError("/filename", refusal.detail))
    if errors:
        raise InvalidRequest("This cannot be imported; see errors.", errors)
    return form
