"""Relevance: what both engines score, and the weights.

Each weight was chosen on one half of the judged queries and checked on the other half; docs/performance.md says what
each of them adds.
"""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from vitrine.search.model import Synonym

FIELD_WEIGHTS = {"name": 2.0, "caption": 1.0, "text": 1.0, "tags": 1.0, "credit": 1.0}
ALL_WORDS = 7.0
WHOLE_NAME = 8.0
NAME_PAIR = 1.0
CREDIT_PAIR = 1.0
JOINED_PAIR = 2.0
MEASURE = 2.0
COMPOUND = 0.5
COMPOUND_START = 0.25
COMPOUND_PARTS = 0.3
PINNED = 1000.0
BURIED = 0.001
TYPO = 2.0
SLIP = 4.0
INTEREST = 0.04
CLICKED = 40.0
KIND = 3.0
KIND_EXAMPLES = 3
KIND_SHARE = 0.1
KIND_TRAITS = 20
OTHER_THING = 0.2
PAIRS_COMPARED = 12
PAIR_NAMES = 2

TYPO_MIN_LETTERS = 4
TWO_TYPOS_MIN_LETTERS = 8
MAX_WORDS = 24
LONGEST_RUN = 8
MAX_WORD_LETTERS = 60
MAX_TRAITS = 100
MAX_MEASURES = 100

_WORD = re.compile(r"[^\W_]+")
_QUOTED = re.compile(r'(?<!\w)"([^"]*)"')
_UNITS_BY_BASE = {
    "mm": {"mm": 1.0, "cm": 10.0, "m": 1000.0, "ft": 304.8}
    | dict.fromkeys(('"', "\u2033", "\u201d", "''", "in", "inch", "inches", "zoll"), 25.4),
    "ml": {"ml": 1.0, "cl": 10.0, "dl": 100.0, "l": 1000.0},
    "mg": {"mg": 1.0, "g": 1e3, "kg": 1e6, "oz": 28_349.5, "lb": 453_592.0},
    "mb": {"mb": 1.0, "gb": 1e3, "tb": 1e6},
    "w": {"w": 1.0, "kw": 1e3},
    "v": {"v": 1.0},
    "hz": {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9},
    "mah": {"mah": 1.0, "ah": 1e3},
}
_UNITS = {unit: (base, factor) for base, units in _UNITS_BY_BASE.items() for unit, factor in units.items()}
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_MEASURE = re.compile(rf"(?<![\w.,])(\d{{1,9}}(?:[.,]\d{{1,9}})?)[\s-]?({_UNIT})(?!\w)")
_UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")
_SEGMENTS = re.compile(r"[^\w\s'\u2019-]|\s[-\u2013\u2014]\s")
_LABEL = re.compile(r"^[ \t]*([^\W\d_][^:\n]{1,39}?)[ \t]*:", re.MULTILINE)
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


def spellings(text: str) -> dict[str, str]:
    """Return by word how a text spells it: in lower case, with its accents."""
    composed = unicodedata.normalize("NFKC", spaced(text).casefold())
    return {word: spelled for spelled in _WORD.findall(composed) for word in words(spelled)}


def plurals(word: str) -> tuple[str, ...]:
    """Return a word with and without a plural `s`, which not every language's stemmer knows: `Kameras`, `Laptops`."""
    return tuple(form for form in (word, f"{word}s", word.removesuffix("s")) if form)


def whole_names(name: str) -> list[str]:
    """Return the words of a name, and of each part of a name such as `Title: Subtitle`, joined by spaces."""
    return sorted({" ".join(words(part)) for part in (name, *_NAME_PARTS.split(name))} - {""})


def pairs(name: str) -> list[str]:
    """Return the neighbouring words, separated by a space."""
    return sorted({f"{first} {second}" for first, second in itertools.pairwise(words(name))})


def joined_pairs(name: str) -> list[str]:
    """Return the neighbouring words joined: `spider-man` is also indexed as `spiderman`."""
    return sorted({pair.replace(" ", "") for pair in pairs(name)})


def heads(name: str, tags: Iterable[str]) -> list[str]:
    """Return the words that may say what a named thing is: `battery` of `Camera battery, black`, and of a tag.

    A head ends a tag or a part of the name between punctuation, or a word with a digit follows it.
    """
    found = {words(tag)[-1] for tag in tags if words(tag)}
    for segment in map(words, _SEGMENTS.split(name)):
        found |= set(segment[-1:])
        found |= {word for word, after in itertools.pairwise(segment) if any(map(str.isdigit, after))}
    return sorted(found)


def traits(text: str, tags: Iterable[str]) -> list[str]:
    """Return a document's tags, and the labels of the lines of its text such as `Cable length: 2 m`.

    Things of one kind have most of them in common.
    """
    labels = itertools.islice(_LABEL.findall(text), MAX_TRAITS)
    named = [("tag", tag) for tag in tags] + [("label", label) for label in labels]
    return sorted({f"{source} {bare}" for source, value in named if (bare := _bare(value))})


@lru_cache(maxsize=4096)
def _bare(text: str) -> str:
    return " ".join(words(text))


def typo_edits(word: str) -> range:
    """Return by how many edits an unknown word may differ from known ones; more only where fewer find nothing."""
    edits = 0 if len(word) < TYPO_MIN_LETTERS else 1 if len(word) < TWO_TYPOS_MIN_LETTERS else 2
    return range(1, edits + 1)


