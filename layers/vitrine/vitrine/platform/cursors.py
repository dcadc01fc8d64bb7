"""Opaque, signed cursors that belong to one merchant, route and query."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

from vitrine.platform.problems import MalformedRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIGNATURE_BYTES = 16
_PAGING = frozenset({"cursor", "limit"})


def cursor_scope(merchant_id: str, path: str, query: Mapping[str, str]) -> str:
    """What a cursor is bound to: everything of the request but how it pages."""
    return json.dumps([merchant_id, path, sorted((k, v) for k, v in query.items() if k not in _PAGING)])


def write_cursor(secret: str, scope: str, state: Any) -> str:
    """Seal a JSON value into a cursor."""
    payload = json.dumps(state, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sign(secret, scope, payload) + payload).decode().rstrip("=")


def read_cursor(secret: str, scope: str, cursor: str) -> Any:
    """Open a cursor. Raises MalformedRequest when it was altered or comes from elsewhere."""
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        sealed = b""
    signature, payload = sealed[:_SIGNATURE_BYTES], sealed[_SIGNATURE_BYTES:]
    is_canonical = base64.urlsafe_b64encode(sealed).rstrip(b"=") == cursor.encode("ascii", "replace")
    if not is_canonical or not hmac.compare_digest(signature, _sign(secret, scope, payload)):
        raise MalformedRequest("This cursor was altered or belongs to another request. Start again without a cursor.")
    return json.loads(payload)


def _sign(secret: str, scope: str, payload: bytes) -> bytes:
    message = scope.encode() + b"\0" + payload
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
