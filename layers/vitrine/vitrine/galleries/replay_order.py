"""Recompute the orders that policies would have given a gallery at an earlier time."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import NOTHING_COUNTED, Counts, Description, Image, place_pinned, score_under
from vitrine.galleries.read_gallery import find_gallery, image_pages
from vitrine.platform.problems import NotFound
from vitrine.ranking.model import fitted
from vitrine.ranking.policies import POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vitrine.galleries.model import GalleryKey
    from vitrine.galleries.ports import GalleryRepository
    from vitrine.ranking.model import Version

_PAGE = 100
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class ImageThen(NamedTuple):
    """One incarnation of an image, by which its counts are known."""

    image_id: str
    incarnation: str


class Replay(NamedTuple):
    """The version in force at the time, and the images in the order of each policy, with their counts."""

    version: Version
    orders: Mapping[str, Sequence[Image]]
    counts: Mapping[ImageThen, Counts]


def replay_order(
    repository: GalleryRepository, key: GalleryKey, counts: Mapping[ImageThen, Counts], moment: datetime
) -> Replay:
    """Order the images that existed at a moment, with their counts then, by each policy. Raises NotFound.

    The version's own policy has the version's prior, others the prior that a switch at that moment would have fitted.
    Merchandising rules are the version's. Images are pinned and hidden as they were then, as far as their last changes
    reach. An image that was deleted since has its id alone and no pin.
    """
    find_gallery(repository, key)
    version = _version_at(repository, key, moment)
    images = list(_images_at(repository, key, counts, moment))
    rated = NOTHING_COUNTED
    for one in counts.values():
        rated = rated.plus(one.totals)
    switched = fitted(version.prior, rated.clicks, rated.views)

    def ordered(policy: str) -> list[Image]:
        own = policy == version.ranking.policy
        under = version._replace(
            ranking=version.ranking._replace(policy=policy), prior=version.prior if own else switched
        )
        at = int(moment.timestamp())

        def rank(image: Image) -> str:
            counted = counts.get(ImageThen(image.image_id, image.incarnation), Counts())
            return image.rank(score_under(under, image.description, counted, at)) or ""

        ranked = sorted((image for image in images if image.pinned_position is None), key=rank)
        pinned = sorted((image for image in images if image.pinned_position is not None), key=rank)
        return [placed.image for placed in place_pinned(ranked, pinned, 1, len(images))]

    return Replay(version, {policy: ordered(policy) for policy in POLICIES}, counts)


def _version_at(repository: GalleryRepository, key: GalleryKey, moment: datetime) -> Version:
    """Return the newest version of that time; not an experiment's second arm, which half of the visitors saw."""
    before = None
    while versions := repository.list_versions(key, _PAGE, before):
        for version in versions:
            is_arm = version.reason.startswith("experiment ") and not version.reason.endswith(" ended")
            if version.created_at <= moment and not is_arm:
                return version
        before = versions[-1].number
    raise NotFound(f"Gallery {key.gallery_id} was created later.")


def _images_at(
    repository: GalleryRepository, key: GalleryKey, counts: Mapping[ImageThen, Counts], moment: datetime
) -> Iterator[Image]:
    gone = set(counts)
    for image in chain.from_iterable(image_pages(repository, key)):
        then = ImageThen(image.image_id, image.incarnation)
        gone.discard(then)
        placed = image.as_placed(moment)
        if not placed.hidden and (then in counts or image.description.created_at <= moment):
            yield placed
    for image_id, incarnation in sorted(gone):
        yield Image(key, image_id, Description(image_id, "", _LONG_AGO), incarnation)
