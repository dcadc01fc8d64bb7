"""Slips of the fingers: a neighbouring key instead of the right one, or two letters in the wrong order. Pure."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from vitrine.search.languages import Language

LONGEST_WORD = 30

_QWERTY = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ROWS = {
    Language.GERMAN: ("qwertzuiop", "asdfghjkl", "yxcvbnm"),
    Language.FRENCH: ("azertyuiop", "qsdfghjklm", "wxcvbn"),
}


@cache
def _neighbours(language: Language) -> dict[str, str]:
    """Return by letter those on neighbouring keys. Each row stands a half key to the right of the one above."""
    rows = _ROWS.get(language, _QWERTY)
    pairs = {pair for row in rows for pair in pairwise(row)}
    pairs |= {
        (above, below)
        for upper, lower in pairwise(rows)
        for at, below in enumerate(lower)
        for above in upper[at : at + 2]
    }
    found: dict[str, str] = {}
    for one, other in sorted(pairs):
        found[one] = found.get(one, "") + other
        found[other] = found.get(other, "") + one
    return found


def meant(word: str, language: Language) -> set[str]:
    """Return the words that a word may be after one slip on the keyboards of a language. The first letter is right."""
    if len(word) > LONGEST_WORD:
        return set()
    near = _neighbours(language)
    slips = {f"{word[:at]}{key}{word[at + 1 :]}" for at in range(1, len(word)) for key in near.get(word[at], "")}
    swapped = {f"{word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}" for at in range(1, len(word) - 1)}
    return (slips | swapped) - {word}
