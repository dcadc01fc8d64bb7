"""Relevance: what both engines score, and the weights.

Each weight was chosen on one half of the judged queries and checked on the other half; docs/performance.md says what
each of them adds.
"""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from dataclasses import dataclass

FIELD_WEIGHTS = {"name": 2.0, "caption": 1.0, "text": 1.0, "tags": 1.0, "credit": 1.0}
ALL_WORDS = 7.0
WHOLE_NAME = 8.0
NAME_PAIR = 1.0
CREDIT_PAIR = 1.0
JOINED_PAIR = 2.0
TYPO = 2.0
INTEREST = 0.04

TYPO_MIN_LETTERS = 4
MAX_WORDS = 24
LONGEST_RUN = 8
MAX_WORD_LETTERS = 60

_WORD = re.compile(r"[^\W_]+")
_QUOTED = re.compile(r'"([^"]*)"')
_UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")
_NAME_PARTS = re.compile(r"\s*[:|]\s*|\s+[-\u2013\u2014]\s+")


def spaced(text: str) -> str:
    """Put spaces around Chinese and Japanese characters, so that each is a word."""
    return _UNSPACED.sub(r" \1 ", text)


def readable(text: str | None) -> str:
    """Return the text as the engines index it: composed characters, with spaces around those that are words."""
    return spaced(unicodedata.normalize("NFKC", text)) if text else ""


def words(text: str) -> list[str]:
    """Return the words of a text in order, in lower case and without accents."""
    folded = unicodedata.normalize("NFKD", spaced(text).casefold())
    bare = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return [word for word in _WORD.findall(bare) if len(word) <= MAX_WORD_LETTERS]


def whole_names(name: str) -> list[str]:
    """Return the words of a name, and of each part of a name such as `Title: Subtitle`, joined by spaces."""
    return sorted({" ".join(words(part)) for part in (name, *_NAME_PARTS.split(name))} - {""})


def joined_pairs(name: str) -> list[str]:
    """Return the neighbouring words joined: `spider-man` is also indexed as `spiderman`."""
    return sorted({first + second for first, second in itertools.pairwise(words(name))})


def interest_factor(weight: float) -> float:
    """Return the factor of the score for an image's weight; 1.0 for a weight of 0."""
    return 1.0 + INTEREST * math.log1p(max(weight, 0.0))


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """The words of a query, and the quoted phrases that every hit must contain."""

    words: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...]

    @property
    def distinct(self) -> tuple[str, ...]:
        """Return each word once."""
        return tuple(dict.fromkeys(self.words))

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return the pairs of neighbouring words."""
        return tuple(dict.fromkeys(zip(self.words, self.words[1:], strict=False)))

    @property
    def runs(self) -> tuple[str, ...]:
        """Return every run of words that may be a whole name, joined by spaces."""
        count = len(self.words)
        return tuple(
            dict.fromkeys(
                " ".join(self.words[start:end])
                for start in range(count)
                for end in range(start + 1, min(count, start + LONGEST_RUN) + 1)
            )
        )


def parse(text: str) -> ParsedQuery:
    """Parse a query. There are no operators, and words beyond MAX_WORDS are ignored."""
    parsed = tuple(words(text)[:MAX_WORDS])
    phrases = (tuple(words(quoted)[:MAX_WORDS]) for quoted in _QUOTED.findall(text))
    return ParsedQuery(parsed, tuple(phrase for phrase in phrases if phrase)[:LONGEST_RUN])
