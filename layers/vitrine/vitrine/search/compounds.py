"""Compounds: words made of two or three words that the merchant's own texts have. Pure; nothing knows a dictionary.

Words have no accents here. In an index a compound is a stem, of which only the end is changed: `kopfhorerhalter` is
`Kopfhörerhalterungen`. So parts are compared by their stems, and all but the last may have a linking ending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LINKS = ("s", "n", "e", "en", "er", "es")
LEAST_PART = 3
LEAST_COMPOUND = 6
LONGEST_COMPOUND = 40
MOST_COMPOUNDS = 20


class Vocabulary(Protocol):
    """What an index knows of words."""

    def documents(self, word: str) -> int:
        """Return how many documents have the stem of a word; 0 for stop words."""

    def has(self, stem: str) -> bool:
        """Return whether a document has a stem."""


class Compounds(NamedTuple):
    """For a word of a query: stems of compounds that end or start with it, and the words that it is made of.

    `is_new` says that no document has the word itself.
    """

    ending: tuple[str, ...] = ()
    starting: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    is_new: bool = False


NO_COMPOUNDS = Compounds()


def may_be_compound(word: str) -> bool:
    """Return whether a word is long enough for a compound, and no longer than is looked at."""
    return LEAST_COMPOUND <= len(word) <= LONGEST_COMPOUND


def pieces(word: str) -> set[str]:
    """Return everything in a word that may be a part of it."""
    length = len(word) if may_be_compound(word) else 0
    return {word[start:end] for start in range(length) for end in range(start + LEAST_PART, length + 1)} - {word}


def edges(word: str) -> set[str]:
    """Return everything in a word that may be one of two parts of it."""
    return {piece for piece in pieces(word) if word.startswith(piece) or word.endswith(piece)}


def parts_of(word: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the two words that a word is made of, else three, else nothing; the most frequent ones of several."""
    if not may_be_compound(word):
        return ()
    splits: list[tuple[str, ...]] = [*_pairs(word, vocabulary)] or [
        (*front, tail) for head, tail in _tails(word, vocabulary) for front in _pairs(head, vocabulary)
    ]
    return max(splits, key=lambda split: (min(map(vocabulary.documents, split)), len(split[-1])), default=())


def _pairs(word: str, vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    return ((head, tail) for head, tail in _tails(word, vocabulary) if vocabulary.documents(head))


def _tails(word: str, vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    """Iterate over known ends of a word with what may be before each, without and with a linking ending."""
    for at in range(LEAST_PART, len(word) - LEAST_PART + 1):
        if vocabulary.documents(word[at:]):
            yield from ((head, word[at:]) for head in unlinked(word[:at]))


def unlinked(head: str) -> list[str]:
    """Return the start of a compound, and what it may be without a linking ending."""
    shorter = [head.removesuffix(link) for link in LINKS if head.endswith(link)]
    return [each for each in (head, *shorter) if len(each) >= LEAST_PART]


def compounds_of(
    word: str, stem: str, ending: Iterable[str], starting: Iterable[str], vocabulary: Vocabulary
) -> Compounds:
    """Return the compounds of a word and its stem, among the stems found that end and that start with its stem."""
    return Compounds(
        ending_with(stem, ending, vocabulary),
        starting_with(word, stem, starting, vocabulary),
        parts_of(word, vocabulary),
        is_new=not vocabulary.documents(word),
    )


def ending_with(stem: str, found: Iterable[str], vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the compounds among stems that end with a stem: what is before it is a word, or two."""
    heads = ((each, each.removesuffix(stem)) for each in found if each != stem)
    return tuple(
        each
        for each, head in heads
        if any(vocabulary.documents(word) for word in unlinked(head)) or any(_pairs(head, vocabulary))
    )


def starting_with(word: str, stem: str, found: Iterable[str], vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the compounds among stems that start with a word or its stem, and end with another stem."""
    return tuple(each for each in found if any(map(vocabulary.has, tails_after(word, stem, each))))


def tails_after(word: str, stem: str, compound: str) -> set[str]:
    """Return what may be the last part of a compound whose stem starts with a word's."""
    rest = compound.removeprefix(stem)
    links = ("", *LINKS, word.removeprefix(stem))
    tails = {rest.removeprefix(link) for link in links if rest.startswith(link)} if compound != stem else set()
    return {tail for tail in tails if len(tail) >= LEAST_PART}
