"""The embedded engine: tantivy inside the function, on versions of the index that are published in S3."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from tantivy import (
    DocAddress,
    Document,
    FieldType,
    Filter,
    Index,
    IndexWriter,
    Occur,
    Order,
    Query,
    Schema,
    SchemaBuilder,
    Searcher,
    SnippetGenerator,
    TextAnalyzerBuilder,
    Tokenizer,
)

from vitrine.platform.cursors import read_state
from vitrine.platform.problems import Unavailable
from vitrine.platform.retries import retry
from vitrine.platform.telemetry import logger
from vitrine.platform.times import utc_now
from vitrine.search import compounds, keyboards, relevance
from vitrine.search.documents import (
    KEYWORD_FIELDS,
    NUMBER_FIELDS,
    SCHEMA_NUMBER,
    attribute_key,
    document_fields,
    filter_ranges,
    filter_terms,
    from_source,
    image_texts,
    image_words,
    newest_key,
    text_of,
    to_source,
)
from vitrine.search.languages import ANALYSIS_NUMBER, Language
from vitrine.search.model import (
    ATTRIBUTE_FACET,
    NOTHING,
    AttributeFilter,
    Facet,
    FacetCount,
    Filters,
    Hit,
    ImageKey,
    IndexedImage,
    Search,
    SearchPage,
    Sort,
    Total,
)
from vitrine.search.ports import LanguageOf, Progress, ReadAllImages, ReadImages, RebuildSuperseded, no_language
from vitrine.search.segments import (
    NEW,
    CorruptFile,
    Current,
    LocalVersions,
    Manifest,
    OtherSchema,
    PublishedByAnother,
    RebuildUnderWay,
    SegmentRepository,
    VersionGone,
    succeed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from vitrine.search.compounds import Compounds
    from vitrine.search.model import Synonym

LOOK_FOR_NEW_VERSION_SECONDS = 1.0
OPEN_VERSIONS = 4
WINDOW = 1000
WINDOWS_KEPT = 64
WORDS_KEPT = 1000
FACET_VALUES = 20
TRAITS_COUNTED = 200
MANY_HITS = 20_000
SPARE = 4
PAGES_AHEAD = 4
FURTHER = 1000
LONGEST_GUESS = 1 << 50
TOTALS_KEPT = 1000
PAIRS_READ = 50
DOCUMENTS_COMPARED = 50
SNIPPET_LETTERS = 300
PUBLISH_ATTEMPTS = 20
WRITER_BYTES = 32_000_000
REBUILD_BYTES = 200_000_000
PROGRESS_EVERY = 1000
LONGEST_REBUILD = timedelta(hours=1)
UNREFERENCED_FILES_ARE_KEPT = timedelta(days=1)

_STEMMED = "stemmed"

_TYPO_FIELDS = ("words", "name_words", "name_joined")
_TEXT_FIELDS = tuple(relevance.FIELD_WEIGHTS)
_EVERYTHING = {"everything": 1.0}
"""One field with the words of all text fields: where no score is needed, one list of documents replaces five."""


class _Words:
    """The words of texts in a language: their stems, and which of them are stop words."""

    def __init__(self, language: Language | None) -> None:
        self.language = language
        stemmed = TextAnalyzerBuilder(Tokenizer.simple())
        for step in (
            Filter.remove_long(relevance.MAX_WORD_LETTERS),
            Filter.lowercase(),
            Filter.ascii_fold(),
            Filter.stemmer((language or Language.ENGLISH).snowball),
        ):
            stemmed = stemmed.filter(step)
        self.analyzer = stemmed.build()
        self._content: Any = (
            TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.stopword(language.snowball)).build()
            if language
            else None
        )

    def stems(self, word: str) -> list[str]:
        return list(self.analyzer.analyze(word))

    def forms(self, word: str) -> list[str]:
        """Return the stems that find a word."""
        if self.language is None:
            return self.stems(word)
        return list(dict.fromkeys(stem for form in relevance.plurals(word) for stem in self.stems(form)))

    def is_stop_word(self, word: str) -> bool:
        """Return whether a word is one, as it is spelled with its accents."""
        return bool(self._content) and not self._content.analyze(word)

    def parse(self, text: str, synonyms: tuple[Synonym, ...] = ()) -> relevance.ParsedQuery:
        if self.language is None:
            return relevance.parse(text, synonyms)
        spellings = relevance.spellings(text).items()
        return relevance.parse(text, synonyms, {word for word, spelled in spellings if self.is_stop_word(spelled)})

    @property
    def has_compounds(self) -> bool:
        return self.language is not None and self.language.has_compounds

    def endings(self, words: Iterable[str]) -> list[str]:
        """Return the stems of words that may be compounds, backwards."""
        long = filter(compounds.may_be_compound, words) if self.has_compounds else ()
        return sorted({stem[::-1] for word in long for stem in self.stems(word)})


@cache
def _words_in(language: Language | None) -> _Words:
    return _Words(language)


def _schema(*, endings: bool = False) -> Schema:
    builder = SchemaBuilder()
    builder.add_bytes_field("source", stored=True)
    builder.add_text_field("key", tokenizer_name="raw", index_option="basic")
    for name in _TEXT_FIELDS:
        builder.add_text_field(name, tokenizer_name=_STEMMED)
    builder.add_text_field("everything", tokenizer_name=_STEMMED, index_option="basic")
    builder.add_text_field("name_words", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("name_joined", tokenizer_name="raw", index_option="freq")
    builder.add_text_field("whole_name", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("measures", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("heads", tokenizer_name=_STEMMED, index_option="basic")
    builder.add_text_field("traits", tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_json_field("attributes", tokenizer_name="raw", index_option="basic", fast=True)
    for name in (*KEYWORD_FIELDS, "attribute_key"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for facet in Facet:
        builder.add_text_field(f"{facet}_value", tokenizer_name="raw", index_option="basic", fast=True)
        builder.add_text_field(f"{facet}_key", tokenizer_name="raw", index_option="basic")
    for name in ("newest", *NUMBER_FIELDS):
        builder.add_integer_field(name, fast=True)
    for name in ("weight", "interest"):
        builder.add_float_field(name, fast=True)
    if endings:
        builder.add_text_field("endings", tokenizer_name="raw", index_option="basic")
    return builder.build()


SCHEMA = _schema()
SCHEMA_WITH_ENDINGS = _schema(endings=True)
"""Of languages with compounds: stems of long words are found by their ends too. Other fields have the same numbers."""
PARSER = Index(SCHEMA)
"""Reads the queries that have no function of their own: ranges of numbers in JSON."""


def _index_at(directory: Path, language: Language | None) -> Index:
    index = Index.open(str(directory))
    index.register_tokenizer(_STEMMED, _words_in(language).analyzer)
    return index


def _schema_number(language: Language | None) -> int:
    """Return the number of indexes in a language. Releases without languages open none that has one."""
    return SCHEMA_NUMBER if language is None else SCHEMA_NUMBER + 1000 * ANALYSIS_NUMBER


# --- documents -----------------------------------------------------------------------------------


def to_document(image: IndexedImage, words: _Words) -> Document:
    """Return the document of an image, without unknown values."""
    fields = document_fields(
        image,
        everything=[relevance.readable(text) for text in image_texts(image)],
        source=to_source(image),
        name_joined=relevance.joined_pairs(image.name or ""),
        words=" ".join(image_words(image)),
        attributes=dict(image.attributes),
        weight=float(image.weight),
        interest=2.0 ** relevance.interest_factor(image.weight) - 2.0,  # the engine multiplies by log2(2 + field)
        endings=words.endings(image_words(image)),
    )
    return Document(**fields)


# --- queries -------------------------------------------------------------------------------------


def _combined(occur: Occur, queries: Iterable[Query]) -> Query:
    parts = list(queries)
    return parts[0] if len(parts) == 1 else Query.boolean_query([(occur, query) for query in parts])


def _any(queries: Iterable[Query]) -> Query:
    return _combined(Occur.Should, queries)


def _every(queries: Iterable[Query]) -> Query:
    return _combined(Occur.Must, queries)


def _constant(query: Query, score: float) -> Query:
    return Query.const_score_query(query, score)


def _term(field: str, value: str, boost: float = 1.0) -> Query:
    return Query.boost_query(Query.term_query(SCHEMA, field, value), boost)


def _word_query(opened: _Opened, word: str, parsed: relevance.ParsedQuery, fields: Mapping[str, float]) -> Query:
    return _any(_word_ways(opened, word, parsed, fields))


def _word_ways(opened: _Opened, word: str, parsed: relevance.ParsedQuery, fields: Mapping[str, float]) -> list[Query]:
    """Return each of what finds a word in the text fields with these weights, or whatever else stands for it."""
    searcher = opened.searcher
    joined, measures, others = parsed.joined(word), parsed.measured(word), parsed.others(word)
    terms = [(field, stem, weight) for stem in opened.words.forms(word) for field, weight in fields.items()]
    terms.append(("name_joined", word, relevance.JOINED_PAIR))
    terms += [("name_words", pair, relevance.JOINED_PAIR) for pair in joined]
    terms += [("measures", measure, relevance.MEASURE) for measure in measures]
    ways = [_term(*term) for term in terms if searcher.doc_freq(*term[:2])]
    ways += [
        Query.boost_query(_phrase(opened.words, field, phrase), weight)
        for phrase in others
        for field, weight in relevance.FIELD_WEIGHTS.items()
    ]
    is_meant = bool(measures or others or word in parsed.optional)
    if opened.words.has_compounds and word not in parsed.optional:
        made = _compounds(opened, word, fields)
        ways += made
        is_meant = is_meant or bool(made)
    unknown = not is_meant and not any(searcher.doc_freq(field, word) for field in _TYPO_FIELDS)
    if unknown:
        ways += [*_typos(searcher, word), *_slips(opened, word)]
    return ways


class _Vocabulary:
    """compounds.Vocabulary of an open version."""

    def __init__(self, opened: _Opened) -> None:
        self._searcher, self._words = opened.searcher, opened.words
        self._known = opened.documents

    def documents(self, word: str) -> int:
        if word not in self._known:
            stems = [] if self._words.is_stop_word(word) else self._words.forms(word)
            self._known[word] = max((self._searcher.doc_freq("everything", stem) for stem in stems), default=0)
        return self._known[word]

    def has(self, stem: str) -> bool:
        return self._searcher.doc_freq("everything", stem) > 0


def _made_of(opened: _Opened, word: str) -> Compounds:
    """Return a word's compounds and parts, cached with the version."""
    if word not in opened.made:
        if len(opened.made) >= WORDS_KEPT:
            opened.made.clear()
            opened.documents.clear()
        opened.made[word] = _looked_up(opened, word)
    return opened.made[word]


