"""The distributed engine: OpenSearch, with one index per merchant behind an alias.

Everything used here works on Elasticsearch too, except for the points in time in relevance cursors. Without a point in
time a cursor continues in the live index.
"""

from __future__ import annotations

import hashlib
import math
import struct
import time
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from opensearchpy import ConnectionError as NoResponse
from opensearchpy import NotFoundError, OpenSearch, RequestError, TransportError
from opensearchpy.helpers import streaming_bulk

from vitrine.platform.cursors import read_state
from vitrine.platform.problems import Unavailable
from vitrine.search import compounds, keyboards, relevance
from vitrine.search.compounds import LEAST_PART, Compounds, parts_of, tails_after
from vitrine.search.documents import (
    KEYWORD_FIELDS,
    NUMBER_FIELDS,
    attribute_key,
    attribute_texts,
    document_fields,
    filter_ranges,
    filter_terms,
    from_source,
    image_words,
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
    Placed,
    Search,
    SearchPage,
    Sort,
    Total,
)
from vitrine.search.ports import LanguageOf, Progress, ReadAllImages, ReadImages, RebuildSuperseded, no_language

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from vitrine.search.model import Synonym

FACET_VALUES = 20
TRAITS_COUNTED = 200
SNIPPET_LETTERS = 300
CURSOR_LIFE = "10m"
READS_BEFORE_GIVING_UP = 20
BUSY = frozenset({429, 502, 503, 504})
CHUNK = 500
CHUNK_BYTES = 5_000_000
BULK_RETRIES = 6

LUCENE_SCALE = 2.2
"""Lucene omits the constant factor k1 + 1 of BM25, so constant scores are divided by it."""

_STEMMED = {"type": "text", "analyzer": "stemmed"}
_KEYWORD = {"type": "keyword"}

_LOOK_FOR_LANGUAGE_SECONDS = 1.0
_MOST_KNOWN_WORDS = 100_000
_MOST_ANALYSED = 5000

_INDEX: dict[str, Any] = {
    "settings": {
        "number_of_shards": 1,
        "auto_expand_replicas": "0-1",
        "refresh_interval": "1s",
        "analysis": {
            "tokenizer": {"letters": {"type": "pattern", "pattern": "[^\\p{L}\\p{M}\\p{N}]+"}},
            "analyzer": {
                "stemmed": {
                    "type": "custom",
                    "tokenizer": "letters",
                    "filter": ["lowercase", "asciifolding", "stems"],
                }
            },
        },
    },
    "mappings": {
        "dynamic": "strict",
        "properties": {
            "source": {"type": "keyword", "index": False, "doc_values": False},
            "key": _KEYWORD,
            **dict.fromkeys(relevance.FIELD_WEIGHTS, _STEMMED),
            "name_words": {"type": "text", "analyzer": "whitespace"},
            "words": _KEYWORD,
            "name_joined": {"type": "text", "analyzer": "whitespace"},
            "name_pairs": _KEYWORD,
            "whole_name": _KEYWORD,
            "measures": _KEYWORD,
            "heads": _STEMMED,
            "traits": _KEYWORD,
            **dict.fromkeys(KEYWORD_FIELDS, _KEYWORD),
            "attribute_key": {"type": "keyword", "doc_values": False},
            "attribute_value": _KEYWORD,
            "attribute_number": {"type": "keyword", "doc_values": False},
            **{f"{facet}_value": _KEYWORD for facet in Facet},
            **{f"{facet}_key": {"type": "keyword", "doc_values": False} for facet in Facet},
            "newest": {"type": "long"},
            **{name: {"type": "integer"} for name in NUMBER_FIELDS},
            "weight": {"type": "double"},
            "interest": {"type": "float"},
        },
    },
}


def _stemmer(language: Language | None) -> dict[str, str]:
    name = "porter2" if language in (None, Language.ENGLISH) else language.snowball
    return {"type": "stemmer", "language": name}


def index_in(language: Language | None) -> dict[str, Any]:
    """Return the settings and mappings of an index whose texts are in this language."""
    analysis = {**_INDEX["settings"]["analysis"], "filter": {"stems": _stemmer(language)}}
    meta = {"_meta": {"language": language, "analysis": ANALYSIS_NUMBER}} if language else {}
    stems = {"stems": _KEYWORD, "endings": _KEYWORD} if language and language.has_compounds else {}
    properties = {**_INDEX["mappings"]["properties"], **stems}
    return {
        "settings": {**_INDEX["settings"], "analysis": analysis},
        "mappings": {**_INDEX["mappings"], "properties": properties, **meta},
    }


_ORDERS: dict[Sort, list[dict[str, str]]] = {
    Sort.RELEVANCE: [{"_score": "desc"}, {"newest": "desc"}, {"key": "asc"}],
    Sort.NEWEST: [{"newest": "desc"}, {"key": "asc"}],
    Sort.OLDEST: [{"newest": "asc"}, {"key": "asc"}],
    Sort.WEIGHT: [{"weight": "desc"}, {"newest": "desc"}, {"key": "asc"}],
}


