"""Keys over HTTP."""

from __future__ import annotations

from datetime import timedelta

from vitrine.access.manage_keys import create_key, find_key, revoke_key, roll_key
from vitrine.access.responses import KeyResponse, NewKeyResponse, key_response, new_key_response
from vitrine.access.wiring import access_store, check_quota, random_text
from vitrine.platform.http import SECRET, HttpApp, Request, Response
from vitrine.platform.wiring import saved_responses

lambda_handler = app = HttpApp(check_quota=check_quota, saved_responses=saved_responses)


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