def _looked_up(opened: _Opened, word: str) -> Compounds:
    [stem, *more] = opened.words.stems(word) or [""]
    if more or len(stem) < compounds.LEAST_PART:
        return compounds.NO_COMPOUNDS
    vocabulary = _Vocabulary(opened)

    def found(field: str, letters: str) -> list[str]:
        return [term for term, _ in opened.searcher.terms_with_prefix(field, letters, None, compounds.MOST_COMPOUNDS)]

    ending = [each[::-1] for each in found("endings", stem[::-1])]
    return compounds.compounds_of(word, stem, ending, found("everything", stem), vocabulary)


def _compounds(opened: _Opened, word: str, fields: Mapping[str, float]) -> list[Query]:
    """Return what finds compounds with this word, and the words that it is itself made of."""
    made = _made_of(opened, word)
    ways = [
        _constant(_any(_term(field, stem) for stem in stems), score)
        for stems, score in ((made.ending, relevance.COMPOUND), (made.starting, relevance.COMPOUND_START))
        if stems
        for field in ("everything", "name")
    ]
    parts = [
        _any(_term(field, stem, weight) for stem in opened.words.forms(part) for field, weight in fields.items())
        for part in made.parts
    ]
    if parts:
        ways.append(Query.boost_query(_every(parts), relevance.COMPOUND_PARTS))
    if parts and made.is_new:
        ways.append(_constant(parts[-1], relevance.COMPOUND))
    return ways


