"""Sealed cursors that belong to one merchant, route and query. They may hold what their reader must not see."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from vitrine.platform.problems import MalformedRequest
from vitrine.platform.sealing import seal, unseal

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGING = frozenset({"cursor", "limit"})


def cursor_scope(merchant_id: str, path: str, query: Mapping[str, str]) -> str:
    """What a cursor is bound to: everything of the request but how it pages."""
    return json.dumps([merchant_id, path, sorted((k, v) for k, v in query.items() if k not in _PAGING)])


def write_cursor(secret: str, scope: str, state: Any) -> str:
    """Seal a JSON value into a cursor."""
    payload = json.dumps(state, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(seal(secret, scope.encode(), payload)).decode().rstrip("=")


def read_cursor(secret: str, scope: str, cursor: str) -> Any:
    """Open a cursor. Raises MalformedRequest when it was altered or comes from elsewhere."""
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        sealed = b""
    payload = unseal(secret, scope.encode(), sealed)
    is_canonical = base64.urlsafe_b64encode(sealed).rstrip(b"=") == cursor.encode("ascii", "replace")
    if payload is None or not is_canonical:
        raise MalformedRequest("This cursor was altered or belongs to another request. Start again without a cursor.")
    return json.loads(payload)
