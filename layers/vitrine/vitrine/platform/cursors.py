"""Sealed cursors, each for one merchant, route and query. They may hold what their reader must not see."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from vitrine.platform.problems import MalformedRequest
from vitrine.platform.sealing import seal, unseal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import UnionType

    Form = type | UnionType | tuple["Form", ...] | list["Form"] | dict[str, "Form"]

_REFUSAL = "This cursor was altered or belongs to another request. Start again without a cursor."
_PAGING = frozenset({"cursor", "limit"})


def cursor_scope(merchant_id: str, path: str, query: Mapping[str, Any]) -> str:
    """What a cursor is bound to: the merchant, the path and the query without its paging parameters."""
    filters = sorted((name, value) for name, value in query.items() if name not in _PAGING)
    return json.dumps([merchant_id, path, filters], default=str)


def write_cursor(secret: str, scope: str, state: Any) -> str:
    """Seal a JSON value into a cursor."""
    payload = json.dumps(state, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(seal(secret, scope.encode(), payload)).decode().rstrip("=")


def read_cursor(secret: str, scope: str, cursor: str) -> Any:
    """The JSON value of a cursor. Raises MalformedRequest if it was altered or belongs to another scope."""
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        sealed = b""
    payload = unseal(secret, scope.encode(), sealed)
    is_canonical = base64.urlsafe_b64encode(sealed).rstrip(b"=") == cursor.encode("ascii", "replace")
    if payload is None or not is_canonical:
        raise MalformedRequest(_REFUSAL)
    return json.loads(payload)


def read_state(state: Any, form: Form) -> Any:
    """Return a cursor's value if it has this form: a cursor from before an update may have another.

    A form is a type, `[form]` for a list of any length, `(form, form)` for a list of exactly these, or a dictionary
    with exactly these names. Raises MalformedRequest.
    """
    if not _fits(state, form):
        raise MalformedRequest(_REFUSAL)
    return state


def _fits(state: Any, form: Form) -> bool:
    if isinstance(form, tuple):
        return isinstance(state, list) and len(state) == len(form) and all(map(_fits, state, form))
    if isinstance(form, list):
        return isinstance(state, list) and all(_fits(item, form[0]) for item in state)
    if isinstance(form, dict):
        return (
            isinstance(state, dict)
            and state.keys() == form.keys()
            and all(_fits(state[name], part) for name, part in form.items())
        )
    return isinstance(state, form) and (form is bool or not isinstance(state, bool))