def _typos(searcher: Searcher, word: str) -> list[Query]:
    """Return what finds words that differ from an unknown one by as few edits as find any."""
    found: list[Query] = []
    for edits in relevance.typo_edits(word):
        found = [
            Query.boost_query(Query.fuzzy_term_query(SCHEMA, field, word, distance=edits), relevance.TYPO)
            for field in _TYPO_FIELDS
        ]
        if searcher.search(_any(found), 1, count=False).hits:
            break
    return found


def _slips(opened: _Opened, word: str) -> list[Query]:
    """Return what finds an unknown word after a slip of the fingers, which is likelier than other typos."""
    language = opened.words.language
    if language is None or not relevance.typo_edits(word):
        return []
    terms = ((field, meant) for meant in sorted(keyboards.meant(word, language)) for field in _TYPO_FIELDS)
    known = [_term(*term) for term in terms if opened.searcher.doc_freq(*term)]
    return [_constant(_any(known), relevance.SLIP)] if known else []


def _phrase(words: _Words, field: str, phrase: Sequence[str]) -> Query:
    stems = [stem for word in phrase for stem in words.stems(word)]
    if len(stems) == 1:
        return _term(field, stems[0])
    return Query.phrase_query(SCHEMA, field, list(stems))


def _bonuses(words: _Words, parsed: relevance.ParsedQuery, every_word: Query, others: Iterable[Query]) -> list[Query]:
    meant = Query.boolean_query([(Occur.Must, every_word), *((Occur.MustNot, other) for other in others)])
    bonuses = [_constant(meant, relevance.ALL_WORDS)]
    bonuses += [_constant(_term("whole_name", run), relevance.WHOLE_NAME) for run in parsed.runs]
    for pair in parsed.pairs:
        bonuses.append(Query.boost_query(_phrase(words, "name", pair), relevance.NAME_PAIR))
        bonuses.append(Query.boost_query(_phrase(words, "credit", pair), relevance.CREDIT_PAIR))
    return bonuses


@dataclass(frozen=True, slots=True)
class _Meant:
    """The kind of thing that a text means: what adds to a score, and what finds other things named with its words."""

    boosts: tuple[Query, ...] = ()
    others: tuple[Query, ...] = ()


_ANYTHING = _Meant()


def _meant(opened: _Opened, search: Search) -> _Meant:
    searcher, words = opened.searcher, opened.words
    parsed = words.parse(search.text or "", search.synonyms)
    if not parsed.words:
        return _ANYTHING
    examples = _every(
        _any([_every(_term(field, stem) for field, word in way for stem in words.stems(word)) for way in ways])
        for ways in parsed.example_terms
    )
    found: Any = searcher.search(examples, 1, count=True)
    if found.count < relevance.KIND_EXAMPLES:
        return _ANYTHING
    asked = {"traits": {"terms": {"field": "traits", "size": TRAITS_COUNTED, "order": {"_count": "desc"}}}}
    counts = [
        relevance.TraitCount(bucket["key"], int(bucket["doc_count"]), searcher.doc_freq("traits", bucket["key"]))
        for bucket in searcher.aggregate(examples, asked)["traits"]["buckets"]
    ]
    kind = relevance.kind_of(found.count, searcher.num_docs, counts)
    if kind is None:
        return _ANYTHING
    boosts = tuple(_constant(_term("traits", trait), boost) for trait, boost in kind.boosts.items())
    named = [_constant(_term("name_joined", pair), 0.0) for pair in _pairs(searcher, parsed)]
    others = tuple(pair for pair in named if kind.is_another(_fit(searcher, pair, boosts)))
    return _Meant(boosts, others)


def _pairs(searcher: Searcher, parsed: relevance.ParsedQuery) -> list[str]:
    """Return the most frequent pairs of the query's last word and a word behind it in names."""
    counts = {
        pair: count
        for word in parsed.forms_of_last
        for pair, count in searcher.terms_with_prefix("name_joined", word, None, PAIRS_READ)
        if count >= relevance.PAIR_NAMES and searcher.doc_freq("name_words", pair[len(word) :])
    }
    return sorted(counts, key=lambda pair: (-counts[pair], pair))[: relevance.PAIRS_COMPARED]


def _fit(searcher: Searcher, named: Query, boosts: Iterable[Query]) -> float:
    """Return what the boosts add on average to documents with traits; infinity if there are none."""
    having = [(Occur.Must, named), (Occur.Must, _constant(Query.exists_query("traits"), 0.0))]
    query = Query.boolean_query([*having, *((Occur.Should, boost) for boost in boosts)])
    hits = searcher.search(query, DOCUMENTS_COMPARED, count=False).hits
    return sum(score for score, _ in hits) / len(hits) if hits else math.inf


def _range(field: str, low: float | None, high: float | None, *, above: bool = True, below: bool = True) -> Query:
    kind = FieldType.Float if field == "weight" else FieldType.Integer
    return _constant(
        Query.range_query(
            SCHEMA, field, kind, low, high, include_lower=above or low is None, include_upper=below or high is None
        ),
        0.0,
    )


def _filters(filters: Filters) -> list[Query]:
    terms = [_constant(_term(field, value), 0.0) for field, value in filter_terms(filters).items()]
    ranges = [_range(field, *bounds) for field, bounds in filter_ranges(filters).items()]
    return terms + ranges + [_constant(_attribute(each), 0.0) for each in filters.attributes]


def _attribute(wanted: AttributeFilter) -> Query:
    if wanted.texts:
        return _any(_term("attribute_key", attribute_key(wanted.name, text)) for text in wanted.texts)
    # One bound each: the engine panics if one is a whole number and the other is not.
    ranges = [
        f"attributes.{wanted.name}:[{least} TO {most}]"
        for least, most in ((_literal(wanted.least), "*"), ("*", _literal(wanted.most)))
        if (least, most) != ("*", "*")
    ]
    return _every(PARSER.parse_query(half, []) for half in ranges)


