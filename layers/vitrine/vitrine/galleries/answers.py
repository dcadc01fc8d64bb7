"""Galleries and images as clients read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

from vitrine.galleries.model import by_day
from vitrine.platform.times import to_rfc3339
from vitrine.ranking.policies import POLICIES
from vitrine.renditions.answers import RenditionsAnswer, renditions_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.galleries.explain_images import ExplainedImage
    from vitrine.galleries.model import CountedHour, Gallery, Image, Placed
    from vitrine.galleries.read_lab import Trial
    from vitrine.galleries.run_experiment import Standing
    from vitrine.ranking.model import Ranking, Version


class RankingAnswer(TypedDict):
    policy: str
    half_life_days: NotRequired[int]
    lab_share: NotRequired[float]


class VersionAnswer(TypedDict):
    version: int
    ranking: RankingAnswer
    prior_rate: float
    created_at: str
    reason: str
    status: str


class GalleryAnswer(TypedDict):
    id: str
    title: str | None
    ranking: RankingAnswer
    ranking_version: int
    next_ranking_version: int | None
    counting: str
    public_counts: bool
    cache_seconds: int
    mirror: bool
    created_at: str
    images: int
    views: NotRequired[int]
    clicks: NotRequired[int]


class DeletionAnswer(TypedDict):
    status: str


class EventsAnswer(TypedDict):
    views: int
    clicks: int


class NextAnswer(TypedDict):
    id: str
    lead: float


class ExplanationAnswer(TypedDict):
    sentence: str
    estimate: float
    benefit_of_doubt: float
    clicks: int
    exposure: int
    version: int
    pinned: bool
    lab: EventsAnswer
    next: NextAnswer | None


class ImageAnswer(TypedDict):
    id: str
    name: str
    url: str
    created_at: str
    weight: NotRequired[int]
    position: NotRequired[int]
    events: NotRequired[EventsAnswer]
    caption: str | None
    alt: str | None
    tags: list[str]
    credit: str | None
    product_ids: list[str]
    width: int | None
    height: int | None
    pinned_position: int | None
    hidden: NotRequired[bool]
    explanation: NotRequired[ExplanationAnswer]
    renditions: RenditionsAnswer | None


class IntervalAnswer(TypedDict):
    low: float
    high: float


class PlannedAnswer(TypedDict):
    position: int
    id: str
    today: int | None


class EstimateAnswer(TypedDict):
    clicks_per_page: float
    interval: IntervalAnswer
    lift: float | None
    lift_interval: IntervalAnswer | None
    support: float
    enough: bool
    page_views_needed: int | None
    considered: int
    order: list[PlannedAnswer]


class ArmAnswer(TypedDict):
    ranking: RankingAnswer
    visitors: int
    clickers: int
    clicks: int


class SplitAnswer(TypedDict):
    e_value: float
    flagged: bool


class ExperimentAnswer(TypedDict):
    id: str
    started_at: str
    ready: bool
    arms: list[ArmAnswer]
    lift: float | None
    interval: IntervalAnswer | None
    e_value: float
    srm: SplitAnswer
    decision: str
    events_without_visitor: int


class FieldErrorAnswer(TypedDict):
    pointer: str
    detail: str


class PutImageAnswer(TypedDict):
    id: str | None
    status: str
    errors: NotRequired[list[FieldErrorAnswer]]


class PutImagesAnswer(TypedDict):
    results: list[PutImageAnswer]


class WrongScoreAnswer(TypedDict):
    version: int
    stored: int | None
    computed: int


class MismatchAnswer(TypedDict):
    id: str
    shown: EventsAnswer
    counted: EventsAnswer
    score: WrongScoreAnswer | None


class AuditAnswer(TypedDict):
    images: int
    mismatched: list[MismatchAnswer]


class CountedTimeAnswer(TypedDict):
    start: str
    views: int
    clicks: int


class CountsByTimeAnswer(TypedDict):
    granularity: Literal["hour", "day"]
    views: int
    clicks: int
    items: list[CountedTimeAnswer]


def counts_by_time_answer(hours: Sequence[CountedHour], granularity: Literal["hour", "day"]) -> CountsByTimeAnswer:
    """Counts by hour or day in order, and their sums; where nothing was counted there is no item."""
    shown = by_day(hours) if granularity == "day" else hours
    return {
        "granularity": granularity,
        "views": sum(it.totals.views for it in shown),
        "clicks": sum(it.totals.clicks for it in shown),
        "items": [
            {"start": to_rfc3339(it.start), "views": it.totals.views, "clicks": it.totals.clicks} for it in shown
        ],
    }


class ChallengeImageAnswer(TypedDict):
    id: str
    name: str
    weight: int
    gridPosition: int
    url: str
    created_at: str
    events: EventsAnswer


def ranking_answer(ranking: Ranking) -> RankingAnswer:
    """How a gallery is ordered; what is as usual, or has no part in the order, is left out."""
    answer: RankingAnswer = {"policy": ranking.policy}
    if POLICIES[ranking.policy].ages:
        answer["half_life_days"] = ranking.half_life_days
    if ranking.lab_share:
        answer["lab_share"] = ranking.lab_share
    return answer


def version_answer(gallery: Gallery, version: Version) -> VersionAnswer:
    """A version of a gallery's ranking."""
    status = "past"
    if version.number == gallery.live.number:
        status = "live"
    elif gallery.next and version.number == gallery.next.number:
        status = "being_made"
    return {
        "version": version.number,
        "ranking": ranking_answer(version.ranking),
        "prior_rate": version.prior.mean_rate,
        "created_at": to_rfc3339(version.created_at),
        "reason": version.reason,
        "status": status,
    }


