"""The engines that are measured side by side: ours, OpenSearch through ours, and SQLite FTS5."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import boto3
from moto import mock_aws

from tests import opensearch as node
from vitrine.search import relevance
from vitrine.search.model import Search, Sort
from vitrine.search.opensearch import OpenSearchFinder, OpenSearchIndex, alias
from vitrine.search.segments import LocalVersions, SegmentRepository
from vitrine.search.tantivy import TantivyFinder, TantivyIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vitrine.search.languages import Language
    from vitrine.search.model import IndexedImage
    from vitrine.search.ports import ImageFinder

SHOP = "shop"
BUCKET = "searchbucket"


class Fts5:
    """SQLite's full text search: any word, BM25, the name weighted four times."""

    def __init__(self, images: Iterable[IndexedImage]) -> None:
        self._database = sqlite3.connect(":memory:")
        self._database.execute(
            "CREATE VIRTUAL TABLE images USING fts5"
            "(id UNINDEXED, name, caption, text, credit, tags, tokenize='porter unicode61 remove_diacritics 2')"
        )
        rows = (
            (
                image.id,
                image.name or "",
                image.caption or "",
                image.text or "",
                " ".join(image.credit),
                " ".join(image.tags),
            )
            for image in images
        )
        self._database.executemany("INSERT INTO images VALUES (?,?,?,?,?,?)", rows)

    def ids(self, text: str, limit: int, offset: int = 0) -> list[str]:
        words = " OR ".join(f'"{word}"' for word in relevance.words(text))
        if not words:
            return []
        query = "SELECT id FROM images WHERE images MATCH ? ORDER BY bm25(images, 0, 4, 1, 1, 1, 1) LIMIT ? OFFSET ?"
        return [row[0] for row in self._database.execute(query, (words, limit, offset))]


def ids(finder: ImageFinder, text: str, limit: int = 100) -> list[str]:
    return [hit.image.id for hit in finder.search(SHOP, Search(text, sort=Sort.RELEVANCE, limit=limit), None).hits]


@contextmanager
def embedded(images: Iterable[IndexedImage], language: Language | None = None) -> Iterator[TantivyFinder]:
    with TemporaryDirectory() as home, mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        store = SegmentRepository(s3, BUCKET)
        index = TantivyIndex(store, LocalVersions(store, Path(home) / "writer", 10**10), lambda _: language)
        index.rebuild(SHOP, lambda: images, lambda _: {}, lambda _: None)
        yield TantivyFinder(store, LocalVersions(store, Path(home) / "reader", 10**10))


@contextmanager
def opensearch(images: Iterable[IndexedImage], heap: str = "1g") -> Iterator[OpenSearchFinder]:
    with node.running_node(heap) as client:
        fill_opensearch(client, images)
        yield OpenSearchFinder(client)


def fill_opensearch(client: Any, images: Iterable[IndexedImage]) -> None:
    known: dict[Any, IndexedImage] = {}

    def remembered() -> Iterator[IndexedImage]:
        for image in images:
            known[image.key] = image
            yield image

    index = OpenSearchIndex(client)
    index.rebuild(SHOP, remembered, lambda keys: {key: known[key] for key in keys}, lambda _: None)
    client.indices.forcemerge(index=alias(SHOP), params={"max_num_segments": 1, "request_timeout": 600})
