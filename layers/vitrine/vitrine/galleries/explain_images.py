"""Explain the positions of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vitrine.galleries.model import Counts, Score, rule_for
from vitrine.ranking.explanation import Explanation, explain
from vitrine.ranking.policies import POLICIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vitrine.galleries.model import Gallery, Image
    from vitrine.galleries.ports import Counters, GalleryRepository


class NextImage(NamedTuple):
    """The next image in the order, and the lead over its score."""

    image_id: str
    lead: float


class ExplainedImage(NamedTuple):
    """The explanation of an image's position, its counts, and the next image."""

    explanation: Explanation
    counts: Counts
    next: NextImage | None


def explain_images(
    repository: GalleryRepository, counters: Counters, gallery: Gallery, images: Sequence[Image], *, now: int
) -> Mapping[str, ExplainedImage]:
    """Explain up to 100 consecutive images of the gallery's order; return the explanations by image id.

    A score is explained for its own moment (`now` if there is none yet).
    """
    counted = counters.read(images)
    explained: dict[str, ExplainedImage] = {}
    for at, image in enumerate(images):
        counts = counted.get(image.image_id, Counts())
        score = image.score(gallery.live)
        evidence = counts.evidence(gallery.versions[0], (score.at if score else 0) or now)
        explanation = explain(
            gallery.live.ranking.policy,
            evidence,
            gallery.live.prior,
            pinned_position=image.pinned_position,
            rule=rule_for(gallery.live, image.description),
        )
        below = images[at + 1] if at + 1 < len(images) else _after(repository, gallery, image)
        explained[image.image_id] = ExplainedImage(explanation, counts, _next(gallery, score, below))
    return explained


def _after(repository: GalleryRepository, gallery: Gallery, image: Image) -> Image | None:
    score = image.score(gallery.live)
    rank = image.rank(score) if score else None
    if rank is None or image.pinned_position is not None:
        return None
    return next(iter(repository.ranked_images(gallery.key, gallery.live, 1, rank).images), None)


def _next(gallery: Gallery, score: Score | None, below: Image | None) -> NextImage | None:
    theirs = below.score(gallery.live) if below else None
    if below is None or score is None or theirs is None:
        return None
    return NextImage(below.image_id, (score.points - theirs.points) / POLICIES[gallery.live.ranking.policy].scale)
