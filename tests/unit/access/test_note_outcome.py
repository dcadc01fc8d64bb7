"""Each process writes so many errors of a key in a minute, and all changes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from vitrine.access.model import MOST_ERRORS_PER_MINUTE, logged_ids
from vitrine.access.note_outcome import OutcomeNotes
from vitrine.platform.http import Caller, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.access.model import Log, LoggedRequest

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Written:
    """RequestLog that remembers what was added."""

    def __init__(self) -> None:
        self.added: list[tuple[Log, str]] = []

    def add(self, merchant_id: str, log: Log, entry: LoggedRequest) -> None:
        assert merchant_id == "shop"
        self.added.append((log, entry.key_id))

    def newest(
        self, merchant_id: str, log: Log, limit: int, before: str | None, now: datetime
    ) -> Sequence[LoggedRequest]:
        raise NotImplementedError

    def find_error(self, merchant_id: str, request_id: str, now: datetime) -> LoggedRequest | None:
        raise NotImplementedError


def outcome(status: int, key_id: str = "key", at: datetime = NOON) -> Outcome:
    caller = Caller("shop", key_id, "secret", "secret", "", (), 100, "")
    return Outcome(caller, "request-1", at, "PUT", "/a", {}, status, None, None)


def test_errors_of_a_key_are_bounded_and_the_next_minute_begins_anew() -> None:
    written = Written()
    notes = OutcomeNotes(written)
    for number in range(MOST_ERRORS_PER_MINUTE + 5):
        notes.note(outcome(404, at=NOON + timedelta(seconds=number)))
    notes.note(outcome(404, "other"))
    assert Counter(written.added) == {("errors", "key"): MOST_ERRORS_PER_MINUTE, ("errors", "other"): 1}
    notes.note(outcome(500, at=NOON + timedelta(minutes=1)))
    assert written.added[-1] == ("errors", "key")
    assert len(written.added) == MOST_ERRORS_PER_MINUTE + 2


def test_changes_are_all_written() -> None:
    written = Written()
    notes = OutcomeNotes(written)
    for _ in range(2 * MOST_ERRORS_PER_MINUTE):
        notes.note(outcome(201))
    assert written.added == [("changes", "key")] * 2 * MOST_ERRORS_PER_MINUTE


def test_ids_are_those_of_the_path_and_of_what_was_made_but_never_of_people() -> None:
    made = {"key_id": "k" * 200, "key": "sk_secret", "user_id": "jane", "parts_id": 7}
    assert logged_ids({"gallery_id": "a", "user_id": "jane", "visitor": "x"}, made) == {
        "gallery_id": "a",
        "key_id": "k" * 128,
    }
    assert logged_ids({}, ["key_id"]) == {}
