"""The embedded engine: tantivy inside the function, over versions published in S3."""

from __future__ import annotations

import json
import shutil
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import uniform
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
from vitrine.platform.letters import folded
from vitrine.platform.problems import Unavailable
from vitrine.platform.telemetry import logger
from vitrine.platform.times import utc_now
from vitrine.search import relevance
from vitrine.search.documents import (
    filter_ranges,
    filter_terms,
    newest_key,
    picture_words,
    to_picture,
    to_source,
)
from vitrine.search.model import (
    NOTHING,
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
from vitrine.search.ports import Progress, ReadAllPictures, ReadPictures, RebuildSuperseded
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

LOOK_FOR_NEW_VERSION_SECONDS = 1.0
OPEN_VERSIONS = 4
WINDOW = 1000
WINDOWS_KEPT = 64
FACET_VALUES = 20
SNIPPET_LETTERS = 300
PUBLISH_ATTEMPTS = 20
WRITER_BYTES = 32_000_000
REBUILD_BYTES = 200_000_000
PROGRESS_EVERY = 1000
LONGEST_REBUILD = timedelta(hours=1)
UNREFERENCED_FILES_ARE_KEPT = timedelta(days=1)

_STEMMED = "stemmed"
SCHEMA_NUMBER = 3
"""Raised with every change of `_schema`; an index of another number waits for its rebuild."""

_TYPO_FIELDS = ("words", "name_words", "name_joined")
_TEXT_FIELDS = tuple(relevance.FIELD_WEIGHTS)


def _analyzer() -> Any:
    stemmed = TextAnalyzerBuilder(Tokenizer.simple())
    for step in (
        Filter.remove_long(relevance.MAX_WORD_LETTERS),
        Filter.lowercase(),
        Filter.ascii_fold(),
        Filter.stemmer("english"),
    ):
        stemmed = stemmed.filter(step)
    return stemmed.build()


def _schema() -> Schema:
    builder = SchemaBuilder()
    builder.add_bytes_field("source", stored=True)
    builder.add_text_field("key", tokenizer_name="raw", index_option="basic")
    for name in _TEXT_FIELDS:
        builder.add_text_field(name, tokenizer_name=_STEMMED)
    builder.add_text_field("name_words", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("name_joined", tokenizer_name="raw", index_option="freq")
    builder.add_text_field("whole_name", tokenizer_name="raw", index_option="basic")
    for name in ("gallery_id", "product_id", "orientation"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for facet in Facet:
        builder.add_text_field(f"{facet}_value", tokenizer_name="raw", index_option="basic", fast=True)
        builder.add_text_field(f"{facet}_key", tokenizer_name="raw", index_option="basic")
    for name in ("newest", "width", "height"):
        builder.add_integer_field(name, fast=True)
    for name in ("weight", "interest"):
        builder.add_float_field(name, fast=True)
    return builder.build()


ANALYZER = _analyzer()
SCHEMA = _schema()


def _with_analyzers(index: Index) -> Index:
    index.register_tokenizer(_STEMMED, ANALYZER)
    return index


# --- documents -----------------------------------------------------------------------------------


def to_document(picture: IndexedImage) -> Document:
    """As it is indexed; what is not known is absent."""
    fields: dict[str, Any] = {
        "source": to_source(picture),
        "key": str(picture.key),
        "name": relevance.readable(picture.name),
        "caption": relevance.readable(picture.caption),
        "text": relevance.readable(picture.text),
        "tags": [relevance.readable(tag) for tag in picture.tags],
        "credit": [relevance.readable(credit) for credit in picture.credit],
        "name_words": " ".join(relevance.words(picture.name or "")),
        "name_joined": relevance.joined_pairs(picture.name or ""),
        "words": " ".join(picture_words(picture)),
        "whole_name": relevance.whole_names(picture.name or ""),
        "gallery_id": picture.gallery_id,
        "product_id": list(picture.product_ids),
        "tag_value": list(picture.tags),
        "credit_value": list(picture.credit),
        "tag_key": [folded(tag) for tag in picture.tags],
        "credit_key": [folded(credit) for credit in picture.credit],
        "orientation": picture.orientation,
        "newest": newest_key(picture),
        "width": picture.width,
        "height": picture.height,
        "weight": float(picture.weight),
        # The engine multiplies a score by log2(2 + field).
        "interest": 2.0 ** relevance.interest_factor(picture.weight) - 2.0,
    }
    return Document(**{name: value for name, value in fields.items() if value not in (None, "", [])})


# --- queries -------------------------------------------------------------------------------------


def _any(queries: Iterable[Query]) -> Query:
    return Query.boolean_query([(Occur.Should, query) for query in queries])


def _every(queries: Iterable[Query]) -> Query:
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def _constant(query: Query, score: float) -> Query:
    return Query.const_score_query(query, score)


def _term(field: str, value: str, boost: float = 1.0) -> Query:
    return Query.boost_query(Query.term_query(SCHEMA, field, value), boost)


def _stems(word: str) -> list[str]:
    return list(ANALYZER.analyze(word))


def _word_query(searcher: Searcher, word: str) -> Query:
    ways = [_term(field, stem, weight) for stem in _stems(word) for field, weight in relevance.FIELD_WEIGHTS.items()]
    ways.append(_term("name_joined", word, relevance.JOINED_PAIR))
    unknown = not any(searcher.doc_freq(field, word) for field in _TYPO_FIELDS)
    if unknown and len(word) >= relevance.TYPO_MIN_LETTERS:
        ways += [
            Query.boost_query(Query.fuzzy_term_query(SCHEMA, field, word, distance=1), relevance.TYPO)
            for field in _TYPO_FIELDS
        ]
    return _any(ways)


def _phrase(field: str, phrase: Sequence[str]) -> Query:
    stems = [stem for word in phrase for stem in _stems(word)]
    if len(stems) == 1:
        return _term(field, stems[0])
    return Query.phrase_query(SCHEMA, field, list(stems))


def _bonuses(question: relevance.ParsedQuery, every_word: Query) -> list[Query]:
    found = [_constant(every_word, relevance.ALL_WORDS)]
    found += [_constant(_term("whole_name", run), relevance.WHOLE_NAME) for run in question.runs]
    for pair in question.pairs:
        found.append(Query.boost_query(_phrase("name", pair), relevance.NAME_PAIR))
        found.append(Query.boost_query(_phrase("credit", pair), relevance.CREDIT_PAIR))
        found.append(_term("name_words", "".join(pair), relevance.JOINED_PAIR))
    return found


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
    return terms + [_range(field, *bounds) for field, bounds in filter_ranges(filters).items()]


@dataclass(frozen=True, slots=True)
class _Matching:
    """What a search asks of one version: the scored query, and the words to highlight."""

    query: Query
    highlighted: Query


def _matching(searcher: Searcher, search: Search, *, any_word: bool) -> _Matching:
    filters = _filters(search.filters)
    if search.text is None:
        query = _every([Query.all_query(), *filters])
        return _Matching(query, Query.empty_query())
    question = relevance.ask(search.text)
    if not question.words:
        return _Matching(Query.empty_query(), Query.empty_query())
    words = [_word_query(searcher, word) for word in question.distinct]
    every_word = _every(words)
    scored = _any([*words, *_bonuses(question, every_word)]) if any_word else every_word
    phrases = [
        _any(Query.boost_query(_phrase(field, phrase), weight) for field, weight in relevance.FIELD_WEIGHTS.items())
        for phrase in question.phrases
    ]
    return _Matching(_every([scored, *phrases, *filters]), _any(words))


# --- reading -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Opened:
    """A version that is open for searching."""

    version: str
    directory: Path
    searcher: Searcher

    @classmethod
    def at(cls, version: str, directory: Path) -> _Opened:
        return cls(version, directory, _with_analyzers(Index.open(str(directory))).searcher())

    def picture(self, address: DocAddress) -> IndexedImage:
        return to_picture(bytes(self.searcher.doc(address)["source"][0]))

    def held(self, key: ImageKey) -> IndexedImage | None:
        found = self.searcher.search(_term("key", str(key)), 1, count=False).hits
        return self.picture(found[0][1]) if found else None


@dataclass(slots=True)
class _Followed:
    """What a reader knows of a merchant's index."""

    etag: str | None = None
    looked_at: float = float("-inf")
    current: str | None = None
    opened: OrderedDict[str, _Opened] | None = None


class _Window(NamedTuple):
    """A stretch of the hits by relevance, and how many hits there are in all."""

    hits: list[tuple[float, DocAddress]]
    total: int


class TantivyFinder:
    """Searches the newest whole version of each merchant's index that it can read."""

    def __init__(
        self, repository: SegmentRepository, local: LocalVersions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._repository = repository
        self._local = local
        self._clock = clock
        self._followed: dict[str, _Followed] = {}
        self._windows: OrderedDict[tuple[object, ...], _Window] = OrderedDict()

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
        pictures = ((key, newest.held(key)) for key in keys) if newest else ()
        return {key: picture for key, picture in pictures if picture}

    def suggest(self, merchant_id: str, text: str, limit: int) -> list[str]:
        newest = self._newest(merchant_id)
        known = relevance.words(text)[-relevance.MAX_WORDS :]
        if newest is None or not known:
            return []
        *before, last = known
        earlier = _every([Query.all_query(), *(_word_query(newest.searcher, word) for word in before)])
        found = newest.searcher.terms_with_prefix("words", last, earlier, limit)
        return [" ".join((*before, word)) for word, count in found if count]

    def _by_relevance(
        self, merchant_id: str, newest: _Opened, search: Search, after: Mapping[str, Any] | None
    ) -> SearchPage:
        """Page through the version the first page was taken from, so that no insert or update moves a hit.

        What was deleted since is left out, and what was changed is shown as it is now.
        """
        if after:
            read_state(after, {"version": str, "position": int})
        pinned = self._pinned(merchant_id, newest, after["version"]) if after else newest
        position = int(after["position"]) if after else 0
        matching = _matching(pinned.searcher, search, any_word=True)
        hits: list[Hit] = []
        more = True
        while more and len(hits) < search.limit:
            window = self._window(merchant_id, pinned, search, matching.query, position // WINDOW)
            rest = window.hits[position % WINDOW : position % WINDOW + search.limit - len(hits)]
            more = bool(rest)
            position += len(rest)
            for score, address in rest:
                picture: IndexedImage | None = pinned.picture(address)
                if pinned is not newest and picture:
                    picture = newest.held(picture.key)
                if picture:
                    hits.append(_hit(pinned, matching, picture, score))
        total = Total(window.total)
        return SearchPage(
            hits=tuple(hits),
            total=total,
            facets=_facets(pinned, search, matching),
            after={"version": pinned.version, "position": position} if position < total.value else None,
        )

    def _window(self, merchant_id: str, opened: _Opened, search: Search, query: Query, number: int) -> _Window:
        """A thousand hits at once, kept for the pages after: deep pages then cost what the first does."""
        name = (merchant_id, opened.version, search.text, search.filters, number)
        if name not in self._windows:
            found: Any = opened.searcher.search(query, WINDOW, offset=number * WINDOW, weight_by_field="interest")
            self._windows[name] = _Window(found.hits, found.count)
        self._windows.move_to_end(name)
        while len(self._windows) > WINDOWS_KEPT:
            self._windows.popitem(last=False)
        return self._windows[name]

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
        """Move to the newest version if all of it can be had; otherwise stay with the one that is open."""
        trouble: Exception | None = None
        for _ in range(2):
            found = self._repository.current(merchant_id, followed.etag)
            if found is None:
                break
            manifest, etag = found.manifest, found.etag
            if manifest is None:
                break
            try:
                _check_schema(manifest)
                self._open(merchant_id, followed, manifest.version, manifest)
            except (VersionGone, CorruptFile, OtherSchema) as error:
                logger.warning("version not readable", exc_info=error, extra={"merchant_id": merchant_id})
                trouble = error
                continue
            followed.current, followed.etag, trouble = manifest.version, etag, None
            break
        if trouble and followed.current is None:
            raise Unavailable("The search index is being repaired. Send the request again.", 5) from trouble
        followed.looked_at = self._clock()

    def _open(self, merchant_id: str, followed: _Followed, version: str, manifest: Manifest | None) -> _Opened:
        if followed.opened is None:
            followed.opened = OrderedDict()
        opened = followed.opened.get(version)
        if opened is None or not opened.directory.exists():
            opened = _Opened.at(
                version, self._local.bring(merchant_id, manifest or self._repository.version(merchant_id, version))
            )
            followed.opened[version] = opened
        followed.opened.move_to_end(version)
        while len(followed.opened) > OPEN_VERSIONS:
            followed.opened.popitem(last=False)
            self._local.keep_only(merchant_id, followed.opened.keys())
        return opened


def _check_schema(manifest: Manifest) -> None:
    if manifest.schema != SCHEMA_NUMBER:
        raise OtherSchema(manifest.version)


def _hit(opened: _Opened, matching: _Matching, picture: IndexedImage, score: float | None) -> Hit:
    marked: dict[str, str] = {}
    if score is not None:
        for field, text in (("name", picture.name), ("caption", picture.caption)):
            if not text:
                continue
            generator = SnippetGenerator.create(opened.searcher, matching.highlighted, SCHEMA, field)
            generator.set_max_num_chars(SNIPPET_LETTERS)
            html = generator.snippet_from_doc(Document(**{field: relevance.readable(text)})).to_html()
            if "<b>" in html:
                marked[field] = html.replace("<b>", "<mark>").replace("</b>", "</mark>")
    return Hit(picture, score, marked)


def _total(opened: _Opened, matching: _Matching) -> Total:
    counted: Any = opened.searcher.search(matching.query, 1, count=True)
    return Total(counted.count)


def _facets(opened: _Opened, search: Search, matching: _Matching) -> dict[Facet, tuple[FacetCount, ...]]:
    if not search.facets:
        return {}
    asked = {
        str(facet): {"terms": {"field": f"{facet}_value", "size": FACET_VALUES, "order": {"_count": "desc"}}}
        for facet in search.facets
    }
    counted = opened.searcher.aggregate(matching.query, asked)
    return {
        facet: tuple(
            sorted(
                (FacetCount(str(bucket["key"]), int(bucket["doc_count"])) for bucket in counted[str(facet)]["buckets"]),
                key=lambda counted: (-counted.count, counted.value),
            )
        )
        for facet in search.facets
    }


# --- orders by a field ---------------------------------------------------------------------------


def _by_field(opened: _Opened, search: Search, after: Mapping[str, Any] | None) -> SearchPage:
    """All words, or any of them when no picture has all; whichever it was holds for the later pages too."""
    if after:
        read_state(after, {"any_word": bool, "weight": int | float, "newest": int, "key": str})
    any_word = bool(after and after["any_word"])
    matching = _matching(opened.searcher, search, any_word=any_word)
    total = _total(opened, matching)
    if not total.value and not after:
        any_word = True
        matching = _matching(opened.searcher, search, any_word=True)
        total = _total(opened, matching)
    asked = search.limit + 1
    found = (
        _top_by_weight(opened, matching.query, asked, after)
        if search.sort is Sort.WEIGHT
        else _top_by_time(opened, matching.query, asked, after, oldest=search.sort is Sort.OLDEST)
    )
    page = found[: search.limit]
    last = page[-1] if len(found) > search.limit else None
    return SearchPage(
        hits=tuple(_hit(opened, matching, picture, None) for picture in page),
        total=total,
        facets=_facets(opened, search, matching),
        after={"any_word": any_word, "weight": last.weight, "newest": newest_key(last), "key": str(last.key)}
        if last
        else None,
    )


def _top_by_time(
    opened: _Opened, query: Query, limit: int, after: Mapping[str, Any] | None, *, oldest: bool = False
) -> list[IndexedImage]:
    """In the order of (time, key), beginning after `after`. Of pictures with one time key all are read."""
    if after:
        bound = int(after["newest"])
        query = _every([query, _range("newest", bound, None) if oldest else _range("newest", None, bound)])
    order = Order.Asc if oldest else Order.Desc
    asked = limit + 1
    while True:
        hits = opened.searcher.search(query, asked, count=False, order_by_field="newest", order=order).hits
        pictures = sorted(
            (opened.picture(address) for _, address in hits),
            key=lambda picture: (newest_key(picture) * (1 if oldest else -1), str(picture.key)),
        )
        whole = len(hits) < asked
        if not whole:
            unfinished = newest_key(pictures[-1])
            pictures = [picture for picture in pictures if newest_key(picture) != unfinished]
        if after:
            pictures = [
                picture for picture in pictures if newest_key(picture) != bound or str(picture.key) > str(after["key"])
            ]
        if whole or len(pictures) >= limit:
            return pictures[:limit]
        asked *= 2


def _top_by_weight(opened: _Opened, query: Query, limit: int, after: Mapping[str, Any] | None) -> list[IndexedImage]:
    """In the order of (weight, newest, key). Each weight's pictures are taken newest first."""
    found: list[IndexedImage] = []
    below: float | None = None
    if after:
        below = float(after["weight"])
        found = _top_by_time(opened, _every([query, _range("weight", below, below)]), limit, after)
    while len(found) < limit:
        lighter = _every([query, _range("weight", None, below, below=False)]) if below is not None else query
        asked = limit - len(found)
        hits = opened.searcher.search(lighter, asked, count=False, order_by_field="weight").hits
        pictures = [opened.picture(address) for _, address in hits]
        if not pictures:
            break
        below = pictures[-1].weight
        found += sorted(
            (picture for picture in pictures if picture.weight > below),
            key=lambda picture: (-picture.weight, -newest_key(picture), str(picture.key)),
        )
        lightest = _every([query, _range("weight", below, below)])
        found += _top_by_time(opened, lightest, limit - len(found), None)
    return found[:limit]


# --- writing -------------------------------------------------------------------------------------


class TantivyIndex:
    """Keeps each merchant's index equal to the images; any number of writers may run at once."""

    def __init__(
        self, repository: SegmentRepository, local: LocalVersions, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._repository = repository
        self._local = local
        self._now = now

    def update(self, merchant_id: str, keys: Sequence[ImageKey], read: ReadPictures) -> None:
        """Publish a version in which these keys are as the images are.

        The version to build on is taken before the pictures are read, and publishing
        fails if it was replaced since: no picture older than a published one gets in.
        A version is published even when nothing differs, or a writer that read a
        picture before its deletion could still publish it after.
        """
        for attempt in range(PUBLISH_ATTEMPTS):
            base = self._repository.current(merchant_id) or NEW
            pictures = read(keys)

            def change(writer: IndexWriter, pictures: Mapping[ImageKey, IndexedImage] = pictures) -> None:
                _put(writer, keys, pictures)

            directory = self._lay_out(merchant_id, base.manifest)
            try:
                _write(directory, WRITER_BYTES, change)
                self._publish(merchant_id, directory, base, note_changed=keys)
            except PublishedByAnother:
                time.sleep(uniform(0.0, 0.05 * (attempt + 1)))  # noqa: S311
            else:
                return
            finally:
                _discard(directory)
        raise Unavailable("Others keep publishing this index.", 1)

    def rebuild(self, merchant_id: str, pictures: ReadAllPictures, read: ReadPictures, progress: Progress) -> int:
        rebuild = RebuildUnderWay(uuid4().hex, self._now().isoformat())
        self._announce(merchant_id, rebuild)
        directory = self._lay_out(merchant_id, None)
        count = 0

        def take_all(writer: IndexWriter) -> None:
            nonlocal count
            for picture in pictures():
                writer.add_document(to_document(picture))
                count += 1
                if count % PROGRESS_EVERY == 0:
                    progress(count)
            progress(count)

        try:
            _write(directory, REBUILD_BYTES, take_all)
            return self._switch(merchant_id, directory, rebuild.id, read)
        finally:
            _discard(directory)

    def _announce(self, merchant_id: str, rebuild: RebuildUnderWay) -> None:
        """From here on every writer notes what it changes."""
        for _ in range(PUBLISH_ATTEMPTS):
            base = self._repository.current(merchant_id) or NEW
            manifest = base.manifest
            if manifest is None:
                directory = self._lay_out(merchant_id, None)
                try:
                    self._publish(merchant_id, directory, base)
                except PublishedByAnother:
                    pass
                finally:
                    _discard(directory)
                continue
            following, _ = succeed(merchant_id, manifest, manifest.files, manifest.meta, self._now())
            try:
                self._repository.publish(merchant_id, replace(following, rebuild=rebuild), base.etag)
            except PublishedByAnother:
                continue
            return
        raise Unavailable("Others keep publishing this index.", 1)

    def _switch(self, merchant_id: str, directory: Path, rebuild_id: str, read: ReadPictures) -> int:
        """Read once more what changed since the rebuild began, and replace the version in use."""
        for _ in range(PUBLISH_ATTEMPTS):
            base = self._repository.current(merchant_id) or NEW
            manifest = base.manifest
            if manifest is None or manifest.rebuild is None or manifest.rebuild.id != rebuild_id:
                raise RebuildSuperseded(merchant_id)
            changed = [_to_key(key) for key in manifest.rebuild.changed]
            pictures = read(changed) if changed else {}

            def change(writer: IndexWriter, pictures: Mapping[ImageKey, IndexedImage] = pictures) -> None:
                _put(writer, changed, pictures)  # noqa: B023

            _write(directory, WRITER_BYTES, change)
            try:
                self._publish(merchant_id, directory, base, anew=True)
            except PublishedByAnother:
                continue
            self._repository.delete_unreferenced(merchant_id, manifest, self._now() - UNREFERENCED_FILES_ARE_KEPT)
            return int(Index.open(str(directory)).searcher().num_docs)
        raise Unavailable("Others keep publishing this index.", 1)

    def _lay_out(self, merchant_id: str, manifest: Manifest | None) -> Path:
        if manifest:
            _check_schema(manifest)
        directory = self._local.lay_out(merchant_id, manifest or Manifest(version=""))
        if manifest is None:
            (directory / "meta.json").unlink()
            Index(SCHEMA, str(directory))
        return directory

    def _publish(
        self,
        merchant_id: str,
        directory: Path,
        base: Current,
        note_changed: Sequence[ImageKey] = (),
        *,
        anew: bool = False,
    ) -> None:
        meta = json.loads((directory / "meta.json").read_text())
        replaced, etag = base
        known = {} if replaced is None or anew else replaced.files
        names = _segment_files(directory, meta)
        uploaded = self._repository.upload(merchant_id, {name: directory / name for name in names if name not in known})
        files = {name: uploaded.get(name) or known[name] for name in names}
        manifest, unread = succeed(merchant_id, replaced, files, meta, self._now())
        noted = None if anew else self._noted(manifest.rebuild, note_changed)
        manifest = replace(manifest, schema=SCHEMA_NUMBER, rebuild=noted)
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


def _to_key(text: str) -> ImageKey:
    gallery_id, _, image_id = text.partition("/")
    return ImageKey(gallery_id, image_id)


def _put(writer: IndexWriter, keys: Sequence[ImageKey], pictures: Mapping[ImageKey, IndexedImage]) -> None:
    for key in dict.fromkeys(keys):
        writer.delete_documents_by_term("key", str(key))
        if picture := pictures.get(key):
            writer.add_document(to_document(picture))


def _discard(directory: Path) -> None:
    """Remove a work folder, and once more what a thread of the engine wrote there as it ended."""
    try:
        shutil.rmtree(directory)
    except OSError:
        shutil.rmtree(directory, ignore_errors=True)


def _write(directory: Path, memory_bytes: int, change: Callable[[IndexWriter], None]) -> None:
    writer = _with_analyzers(Index.open(str(directory))).writer(memory_bytes, 1)
    change(writer)
    writer.commit()
    writer.wait_merging_threads()


def _segment_files(directory: Path, meta: Mapping[str, Any]) -> list[str]:
    """The files of a version: its segments', and of each segment the newest list of deleted documents."""
    deletions = {
        segment["segment_id"].replace("-", ""): (segment["deletes"] or {}).get("opstamp")
        for segment in meta["segments"]
    }
    found = []
    for path in directory.iterdir():
        segment, _, kind = path.name.partition(".")
        if segment in deletions and (not kind.endswith("del") or kind == f"{deletions[segment]}.del"):
            found.append(path.name)
    return sorted(found)
