"""Check that every image shows exactly what was counted for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import Counts, score_under
from vitrine.galleries.read_gallery import find_gallery, image_pages
from vitrine.ranking.model import has_moved
from vitrine.ranking.policies import POLICIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vitrine.galleries.model import GalleryKey, Image, Suspect, Totals
    from vitrine.galleries.ports import Counters, GalleryRepository
    from vitrine.ranking.merchandising import Action
    from vitrine.ranking.model import Version


class WrongScore(NamedTuple):
    """A stored score that differs from the recomputed one, in its points or its rule.

    `stored` is None if the image has no score under the version.
    """

    version: int
    stored: int | None
    computed: int
    stored_rule: Action | None
    computed_rule: Action | None


class Mismatch(NamedTuple):
    """An image that shows other totals than were counted, or has a wrong score."""

    image_id: str
    shown: Totals
    counted: Totals
    score: WrongScore | None


class Audit(NamedTuple):
    """The number of compared images, those that do not match, and suspects, whose events count in no rate."""

    images: int
    mismatched: list[Mismatch]
    suspects: Sequence[Suspect]


def audit_gallery(repository: GalleryRepository, counters: Counters, key: GalleryKey, *, now: datetime) -> Audit:
    """Compare every image, including hidden ones, with its counters. Raises NotFound.

    Events that are counted but not shown yet are mismatches too; they settle within a minute, in a busy gallery within
    a quarter of an hour. A score is recomputed for the moment of the stored one, and may differ within the policy's
    tolerance.
    """
    live = find_gallery(repository, key).versions[0]
    compared, mismatched = 0, []
    for images in image_pages(repository, key):
        counted = counters.read(images)
        for image in images:
            expected = counted.get(image.image_id, Counts())
            wrong = _wrong_score(image, live, expected, int(now.timestamp()))
            if image.totals != expected.totals or wrong:
                mismatched.append(Mismatch(image.image_id, image.totals, expected.totals, wrong))
        compared += len(images)
    return Audit(compared, mismatched, repository.list_suspects(key))


def _wrong_score(image: Image, version: Version, counts: Counts, now: int) -> WrongScore | None:
    stored = image.score(version)
    computed = score_under(version, image.description, counts, (stored.at if stored else 0) or now)
    tolerance = POLICIES[version.ranking.policy].tolerance
    if stored is None:
        return WrongScore(version.number, None, computed.points, None, computed.action)
    if stored.action == computed.action and not has_moved(stored.points, computed.points, tolerance):
        return None
    return WrongScore(version.number, stored.points, computed.points, stored.action, computed.action)
