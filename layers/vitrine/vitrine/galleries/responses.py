"""Response bodies of galleries and images."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict, cast

from vitrine.galleries.model import NOTHING_COUNTED, Totals, by_day
from vitrine.platform.times import to_rfc3339
from vitrine.ranking.policies import POLICIES
from vitrine.renditions.responses import RenditionsResponse, renditions_response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vitrine.galleries.explain_images import ExplainedImage
    from vitrine.galleries.model import CountedHour, Gallery, Image, Placed, Suspect
    from vitrine.galleries.read_lab import RankingEstimate
    from vitrine.galleries.run_experiment import ExperimentReport
    from vitrine.ranking.merchandising import Rule
    from vitrine.ranking.model import Ranking, Version


class RankingResponse(TypedDict):
    policy: str
    half_life_days: NotRequired[int]
    lab_share: NotRequired[float]


class RuleResponse(TypedDict):
    action: str
    tag: NotRequired[str]
    product_id: NotRequired[str]
    starts_at: NotRequired[str]
    ends_at: NotRequired[str]


class VersionResponse(TypedDict):
    version: int
    ranking: RankingResponse
    rules: list[RuleResponse]
    prior_rate: float
    created_at: str
    reason: str
    status: str


class GalleryResponse(TypedDict):
    id: str
    title: str | None
    ranking: RankingResponse
    ranking_version: int
    next_ranking_version: int | None
    counting: str
    public_counts: bool
    cache_seconds: int
    mirror: bool
    rules: NotRequired[list[RuleResponse]]
    experiment_id: NotRequired[str | None]
    created_at: str
    images: int
    views: NotRequired[int]
    clicks: NotRequired[int]


class DeletionResponse(TypedDict):
    status: str


class EventsResponse(TypedDict):
    views: int
    clicks: int


class NextResponse(TypedDict):
    id: str
    lead: float


class ExplanationResponse(TypedDict):
    sentence: str
    estimate: float
    benefit_of_doubt: float
    clicks: int
    exposure: int
    version: int
    pinned: bool
    boosted: bool
    buried: bool
    lab: EventsResponse
    suspects: EventsResponse
    next: NextResponse | None


class ImageResponse(TypedDict):
    id: str
    name: str
    url: str
    created_at: str
    weight: NotRequired[int]
    position: NotRequired[int]
    arm: NotRequired[str]
    events: NotRequired[EventsResponse]
    caption: str | None
    alt: str | None
    tags: list[str]
    credit: str | None
    product_ids: list[str]
    width: int | None
    height: int | None
    attributes: dict[str, str | float | list[str]]
    pinned_position: int | None
    hidden: NotRequired[bool]
    explanation: NotRequired[ExplanationResponse]
    renditions: RenditionsResponse | None


class IntervalResponse(TypedDict):
    low: float
    high: float


class PlannedResponse(TypedDict):
    position: int
    id: str
    today: int | None


class EstimateResponse(TypedDict):
    clicks_per_page: float
    interval: IntervalResponse
    lift: float | None
    lift_interval: IntervalResponse | None
    support: float
    enough: bool
    page_views_needed: int | None
    considered: int
    order: list[PlannedResponse]


class ArmResponse(TypedDict):
    ranking: RankingResponse
    visitors: int
    clickers: int
    clicks: int


class SplitResponse(TypedDict):
    e_value: float
    flagged: bool


class ExperimentResponse(TypedDict):
    id: str
    mode: Literal["split", "interleave"]
    started_at: str
    ready: bool
    arms: list[ArmResponse]
    lift: float | None
    preference: float | None
    interval: IntervalResponse | None
    e_value: float
    srm: SplitResponse | None
    decision: str
    events_without_visitor: int


class FieldErrorResponse(TypedDict):
    pointer: str
    detail: str


class PutImageResponse(TypedDict):
    id: str | None
    status: str
    errors: NotRequired[list[FieldErrorResponse]]


class PutImagesResponse(TypedDict):
    results: list[PutImageResponse]


class WrongScoreResponse(TypedDict):
    version: int
    stored: int | None
    computed: int
    stored_rule: Literal["boost", "bury"] | None
    computed_rule: Literal["boost", "bury"] | None


class MismatchResponse(TypedDict):
    id: str
    shown: EventsResponse
    counted: EventsResponse
    score: WrongScoreResponse | None


class WithdrawalResponse(TypedDict):
    id: str
    digest: str
    withdrawn_at: str


class SuspectResponse(TypedDict):
    visitor: str
    reason: str
    since: str
    trusted: bool


class AuditResponse(TypedDict):
    images: int
    mismatched: list[MismatchResponse]
    withdrawn: list[WithdrawalResponse]
    suspects: NotRequired[list[SuspectResponse]]


class CountedTimeResponse(EventsResponse):
    start: str


class CountsByTimeResponse(EventsResponse):
    granularity: Literal["hour", "day"]
    items: list[CountedTimeResponse]


def events_response(totals: Totals) -> EventsResponse:
    """Return the number of events of each type."""
    return cast("EventsResponse", totals._asdict())


def counts_by_time_response(hours: Sequence[CountedHour], granularity: Literal["hour", "day"]) -> CountsByTimeResponse:
    """Return counts by hour or day, in order, and their sums. Hours without events have no item."""
    shown = by_day(hours) if granularity == "day" else hours
    return {
        "granularity": granularity,
        **events_response(reduce(Totals.plus, (hour.totals for hour in shown), NOTHING_COUNTED)),
        "items": [{"start": to_rfc3339(hour.start), **events_response(hour.totals)} for hour in shown],
    }


class ChallengeImageResponse(TypedDict):
    id: str
    name: str
    weight: int
    gridPosition: int
    url: str
    created_at: str
    events: EventsResponse


def ranking_response(ranking: Ranking) -> RankingResponse:
    """Return a ranking, without parameters that are defaults or do not matter to its policy."""
    response: RankingResponse = {"policy": ranking.policy}
    if POLICIES[ranking.policy].ages:
        response["half_life_days"] = ranking.half_life_days
    if ranking.lab_share:
        response["lab_share"] = ranking.lab_share
    return response


def rule_response(rule: Rule) -> RuleResponse:
    """Return a merchandising rule, without the fields that are not set."""
    response: RuleResponse = {"action": rule.action}
    if rule.tag is not None:
        response["tag"] = rule.tag
    if rule.product_id is not None:
        response["product_id"] = rule.product_id
    if rule.starts_at is not None:
        response["starts_at"] = to_rfc3339(rule.starts_at)
    if rule.ends_at is not None:
        response["ends_at"] = to_rfc3339(rule.ends_at)
    return response


def version_response(gallery: Gallery, version: Version) -> VersionResponse:
    """Return a version of a gallery's ranking."""
    status = "past"
    if version.number == gallery.live.number:
        status = "live"
    elif gallery.next and version.number == gallery.next.number:
        status = "being_made"
    return {
        "version": version.number,
        "ranking": ranking_response(version.ranking),
        "rules": [rule_response(rule) for rule in version.rules],
        "prior_rate": version.prior.mean_rate,
        "created_at": to_rfc3339(version.created_at),
        "reason": version.reason,
        "status": status,
    }


