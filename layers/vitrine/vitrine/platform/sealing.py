"""Bytes that only the backend can read and nobody can alter.

The construction is SIV (Rogaway and Shrimpton 2006, doi 10.1007/11761679_23) on functions of the standard library:
the tag is an HMAC of the payload, and a keyed SHAKE-256 of the tag makes the stream that masks it. It needs no
nonce; equal payloads in one context have equal seals.
"""

from __future__ import annotations

import hashlib
import hmac

_TAG_BYTES = 16
_KEY_BYTES = 32


def seal(secret: str, context: bytes, payload: bytes) -> bytes:
    """Encrypt and authenticate `payload`. Unsealing needs the same secret and context."""
    keys = _keys(secret, context)
    tag = _tag(keys, payload)
    return tag + _masked(keys, tag, payload)


def unseal(secret: str, context: bytes, sealed: bytes) -> bytes | None:
    """Inverse of `seal`; None for bytes that were altered or sealed in another context."""
    keys = _keys(secret, context)
    tag = sealed[:_TAG_BYTES]
    payload = _masked(keys, tag, sealed[_TAG_BYTES:])
    return payload if hmac.compare_digest(tag, _tag(keys, payload)) else None


def _keys(secret: str, context: bytes) -> bytes:
    """A key for the tag and a key for the stream."""
    return hmac.digest(secret.encode(), context, "sha512")


def _tag(keys: bytes, payload: bytes) -> bytes:
    return hmac.digest(keys[:_KEY_BYTES], payload, "sha256")[:_TAG_BYTES]


def _masked(keys: bytes, tag: bytes, payload: bytes) -> bytes:
    """The payload XORed with the stream; its own inverse."""
    size = len(payload)
    stream = hashlib.shake_256(keys[_KEY_BYTES:] + tag).digest(size)
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")
