"""Galleries, images, their counters and tasks in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from threading import RLock
from typing import TYPE_CHECKING

from vitrine.galleries.model import PINNED_START, RANKED_START, CountedHour, Counts, Gallery, Image, Totals
from vitrine.galleries.ports import ImageRange, StaleGallery, StaleImages
from vitrine.platform.times import utc_now
from vitrine.ranking.experiments import Arm

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from vitrine.galleries.model import Counted, Experiment, GalleryChanges, GalleryKey, Settlement, Suspect
    from vitrine.ranking.interleaving import Team
    from vitrine.ranking.model import Version


@dataclass
class _Visit:
    clicks: set[bytes] = field(default_factory=set)
    vote: Team | None = None


class GalleriesInMemory:
    """GalleryRepository. Each write holds the lock, as DynamoDB's writes and transactions are atomic."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._galleries: dict[GalleryKey, Gallery] = {}
        self._images: dict[GalleryKey, dict[str, Image]] = {}
        self._versions: dict[GalleryKey, dict[int, Version]] = {}
        self._visits: dict[tuple[GalleryKey, str], dict[str, _Visit]] = {}
        self._hours: dict[tuple[GalleryKey, datetime], dict[datetime, Totals]] = {}
        self._due: set[tuple[datetime, GalleryKey]] = set()
        self._suspects: dict[GalleryKey, dict[str, Suspect]] = {}

    def put_gallery(self, gallery: Gallery) -> bool:
        with self._lock:
            if gallery.key in self._galleries:
                return False
            self._galleries[gallery.key] = gallery
            self._versions[gallery.key] = {gallery.live.number: gallery.live}
            return True

    def change_gallery(self, key: GalleryKey, changes: GalleryChanges) -> bool:
        return self._update(key, lambda gallery: not gallery.deleting, **changes)

    def plan_version(self, gallery: Gallery, version: Version, experiment: Experiment | None) -> bool:
        with self._lock:
            is_planned = self._update(
                gallery.key,
                lambda stored: _has_versions_of(stored, gallery) and stored.last_version == gallery.last_version,
                next=version,
                next_waits=True,
                last_version=version.number,
                retired=None,
                experiment=experiment,
            )
            if is_planned:
                self._versions[gallery.key][version.number] = version
            return is_planned

    def start_scoring(self, gallery: Gallery, version: Version) -> bool:
        return self._update(gallery.key, lambda stored: stored.next == version, next_waits=False)

    def open_experiment(self, gallery: Gallery, experiment: Experiment) -> bool:
        return self._update(
            gallery.key,
            lambda stored: stored.experiment == experiment,
            experiment=experiment._replace(is_ready=True),
        )

    def add_visit(
        self, key: GalleryKey, arm: str, visitor: str, clicks: Collection[bytes], vote: Team | None = None
    ) -> None:
        visit = self._visits.setdefault((key, arm), {}).setdefault(visitor, _Visit())
        visit.clicks.update(clicks)
        visit.vote = vote if visit.vote is None else visit.vote

    def count_visits(self, key: GalleryKey, arm: str) -> Arm:
        clicks = [len(visit.clicks) for visit in self._visits.get((key, arm), {}).values()]
        return Arm(len(clicks), sum(map(bool, clicks)), sum(clicks), sum(clicked**2 for clicked in clicks))

    def count_votes(self, key: GalleryKey, arm: str) -> tuple[Arm, Arm]:
        visits = self._visits.get((key, arm), {}).values()
        votes = Counter(visit.vote for visit in visits)
        clicks: Counter[int] = Counter()
        for visit in visits:
            first = {mark[:-1] for mark in visit.clicks if mark[-1] == 0}
            clicks.update({0: len(first), 1: len({mark[:-1] for mark in visit.clicks} - first)})
        return Arm(len(visits), votes[0], clicks[0]), Arm(len(visits), votes[1], clicks[1])

    def forget_visits(self, key: GalleryKey, arm: str) -> None:
        self._visits.pop((key, arm), None)

    def promote_version(self, gallery: Gallery, version: Version) -> bool:
        return self._update(
            gallery.key,
            lambda stored: _has_versions_of(stored, gallery) and stored.next == version,
            live=version,
            retired=gallery.live,
            next=None,
        )

    def forget_retired(self, key: GalleryKey, version: Version) -> bool:
        return self._update(key, lambda stored: stored.retired == version, retired=None)

    def add_suspect(self, key: GalleryKey, suspect: Suspect) -> None:
        with self._lock:
            if self._update(key, lambda gallery: not gallery.deleting, has_suspects=True):
                self._suspects.setdefault(key, {}).setdefault(suspect.visitor, suspect)

    def list_suspects(self, key: GalleryKey) -> Sequence[Suspect]:
        return list(self._suspects.get(key, {}).values())

    def trust_suspect(self, key: GalleryKey, visitor: str) -> bool:
        with self._lock:
            suspects = self._suspects.get(key, {})
            if visitor in suspects:
                suspects[visitor] = suspects[visitor]._replace(is_trusted=True)
            return visitor in suspects

    def schedule_rules(self, key: GalleryKey, moments: Iterable[datetime]) -> None:
        seconds = (moment.replace(microsecond=0) + timedelta(seconds=moment.microsecond > 0) for moment in moments)
        self._due |= {(moment, key) for moment in seconds}

    def due_rules(self, now: datetime, limit: int) -> Sequence[tuple[datetime, GalleryKey]]:
        return sorted(due for due in self._due if due[0] <= now)[:limit]

    def unschedule_rules(self, due: Iterable[tuple[datetime, GalleryKey]]) -> None:
        self._due -= set(due)

    def list_versions(self, key: GalleryKey, limit: int, before: int | None) -> Sequence[Version]:
        numbers = sorted(self._versions.get(key, {}), reverse=True)
        return [self._versions[key][number] for number in numbers if before is None or number < before][:limit]

    def find_version(self, key: GalleryKey, number: int) -> Version | None:
        return self._versions.get(key, {}).get(number)

    def find_gallery(self, key: GalleryKey) -> Gallery | None:
        return self._galleries.get(key)

    def find_galleries(self, keys: Collection[GalleryKey]) -> Mapping[GalleryKey, Gallery]:
        return {key: self._galleries[key] for key in keys if key in self._galleries}

    def list_galleries(self, merchant_id: str, limit: int, after: str | None) -> Sequence[Gallery]:
        keys = sorted(
            key for key in self._galleries if key.merchant_id == merchant_id and key.gallery_id > (after or "")
        )
        return [self._galleries[key] for key in keys[:limit]]

    def mark_deleting(self, key: GalleryKey) -> bool:
        with self._lock:
            if key in self._galleries:
                self._galleries[key] = replace(self._galleries[key], deleting=True)
            return key in self._galleries

    def drop_gallery(self, key: GalleryKey) -> None:
        with self._lock:
            gallery = self._galleries.get(key)
            if gallery and gallery.deleting and gallery.images == 0:
                del self._galleries[key], self._versions[key]
                self._suspects.pop(key, None)
                self._hours.pop((key, gallery.created_at), None)

    def get_images(self, key: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, Image]:
        images = self._images.get(key, {})
        return {image_id: images[image_id] for image_id in image_ids if image_id in images}

    def ranked_images(self, key: GalleryKey, version: Version, limit: int, after: str) -> ImageRange:
        return self._query(key, version, limit, after, "~")

    def pinned_images(self, key: GalleryKey, version: Version, limit: int, after: str) -> ImageRange:
        return self._query(key, version, limit, max(after, PINNED_START), RANKED_START)

    def stored_images(self, key: GalleryKey, limit: int, after: str | None) -> Sequence[Image]:
        return [image for image_id, image in sorted(self._images.get(key, {}).items()) if image_id > (after or "")][
            :limit
        ]

    def commit_images(self, gallery: Gallery, created: Sequence[Image], changed: Sequence[Image]) -> None:
        with self._lock:
            stored, images = self._galleries.get(gallery.key), self._images.setdefault(gallery.key, {})
            if stored is None or stored.deleting:
                raise StaleGallery
            has_next = (stored.next, stored.next_waits) == (gallery.next, gallery.next_waits)
            if created and not (_has_versions_of(stored, gallery) and has_next):
                raise StaleGallery
            if any(image.image_id in images for image in created) or any(map(self._is_stale, changed)):
                raise StaleImages
            self._galleries[gallery.key] = replace(stored, images=stored.images + len(created))
            for image in (*created, *changed):
                images[image.image_id] = image._replace(revision=image.revision + 1)

    def save_images(self, images: Sequence[Image]) -> set[str]:
        with self._lock:
            stale = {image.image_id for image in images if self._is_stale(image)}
            for image in images:
                if image.image_id not in stale:
                    self._images[image.gallery][image.image_id] = image._replace(revision=image.revision + 1)
            return stale

    def delete_image(self, image: Image) -> None:
        with self._lock:
            if self._is_stale(image):
                raise StaleImages
            del self._images[image.gallery][image.image_id]
            gallery = self._galleries[image.gallery]
            settling = {name: note for name, note in gallery.settling.items() if name != image.image_id}
            self._galleries[image.gallery] = replace(gallery, images=gallery.images - 1, settling=settling)

    def advance_totals(self, gallery: Gallery, settlement: Settlement) -> None:
        with self._lock:
            notes = {note.image_id: _noted(note) for note in settlement.settling}
            stored = self._galleries.get(gallery.key)
            if stored is None or (stored.revision, stored.created_at) != (gallery.revision, gallery.created_at):
                raise StaleGallery
            self._galleries[gallery.key] = replace(
                stored,
                totals=stored.totals.plus(settlement.increase),
                settling={**stored.settling, **notes},
                revision=stored.revision + 1,
            )
            hours = self._hours.setdefault((gallery.key, gallery.created_at), {})
            hour = _hour_of(utc_now())
            hours[hour] = hours.get(hour, Totals()).plus(settlement.increase)

    def list_hours(self, gallery: Gallery, first: datetime, end: datetime) -> Sequence[CountedHour]:
        hours = sorted(self._hours.get((gallery.key, gallery.created_at), {}).items())
        return [CountedHour(hour, totals) for hour, totals in hours if first < end and _hour_of(first) <= hour < end]

    def clear_settled(self, key: GalleryKey, settled: Sequence[Counted]) -> None:
        with self._lock:
            if key in self._galleries:
                notes = {note.image_id: _noted(note) for note in settled}
                settling = self._galleries[key].settling
                left = {name: note for name, note in settling.items() if notes.get(name) != note}
                self._galleries[key] = replace(self._galleries[key], settling=left)

    def _update(self, key: GalleryKey, condition: Callable[[Gallery], bool], **fields: object) -> bool:
        """Change fields of a gallery and its revision, if the condition holds."""
        with self._lock:
            stored = self._galleries.get(key)
            if stored is None or not condition(stored):
                return False
            self._galleries[key] = replace(stored, revision=stored.revision + 1, **fields)  # type: ignore[arg-type]
            return True

    def _is_stale(self, image: Image) -> bool:
        stored = self._images.get(image.gallery, {}).get(image.image_id)
        return stored is None or (stored.revision, stored.incarnation) != (image.revision, image.incarnation)

    def _query(self, key: GalleryKey, version: Version, limit: int, after: str, before: str) -> ImageRange:
        ranks = (
            (image.rank(score), image)
            for image in self._images.get(key, {}).values()
            if (score := image.score(version))
        )
        found = sorted((rank, image) for rank, image in ranks if rank is not None and after < rank < before)
        return ImageRange([image for _, image in found[:limit]], len(found) >= limit)


