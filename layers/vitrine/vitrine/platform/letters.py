"""Case-insensitive comparison of text."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """A form that is equal for texts that differ only in case or in the encoding of accents."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
