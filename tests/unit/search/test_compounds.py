"""Words made of words that the texts have."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.search.compounds import (
    LEAST_PART,
    LINKS,
    edges,
    ending_with,
    may_be_compound,
    parts_of,
    pieces,
    starting_with,
    tails_after,
    unlinked,
)

PARTS = st.text("abcdeghiklmnoprstuw", min_size=LEAST_PART, max_size=9)


@dataclass
class Vocabulary:
    """Known words, each its own stem, and what was asked."""

    known: dict[str, int]
    asked: set[str] = field(default_factory=set)

    def documents(self, word: str) -> int:
        self.asked.add(word)
        return self.known.get(word, 0)

    def has(self, stem: str) -> bool:
        self.asked.add(stem)
        return stem in self.known


def knowing(*words: str) -> Vocabulary:
    return Vocabulary(dict.fromkeys(words, 1))


@pytest.mark.parametrize(
    ("word", "known", "parts"),
    [
        ("kopfhorerhalterung", ("kopfhorer", "halterung"), ("kopfhorer", "halterung")),
        ("arbeitsschuhe", ("arbeit", "schuhe"), ("arbeit", "schuhe")),
        ("damenschuhe", ("dame", "schuhe"), ("dame", "schuhe")),
        ("kinderwagen", ("kind", "wagen"), ("kind", "wagen")),
        ("staubsaugerbeutel", ("staub", "sauger", "beutel"), ("staub", "sauger", "beutel")),
        ("staubsaugerbeutel", ("staub", "sauger", "staubsauger", "beutel"), ("staubsauger", "beutel")),
        ("verstand", ("stand",), ()),
        ("leder", ("le", "der"), ()),
        ("uhr", ("uhr",), ()),
    ],
)
def test_words_are_split_into_known_ones(word: str, known: tuple[str, ...], parts: tuple[str, ...]) -> None:
    assert parts_of(word, knowing(*known)) == parts


def test_the_more_frequent_words_are_taken() -> None:
    assert parts_of("abendkleider", Vocabulary({"abend": 9, "kleider": 9, "abe": 1, "ndkleider": 1})) == (
        "abend",
        "kleider",
    )


@given(PARTS, PARTS, st.sampled_from(("", *LINKS)))
def test_two_known_words_are_recognised_whatever_links_them(first: str, last: str, link: str) -> None:
    compound = f"{first}{link}{last}"
    vocabulary = knowing(first, last)
    parts = parts_of(compound, vocabulary)
    assert parts or not may_be_compound(compound)
    assert set(parts) <= {first, last}
    assert ending_with(last, [compound, last], vocabulary) == (compound,)
    assert starting_with(first, first, [compound, first], vocabulary) == (compound,)


@given(PARTS, st.lists(PARTS, max_size=5), PARTS)
def test_only_pieces_are_asked_for(word: str, known: list[str], stem: str) -> None:
    """An engine that asks its vocabulary for all of them at once misses none."""
    asked = knowing(*known, word)
    parts_of(word, asked)
    assert asked.asked <= pieces(word)
    compound = f"{word}{stem}"
    asked = knowing(*known)
    ending_with(stem, [compound], asked)
    assert asked.asked <= {*pieces(word), *unlinked(word)}
    asked = knowing(*known)
    starting_with(word, word, [compound], asked)
    assert asked.asked <= tails_after(word, word, compound)
    assert edges(word) <= pieces(word)
