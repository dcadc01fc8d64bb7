"""What finds pictures, and what keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from vitrine.search.model import ImageKey, IndexedImage, Search, SearchPage

ReadPictures = Callable[[Sequence[ImageKey]], Mapping[ImageKey, IndexedImage]]
"""The pictures of these keys as they are now; one that is deleted or hidden is left out."""

ReadAllPictures = Callable[[], Iterable[IndexedImage]]
"""Every picture of the merchant, read while it is iterated."""

Progress = Callable[[int], None]
"""Told how many pictures a rebuild has taken in so far."""


class RebuildSuperseded(Exception):
    """A later rebuild of the same index began; this one stops."""


class ImageFinder(Protocol):
    """What a merchant's visitors ask. An index that was never written answers as an empty one."""

    def search(self, merchant_id: str, search: Search, after: Mapping[str, object] | None) -> SearchPage:
        """One page, beginning at the `after` of the page before it."""
        ...

    def held(self, merchant_id: str, keys: Sequence[ImageKey]) -> Mapping[ImageKey, IndexedImage]:
        """The pictures of these keys as the index holds them."""
        ...

    def suggest(self, merchant_id: str, text: str, limit: int) -> list[str]:
        """What was typed with its last word completed, the most frequent first."""
        ...


class ImageIndex(Protocol):
    """What keeps the index equal to the images.

    The engine calls `read` itself, because only it knows the moment from which a
    newer writer would be noticed: a picture read before that moment could undo a
    later change.
    """

    def update(self, merchant_id: str, keys: Sequence[ImageKey], read: ReadPictures) -> None:
        """Make these keys in the index what they are now. Safe to repeat, concurrent or not."""
        ...

    def rebuild(self, merchant_id: str, pictures: ReadAllPictures, read: ReadPictures, progress: Progress) -> int:
        """Build the index anew beside the one in use, then switch. Returns how many pictures it holds."""
        ...
