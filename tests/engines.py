"""Both search engines on a dictionary of images, for the contract tests."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from vitrine.search.model import ImageKey, IndexedImage, Search, SearchPage, Sort
from vitrine.search.opensearch import OpenSearchFinder, OpenSearchIndex, alias
from vitrine.search.segments import LocalVersions, SegmentRepository
from vitrine.search.tantivy import TantivyFinder, TantivyIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from opensearchpy import OpenSearch

    from vitrine.search.languages import Language
    from vitrine.search.ports import ImageFinder, ImageIndex

START = datetime(2024, 1, 1, tzinfo=UTC)
SHOP = "shop"


def image(image_id: str, name: str | None = None, **more: Any) -> IndexedImage:
    """Return an image, by default of gallery `g` and as many days after `START` as the number in its id."""
    number = int("".join(letter for letter in image_id if letter.isdigit()) or 0)
    return IndexedImage(
        **{
            "id": image_id,
            "gallery_id": "g",
            "url": f"https://pictures.example/{image_id}.jpg",
            "created_at": START + timedelta(days=number),
            "name": name,
            **more,
        }
    )


@dataclass
class Engine:
    """An engine, and by merchant the images that its index should hold."""

    finder: ImageFinder
    index: ImageIndex
    settle: Callable[[str], None]
    shop: str = SHOP
    tables: dict[str, dict[ImageKey, IndexedImage]] = field(default_factory=dict)
    languages: dict[str, Language | None] = field(default_factory=dict)

    def table(self, merchant_id: str) -> dict[ImageKey, IndexedImage]:
        return self.tables.setdefault(merchant_id, {})

    def read(self, merchant_id: str) -> Callable[[Sequence[ImageKey]], Mapping[ImageKey, IndexedImage]]:
        table = self.table(merchant_id)
        return lambda keys: {key: table[key] for key in keys if key in table}

    def put(self, *images: IndexedImage, merchant: str | None = None) -> None:
        merchant_id = merchant or self.shop
        self.table(merchant_id).update({image.key: image for image in images})
        self.follow([image.key for image in images], merchant_id)

    def drop(self, *images: IndexedImage, merchant: str | None = None) -> None:
        merchant_id = merchant or self.shop
        for image in images:
            self.table(merchant_id).pop(image.key, None)
        self.follow([image.key for image in images], merchant_id)

    def follow(self, keys: Sequence[ImageKey], merchant_id: str | None = None) -> None:
        merchant_id = merchant_id or self.shop
        self.index.update(merchant_id, keys, self.read(merchant_id))
        self.settle(merchant_id)

    def rebuild(self, progress: Callable[[int], None] = lambda _: None) -> int:
        table = self.table(self.shop)
        count = self.index.rebuild(self.shop, lambda: iter(list(table.values())), self.read(self.shop), progress)
        self.settle(self.shop)
        return count

    def page(self, text: str | None = None, after: Any = None, merchant: str | None = None, **more: Any) -> SearchPage:
        return self.finder.search(merchant or self.shop, Search(text=text, **more), after)

    def found(self, text: str | None = None, **more: Any) -> list[str]:
        return [hit.image.id for hit in self.page(text, **more).hits]

    def pages(self, text: str | None = None, **more: Any) -> Iterator[list[str]]:
        """Iterate over the ids of each page."""
        after: Any = None
        for _ in itertools.count():
            page = self.page(text, after=after, **more)
            yield [hit.image.id for hit in page.hits]
            after = page.after
            if after is None:
                return

    def all_of(self, sort: Sort = Sort.OLDEST) -> list[str]:
        return [image_id for ids in self.pages(sort=sort, limit=100) for image_id in ids]


def embedded(s3: Any, bucket: str, disk: Path, **clocks: Any) -> Engine:
    """Return the embedded engine; its reader looks for a new version at each search."""
    store = SegmentRepository(s3, bucket)
    languages: dict[str, Language | None] = {}
    return Engine(
        languages=languages,
        finder=TantivyFinder(store, LocalVersions(store, disk / "reader", 10**9), itertools.count().__next__),
        index=TantivyIndex(store, LocalVersions(store, disk / "writer", 10**9), languages.get, **clocks),
        settle=lambda _: None,
    )


def opensearch(client: OpenSearch) -> Engine:
    """Return OpenSearch, with a merchant of its own."""
    languages: dict[str, Language | None] = {}
    return Engine(
        languages=languages,
        finder=OpenSearchFinder(client, itertools.count().__next__),
        index=OpenSearchIndex(client, languages.get),
        settle=lambda merchant_id: client.indices.refresh(index=f"{alias(merchant_id)}*"),
        shop=f"shop-{uuid4().hex}",
    )
