"""Keys over HTTP."""

from __future__ import annotations

from datetime import timedelta

from vitrine.access.answers import KeyAnswer, NewKeyAnswer, key_answer, new_key_answer
from vitrine.access.manage_keys import create_key, find_key, revoke_key, roll_key
from vitrine.access.wiring import access_store, admit, random_text
from vitrine.platform.http import SECRET, Answer, HttpApp, Request
from vitrine.platform.wiring import replays

lambda_handler = app = HttpApp(admit=admit, replays=replays)


@app.route("POST", "/keys", scope=SECRET, body="vitrine.access.bodies:PostKey", answers={201: NewKeyAnswer})
def post(request: Request) -> Answer:
    """Make a key; its text is shown in this answer only.

    It has the quota of the key that makes it.
    """
    from vitrine.access.bodies import PostKey  # noqa: PLC0415 - readers never load bodies

    body = request.body(PostKey)
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
    return Answer(201, new_key_answer(made))


@app.route("GET", "/keys", scope=SECRET, answers={200: KeyAnswer}, paged=True)
def list_keys(request: Request) -> Answer:
    """List keys, newest first; `last_used_at` is exact to the hour.

    Revoked keys stay in the list.
    """
    page = request.page(str)
    after = find_key(access_store(), request.merchant_id, page.state) if page.state else None
    found = access_store().newest_keys(request.merchant_id, page.limit, after)
    last = found[-1].key_id if len(found) == page.limit else None
    return request.list_answer([key_answer(key) for key in found], last)


@app.route(
    "POST",
    "/keys/{key_id}/roll",
    scope=SECRET,
    body="vitrine.access.bodies:RollKey",
    answers={201: NewKeyAnswer},
)
def roll(request: Request) -> Answer:
    """Give a key a successor, whose text is shown in this answer only.

    The key itself holds for `overlap_seconds` more. A key is rolled once.
    """
    from vitrine.access.bodies import RollKey  # noqa: PLC0415 - readers never load bodies

    body = request.body(RollKey) if request.raw_body else RollKey()
    key = find_key(access_store(), request.merchant_id, request.path_id("key_id"))
    overlap = timedelta(seconds=body.overlap_seconds)
    made = roll_key(access_store(), key, overlap, now=request.now, random_text=random_text)
    return Answer(201, new_key_answer(made))


@app.route("DELETE", "/keys/{key_id}", scope=SECRET, answers={204: None})
def delete(request: Request) -> Answer:
    """Revoke a key.

    It stops working within 5 seconds, except that answers which a publishable key reads may follow for as long as the
    installation caches keys (a minute unless configured).
    """
    revoke_key(access_store(), request.merchant_id, request.path_id("key_id"), now=request.now)
    return Answer(204)