def gallery_answer(gallery: Gallery, *, counts: bool) -> GalleryAnswer:
    """A gallery; with `counts`, what was counted for it."""
    answer: GalleryAnswer = {
        "id": gallery.key.gallery_id,
        "title": gallery.title,
        "ranking": ranking_answer(gallery.wanted.ranking),
        "ranking_version": gallery.live.number,
        "next_ranking_version": gallery.next.number if gallery.next else None,
        "counting": gallery.counting,
        "public_counts": gallery.public_counts,
        "cache_seconds": gallery.cache_seconds,
        "mirror": gallery.mirror,
        "created_at": to_rfc3339(gallery.created_at),
        "images": gallery.images,
    }
    if counts:
        answer["views"] = gallery.totals.views
        answer["clicks"] = gallery.totals.clicks
    return answer


def image_answer(image: Image, *, counts: bool) -> ImageAnswer:
    """An image by itself; with `counts`, what was counted for it and whether it is hidden."""
    described = image.description
    answer: ImageAnswer = {
        "id": image.image_id,
        "name": described.name,
        "url": described.url,
        "created_at": to_rfc3339(described.created_at),
        "caption": described.caption,
        "alt": described.alt,
        "tags": list(described.tags),
        "credit": described.credit,
        "product_ids": list(described.product_ids),
        "width": described.width,
        "height": described.height,
        "pinned_position": image.pinned_position,
        "renditions": renditions_answer(image.mirrored) if image.mirrored else None,
    }
    if counts:
        answer["weight"] = image.weight
        answer["events"] = {"views": image.totals.views, "clicks": image.totals.clicks}
        answer["hidden"] = image.hidden
    return answer


def estimate_answer(trial: Trial) -> EstimateAnswer:
    """What a ranking would earn, with its first page beside today's."""
    found = trial.estimate
    return {
        "clicks_per_page": found.clicks_per_page,
        "interval": {"low": found.interval.low, "high": found.interval.high},
        "lift": found.lift,
        "lift_interval": {"low": found.lift_interval.low, "high": found.lift_interval.high}
        if found.lift_interval
        else None,
        "support": found.support,
        "enough": found.enough,
        "page_views_needed": found.page_views_needed,
        "considered": trial.considered,
        "order": [
            {"position": it.position, "id": it.image.image_id, "today": trial.today.get(it.image.image_id)}
            for it in trial.planned
        ],
    }


def experiment_answer(standing: Standing) -> ExperimentAnswer:
    """How an experiment stands."""
    verdict = standing.verdict
    return {
        "id": standing.experiment.experiment_id,
        "started_at": to_rfc3339(standing.experiment.started_at),
        "ready": standing.experiment.is_ready,
        "arms": [
            {
                "ranking": ranking_answer(ranking),
                "visitors": arm.visitors,
                "clickers": arm.clickers,
                "clicks": arm.clicks,
            }
            for ranking, arm in zip(standing.rankings, standing.arms, strict=True)
        ],
        "lift": verdict.lift,
        "interval": {"low": verdict.interval.low, "high": verdict.interval.high} if verdict.interval else None,
        "e_value": verdict.e_value,
        "srm": {"e_value": verdict.split_e_value, "flagged": verdict.decision == "bad_split"},
        "decision": verdict.decision,
        "events_without_visitor": standing.events_without_visitor,
    }


def explanation_answer(gallery: Gallery, image: Image, explained: ExplainedImage) -> ExplanationAnswer:
    """Why an image is where it is."""
    counts, told = explained.counts, explained.explanation
    return {
        "sentence": told.sentence,
        "estimate": told.estimate,
        "benefit_of_doubt": told.benefit_of_doubt,
        "clicks": counts.totals.clicks - counts.lab.clicks,
        "exposure": counts.totals.views - counts.lab.views,
        "version": gallery.live.number,
        "pinned": image.pinned_position is not None,
        "lab": {"views": counts.lab.views, "clicks": counts.lab.clicks},
        "next": {"id": explained.next.image_id, "lead": explained.next.lead} if explained.next else None,
    }


def placed_answer(placed: Placed, *, counts: bool) -> ImageAnswer:
    """An image in its gallery's order."""
    answer = image_answer(placed.image, counts=counts)
    answer["position"] = placed.position
    return answer


def challenge_answer(placed: Placed) -> ChallengeImageAnswer:
    """An image as the gallery challenge has it."""
    image = placed.image
    return {
        "id": image.image_id,
        "name": image.description.name,
        "weight": image.weight,
        "gridPosition": placed.position,
        "url": image.description.url,
        "created_at": to_rfc3339(image.description.created_at),
        "events": {"views": image.totals.views, "clicks": image.totals.clicks},
    }
