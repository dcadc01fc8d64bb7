"""Keep what a merchant asks about later: failed requests, and who changed what."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

from vitrine.access.model import LONGEST_DETAIL, MOST_ERRORS_PER_MINUTE, LoggedRequest, logged_ids, window_of
from vitrine.platform.problems import ServiceError, slug_of

if TYPE_CHECKING:
    from vitrine.access.model import KeyRole
    from vitrine.access.ports import RequestLog
    from vitrine.platform.http import Outcome


class OutcomeNotes:
    """Writes failed requests and changes to the logs of their merchant.

    Each process writes at most `MOST_ERRORS_PER_MINUTE` errors of a key, so that a client that only fails costs little.
    Changes are bounded by the key's quota, and all are written.
    """

    def __init__(self, log: RequestLog) -> None:
        self._log = log
        self._window = 0
        self._errors: Counter[str] = Counter()

    def note(self, outcome: Outcome) -> None:
        """Write the outcome. Raises what the store raises."""
        has_failed = outcome.has_failed
        if has_failed and self._is_over_limit(outcome):
            return
        caller, error = outcome.caller, outcome.error
        entry = LoggedRequest(
            request_id=outcome.request_id,
            at=outcome.ended_at,
            method=outcome.method,
            route=outcome.route,
            ids=logged_ids(outcome.path_parameters, None if has_failed else outcome.content),
            status=outcome.status,
            key_id=caller.key_id,
            key_label=caller.label,
            role=cast("KeyRole", caller.role),
            reviewer=caller.reviewer or None,
            code=slug_of(error) if error else None,
            detail=error.detail[:LONGEST_DETAIL] if isinstance(error, ServiceError) else None,
        )
        self._log.add(caller.merchant_id, "errors" if has_failed else "changes", entry)

    def _is_over_limit(self, outcome: Outcome) -> bool:
        window = window_of(outcome.ended_at)
        if window != self._window:
            self._window = window
            self._errors.clear()
        self._errors[outcome.caller.key_id] += 1
        return self._errors[outcome.caller.key_id] > MOST_ERRORS_PER_MINUTE
