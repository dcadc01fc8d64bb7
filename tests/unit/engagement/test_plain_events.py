"""What is read without pydantic is valid, and is the same event as with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vitrine.engagement.plain_events import (
    LAST_POSITION,
    LONGEST_TOKEN,
    SentEvent,
    plain_events,
    plain_searches,
)
from vitrine.engagement.requests import PostEventsRequest, PostSearchEventsRequest

if TYPE_CHECKING:
    from vitrine.engagement.model import Event

USUAL = {
    "event_id": "0b0f9a1e-4c1d-4a5e-9d0e-1f2a3b4c5d6e",
    "type": "click",
    "image_id": "image-1",
    "occurred_at": "2024-05-31T12:00:00.123Z",
    "user_id": "visitor:0123456789012345678901",
    "user_token": "v1.1700000000.c2lnbmF0dXJl",
    "session_id": "session",
    "position": 3,
    "arm": "7.1",
    "search_id": "1.c2VhcmNo",
    "previous_search_id": "0.c2VhcmNo",
}
USUAL_SEARCH = {name: USUAL[name] for name in ("event_id", "search_id", "occurred_at", "session_id")}
NEEDED, NEEDED_OF_SEARCH = {"event_id", "type", "image_id"}, {"event_id", "search_id"}

IDS = ["a", "a" * 128, "a" * 129, "", "a b", "a\n", "ä", "\ud800", "a~.:-_"]
TIMES = [
    "2024-05-31",
    "2024-05-31t12:00:00z",
    "2024-05-31T12:00:00.123456789+02:00",
    "2024-02-30T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "12:00:00Z",
]
TEXTS = ["x" * LONGEST_TOKEN, "x" * (LONGEST_TOKEN + 1), "\0", "1234567890.1", "2.a", "1.a", "0.", "view", "clicks"]
NUMBERS = [0, 1, 1.0, 1.5, -1, True, LAST_POSITION, LAST_POSITION + 1, 10**400, float("nan")]
VALUES = [None, *IDS, *TIMES, *TEXTS, *NUMBERS, [], {}, ["view"], {"a": 1}]
FIELDS = [*USUAL, "weight"]
changes = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(VALUES), min_size=2, max_size=4)


def slowly_read(
    raw: bytes, model: type[PostEventsRequest | PostSearchEventsRequest] = PostEventsRequest
) -> list[SentEvent] | list[Event] | None:
    try:
        return [sent.sent() for sent in model.model_validate_json(raw, strict=True).events]  # type: ignore[return-value]
    except ValidationError:
        return None


def body(*events: object) -> bytes:
    return json.dumps({"events": events}).encode()


@pytest.mark.parametrize("left_out", [set(), *({name} for name in USUAL.keys() - NEEDED), USUAL.keys() - NEEDED])
@pytest.mark.parametrize("null", [False, True])
def test_usual_events_are_read(left_out: set[str], null: bool) -> None:
    sent = {name: value for name, value in USUAL.items() if name not in left_out}
    if null:
        sent |= dict.fromkeys(left_out)
    raw = body(sent, USUAL)
    assert slowly_read(raw) == plain_events(raw) != None  # noqa: E711 - both read it


def test_usual_searches_are_read() -> None:
    raw = body(USUAL_SEARCH, {name: USUAL[name] for name in NEEDED_OF_SEARCH})
    assert slowly_read(raw, PostSearchEventsRequest) == plain_searches(raw) != None  # noqa: E711 - both read it


def assert_left_or_read_the_same(*events: dict[str, Any], searches: bool = False) -> None:
    raw = body(*events)
    if searches:
        assert plain_searches(raw) in (None, slowly_read(raw, PostSearchEventsRequest))
    else:
        assert plain_events(raw) in (None, slowly_read(raw))


@pytest.mark.parametrize("name", FIELDS)
def test_one_field_of_another_form_is_left_to_pydantic_or_read_the_same(name: str) -> None:
    for usual in (USUAL, USUAL_SEARCH):
        without = {other: value for other, value in usual.items() if other != name}
        assert_left_or_read_the_same(without, searches=usual == USUAL_SEARCH)
        for value in VALUES:
            assert_left_or_read_the_same({**usual, name: value}, searches=usual == USUAL_SEARCH)


@given(changes, st.sets(st.sampled_from([*USUAL]), max_size=2))
def test_several_fields_of_another_form_are_left_to_pydantic_or_read_the_same(
    change: dict[str, Any], left_out: set[str]
) -> None:
    for usual in (USUAL, USUAL_SEARCH):
        sent = {name: value for name, value in usual.items() if name not in left_out} | change
        assert_left_or_read_the_same(usual, sent, searches=usual == USUAL_SEARCH)


@pytest.mark.parametrize("size", [0, 1, 500, 501])
def test_bodies_have_one_to_500_events(size: int) -> None:
    assert_left_or_read_the_same(*[USUAL] * size)
    assert (plain_events(body(*[USUAL] * size)) is not None) == (size in {1, 500})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"[1]",
        b"null",
        b'{"events": 1}',
        b'{"events": {"a": 1}}',
        b'{"events": "a"}',
        b'{"events": [1]}',
        b'{"events": [[]]}',
        pytest.param(b'{"events": ' + b"[" * 100_000, id="deep"),
        pytest.param(b'{"events": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", id="deep and closed"),
        b"\xef\xbb\xbf" + body(USUAL),
        body(USUAL).decode().encode("utf-16"),
        body(USUAL) + b"x",
        body(USUAL).replace(b"session", b"s\xff"),
        body(USUAL).replace(b"session", b"\\ud800"),
        body(USUAL).replace(b'"session"', b"NaN"),
        pytest.param(body(USUAL).replace(b'"session"', b"1" * 5000), id="a long number"),
        body(USUAL)[:-1] + b', "more": null}',
        body(USUAL)[:-1] + b', "events": []}',
        b'{"events": NaN, ' + body(USUAL)[1:],
        body({**USUAL, "weight": None}),
        body(USUAL).replace(b'"event_id"', b'"event_id": "\\ud800", "event_id"', 1),
        body({**USUAL, "event_id": None}),
        body({**USUAL, "position": 1_000_000_001}),
        pytest.param(body({**USUAL, "user_token": "x" * 201}), id="a long token"),
    ],
)
def test_other_bodies_are_left_to_pydantic(raw: bytes) -> None:
    assert plain_events(raw) is None
    assert plain_searches(raw) is None
