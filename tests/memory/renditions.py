"""Pictures, their holders and their files in memory."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vitrine.renditions.model import Withdrawal
from vitrine.renditions.ports import PictureBusy, ShownPicture

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from vitrine.renditions.model import Holder, Original, Picture, Rendition


class PicturesInMemory:
    """Pictures, whose leases end only by `end`."""

    def __init__(self) -> None:
        self._pictures: dict[str, Picture] = {}
        self._holders: defaultdict[str, set[Holder]] = defaultdict(set)
        self._closed: set[str] = set()
        self._making: set[Rendition] = set()

    def find(self, digest: str) -> Picture | None:
        return self._pictures[digest] if self._holders[digest] and digest not in self._closed else None

    def hold(self, digest: str, holder: Holder, picture: Picture) -> None:
        if digest in self._closed:
            raise PictureBusy
        self._pictures[digest] = picture
        self._holders[digest].add(holder)

    def let_go(self, digest: str, holder: Holder) -> Picture | None:
        self._holders[digest].discard(holder)
        if self._holders[digest] or digest not in self._pictures:
            return None
        self._closed.add(digest)
        return self._pictures[digest]

    def is_being_made(self, digest: str) -> bool:
        return any(rendition.digest == digest for rendition in self._making)

    def remove(self, digest: str) -> None:
        self._pictures.pop(digest, None)
        self._closed.discard(digest)

    def begin(self, rendition: Rendition) -> bool:
        if rendition in self._making or self.find(rendition.digest) is None:
            return False
        self._making.add(rendition)
        return True

    def end(self, rendition: Rendition) -> None:
        self._making.discard(rendition)


class HoldingsInMemory:
    """Holdings, whose leases end only with their block."""

    def __init__(self) -> None:
        self._digests: defaultdict[Holder, set[str]] = defaultdict(set)
        self._busy: set[Holder] = set()
        self._withdrawals: dict[tuple[str, str, str], Withdrawal] = {}

    @contextmanager
    def alone(self, holder: Holder) -> Iterator[set[str]]:
        if holder in self._busy:
            raise PictureBusy
        self._busy.add(holder)
        try:
            yield set(self._digests[holder])
        finally:
            self._busy.remove(holder)

    def add(self, holder: Holder, digest: str) -> None:
        self._digests[holder].add(digest)

    def drop(self, holder: Holder, digest: str) -> None:
        self._digests[holder].discard(digest)

    def note_withdrawal(self, holder: Holder, digest: str, at: datetime) -> None:
        self._withdrawals[holder.merchant_id, holder.gallery_id, digest] = Withdrawal(holder.image_id, digest, at)

    def list_withdrawals(self, merchant_id: str, gallery_id: str) -> list[Withdrawal]:
        found = [
            withdrawal
            for (merchant, gallery, _), withdrawal in self._withdrawals.items()
            if (merchant, gallery) == (merchant_id, gallery_id)
        ]
        return sorted(found, key=lambda withdrawal: withdrawal.at, reverse=True)


class OriginalsInMemory:
    """Originals."""

    def __init__(self) -> None:
        self._originals: dict[Holder, Original] = {}

    def find(self, holders: Collection[Holder]) -> dict[Holder, Original]:
        return {holder: self._originals[holder] for holder in holders if holder in self._originals}

    def put(self, holder: Holder, original: Original) -> None:
        self._originals[holder] = original

    def remove(self, holder: Holder, digest: str) -> None:
        if holder in self._originals and self._originals[holder].digest == digest:
            del self._originals[holder]


class HoldersInMemory:
    """Holders, each of which shows one address or none."""

    def __init__(self) -> None:
        self.shown: dict[Holder, ShownPicture] = {}

    def show(self, holder: Holder, url: str) -> None:
        original = self.shown[holder].original if holder in self.shown else None
        self.shown[holder] = ShownPicture(url, original)

    def find(self, holder: Holder) -> ShownPicture | None:
        return self.shown.get(holder)

    def refer(self, holder: Holder, original: Original) -> None:
        if holder in self.shown and self.shown[holder].url == original.url:
            self.shown[holder] = ShownPicture(original.url, original)

    def forget(self, holder: Holder, digest: str) -> None:
        shown = self.shown.get(holder)
        if shown and shown.original and shown.original.digest == digest:
            self.shown[holder] = shown._replace(original=None)


class FilesInMemory:
    """Files."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}

    def read(self, key: str) -> bytes | None:
        return self.stored.get(key)

    def write(self, key: str, content: bytes, media_type: str) -> None:
        self.stored[key] = content

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.stored.pop(key, None)