def measures(text: str) -> dict[str, tuple[str, ...]]:
    """Return the amounts in a text in the base unit of each, to three digits, with the words that write them.

    `15"`, `15 inch` and `38.1 cm` are `381mm`; `0,5 l` and `500ml` are `500ml`.
    """
    found = {}
    for match in itertools.islice(_MEASURE.finditer(text.casefold()), MAX_MEASURES):
        number, unit = match.groups()
        base, factor = _UNITS[unit]
        found[f"{float(number.replace(',', '.')) * factor:.3g}{base}"] = tuple(words(match.group()))
    return found


class TraitCount(NamedTuple):
    """How many of the examples, and how many of all documents, have a trait."""

    trait: str
    examples: int
    documents: int


class Kind(NamedTuple):
    """The kind of thing that a query means.

    `boosts`: by trait what it adds to a score, at most KIND in all. `fit`: what they add to an example on average.
    """

    boosts: Mapping[str, float]
    fit: float

    def is_another(self, fit: float) -> bool:
        """Return whether documents to whose scores the boosts add `fit` on average are of another kind."""
        return fit < OTHER_THING * self.fit


def kind_of(examples: int, documents: int, counts: Iterable[TraitCount]) -> Kind | None:
    """Return the kind of thing that a query means; None if there are too few examples.

    Examples are the documents with all words of the query in the name and the last word as a head. Traits that they
    share, and other documents lack, show which kind of thing the query means. So things of that kind come before
    accessories with the same words.
    """
    if examples < KIND_EXAMPLES:
        return None
    counts = list(counts)
    weights = {
        count.trait: count.examples / examples * math.log(documents / count.documents)
        for count in counts
        if count.examples >= max(2, KIND_SHARE * examples) and count.examples / examples > count.documents / documents
    }
    strongest = sorted(weights, key=lambda trait: (-weights[trait], trait))[:KIND_TRAITS]
    whole = sum(weights[trait] for trait in strongest)
    boosts = {trait: KIND * weights[trait] / whole for trait in strongest}
    fit = sum(boosts.get(count.trait, 0.0) * count.examples / examples for count in counts)
    return Kind(boosts, fit) if boosts else None


def pinned_scores(count: int) -> list[float]:
    """Return what is added to the scores of pinned documents, so far apart that interest does not reorder them."""
    return [PINNED * 4.0**place for place in reversed(range(count))]


def interest_factor(weight: float) -> float:
    """Return the factor of the score for an image's weight; 1.0 for a weight of 0."""
    return 1.0 + INTEREST * math.log1p(max(weight, 0.0))


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """The words of a query, the quoted phrases that every hit must contain, and amounts with the words of each.

    Stop words add to scores. Hits need none of them, unless the query has no other words.
    """

    words: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...]
    measures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    synonyms: tuple[Synonym, ...] = ()
    stop_words: frozenset[str] = frozenset()

    @property
    def content(self) -> tuple[str, ...]:
        """Return the words without stop words, or all if there are no others."""
        return tuple(word for word in self.words if word not in self.stop_words) or self.words

    @property
    def required(self) -> tuple[str, ...]:
        """Return each word once that a hit with all words has."""
        return tuple(dict.fromkeys(self.content))

    @property
    def optional(self) -> tuple[str, ...]:
        """Return each stop word once that no hit needs."""
        return tuple(word for word in dict.fromkeys(self.words) if word not in self.content)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return the pairs of neighbouring words."""
        return tuple(dict.fromkeys(zip(self.words, self.words[1:], strict=False)))

    def measured(self, word: str) -> list[str]:
        """Return the amounts that this word helps to write."""
        return [measure for measure, written in self.measures.items() if word in written]

    def others(self, word: str) -> list[tuple[str, ...]]:
        """Return the synonyms that stand for this word, each as its words."""
        return [synonym.others for synonym in self.synonyms if word in synonym.words]

    @property
    def example_terms(self) -> list[list[list[tuple[str, str]]]]:
        """Return what examples of the kind that the query means must have.

        For each word of the query these are the ways to write it, synonyms included, and for each way words with the
        field that must have them. The last word of the query is a head, as is the last word of what stands for it.
        """
        return [
            [
                [*(("name", each) for each in way[:-1]), ("heads" if place == len(self.content) else "name", way[-1])]
                for way in ((word,), *self.others(word))
            ]
            for place, word in enumerate(self.content, 1)
        ]

    @property
    def forms_of_last(self) -> tuple[str, str]:
        """Return the last word without and with a plural `s`; a word behind it may make it name another thing."""
        singular = self.content[-1].removesuffix("s")
        return singular, f"{singular}s"

    def joined(self, word: str) -> list[str]:
        """Return the pairs with this word, written as one word: `head set` is also found as `headset`."""
        return ["".join(pair) for pair in self.pairs if word in pair]

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


def parse(text: str, synonyms: tuple[Synonym, ...] = (), stop_words: Collection[str] = frozenset()) -> ParsedQuery:
    """Parse a query. There are no operators, and words beyond MAX_WORDS are ignored."""
    parsed = tuple(words(text)[:MAX_WORDS])
    phrases = (tuple(words(quoted)[:MAX_WORDS]) for quoted in _QUOTED.findall(text))
    return ParsedQuery(
        parsed,
        tuple(phrase for phrase in phrases if phrase)[:LONGEST_RUN],
        measures(text),
        synonyms,
        frozenset(stop_words),
    )