def _literal(bound: float | None) -> str:
    return "*" if bound is None else f"{bound:.6f}"


def _pinned(search: Search) -> list[Query]:
    """Return what finds and scores the images pinned for the query."""
    if search.sort is not Sort.RELEVANCE:
        return []
    pinned = search.placed.pinned
    scores = relevance.pinned_scores(len(pinned))
    return [_constant(_term("key", str(key)), score) for key, score in zip(pinned, scores, strict=True)]


def _with_buried_last(query: Query, search: Search) -> Query:
    if not search.placed.buried:
        return query
    buried = _constant(_any(_term("key", str(key)) for key in search.placed.buried), 0.0)
    last = Query.boost_query(_every([query, buried]), relevance.BURIED)
    return _any([Query.boolean_query([(Occur.Must, query), (Occur.MustNot, buried)]), last])


@dataclass(frozen=True, slots=True)
class _Matching:
    """The queries of a search on one version: one that finds and scores, and one with the words to highlight."""

    query: Query
    highlighted: Query


def _matching(
    opened: _Opened, search: Search, *, any_word: bool, scored: bool = True, meant: _Meant = _ANYTHING
) -> _Matching:
    filters = _filters(search.filters)
    if search.text is None:
        query = _every([Query.all_query(), *filters])
        return _Matching(query, Query.empty_query())
    parsed = opened.words.parse(search.text, search.synonyms)
    if not parsed.words:
        return _Matching(Query.empty_query(), Query.empty_query())
    fields = relevance.FIELD_WEIGHTS if scored else _EVERYTHING
    ways = [_word_ways(opened, word, parsed, fields) for word in parsed.required]
    words = [_any(each) for each in ways]
    every_word = _every(words)
    bonuses = _bonuses(opened.words, parsed, every_word, meant.others) if scored and any_word else []
    # Where no score is needed, one union of lists takes two thirds of the time of a union of unions.
    alternatives = [*words, *bonuses] if scored else list(itertools.chain(*ways))
    found = _any(alternatives) if any_word else every_word
    if parsed.optional and scored:
        bonuses += [_word_query(opened, word, parsed, fields) for word in parsed.optional]
        every = _any(words) if any_word else every_word
        found = Query.boolean_query([(Occur.Must, every), *((Occur.Should, bonus) for bonus in bonuses)])
    phrases = [
        _any(
            Query.boost_query(_phrase(opened.words, field, phrase), weight)
            for field, weight in relevance.FIELD_WEIGHTS.items()
        )
        for phrase in parsed.phrases
    ]
    found = _any([_every([found, *phrases]), *_pinned(search)])
    if not scored:
        return _Matching(_every([found, *filters]), Query.empty_query())
    raised = (_constant(_term("key", str(key)), score) for key, score in search.raised)
    query = Query.boolean_query(
        [
            *((Occur.Must, each) for each in (found, *filters)),
            *((Occur.Should, each) for each in (*meant.boosts, *raised)),
        ]
    )
    return _Matching(query, _any(words))


# --- reading -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Opened:
    """A version that is open for searching."""

    version: str
    directory: Path
    searcher: Searcher
    words: _Words
    documents: dict[str, int] = field(default_factory=dict)
    made: dict[str, Compounds] = field(default_factory=dict)
    totals: dict[tuple[object, ...], int] = field(default_factory=dict)

    @classmethod
    def at(cls, version: str, directory: Path, language: Language | None) -> _Opened:
        return cls(version, directory, _index_at(directory, language).searcher(), _words_in(language))

    def image(self, address: DocAddress) -> IndexedImage:
        return from_source(bytes(self.searcher.doc(address)["source"][0]))

    def noted(self, search: Search, total: int, *, any_word: bool) -> Total:
        """Keep the number of hits for later pages, and return it."""
        if len(self.totals) >= TOTALS_KEPT:
            self.totals.clear()
        self.totals[_of_total(search, any_word=any_word)] = total
        return Total(total)

    def held(self, key: ImageKey) -> IndexedImage | None:
        hits = self.searcher.search(_term("key", str(key)), 1, count=False).hits
        return self.image(hits[0][1]) if hits else None


@dataclass(slots=True)
class _Followed:
    """What a reader knows about a merchant's index."""

    etag: str | None = None
    looked_at: float = float("-inf")
    current: str | None = None
    opened: OrderedDict[str, _Opened] | None = None


class _Window(NamedTuple):
    """A part of the hits by relevance, and the number of all hits."""

    hits: list[tuple[float, DocAddress]]
    total: int