class WritesNotTaken(Exception):
    """OpenSearch refused writes, or the images changed faster than they were written."""


def alias(merchant_id: str) -> str:
    """Return the name of the merchant's alias, in letters that OpenSearch allows."""
    return f"vitrine-{hashlib.blake2b(merchant_id.encode(), digest_size=10).hexdigest()}"


def to_document(image: IndexedImage, stems: Mapping[str, str]) -> dict[str, Any]:
    """Return the document of an image, without unknown values. `stems` are those of its words, where they count."""
    long = filter(compounds.may_be_compound, stems)
    return document_fields(
        image,
        source=to_source(image).decode(),
        name_joined=" ".join(relevance.joined_pairs(image.name or "")),
        name_pairs=relevance.pairs(image.name or ""),
        words=sorted(set(image_words(image))),
        attribute_value=[f"{name}={text}" for name, text in attribute_texts(image)],
        attribute_number=[
            f"{name}={_sortable(value)}" for name, value in image.attributes.items() if isinstance(value, int | float)
        ],
        weight=image.weight,
        interest=relevance.interest_factor(image.weight),
        stems=sorted({*stems.values()} - {""}),
        endings=sorted({stems[word][::-1] for word in long} - {""}),
    )


def _sortable(number: float) -> str:
    """Return 16 digits that sort like the number, so that one field holds the numbers of all attributes."""
    bits = int.from_bytes(struct.pack(">d", number + 0.0))
    return f"{bits ^ (0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else 1 << 63):016x}"


# --- queries -------------------------------------------------------------------------------------

Clause = dict[str, Any]


def _any(clauses: list[Clause]) -> Clause:
    return {"bool": {"should": clauses, "minimum_should_match": 1}}


def _match(field: str, text: str, boost: float) -> Clause:
    return {"match": {field: {"query": text, "boost": boost}}}


def _phrase(field: str, phrase: Sequence[str], boost: float) -> Clause:
    return {"match_phrase": {field: {"query": " ".join(phrase), "boost": boost}}}


def _constant(clause: Clause, boost: float) -> Clause:
    return {"constant_score": {"filter": clause, "boost": boost}}


def _word_query(word: str, parsed: relevance.ParsedQuery, edits: int = 0, known: _Known | None = None) -> Clause:
    forms = relevance.plurals(word) if known else (word,)
    ways = [_best([_match(field, form, weight) for form in forms]) for field, weight in relevance.FIELD_WEIGHTS.items()]
    ways += [
        _phrase(field, phrase, weight)
        for phrase in parsed.others(word)
        for field, weight in relevance.FIELD_WEIGHTS.items()
    ]
    ways.append(_match("name_joined", word, relevance.JOINED_PAIR))
    ways += [_match("name_words", pair, relevance.JOINED_PAIR) for pair in parsed.joined(word)]
    ways += [
        {"term": {"measures": {"value": measure, "boost": relevance.MEASURE}}} for measure in parsed.measured(word)
    ]
    made = known.compounds.get(word) if known else None
    if made:
        return _any(ways + _compounds(made))
    return _any(ways + _typos(word, edits) + (_slips(word, known.language) if known and edits else []))


def _slips(word: str, language: Language) -> list[Clause]:
    """Return what finds an unknown word after a slip of the fingers, which is likelier than other typos."""
    meant = sorted(keyboards.meant(word, language))
    return [_constant({"terms": {"words": meant}}, relevance.SLIP / LUCENE_SCALE)] if meant else []


def _best(clauses: list[Clause]) -> Clause:
    return {"dis_max": {"queries": clauses}} if len(clauses) > 1 else clauses[0]


def _compounds(made: Compounds) -> list[Clause]:
    """Return what finds compounds with a word, and the words that it is itself made of."""
    ways = [
        _constant({"terms": {field: list(stems)}}, score / LUCENE_SCALE)
        for stems, score in ((made.ending, relevance.COMPOUND), (made.starting, relevance.COMPOUND_START))
        if stems
        for field in ("stems", "name")
    ]
    parts = [
        _any(
            [
                _best([_match(field, form, weight) for form in relevance.plurals(part)])
                for field, weight in relevance.FIELD_WEIGHTS.items()
            ]
        )
        for part in made.parts
    ]
    if parts:
        ways.append({"bool": {"must": parts, "boost": relevance.COMPOUND_PARTS}})
    if parts and made.is_new:
        ways.append(_constant(parts[-1], relevance.COMPOUND / LUCENE_SCALE))
    return ways


