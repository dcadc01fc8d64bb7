"""What a search engine does: it finds images, and keeps an index of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from vitrine.search.languages import Language
from vitrine.search.model import (
    ImageKey,
    IndexedImage,
    Search,
    SearchPage,
)

if TYPE_CHECKING:
    from vitrine.search.queries import QueryCounts

ReadImages = Callable[[Sequence[ImageKey]], Mapping[ImageKey, IndexedImage]]
"""Returns the current images of these keys, without deleted and hidden ones."""

ReadAllImages = Callable[[], Iterable[IndexedImage]]
"""Returns all images of the merchant; they are read while it is iterated."""

Progress = Callable[[int], None]
"""Called with the number of images that a rebuild has indexed so far."""


LanguageOf = Callable[[str], Language | None]
"""Returns the language that a merchant has set for its next index."""


def no_language(merchant_id: str) -> None:
    """Return that no language is set."""


class RebuildSuperseded(Exception):
    """A later rebuild of the same index has started, so this one stops."""


class ImageFinder(Protocol):
    """Searches the index of a merchant. An index that was never written is empty."""

    def search(self, merchant_id: str, search: Search, after: Mapping[str, object] | None) -> SearchPage:
        """Return one page of hits, starting at the `after` of the page before it."""

    def held(self, merchant_id: str, keys: Sequence[ImageKey]) -> Mapping[ImageKey, IndexedImage]:
        """Return the images of these keys as the index holds them."""

    def language(self, merchant_id: str) -> Language | None:
        """Return the language of the index in use."""

    def suggest(self, merchant_id: str, text: str, limit: int) -> list[str]:
        """Complete the last word of `text`; the most frequent completions come first."""


class ImageIndex(Protocol):
    """Keeps the index equal to the images. An index keeps its language until it is rebuilt.

    The engine calls `read` itself, because only the engine knows from which moment on it would notice a newer
    writer. An image that was read before that moment could undo a later change.
    """

    def update(self, merchant_id: str, keys: Sequence[ImageKey], read: ReadImages) -> None:
        """Bring these keys in the index up to date. Safe to repeat, also concurrently."""

    def rebuild(self, merchant_id: str, images: ReadAllImages, read: ReadImages, progress: Progress) -> int:
        """Build a new index beside the one in use, then switch to it. Return the number of images in it."""


class QueryRepository(Protocol):
    """Stores what is counted for queries."""

    def find(self, merchant_id: str, query_id: str) -> QueryCounts:
        """Return what was counted for a query, perhaps some moments ago; nothing if it is unknown."""

    def find_newest(self, merchant_id: str, query_id: str) -> tuple[QueryCounts, int]:
        """Return what was counted for a query, with its revision (a consistent read)."""

    def put(self, merchant_id: str, counts: QueryCounts, revision: int, now: int) -> None:
        """Replace this revision. Raises Superseded if there is a newer one."""

    def list_queries(self, merchant_id: str) -> Iterable[QueryCounts]:
        """Return a merchant's queries, at most some thousands."""
