"""Comparing text without regard to case."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """The same for all texts that differ in case, or in how their accents are encoded, alone."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