def _typos(word: str, edits: int) -> list[Clause]:
    """Return what finds words that differ from this one by so many edits at most."""
    fields = ("words", "name_words", "name_joined") if edits else ()
    return [{"fuzzy": {field: {"value": word, "fuzziness": edits, "boost": relevance.TYPO}}} for field in fields]


def _bonuses(parsed: relevance.ParsedQuery, every_word: Clause, others: Sequence[str]) -> list[Clause]:
    meant = {"bool": {"must": every_word, "must_not": {"terms": {"name_pairs": list(others)}}}}
    bonuses = [_constant(meant, relevance.ALL_WORDS / LUCENE_SCALE)]
    bonuses += [_constant({"term": {"whole_name": run}}, relevance.WHOLE_NAME / LUCENE_SCALE) for run in parsed.runs]
    for pair in parsed.pairs:
        bonuses.append(_phrase("name", pair, relevance.NAME_PAIR))
        bonuses.append(_phrase("credit", pair, relevance.CREDIT_PAIR))
    return bonuses


def _examples(parsed: relevance.ParsedQuery) -> dict[str, Any]:
    """Return the search for the traits of what the query means, and of what has the same words in another's name."""
    examples = [
        _any([{"bool": {"must": [_match(field, word, 1.0) for field, word in way]}} for way in ways])
        for ways in parsed.example_terms
    ]
    traits = {"field": "traits", "size": TRAITS_COUNTED, "min_doc_count": 2}
    pairs = {
        "field": "name_pairs",
        "include": f"({'|'.join(parsed.forms_of_last)}) .+",
        "size": relevance.PAIRS_COMPARED,
        "min_doc_count": relevance.PAIR_NAMES,
    }
    last = {"terms": {"name_words": list(parsed.forms_of_last)}}
    return {
        "size": 0,
        "query": _any([{"bool": {"filter": examples}}, last]),
        "aggs": {
            "examples": {
                "filter": {"bool": {"filter": examples}},
                "aggs": {"traits": {"significant_terms": traits}},
            },
            "named": {
                "filter": {"bool": {"filter": [last, {"exists": {"field": "traits"}}]}},
                "aggs": {
                    "pairs": {
                        "terms": pairs,
                        "aggs": {"traits": {"terms": {"field": "traits", "size": TRAITS_COUNTED}}},
                    }
                },
            },
        },
    }


@dataclass(frozen=True, slots=True)
class _Meant:
    """The kind of thing that a text means: boosts by trait, and pairs of words that name other things."""

    boosts: Mapping[str, float]
    others: tuple[str, ...] = ()


_ANYTHING = _Meant({})


def _meant(response: Mapping[str, Any]) -> _Meant:
    counted = response["aggregations"]["examples"]["traits"]
    kind = relevance.kind_of(
        counted["doc_count"],
        counted["bg_count"],
        [relevance.TraitCount(bucket["key"], bucket["doc_count"], bucket["bg_count"]) for bucket in counted["buckets"]],
    )
    if kind is None:
        return _ANYTHING
    pairs = response["aggregations"]["named"]["pairs"]["buckets"]
    return _Meant(kind.boosts, tuple(pair["key"] for pair in pairs if kind.is_another(_fit(pair, kind))))


def _fit(pair: Mapping[str, Any], kind: relevance.Kind) -> float:
    """Return what the kind's boosts add on average to the documents of a pair."""
    counts = {bucket["key"]: bucket["doc_count"] for bucket in pair["traits"]["buckets"]}
    added = sum(boost * counts.get(trait, 0) for trait, boost in kind.boosts.items())
    return float(added / pair["doc_count"])


def _filters(filters: Filters) -> list[Clause]:
    terms: list[Clause] = [{"term": {field: value}} for field, value in filter_terms(filters).items()]
    ranges: list[Clause] = [
        {"range": {field: {bound: value for bound, value in (("gte", least), ("lte", most)) if value is not None}}}
        for field, (least, most) in filter_ranges(filters).items()
    ]
    return terms + ranges + [_attribute(each) for each in filters.attributes]


def _attribute(wanted: AttributeFilter) -> Clause:
    if wanted.texts:
        return {"terms": {"attribute_key": [attribute_key(wanted.name, text) for text in wanted.texts]}}
    least = "" if wanted.least is None else _sortable(wanted.least)
    most = "~" if wanted.most is None else _sortable(wanted.most)
    return {"range": {"attribute_number": {"gte": f"{wanted.name}={least}", "lte": f"{wanted.name}={most}"}}}


def _beside_facets(search: Search) -> Filters:
    """Return the filters by other fields than the search's facets."""
    filters = search.filters
    for facet in search.facets:
        filters = filters.without(facet)
    return filters


def _counting(search: Search, facet: str) -> Clause:
    """Return what counts a facet's values among the hits that pass all filters but its own."""
    values: Clause = {"field": f"{facet}_value", "size": FACET_VALUES}
    if facet.startswith(ATTRIBUTE_FACET):
        values |= {"field": "attribute_value", "include": f"{_value_prefix(facet)}.*"}
    others = {"bool": {"filter": _filters(search.filters.without(facet))}}
    return {"filter": others, "aggs": {"values": {"terms": values}}}


