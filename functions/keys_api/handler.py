"""Keys over HTTP, and the logs of what was done with them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vitrine.access.manage_keys import create_key, find_key, revoke_key, roll_key
from vitrine.access.responses import (
    KeyResponse,
    LoggedRequestResponse,
    NewKeyResponse,
    key_response,
    logged_request_response,
    new_key_response,
)
from vitrine.access.wiring import access_store, check_quota, note_outcome, random_text, request_log
from vitrine.platform.http import SECRET, HttpApp, Request, Response
from vitrine.platform.wiring import saved_responses

if TYPE_CHECKING:
    from vitrine.access.model import Log

lambda_handler = app = HttpApp(check_quota=check_quota, note=note_outcome, saved_responses=saved_responses)


@app.post("/keys", scope=SECRET, body="vitrine.access.requests:PostKeyRequest", responses={201: NewKeyResponse})
def post(request: Request) -> Response:
    """Create a key; only this response contains its text.

    It has the same quota as the key that creates it.
    """
    from vitrine.access.requests import PostKeyRequest  # noqa: PLC0415 - readers never load bodies

    body = request.body(PostKeyRequest)
    made = create_key(
        access_store(),
        request.merchant_id,
        body.role,
        request.caller.requests_per_minute,
        now=request.now,
        random_text=random_text,
        label=body.label,
        origins=body.origins,
        reviewer=body.reviewer,
    )
    return Response(201, new_key_response(made))


@app.get("/keys", scope=SECRET, responses={200: KeyResponse}, paged=True)
def list_keys(request: Request) -> Response:
    """List keys, newest first; `last_used_at` is exact to the hour.

    Revoked keys stay in the list.
    """
    page = request.page(str)
    after = find_key(access_store(), request.merchant_id, page.state) if page.state else None
    keys = access_store().newest_keys(request.merchant_id, page.limit, after)
    last = keys[-1].key_id if len(keys) == page.limit else None
    return request.list_response([key_response(key) for key in keys], last)


@app.post(
    "/keys/{key_id}/roll",
    scope=SECRET,
    body="vitrine.access.requests:RollKeyRequest",
    responses={201: NewKeyResponse},
)
def roll(request: Request) -> Response:
    """Create a key's successor; only this response contains its text.

    The old key stays valid for `overlap_seconds`. A key can be rolled once.
    """
    from vitrine.access.requests import RollKeyRequest  # noqa: PLC0415 - readers never load bodies

    body = request.body(RollKeyRequest) if request.raw_body else RollKeyRequest()
    key = find_key(access_store(), request.merchant_id, request.path_id("key_id"))
    overlap = timedelta(seconds=body.overlap_seconds)
    made = roll_key(access_store(), key, overlap, now=request.now, random_text=random_text)
    return Response(201, new_key_response(made))


@app.delete("/keys/{key_id}", scope=SECRET, responses={204: None})
def delete(request: Request) -> Response:
    """Revoke a key.

    It stops working within 5 seconds; a publishable key may go on reading for as long as the installation caches keys
    (a minute by default).
    """
    revoke_key(access_store(), request.merchant_id, request.path_id("key_id"), now=request.now)
    return Response(204)


@app.get(
    "/request-log",
    scope=SECRET,
    responses={200: LoggedRequestResponse},
    query={"request_id": {"type": "string", "minLength": 1, "maxLength": 128}},
    paged=True,
)
def list_errors(request: Request) -> Response:
    """List the requests of the last 7 days that failed, newest first; or find one by its `request_id`.

    Of each key, at most 20 failed requests a minute and process are kept. `detail` is what the response said.
    """
    request_id = request.query.get("request_id")
    if request_id is None:
        return _log(request, "errors")
    found = request_log().find_error(request.merchant_id, request_id, request.now)
    return request.list_response([logged_request_response(found)] if found else [], None)


@app.get("/change-log", scope=SECRET, responses={200: LoggedRequestResponse}, paged=True)
def list_changes(request: Request) -> Response:
    """List the changes of the last 90 days, newest first: which key did what, and to which ids.

    Events, interactions, claims and decisions are not changes; a snapshot has a trail of its decisions. Ids of people
    are left out.
    """
    return _log(request, "changes")


def _log(request: Request, log: Log) -> Response:
    page = request.page(str)
    entries = request_log().newest(request.merchant_id, log, page.limit, page.state, request.now)
    last = entries[-1].position if len(entries) == page.limit else None
    return request.list_response([logged_request_response(entry) for entry in entries], last)
