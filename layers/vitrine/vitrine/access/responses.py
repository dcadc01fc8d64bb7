"""Responses with keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

from vitrine.platform.times import to_rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.access.manage_keys import NewKey
    from vitrine.access.model import ApiKey, LoggedRequest


class KeyResponse(TypedDict):
    key_id: str
    role: Literal["publishable", "reviewer", "editor", "secret"]
    label: str
    origins: list[str]
    reviewer: str | None
    requests_per_minute: int
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


class NewKeyResponse(KeyResponse):
    key: str


class LoggedRequestResponse(TypedDict):
    request_id: str
    at: str
    method: str
    route: str
    ids: dict[str, str]
    status: int
    key_id: str
    key_label: str
    role: Literal["publishable", "reviewer", "editor", "secret"]
    reviewer: str | None
    code: str | None
    detail: str | None


def logged_request_response(entry: LoggedRequest) -> LoggedRequestResponse:
    """A failed request or a change; `code` and `detail` are those of the error."""
    return {
        "request_id": entry.request_id,
        "at": to_rfc3339(entry.at),
        "method": entry.method,
        "route": entry.route,
        "ids": dict(entry.ids),
        "status": entry.status,
        "key_id": entry.key_id,
        "key_label": entry.key_label,
        "role": entry.role,
        "reviewer": entry.reviewer,
        "code": entry.code,
        "detail": entry.detail,
    }


def key_response(key: ApiKey) -> KeyResponse:
    """A key without its text. `revoked_at` may be in the future; `last_used_at` is exact to the hour."""
    return {
        "key_id": key.key_id,
        "role": key.role,
        "label": key.label,
        "origins": list(key.origins),
        "reviewer": key.reviewer,
        "requests_per_minute": key.requests_per_minute,
        "created_at": to_rfc3339(key.created_at),
        "last_used_at": _time(key.last_used_at),
        "revoked_at": _time(key.revoked_at),
    }


def new_key_response(made: NewKey) -> NewKeyResponse:
    """A key with its text."""
    return {"key": made.text, **key_response(made.key)}


def _time(moment: datetime | None) -> str | None:
    return to_rfc3339(moment) if moment else None