# --- words of languages --------------------------------------------------------------------------


class _Words:
    """The stems and stop words of languages, which the cluster is asked once for each word."""

    def __init__(self, client: OpenSearch) -> None:
        self._client = client
        self._known: OrderedDict[tuple[Language, bool, str], str] = OrderedDict()

    def stop_words(self, language: Language, words: Iterable[str]) -> set[str]:
        """Return the stop words among words, as they are spelled with their accents."""
        return {word for word, kept in self._analysed(language, words, stemmed=False).items() if not kept}

    def stems(self, language: Language, words: Iterable[str]) -> dict[str, str]:
        """Return the stems of words, empty for stop words."""
        return self._analysed(language, words, stemmed=True)

    def _analysed(self, language: Language, words: Iterable[str], *, stemmed: bool) -> dict[str, str]:
        keys = {word: (language, stemmed, word) for word in words}
        unknown = iter([word for word, key in keys.items() if key not in self._known])
        stop = {"type": "stop", "stopwords": f"_{language.snowball}_"}
        filters = [stop, "asciifolding", _stemmer(language)] if stemmed else [stop]
        found = {word: self._known[key] for word, key in keys.items() if key in self._known}
        while chunk := list(islice(unknown, _MOST_ANALYSED)):
            body = {"tokenizer": "whitespace", "filter": filters, "text": " ".join(chunk)}
            tokens = self._client.indices.analyze(body=body)["tokens"]
            kept = {token["position"]: token["token"] for token in tokens}
            found |= {word: kept.get(at, "") for at, word in enumerate(chunk)}
        self._known |= {key: found[word] for word, key in keys.items()}
        while len(self._known) > _MOST_KNOWN_WORDS:
            self._known.popitem(last=False)
        return found


class _Vocabulary:
    """compounds.Vocabulary of what was asked of the cluster: stems by word, and their numbers of documents."""

    def __init__(self) -> None:
        self.stems: dict[str, str] = {}
        self.counts: dict[str, int] = {}

    def documents(self, word: str) -> int:
        return max(self.counts.get(self.stems.get(form, ""), 0) for form in relevance.plurals(word))

    def has(self, stem: str) -> bool:
        return self.counts.get(stem, 0) > 0


class _Known(NamedTuple):
    """What is known of the words of a query in a language: their compounds."""

    language: Language
    compounds: Mapping[str, Compounds]


def _starting(field: str, letters: str) -> dict[str, Any]:
    """Return the search for the most frequent terms that start with these letters."""
    starting = f"{letters}.{{0,{relevance.MAX_WORD_LETTERS}}}"
    terms = {"terms": {"field": field, "size": compounds.MOST_COMPOUNDS, "include": starting}}
    return {"size": 0, "query": {"prefix": {field: letters}}, "aggs": {"terms": terms}}


def _terms(response: Mapping[str, Any]) -> list[str]:
    return [bucket["key"] for bucket in response["aggregations"]["terms"]["buckets"]] if "hits" in response else []


# --- reading -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Prepared:
    """A search with its parsed text, the edits to make of its words that no image has, and what it means."""

    search: Search
    sort: Sort
    parsed: relevance.ParsedQuery | None
    known: _Known | None
    typos: Mapping[str, int]
    meant: _Meant


@contextmanager
def _translated() -> Iterator[None]:
    """Raise Unavailable if the cluster does not respond or is overloaded."""
    try:
        yield
    except TransportError as error:
        if isinstance(error, NoResponse) or error.status_code in BUSY:
            raise Unavailable("Search is busy. Send the request again.", 1) from error
        raise