class ImageCounters:
    """Counters: what tests set as `counts`, by image id. `closed` has the incarnations of closed counters."""

    def __init__(self) -> None:
        self.counts: dict[str, Counts] = {}
        self.closed: set[str] = set()

    def close(self, image: Image) -> None:
        self.closed.add(image.incarnation)

    def read(self, images: Sequence[Image]) -> Mapping[str, Counts]:
        return {image.image_id: self.counts[image.image_id] for image in images if image.image_id in self.counts}


class TasksInMemory:
    """Tasks: their names and arguments, in the order they were sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[object, ...]] = []

    def delete_gallery(self, key: GalleryKey) -> None:
        self.sent.append(("delete_gallery", key))

    def fit_prior(self, key: GalleryKey) -> None:
        self.sent.append(("fit_prior", key))

    def apply_rules(self, key: GalleryKey) -> None:
        self.sent.append(("apply_rules", key))

    def forget_visits(self, key: GalleryKey, number: int) -> None:
        self.sent.append(("forget_visits", key, number))

    def mirror_images(self, key: GalleryKey) -> None:
        self.sent.append(("mirror_images", key))

    def make_order(self, key: GalleryKey, version: int) -> None:
        self.sent.append(("make_order", key, version))

    def forget_order(self, key: GalleryKey, version: int) -> None:
        self.sent.append(("forget_order", key, version))


def _has_versions_of(stored: Gallery, read: Gallery) -> bool:
    return not stored.deleting and stored.live == read.live


def _noted(counted: Counted) -> Counted:
    """What a gallery stores of a settling image."""
    return counted._replace(counts=None, at=0)


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
