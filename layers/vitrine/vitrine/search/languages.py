"""The languages that merchants' texts may be in. Without one, words have English stems and there are no stop words."""

from __future__ import annotations

from enum import StrEnum

ANALYSIS_NUMBER = 1
"""Raised with every change of what is indexed for a language. Indexes with one must then be rebuilt."""


class Language(StrEnum):
    """A language by its ISO 639-1 code."""

    DANISH = "da"
    GERMAN = "de"
    ENGLISH = "en"
    SPANISH = "es"
    FINNISH = "fi"
    FRENCH = "fr"
    ITALIAN = "it"
    DUTCH = "nl"
    NORWEGIAN = "no"
    PORTUGUESE = "pt"
    SWEDISH = "sv"

    @property
    def snowball(self) -> str:
        """Return the name by which both engines know its Snowball stemmer and its stop words."""
        return self.name.lower()

    @property
    def has_compounds(self) -> bool:
        """Return whether it writes compounds as one word."""
        return self in _COMPOUNDING


_COMPOUNDING = frozenset({Language.DANISH, Language.GERMAN, Language.DUTCH, Language.NORWEGIAN, Language.SWEDISH})