class OpenSearchFinder:
    """ImageFinder on OpenSearch."""

    def __init__(self, client: OpenSearch, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._languages: dict[str, tuple[float, Language | None]] = {}
        self._words = _Words(client)

    @_translated()
    def search(self, merchant_id: str, search: Search, after: Mapping[str, Any] | None) -> SearchPage:
        if after:
            read_state(after, {"sort": [int | float | str], "snapshot": str | None, "any_word": bool})
        sort = Sort.WEIGHT if search.text is None and search.sort is Sort.RELEVANCE else search.sort
        parsed = self._parse(merchant_id, search.text, search.synonyms) if search.text is not None else None
        if parsed and not parsed.words:
            return NOTHING
        any_word = bool(after["any_word"]) if after else sort is Sort.RELEVANCE
        snapshot = after["snapshot"] if after else None
        try:
            known = self._known(merchant_id, parsed)
            prepared = _Prepared(search, sort, parsed, known, *self._looked_up(merchant_id, parsed, snapshot))
            page = self._page(merchant_id, prepared, after, any_word=any_word)
            if not page.total.value and not after and not any_word:
                page = self._page(merchant_id, prepared, after, any_word=True)
        except NotFoundError:
            return NOTHING
        return page

    @_translated()
    def held(self, merchant_id: str, keys: Sequence[ImageKey]) -> dict[ImageKey, IndexedImage]:
        try:
            response = self._client.mget(index=alias(merchant_id), body={"ids": [str(key) for key in keys]})
        except NotFoundError:
            return {}
        images = [from_source(doc["_source"]["source"]) for doc in response["docs"] if doc.get("found")]
        return {image.key: image for image in images}

    @_translated()
    def language(self, merchant_id: str) -> Language | None:
        looked_at, language = self._languages.get(merchant_id, (-math.inf, None))
        if self._clock() - looked_at >= _LOOK_FOR_LANGUAGE_SECONDS:
            language = next(iter(_languages(self._client, alias(merchant_id)).values()), None)
            self._languages[merchant_id] = self._clock(), language
        return language

    def _parse(self, merchant_id: str, text: str, synonyms: tuple[Synonym, ...] = ()) -> relevance.ParsedQuery:
        """Parse a query. Where the index has just changed its language, the stop words may be the earlier ones."""
        language = self.language(merchant_id)
        if language is None:
            return relevance.parse(text, synonyms)
        spellings = relevance.spellings(text)
        stop_words = self._words.stop_words(language, spellings.values())
        return relevance.parse(text, synonyms, {word for word, spelled in spellings.items() if spelled in stop_words})

    def _known(self, merchant_id: str, parsed: relevance.ParsedQuery | None) -> _Known | None:
        """Return what is known of a query's words; None if the index has no language."""
        language = self.language(merchant_id)
        if language is None:
            return None
        if parsed is None or not language.has_compounds:
            return _Known(language, {})
        return _Known(language, self._compounds(merchant_id, language, parsed.required))

    @_translated()
    def suggest(self, merchant_id: str, text: str, limit: int) -> list[str]:
        known = relevance.words(text)[-relevance.MAX_WORDS :]
        if not known:
            return []
        *before, last = known
        parsed = self._parse(merchant_id, " ".join(before))
        in_language = self._known(merchant_id, parsed)
        # OpenSearch 2.18 responds to a bare `last.*` with an error if no word starts with it.
        starting = f"{last}.{{0,{relevance.MAX_WORD_LETTERS}}}"
        body = {
            "size": 0,
            "query": {
                "bool": {
                    "filter": [
                        {"prefix": {"words": last}},
                        *(_word_query(word, parsed, known=in_language) for word in parsed.required),
                    ]
                }
            },
            "aggs": {"words": {"terms": {"field": "words", "size": limit, "include": starting}}},
        }
        try:
            response = self._client.search(index=alias(merchant_id), body=body)
        except NotFoundError:
            return []
        return [" ".join((*before, bucket["key"])) for bucket in response["aggregations"]["words"]["buckets"]]

    def _compounds(self, merchant_id: str, language: Language, words: Sequence[str]) -> dict[str, Compounds]:
        """Return by word the compounds with it and the words that it is made of, after two requests for all."""
        vocabulary = _Vocabulary()
        asked = {word: stem for word, stem in self._words.stems(language, words).items() if len(stem) >= LEAST_PART}
        lookups = [each for stem in asked.values() for each in (("endings", stem[::-1]), ("stems", stem))]
        edges = {each for word in asked for each in (word, *compounds.edges(word))}
        found = dict(zip(lookups, self._learn(merchant_id, language, vocabulary, edges, (), lookups), strict=True))
        ending = {word: [each[::-1] for each in found["endings", stem[::-1]]] for word, stem in asked.items()}
        starting = {word: found["stems", stem] for word, stem in asked.items()}
        heads = {each.removesuffix(asked[word]) for word in asked for each in ending[word]}
        more = {piece for head in heads for piece in (*compounds.edges(head), *compounds.unlinked(head))}
        more |= {piece for word in asked if not parts_of(word, vocabulary) for piece in compounds.pieces(word)}
        tails = {
            tail for word, stem in asked.items() for each in starting[word] for tail in tails_after(word, stem, each)
        }
        self._learn(merchant_id, language, vocabulary, more, tails)
        made = {
            word: compounds.compounds_of(word, stem, ending[word], starting[word], vocabulary)
            for word, stem in asked.items()
        }
        return {word: each for word, each in made.items() if each.ending or each.starting or each.parts}

    def _learn(  # noqa: PLR0913, PLR0917 - words and stems to count, and terms to look up, in one request
        self,
        merchant_id: str,
        language: Language,
        vocabulary: _Vocabulary,
        words: Iterable[str],
        stems: Iterable[str],
        lookups: Sequence[tuple[str, str]] = (),
    ) -> list[list[str]]:
        """Count documents of words and stems that are not counted yet; return the terms of each look-up."""
        forms = {form for word in words for form in relevance.plurals(word)} - vocabulary.stems.keys()
        vocabulary.stems |= self._words.stems(language, sorted(forms))
        counted = sorted(({*vocabulary.stems.values(), *stems} - {""}) - vocabulary.counts.keys())
        lines: list[Mapping[str, Any]] = []
        for stem in counted:
            lines += [{}, {"size": 0, "track_total_hits": True, "query": {"term": {"stems": stem}}}]
        for field, letters in lookups:
            lines += [{}, _starting(field, letters)]
        if not lines:
            return []
        responses = self._client.msearch(index=alias(merchant_id), body=lines)["responses"]
        vocabulary.counts |= {
            stem: response["hits"]["total"]["value"]
            for stem, response in zip(counted, responses, strict=False)
            if "hits" in response
        }
        return [_terms(response) for response in responses[len(counted) :]]

    def _looked_up(
        self, merchant_id: str, parsed: relevance.ParsedQuery | None, snapshot: str | None
    ) -> tuple[Mapping[str, int], _Meant]:
        """Return the edits to make of the words that no image has, as few as find any, and what the text means.

        Later pages take the latter from the point in time of the first, or their scores would not continue.
        """
        if parsed is None:
            return {}, _ANYTHING
        tries = [
            (word, edits)
            for word in parsed.required
            if not parsed.measured(word) and not parsed.others(word)
            for edits in (0, *relevance.typo_edits(word)[:-1])
            if relevance.typo_edits(word)
        ]
        lines: list[Mapping[str, Any]] = [{}, _examples(parsed)]
        for word, edits in tries:
            known: list[Clause] = [{"term": {"words": word}}, {"term": {"name_joined": word}}]
            lines += [{}, {"size": 0, "terminate_after": 1, "query": _any(_typos(word, edits) or known)}]
        examples, *responses = self._client.msearch(index=alias(merchant_id), body=lines)["responses"]
        if snapshot:
            examples, _ = self._ask(merchant_id, _examples(parsed), snapshot)
        typos: dict[str, int] = {}
        for (word, edits), response in zip(tries, responses, strict=True):
            if typos.get(word, 0) == edits and "hits" in response and not response["hits"]["total"]["value"]:
                typos[word] = edits + 1
        return typos, _meant(examples) if "hits" in examples else _ANYTHING

    def _page(
        self, merchant_id: str, prepared: _Prepared, after: Mapping[str, Any] | None, *, any_word: bool
    ) -> SearchPage:
        search = prepared.search
        body = _body(prepared, any_word=any_word)
        snapshot = after.get("snapshot") if after else None
        place = list(after["sort"]) if after else None
        hits: list[Hit] = []
        while True:
            body["size"] = search.limit + 1 - len(hits)
            if place:
                body["search_after"] = place
            response, snapshot = self._ask(merchant_id, body, snapshot)
            raw_hits = response["hits"]["hits"]
            rest = raw_hits[: search.limit - len(hits)]
            hits += self._as_they_are_now(merchant_id, rest) if snapshot else [_hit(raw) for raw in rest]
            place = rest[-1]["sort"] if rest else place
            more = len(raw_hits) > len(rest)
            if len(hits) == search.limit or not more:
                break
        if more and prepared.sort is Sort.RELEVANCE and not after:
            snapshot = self._snapshot(merchant_id)
        return SearchPage(
            hits=tuple(hits),
            total=Total(response["hits"]["total"]["value"], response["hits"]["total"]["relation"]),
            facets=_counted(search, response),
            after={"sort": place, "snapshot": snapshot, "any_word": any_word} if more else None,
        )

    def _ask(self, merchant_id: str, body: dict[str, Any], snapshot: str | None) -> tuple[dict[str, Any], str | None]:
        if snapshot:
            try:
                pinned = {**body, "pit": {"id": snapshot, "keep_alive": CURSOR_LIFE}}
                response = self._client.search(body=pinned)
            except NotFoundError:
                pass
            else:
                return response, response["pit_id"]
        return self._client.search(index=alias(merchant_id), body=body), None

    def _snapshot(self, merchant_id: str) -> str | None:
        """Open a point in time for the following pages; None if the cluster cannot."""
        try:
            response = self._client.create_pit(index=alias(merchant_id), params={"keep_alive": CURSOR_LIFE})
        except TransportError:
            return None
        return str(response["pit_id"])

    def _as_they_are_now(self, merchant_id: str, raw_hits: list[dict[str, Any]]) -> list[Hit]:
        """Return hits of an older point in time without deleted images, and with the current state of changed ones."""
        if not raw_hits:
            return []
        response = self._client.mget(index=alias(merchant_id), body={"ids": [raw["_id"] for raw in raw_hits]})
        return [
            _hit({**raw, "_source": doc["_source"]})
            for raw, doc in zip(raw_hits, response["docs"], strict=True)
            if doc.get("found")
        ]


def _body(prepared: _Prepared, *, any_word: bool) -> dict[str, Any]:
    search, sort, parsed = prepared.search, prepared.sort, prepared.parsed
    must: list[Clause] = []
    body: dict[str, Any] = {
        "sort": _ORDERS[sort],
        "track_total_hits": True,
        "_source": ["source"],
        "aggs": {facet: _counting(search, facet) for facet in map(str, search.facets)},
    }
    if parsed:
        known = prepared.known
        words = [_word_query(word, parsed, prepared.typos.get(word, 0), known) for word in parsed.required]
        every_word: Clause = {"bool": {"must": words}}
        bonuses = _bonuses(parsed, every_word, prepared.meant.others) if any_word else []
        if parsed.optional:
            added = [*bonuses, *(_word_query(word, parsed, known=known) for word in parsed.optional)]
            must.append({"bool": {"must": _any(words) if any_word else every_word, "should": added}})
        else:
            must.append(_any([*words, *bonuses]) if any_word else every_word)
        must += [
            _any([_phrase(field, phrase, weight) for field, weight in relevance.FIELD_WEIGHTS.items()])
            for phrase in parsed.phrases
        ]
        if sort is Sort.RELEVANCE:
            shown = {"number_of_fragments": 1, "fragment_size": SNIPPET_LETTERS}
            body["highlight"] = {
                "pre_tags": ["<mark>"],
                "post_tags": ["</mark>"],
                "encoder": "html",
                "highlight_query": _any(
                    [
                        _phrase(field, words, 1.0)
                        for words in [
                            *((word,) for word in parsed.required),
                            *(each.others for each in parsed.synonyms),
                        ]
                        for field in ("name", "caption")
                    ]
                ),
                "fields": {"name": shown, "caption": shown},
            }
    beside = _beside_facets(search)
    if beside != search.filters:
        body["post_filter"] = {"bool": {"filter": _filters(search.filters)}}
    kind = [
        _constant({"term": {"traits": trait}}, boost / LUCENE_SCALE)
        for trait, boost in (prepared.meant.boosts.items() if any_word else ())
    ]
    query: Clause = {"bool": {"must": must, "should": kind}}
    if sort is Sort.RELEVANCE:
        query["bool"]["should"] += [
            _constant({"term": {"key": str(key)}}, score / LUCENE_SCALE) for key, score in search.raised
        ]
        query = _with_placed(query, search.placed)
    query = {"bool": {"must": [query], "filter": _filters(beside)}}
    if sort is Sort.RELEVANCE:
        query = {
            "function_score": {
                "query": query,
                "field_value_factor": {"field": "interest", "missing": 1.0},
                "boost_mode": "multiply",
            }
        }
    body["query"] = query
    return body


def _with_placed(query: Clause, placed: Placed) -> Clause:
    """Return a query that also finds the pinned images, before all others, and the buried ones after them."""
    if placed.buried:
        buried = {"terms": {"key": [str(key) for key in placed.buried]}}
        query = {"boosting": {"positive": query, "negative": buried, "negative_boost": relevance.BURIED}}
    scores = relevance.pinned_scores(len(placed.pinned))
    pinned = zip(placed.pinned, scores, strict=True)
    return _any([query, *(_constant({"term": {"key": str(key)}}, score) for key, score in pinned)])


def _hit(raw: Mapping[str, Any]) -> Hit:
    return Hit(
        image=from_source(raw["_source"]["source"]),
        score=raw["_score"],
        highlight={field: fragments[0] for field, fragments in raw.get("highlight", {}).items()},
    )


def _counted(search: Search, response: Mapping[str, Any]) -> dict[str, tuple[FacetCount, ...]]:
    return {
        facet: tuple(
            FacetCount(bucket["key"].removeprefix(_value_prefix(facet)), bucket["doc_count"])
            for bucket in response["aggregations"][str(facet)]["values"]["buckets"]
        )
        for facet in search.facets
    }


def _value_prefix(facet: str) -> str:
    return f"{facet.removeprefix(ATTRIBUTE_FACET)}=" if facet.startswith(ATTRIBUTE_FACET) else ""


# --- writing -------------------------------------------------------------------------------------


class OpenSearchIndex:
    """Writes the images, then reads them again until nothing changed in between.

    The writer that writes last also reads last, so an older image never stays. If a writer dies in between, its message
    is delivered again.
    """

    def __init__(self, client: OpenSearch, language_of: LanguageOf = no_language) -> None:
        self._client = client
        self._language_of = language_of
        self._words = _Words(client)

    def update(self, merchant_id: str, keys: Sequence[ImageKey], read: ReadImages) -> None:
        self._create_first(merchant_id)
        self._settle(_languages(self._client, f"{alias(merchant_id)}-written"), list(dict.fromkeys(keys)), read)

    def rebuild(self, merchant_id: str, images: ReadAllImages, read: ReadImages, progress: Progress) -> int:
        self._create_first(merchant_id)
        in_use = set(self._client.indices.get_alias(name=alias(merchant_id)))
        self._delete(set(_languages(self._client, f"{alias(merchant_id)}-written")) - in_use)
        language = self._language_of(merchant_id)
        index = self._create(merchant_id, uuid4().hex, language)
        count = 0
        unread = iter(images())
        while chunk := list(islice(unread, CHUNK)):
            self._settle({index: language}, [image.key for image in chunk], read)
            count += len(chunk)
            progress(count)
        self._client.indices.refresh(index=index)
        actions = [{"remove": {"index": old, "alias": alias(merchant_id)}} for old in sorted(in_use)]
        actions.append({"add": {"index": index, "alias": alias(merchant_id)}})
        try:
            self._client.indices.update_aliases(body={"actions": actions})
        except NotFoundError as error:
            raise RebuildSuperseded(merchant_id) from error
        self._delete(in_use)
        return int(self._client.count(index=index)["count"])

    def _settle(self, indexes: Mapping[str, Language | None], keys: list[ImageKey], read: ReadImages) -> None:
        unsettled = keys
        seen: dict[ImageKey, IndexedImage | None] = {}
        current = read(unsettled)
        for _ in range(READS_BEFORE_GIVING_UP):
            written = {key: current.get(key) for key in unsettled}
            self._write(indexes, written)
            seen |= written
            current = read(keys)
            unsettled = [key for key in keys if current.get(key) != seen[key]]
            if not unsettled:
                return
        raise WritesNotTaken(indexes)

    def _write(self, indexes: Mapping[str, Language | None], images: Mapping[ImageKey, IndexedImage | None]) -> None:
        """Write in bulk. Writes refused with 429 are sent again after growing pauses."""
        words = {key: set(image_words(image)) for key, image in images.items() if image}
        stems = {
            index: self._words.stems(language, sorted(set().union(*words.values())))
            for index, language in indexes.items()
            if language and language.has_compounds
        }
        results = streaming_bulk(
            self._client,
            _actions(indexes, images, stems, words),
            chunk_size=CHUNK,
            max_chunk_bytes=CHUNK_BYTES,
            max_retries=BULK_RETRIES,
            initial_backoff=1,
            max_backoff=10,
            raise_on_error=False,
            require_alias=True,
        )
        refused = [
            result
            for taken, response in results
            for action, result in response.items()
            if not taken and not (action == "delete" and result.get("result") == "not_found")
        ]
        if refused:
            raise WritesNotTaken(refused[0])

    def _create_first(self, merchant_id: str) -> None:
        """Create the first index. It gets its alias once its shard is ready, because searches before that fail."""
        if not self._client.indices.exists_alias(name=alias(merchant_id)):
            index = self._create(merchant_id, "first", self._language_of(merchant_id))
            self._client.indices.put_alias(index=index, name=alias(merchant_id))

    def _create(self, merchant_id: str, name: str, language: Language | None) -> str:
        index = f"{alias(merchant_id)}-{name}"
        aliases = [_only(index), f"{alias(merchant_id)}-written"]
        try:
            self._client.indices.create(
                index=index, body={**index_in(language), "aliases": {name: {} for name in aliases}}
            )
        except RequestError as error:
            if error.error != "resource_already_exists_exception":
                raise
        return index

    def _delete(self, indexes: set[str]) -> None:
        if indexes:
            self._client.indices.delete(index=",".join(sorted(indexes)), ignore_unavailable=True)


def _languages(client: OpenSearch, name: str) -> dict[str, Language | None]:
    """Return by index of an alias the language in which its texts are."""
    try:
        mappings = client.indices.get_mapping(index=name)
    except NotFoundError:
        return {}
    codes = {index: each["mappings"].get("_meta", {}).get("language") for index, each in sorted(mappings.items())}
    return {index: code and Language(code) for index, code in codes.items()}


def _only(index: str) -> str:
    """Return the alias for writes to one index: a write to it never recreates a deleted index."""
    return f"{index}-only"


def _actions(
    indexes: Iterable[str],
    images: Mapping[ImageKey, IndexedImage | None],
    stems: Mapping[str, Mapping[str, str]],
    words: Mapping[ImageKey, Iterable[str]],
) -> Iterator[dict[str, Any]]:
    for key, image in images.items():
        for index in indexes:
            target = {"_index": _only(index), "_id": str(key)}
            if image:
                of_index = {word: stems[index][word] for word in words[key]} if index in stems else {}
                yield {**target, "_op_type": "index", "_source": to_document(image, of_index)}
            else:
                yield {**target, "_op_type": "delete"}