def gallery_response(gallery: Gallery, *, counts: bool, plans: bool = True) -> GalleryResponse:
    """Return a gallery; with its totals if `counts`, with its merchandising rules and its experiment if `plans`."""
    response: GalleryResponse = {
        "id": gallery.key.gallery_id,
        "title": gallery.title,
        "ranking": ranking_response(gallery.wanted.ranking),
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
        response["views"] = gallery.totals.views
        response["clicks"] = gallery.totals.clicks
    if plans:
        response["rules"] = [rule_response(rule) for rule in gallery.rules]
        response["experiment_id"] = gallery.experiment.experiment_id if gallery.experiment else None
    return response


def image_response(image: Image, *, counts: bool) -> ImageResponse:
    """Return an image without its position; with its totals and its `hidden` flag if `counts`."""
    described = image.description
    response: ImageResponse = {
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
        "attributes": dict(described.attributes),
        "pinned_position": image.pinned_position,
        "renditions": renditions_response(image.mirrored) if image.mirrored else None,
    }
    if counts:
        response["weight"] = image.weight
        response["events"] = events_response(image.totals)
        response["hidden"] = image.hidden
    return response


def estimate_response(ranking: RankingEstimate) -> EstimateResponse:
    """Return what a ranking would earn, with its first page and today's."""
    result = ranking.estimate
    return {
        "clicks_per_page": result.clicks_per_page,
        "interval": {"low": result.interval.low, "high": result.interval.high},
        "lift": result.lift,
        "lift_interval": {"low": result.lift_interval.low, "high": result.lift_interval.high}
        if result.lift_interval
        else None,
        "support": result.support,
        "enough": result.enough,
        "page_views_needed": result.page_views_needed,
        "considered": ranking.considered,
        "order": [
            {"position": position, "id": image.image_id, "today": ranking.today.get(image.image_id)}
            for position, image in ranking.planned
        ],
    }


def experiment_response(report: ExperimentReport) -> ExperimentResponse:
    """Return the state of an experiment."""
    result = report.result
    return {
        "id": report.experiment.experiment_id,
        "mode": report.experiment.mode,
        "started_at": to_rfc3339(report.experiment.started_at),
        "ready": report.experiment.is_ready,
        "arms": [
            {
                "ranking": ranking_response(ranking),
                "visitors": arm.visitors,
                "clickers": arm.clickers,
                "clicks": arm.clicks,
            }
            for ranking, arm in zip(report.rankings, report.arms, strict=True)
        ],
        "lift": result.lift,
        "preference": result.preference,
        "interval": {"low": result.interval.low, "high": result.interval.high} if result.interval else None,
        "e_value": result.e_value,
        "srm": None
        if result.split_e_value is None
        else {"e_value": result.split_e_value, "flagged": result.decision == "bad_split"},
        "decision": result.decision,
        "events_without_visitor": report.events_without_visitor,
    }


def explanation_response(gallery: Gallery, image: Image, explained: ExplainedImage) -> ExplanationResponse:
    """Return why an image has its position."""
    counts, explanation = explained.counts, explained.explanation
    score = image.score(gallery.live)
    action = score.action if score else None
    return {
        "sentence": explanation.sentence,
        "estimate": explanation.estimate,
        "benefit_of_doubt": explanation.benefit_of_doubt,
        "clicks": counts.rated.clicks,
        "exposure": counts.rated.views,
        "version": gallery.live.number,
        "pinned": image.pinned_position is not None,
        "boosted": action == "boost",
        "buried": action == "bury",
        "lab": events_response(counts.lab),
        "suspects": events_response(counts.suspects),
        "next": {"id": explained.next.image_id, "lead": explained.next.lead} if explained.next else None,
    }


def suspect_response(suspect: Suspect) -> SuspectResponse:
    """Return a visitor whose events look automated."""
    return {
        "visitor": suspect.visitor,
        "reason": suspect.reason,
        "since": to_rfc3339(suspect.since),
        "trusted": suspect.is_trusted,
    }


def placed_response(placed: Placed, arms: Mapping[str, str], *, counts: bool) -> ImageResponse:
    """Return an image with its position, and the arm of `arms` that placed it."""
    response = image_response(placed.image, counts=counts)
    response["position"] = placed.position
    if placed.image.image_id in arms:
        response["arm"] = arms[placed.image.image_id]
    return response


def challenge_response(placed: Placed) -> ChallengeImageResponse:
    """Return an image in the gallery challenge's format."""
    image = placed.image
    return {
        "id": image.image_id,
        "name": image.description.name,
        "weight": image.weight,
        "gridPosition": placed.position,
        "url": image.description.url,
        "created_at": to_rfc3339(image.description.created_at),
        "events": events_response(image.totals),
    }
