"""A port of galleries for tests that expect few of its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vitrine.galleries.model import GalleryKey


class UnexpectedTasks:
    """Refuses every task; a test overrides those that it expects."""

    def delete_gallery(self, key: GalleryKey) -> None:
        raise NotImplementedError

    def fit_prior(self, key: GalleryKey) -> None:
        raise NotImplementedError

    def apply_rules(self, key: GalleryKey) -> None:
        raise NotImplementedError

    def forget_visits(self, key: GalleryKey, number: int) -> None:
        raise NotImplementedError

    def mirror_images(self, key: GalleryKey) -> None:
        raise NotImplementedError

    def make_order(self, key: GalleryKey, version: int) -> None:
        raise NotImplementedError

    def forget_order(self, key: GalleryKey, version: int) -> None:
        raise NotImplementedError