class TantivyFinder:
    """Searches the newest version of each merchant's index that it can read completely."""

    def __init__(
        self, repository: SegmentRepository, local: LocalVersions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._repository = repository
        self._local = local
        self._clock = clock
        self._followed: dict[str, _Followed] = {}
        self._windows: OrderedDict[tuple[object, ...], _Window] = OrderedDict()
        self._kinds: OrderedDict[tuple[object, ...], _Meant] = OrderedDict()

    def search(self, merchant_id: str, search: Search, after: Mapping[str, Any] | None) -> SearchPage:
        newest = self._newest(merchant_id)
        if newest is None:
            return NOTHING
        if search.text is None and search.sort is Sort.RELEVANCE:
            search = replace(search, sort=Sort.WEIGHT)
        if search.sort is Sort.RELEVANCE:
            return self._by_relevance(merchant_id, newest, search, after)
        return _by_field(newest, search, after)

    def held(self, merchant_id: str, keys: Sequence[ImageKey]) -> dict[ImageKey, IndexedImage]:
        newest = self._newest(merchant_id)
        images = ((key, newest.held(key)) for key in keys) if newest else ()
        return {key: image for key, image in images if image}

    def language(self, merchant_id: str) -> Language | None:
        newest = self._newest(merchant_id)
        return newest.words.language if newest else None

    def suggest(self, merchant_id: str, text: str, limit: int) -> list[str]:
        newest = self._newest(merchant_id)
        known = relevance.words(text)[-relevance.MAX_WORDS :]
        if newest is None or not known:
            return []
        *before, last = known
        parsed = newest.words.parse(" ".join(before))
        earlier = _every(
            [Query.all_query(), *(_word_query(newest, word, parsed, _EVERYTHING) for word in parsed.required)]
        )
        completions = newest.searcher.terms_with_prefix("words", last, earlier, limit)
        return [" ".join((*before, word)) for word, count in completions if count]

    def _by_relevance(
        self, merchant_id: str, newest: _Opened, search: Search, after: Mapping[str, Any] | None
    ) -> SearchPage:
        """Return a page of the version that the first page came from, so that inserts and updates move no hit.

        Images that were deleted since are left out; changed ones are returned as they are now.
        """
        if after:
            read_state(after, {"version": str, "position": int})
        pinned = self._pinned(merchant_id, newest, after["version"]) if after else newest
        position = int(after["position"]) if after else 0
        matching = _matching(pinned, search, any_word=True, meant=self._meant(merchant_id, pinned, search))
        hits: list[Hit] = []
        more = True
        while more and len(hits) < search.limit:
            window = self._window(merchant_id, pinned, search, matching, position // WINDOW)
            rest = window.hits[position % WINDOW : position % WINDOW + search.limit - len(hits)]
            more = bool(rest)
            position += len(rest)
            for score, address in rest:
                image: IndexedImage | None = pinned.image(address)
                if pinned is not newest and image:
                    image = newest.held(image.key)
                if image:
                    hits.append(_hit(pinned, matching, image, score))
        total = Total(window.total)
        return SearchPage(
            hits=tuple(hits),
            total=total,
            facets=_facets(pinned, search, any_word=True),
            after={"version": pinned.version, "position": position} if position < total.value else None,
        )

    def _window(self, merchant_id: str, opened: _Opened, search: Search, matching: _Matching, number: int) -> _Window:
        """Return a thousand hits, cached for the following pages, so that deep pages cost no more than the first."""
        applied = (search.synonyms, search.placed, search.raised, search.filters)
        key = (merchant_id, opened.version, search.text, *applied, number)
        if key not in self._windows:
            query = _with_buried_last(matching.query, search)
            result: Any = opened.searcher.search(query, WINDOW, offset=number * WINDOW, weight_by_field="interest")
            self._windows[key] = _Window(result.hits, result.count)
        self._windows.move_to_end(key)
        while len(self._windows) > WINDOWS_KEPT:
            self._windows.popitem(last=False)
        return self._windows[key]

    def _meant(self, merchant_id: str, opened: _Opened, search: Search) -> _Meant:
        """Return the kind of thing that the text means, cached for the following pages."""
        key = (merchant_id, opened.version, search.text, search.synonyms)
        if key not in self._kinds:
            self._kinds[key] = _meant(opened, search)
        self._kinds.move_to_end(key)
        while len(self._kinds) > WINDOWS_KEPT:
            self._kinds.popitem(last=False)
        return self._kinds[key]

    def _pinned(self, merchant_id: str, newest: _Opened, version: str) -> _Opened:
        if version == newest.version:
            return newest
        followed = self._followed[merchant_id]
        try:
            return self._open(merchant_id, followed, version, None)
        except VersionGone:
            return newest

    def _newest(self, merchant_id: str) -> _Opened | None:
        followed = self._followed.setdefault(merchant_id, _Followed())
        if self._clock() - followed.looked_at >= LOOK_FOR_NEW_VERSION_SECONDS:
            self._look(merchant_id, followed)
        if followed.current is None:
            return None
        return self._open(merchant_id, followed, followed.current, None)

    def _look(self, merchant_id: str, followed: _Followed) -> None:
        """Move to the newest version if it can be read completely; otherwise keep the one that is open."""
        failure: Exception | None = None
        for _ in range(2):
            newer = self._repository.current(merchant_id, followed.etag)
            if newer is None:
                break
            manifest, etag = newer.manifest, newer.etag
            if manifest is None:
                break
            try:
                _check_schema(manifest)
                self._open(merchant_id, followed, manifest.version, manifest)
            except (VersionGone, CorruptFile, OtherSchema) as error:
                logger.warning("version not readable", exc_info=error, extra={"merchant_id": merchant_id})
                failure = error
                continue
            followed.current, followed.etag, failure = manifest.version, etag, None
            break
        if failure and followed.current is None:
            raise Unavailable("The search index is being repaired. Send the request again.", 5) from failure
        followed.looked_at = self._clock()

    def _open(self, merchant_id: str, followed: _Followed, version: str, manifest: Manifest | None) -> _Opened:
        if followed.opened is None:
            followed.opened = OrderedDict()
        opened = followed.opened.get(version)
        if opened is None or not opened.directory.exists():
            manifest = manifest or self._repository.version(merchant_id, version)
            opened = _Opened.at(version, self._local.bring(merchant_id, manifest), _language_of(manifest))
            followed.opened[version] = opened
        followed.opened.move_to_end(version)
        while len(followed.opened) > OPEN_VERSIONS:
            followed.opened.popitem(last=False)
            self._local.keep_only(merchant_id, followed.opened.keys())
        return opened


def _language_of(manifest: Manifest | None) -> Language | None:
    return Language(manifest.language) if manifest and manifest.language else None


def _check_schema(manifest: Manifest) -> None:
    if manifest.language not in (None, *Language) or manifest.schema != _schema_number(_language_of(manifest)):
        raise OtherSchema(manifest.version)


def _hit(opened: _Opened, matching: _Matching, image: IndexedImage, score: float | None) -> Hit:
    highlight: dict[str, str] = {}
    if score is not None:
        for field, text in (("name", image.name), ("caption", image.caption)):
            if not text:
                continue
            generator = SnippetGenerator.create(opened.searcher, matching.highlighted, SCHEMA, field)
            generator.set_max_num_chars(SNIPPET_LETTERS)
            html = generator.snippet_from_doc(Document(**{field: relevance.readable(text)})).to_html()
            if "<b>" in html:
                highlight[field] = html.replace("<b>", "<mark>").replace("</b>", "</mark>")
    return Hit(image, score, highlight)


def _total(opened: _Opened, search: Search, matching: _Matching, *, any_word: bool) -> Total:
    """Return the number of hits, which is kept with the version.

    An aggregation takes half the time of a search, which looks at their values.
    """
    known = opened.totals.get(_of_total(search, any_word=any_word))
    if known is not None:
        return Total(known)
    counted = opened.searcher.aggregate(matching.query, {"hits": {"value_count": {"field": "newest"}}})
    return opened.noted(search, int(counted["hits"]["value"]), any_word=any_word)


def _of_total(search: Search, *, any_word: bool) -> tuple[object, ...]:
    """Return what a number of hits depends on."""
    return search.text, search.synonyms, search.filters, any_word


def _facets(opened: _Opened, search: Search, *, any_word: bool) -> dict[str, tuple[FacetCount, ...]]:
    by_filters: dict[Filters, list[str]] = {}
    for facet in search.facets:
        by_filters.setdefault(search.filters.without(facet), []).append(facet)
    counts: dict[str, tuple[FacetCount, ...]] = {}
    for filters, facets in by_filters.items():
        found = _matching(opened, replace(search, filters=filters), any_word=any_word, scored=False)
        aggregations = {
            str(number): {"terms": {"field": _facet_field(facet), "size": FACET_VALUES, "order": {"_count": "desc"}}}
            for number, facet in enumerate(facets)
        }
        counted = opened.searcher.aggregate(found.query, aggregations)
        for number, facet in enumerate(facets):
            buckets = counted[str(number)]["buckets"]
            values = [
                FacetCount(text_of(bucket.get("key_as_string", bucket["key"])), int(bucket["doc_count"]))
                for bucket in buckets
            ]
            counts[facet] = tuple(sorted(values, key=lambda counted: (-counted.count, counted.value)))
    return {facet: counts[facet] for facet in search.facets}


def _facet_field(facet: str) -> str:
    return facet if facet.startswith(ATTRIBUTE_FACET) else f"{facet}_value"


# --- orders by a field ---------------------------------------------------------------------------
#
# Finding the first hits of an order looks at the value of every hit, so the first page counts them on the way. It also
# looks some pages ahead: the values of those hits say how far the next page reaches, and only hits up to there are
# looked at for it. If they are too few, the search reaches further, in the end as far as there are hits.


class _Reach(NamedTuple):
    """Guesses how far the next hits reach in time and weight; None is no guess."""

    newest: int | None = None
    weight: float | None = None


class _Top(NamedTuple):
    """The first images of an order, and the values that hits up to some pages further have, in this order."""

    images: list[IndexedImage]
    times: Sequence[int] = ()
    weights: Sequence[float] = ()


def _reach(search: Search, after: Mapping[str, Any], hits: int) -> _Reach:
    if hits < MANY_HITS:
        return _Reach()
    sign = 1 if search.sort is Sort.OLDEST else -1
    return _Reach(
        int(after["newest"]) + sign * int(after["newest_span"]) if after["newest_span"] else None,
        float(after["weight"]) - float(after["weight_span"]) if after["weight_span"] else None,
    )


def _by_field(opened: _Opened, search: Search, after: Mapping[str, Any] | None) -> SearchPage:
    """Find images with all words, or with any word if no image has all. Later pages search as the first one did."""
    if after:
        spans = {"weight_span": int | float, "newest_span": int}
        read_state(after, {"any_word": bool, "weight": int | float, "newest": int, "key": str, **spans})
    any_word = bool(after and after["any_word"])
    wanted = search.limit + 1
    matching = _matching(opened, search, any_word=any_word, scored=False)
    first: Any = None
    if after:
        total = _total(opened, search, matching, any_word=any_word)
    else:
        first = _first(opened, matching, search, _asked(wanted))
        if not first.count:
            any_word = True
            matching = _matching(opened, search, any_word=True, scored=False)
            first = _first(opened, matching, search, _asked(wanted))
        total = opened.noted(search, first.count, any_word=any_word)
    reach = _reach(search, after, total.value) if after else _Reach()
    hits = first and first.hits
    top = (
        _top_by_weight(opened, matching.query, wanted, after, reach, first=hits)
        if search.sort is Sort.WEIGHT
        else _top_by_time(
            opened, matching.query, wanted, after, reach.newest, hits=hits, oldest=search.sort is Sort.OLDEST
        )
    )
    page = top.images[: search.limit]
    return SearchPage(
        hits=tuple(_hit(opened, matching, image, None) for image in page),
        total=total,
        facets=_facets(opened, search, any_word=any_word),
        after={"any_word": any_word, **_place(page, top, search.sort)} if len(top.images) > search.limit else None,
    )


def _asked(wanted: int) -> int:
    """Return how many hits to find for so many images, with those of the pages ahead."""
    return (1 + PAGES_AHEAD) * wanted


def _first(opened: _Opened, matching: _Matching, search: Search, limit: int) -> Any:
    """Return the first hits by the field alone, with the number of all."""
    return opened.searcher.search(
        matching.query,
        limit,
        count=True,
        order_by_field="weight" if search.sort is Sort.WEIGHT else "newest",
        order=Order.Asc if search.sort is Sort.OLDEST else Order.Desc,
    )


def _place(page: Sequence[IndexedImage], top: _Top, sort: Sort) -> dict[str, Any]:
    """Return where a page ends, and how far the next ones reach in weight and in time.

    By weight, the time is that of images as heavy as the last one, and no span of weight says that the next ones are.
    """
    first, last = page[0], page[-1]
    start = next(image for image in page if sort is not Sort.WEIGHT or image.weight == last.weight)
    return {
        "weight": last.weight,
        "newest": newest_key(last),
        "key": str(last.key),
        "weight_span": _span(top.weights, first.weight, last.weight, len(page)),
        "newest_span": int(_span(top.times, newest_key(start), newest_key(last), len(page))),
    }


def _span(values: Sequence[float], first: float, last: float, count: int) -> float:
    """Return how far from the last value of a page those of the pages ahead are, which are guessed if few are known."""
    further = [value for value in values if abs(value - first) > abs(last - first)]
    if not further:
        return 0.0
    if len(further) < count:
        return SPARE * abs(first - last)
    return abs(further[-1] - last) * PAGES_AHEAD * count / len(further)


def _top_by_time(  # noqa: PLR0913 - each of these decides which images follow
    opened: _Opened,
    query: Query,
    limit: int,
    after: Mapping[str, Any] | None,
    reach: int | None = None,
    *,
    hits: Any = None,
    oldest: bool = False,
) -> _Top:
    """Return images sorted by (time, key), starting after `after`. Images with equal time keys are read together.

    `reach` is a guess how far they reach. `hits` are the first by time, as many as are asked for, if they are known.
    """
    bound = int(after["newest"]) if after else None
    low, high = (bound, reach) if oldest else (reach, bound)
    ranged = query if low is None and high is None else _every([query, _range("newest", low, high)])
    order = Order.Asc if oldest else Order.Desc
    size, asked = limit + 1, _asked(limit)
    while True:
        if hits is None:
            hits = opened.searcher.search(ranged, asked, count=False, order_by_field="newest", order=order).hits
        images = sorted(
            (opened.image(address) for _, address in hits[:size]),
            key=lambda image: (newest_key(image) * (1 if oldest else -1), str(image.key)),
        )
        whole = len(hits) == len(images) < asked
        if not whole:
            unfinished = newest_key(images[-1])
            images = [image for image in images if newest_key(image) != unfinished]
        if after:
            images = [image for image in images if newest_key(image) != bound or str(image.key) > str(after["key"])]
        if len(images) >= limit or (whole and reach is None):
            return _Top(images[:limit], times=[value for value, _ in hits])
        if whole:
            further = _further(bound, reach)
            return _top_by_time(opened, query, limit, after, further, oldest=oldest)
        size *= 2
        if size > len(hits) == asked:
            asked, hits = asked * 2, None


def _further(bound: int | None, reach: int | None) -> int | None:
    """Return a guess after one that did not reach far enough, None after the last guess."""
    if bound is None or reach is None or abs(reach - bound) > LONGEST_GUESS:
        return None
    return bound + (reach - bound) * FURTHER


def _top_by_weight(  # noqa: PLR0913 - each of these decides which images follow
    opened: _Opened, query: Query, limit: int, after: Mapping[str, Any] | None, guess: _Reach, *, first: Any = None
) -> _Top:
    """Return images sorted by (weight, newest, key). Many images of equal weight are read newest first.

    `first` are the first hits by weight, as many as are asked for, if they are known.
    """
    asked = _asked(limit)
    top: list[IndexedImage] = []
    times: Sequence[int] = ()
    weights: Sequence[float] = ()
    below = float(after["weight"]) if after else None
    with_equal = True
    if after and not after["weight_span"]:
        equal = _every([query, _range("weight", below, below)])
        top, times, _ = _top_by_time(opened, equal, limit, after, guess.newest)
        with_equal = False
    reach, hits = guess.weight, first
    while len(top) < limit:
        if hits is None:
            lighter = query
            if below is not None or reach is not None:
                lighter = _every([query, _range("weight", reach, below, below=with_equal or below is None)])
            hits = opened.searcher.search(lighter, asked, count=False, order_by_field="weight").hits
        times, weights = (), [weight for weight, _ in hits]
        whole = len(hits) < asked
        finished = hits if whole else [hit for hit in hits if hit[0] > weights[-1]]
        for _, equals in itertools.groupby(finished, key=itemgetter(0)):
            images = [opened.image(address) for _, address in equals]
            top += sorted((image for image in images if _is_behind(image, after)), key=_by_weight)
            if len(top) >= limit:
                break
        if len(top) < limit and not whole:
            equal = _every([query, _range("weight", weights[-1], weights[-1])])
            same = after if after and weights[-1] == float(after["weight"]) else None
            images, times, _ = _top_by_time(opened, equal, limit - len(top), same)
            top += images
        if whole and reach is None:
            break
        reach = None
        if hits:
            below, with_equal = weights[-1], False
        hits = None
    return _Top(top[:limit], times, weights)


def _by_weight(image: IndexedImage) -> tuple[float, int, str]:
    return -image.weight, -newest_key(image), str(image.key)


def _is_behind(image: IndexedImage, after: Mapping[str, Any] | None) -> bool:
    """Return whether an image follows the place of a cursor by weight."""
    return after is None or _by_weight(image) > (-float(after["weight"]), -int(after["newest"]), str(after["key"]))


# --- writing -------------------------------------------------------------------------------------


class TantivyIndex:
    """Keeps each merchant's index equal to the images. Any number of writers may run at the same time."""

    def __init__(
        self,
        repository: SegmentRepository,
        local: LocalVersions,
        language_of: LanguageOf = no_language,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._repository = repository
        self._local = local
        self._language_of = language_of
        self._now = now

    def update(self, merchant_id: str, keys: Sequence[ImageKey], read: ReadImages) -> None:
        """Publish a version in which these keys are up to date.

        The base version is read before the images, and publishing fails if another writer replaced that version in
        between, so no image replaces a newer one. A version is published even if nothing differs: otherwise a writer
        that read an image before its deletion could publish it afterwards.
        """

        def attempt() -> None:
            base = self._repository.current(merchant_id) or NEW
            language = _language_of(base.manifest) if base.manifest else self._language_of(merchant_id)
            images = read(keys)

            directory = self._lay_out(merchant_id, base.manifest, language)
            try:
                _write(directory, language, WRITER_BYTES, lambda writer: _put(writer, language, keys, images))
                self._publish(merchant_id, directory, base, language, note_changed=keys)
            finally:
                _discard(directory)

        _until_published(attempt)

    def rebuild(self, merchant_id: str, images: ReadAllImages, read: ReadImages, progress: Progress) -> int:
        rebuild = RebuildUnderWay(uuid4().hex, self._now().isoformat())
        language = self._language_of(merchant_id)
        self._announce(merchant_id, rebuild, language)
        directory = self._lay_out(merchant_id, None, language)
        count = 0

        def take_all(writer: IndexWriter) -> None:
            nonlocal count
            for image in images():
                writer.add_document(to_document(image, _words_in(language)))
                count += 1
                if count % PROGRESS_EVERY == 0:
                    progress(count)
            progress(count)

        try:
            _write(directory, language, REBUILD_BYTES, take_all)
            return self._switch(merchant_id, directory, rebuild.id, language, read)
        finally:
            _discard(directory)

    def _announce(self, merchant_id: str, rebuild: RebuildUnderWay, language: Language | None) -> None:
        """Publish the rebuild's id. From then on every writer notes what it changes."""

        def attempt() -> None:
            current = self._repository.current(merchant_id) or NEW
            if current.manifest is None:
                self._publish_empty(merchant_id, current, language)
                current = self._repository.current(merchant_id) or NEW
            manifest = current.manifest
            if manifest is None:
                raise PublishedByAnother(merchant_id)
            following, _ = succeed(merchant_id, manifest, manifest.files, manifest.meta, self._now())
            self._repository.publish(merchant_id, replace(following, rebuild=rebuild), current.etag)

        _until_published(attempt)

    def _publish_empty(self, merchant_id: str, base: Current, language: Language | None) -> None:
        directory = self._lay_out(merchant_id, None, language)
        try:
            self._publish(merchant_id, directory, base, language)
        finally:
            _discard(directory)

    def _switch(
        self, merchant_id: str, directory: Path, rebuild_id: str, language: Language | None, read: ReadImages
    ) -> int:
        """Read again what changed since the rebuild began, then replace the version in use."""

        def attempt() -> None:
            base = self._repository.current(merchant_id) or NEW
            manifest = base.manifest
            if manifest is None or manifest.rebuild is None or manifest.rebuild.id != rebuild_id:
                raise RebuildSuperseded(merchant_id)
            changed = [_to_key(key) for key in manifest.rebuild.changed]
            images = read(changed) if changed else {}

            _write(directory, language, WRITER_BYTES, lambda writer: _put(writer, language, changed, images))
            self._publish(merchant_id, directory, base, language, anew=True)
            self._repository.delete_unreferenced(merchant_id, manifest, self._now() - UNREFERENCED_FILES_ARE_KEPT)

        _until_published(attempt)
        return int(Index.open(str(directory)).searcher().num_docs)

    def _lay_out(self, merchant_id: str, manifest: Manifest | None, language: Language | None = None) -> Path:
        if manifest:
            _check_schema(manifest)
        directory = self._local.lay_out(merchant_id, manifest or Manifest(version=""))
        if manifest is None:
            (directory / "meta.json").unlink()
            Index(SCHEMA_WITH_ENDINGS if language and language.has_compounds else SCHEMA, str(directory))
        return directory

    def _publish(  # noqa: PLR0913 - what is published, on what it is based, and what to note
        self,
        merchant_id: str,
        directory: Path,
        base: Current,
        language: Language | None,
        note_changed: Sequence[ImageKey] = (),
        *,
        anew: bool = False,
    ) -> None:
        meta = json.loads((directory / "meta.json").read_text())
        replaced, etag = base
        stored = {} if replaced is None or anew else replaced.files
        names = _segment_files(directory, meta)
        uploaded = self._repository.upload(
            merchant_id, {name: directory / name for name in names if name not in stored}
        )
        files = {name: uploaded.get(name) or stored[name] for name in names}
        manifest, unread = succeed(merchant_id, replaced, files, meta, self._now())
        noted = None if anew else self._noted(manifest.rebuild, note_changed)
        manifest = replace(manifest, schema=_schema_number(language), rebuild=noted, language=language)
        self._repository.delete(unread)
        try:
            self._repository.publish(merchant_id, manifest, etag)
        except PublishedByAnother:
            self._repository.delete([file.object_key for file in uploaded.values()])
            raise
        self._local.adopt(merchant_id, directory, uploaded)
        self._local.bring(merchant_id, manifest)
        self._local.keep_only(merchant_id, {manifest.version})

    def _noted(self, rebuild: RebuildUnderWay | None, changed: Sequence[ImageKey]) -> RebuildUnderWay | None:
        if rebuild is None or self._now() - datetime.fromisoformat(rebuild.started_at) > LONGEST_REBUILD:
            return None
        return replace(rebuild, changed=tuple(dict.fromkeys((*rebuild.changed, *map(str, changed)))))


def _until_published(attempt: Callable[[], None]) -> None:
    retry(attempt, attempts=PUBLISH_ATTEMPTS, refusal="Others keep changing this index. Send the request again.")


def _to_key(text: str) -> ImageKey:
    gallery_id, _, image_id = text.partition("/")
    return ImageKey(gallery_id, image_id)


def _put(
    writer: IndexWriter,
    language: Language | None,
    keys: Sequence[ImageKey],
    images: Mapping[ImageKey, IndexedImage],
) -> None:
    for key in dict.fromkeys(keys):
        writer.delete_documents_by_term("key", str(key))
        if image := images.get(key):
            writer.add_document(to_document(image, _words_in(language)))


def _discard(directory: Path) -> None:
    """Remove a work folder, again if a thread of the engine wrote there as it ended."""
    try:
        shutil.rmtree(directory)
    except OSError:
        shutil.rmtree(directory, ignore_errors=True)


def _write(
    directory: Path, language: Language | None, memory_bytes: int, change: Callable[[IndexWriter], None]
) -> None:
    writer = _index_at(directory, language).writer(memory_bytes, 1)
    change(writer)
    writer.commit()
    writer.wait_merging_threads()


def _segment_files(directory: Path, meta: Mapping[str, Any]) -> list[str]:
    """Return the files of a version: its segments, with the newest list of deleted documents of each."""
    deletions = {
        segment["segment_id"].replace("-", ""): (segment["deletes"] or {}).get("opstamp")
        for segment in meta["segments"]
    }
    names = []
    for path in directory.iterdir():
        segment, _, kind = path.name.partition(".")
        if segment in deletions and (not kind.endswith("del") or kind == f"{deletions[segment]}.del"):
            names.append(path.name)
    return sorted(names)
