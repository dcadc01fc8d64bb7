"""The relevance recipe: what both engines score, and by how much.

Every figure was chosen on one half of judged queries and checked on the other;
docs/performance.md says what each ingredient adds.
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
    """Chinese and Japanese are written without spaces: each character becomes a word of its own."""
    return _UNSPACED.sub(r" \1 ", text)


def readable(text: str | None) -> str:
    """As the engines read it: composed characters, and a space around each that is a word."""
    return spaced(unicodedata.normalize("NFKC", text)) if text else ""


def words(text: str) -> list[str]:
    """Folded to lower case without accents, in order."""
    folded = unicodedata.normalize("NFKD", spaced(text).casefold())
    bare = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return [word for word in _WORD.findall(bare) if len(word) <= MAX_WORD_LETTERS]


def whole_names(name: str) -> list[str]:
    """The name, and each part of a name such as `Title: Subtitle`, as a run of words to be met whole."""
    return sorted({" ".join(words(part)) for part in (name, *_NAME_PARTS.split(name))} - {""})


def joined_pairs(name: str) -> list[str]:
    """`spider-man` is also looked for as `spiderman`."""
    known = words(name)
    return sorted({first + second for first, second in itertools.pairwise(known)})


def interest_factor(weight: float) -> float:
    """What a score is multiplied by for an image's weight; a mild prior, 1.0 at no interest."""
    return 1.0 + INTEREST * math.log1p(max(weight, 0.0))


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """The words of a query, and the quoted phrases every hit must hold."""

    words: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...]

    @property
    def distinct(self) -> tuple[str, ...]:
        """Each word once."""
        return tuple(dict.fromkeys(self.words))

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Neighbours."""
        return tuple(dict.fromkeys(zip(self.words, self.words[1:], strict=False)))

    @property
    def runs(self) -> tuple[str, ...]:
        """Every stretch of words that may be a whole name."""
        count = len(self.words)
        return tuple(
            dict.fromkeys(
                " ".join(self.words[start:end])
                for start in range(count)
                for end in range(start + 1, min(count, start + LONGEST_RUN) + 1)
            )
        )


def ask(text: str) -> ParsedQuery:
    """Read a query typed by anyone: operators have no meaning, and what is beyond MAX_WORDS is left out."""
    found = tuple(words(text)[:MAX_WORDS])
    phrases = (tuple(words(quoted)[:MAX_WORDS]) for quoted in _QUOTED.findall(text))
    return ParsedQuery(found, tuple(phrase for phrase in phrases if phrase)[:LONGEST_RUN])
