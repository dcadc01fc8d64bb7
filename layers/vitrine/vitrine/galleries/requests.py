"""Request bodies of galleries and images."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from vitrine.galleries.model import ATTRIBUTE_NAME, Description, GalleryChanges
from vitrine.platform.requests import STORABLE, WHOLE, Id, RequestBody, UtcTime, WebAddress
from vitrine.ranking.lab import LARGEST_SHARE
from vitrine.ranking.merchandising import Rule
from vitrine.ranking.model import HALF_LIFE_DAYS, Ranking
from vitrine.ranking.policies import POLICIES

MOST_IMAGES = 100
LAST_PINNED_POSITION = 10_000
MOST_RULES = 20
MOST_ATTRIBUTE_CHARACTERS = 2000


def _small(attributes: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(attributes, ensure_ascii=False)) > MOST_ATTRIBUTE_CHARACTERS:
        message = f"must have at most {MOST_ATTRIBUTE_CHARACTERS} characters as JSON"
        raise ValueError(message)
    return attributes


Name = Annotated[str, Field(min_length=1, max_length=300)]
Caption = Annotated[str, Field(max_length=2000)]
Alt = Annotated[str, Field(max_length=1000)]
Tags = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(max_length=50)]
Credit = Annotated[str, Field(max_length=300)]
ProductIds = Annotated[tuple[Id, ...], Field(max_length=50)]
AttributeName = Annotated[str, Field(pattern=ATTRIBUTE_NAME)]
AttributeText = Annotated[str, Field(strict=True, min_length=1, max_length=100)]
_Bounded = Field(strict=True, ge=-1e12, le=1e12, allow_inf_nan=False)
AttributeNumber = Annotated[int, Field(strict=True, ge=-(10**12), le=10**12)] | Annotated[float, _Bounded, STORABLE]
AttributeTexts = Annotated[list[AttributeText], Field(min_length=1, max_length=20)]
Attributes = Annotated[
    dict[AttributeName, AttributeText | AttributeNumber | AttributeTexts],
    AfterValidator(_small),
    Field(max_length=20, description="Texts and numbers by name, such as `colour` or `price`, to filter searches by."),
]
Pixels = Annotated[int, Field(ge=1, le=1_000_000), WHOLE]


def _known(policy: str) -> str:
    if policy not in POLICIES:
        raise ValueError(f"must be one of {', '.join(POLICIES)}")
    return policy


class RankingSettings(RequestBody):
    """How a gallery orders its images. docs/ranking.md describes the policies."""

    model_config = ConfigDict(title="Ranking")

    policy: Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*POLICIES]})] = "interest"
    half_life_days: Annotated[
        int,
        Field(
            ge=1,
            le=365,
            description="For `trending_rate`: the number of days in which an event loses half of its weight.",
        ),
        WHOLE,
    ] = HALF_LIFE_DAYS
    lab_share: Annotated[
        float,
        Field(
            ge=0,
            le=LARGEST_SHARE,
            description="The share of visitors who see a page in random order, which estimates other policies.",
        ),
    ] = 0.0

    def ranking(self) -> Ranking:
        """Return the ranking as the domain has it."""
        return Ranking(self.policy, self.half_life_days, self.lab_share)


class RuleSettings(RequestBody):
    """A merchandising rule: boosts or buries the images with a tag or a product, whatever policy orders the gallery.

    If several rules match an image, the first one decides.
    """

    model_config = ConfigDict(title="Rule")

    action: Literal["boost", "bury"]
    tag: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    product_id: Id | None = None
    starts_at: Annotated[UtcTime | None, Field(description="At once by default.")] = None
    ends_at: Annotated[UtcTime | None, Field(description="Never by default.")] = None

    @model_validator(mode="after")
    def _is_complete(self) -> RuleSettings:
        if (self.tag is None) == (self.product_id is None):
            message = "must have either a tag or a product_id"
            raise ValueError(message)
        if self.starts_at and self.ends_at and self.starts_at >= self.ends_at:
            message = "must end after it starts"
            raise ValueError(message)
        return self

    def rule(self) -> Rule:
        """Return the rule as the domain has it."""
        return Rule(self.action, self.tag, self.product_id, self.starts_at, self.ends_at)


class StartExperimentRequest(RequestBody):
    """An experiment: the gallery's present ranking, and the one to compare with it."""

    mode: Annotated[
        Literal["split", "interleave"],
        Field(
            description="`split`: each half of the visitors sees one arm's order. `interleave`: every visitor sees "
            "pages that both arms take turns in making; events name the `arm` of the image. It tells sooner which arm "
            "is better, and not by how much."
        ),
    ] = "split"
    arms: Annotated[tuple[RankingSettings, ...], Field(min_length=2, max_length=2)]


class PutGalleryRequest(RequestBody):
    """A gallery, or changes to one. Fields that are not sent stay as they are."""

    title: Annotated[str, Field(max_length=300)] | None = None
    ranking: Annotated[RankingSettings | None, Field(description="`interest` by default.")] = None
    public_counts: Annotated[
        bool,
        Field(
            default_factory=bool,
            description="Whether a publishable key may read counts: `events` and `weight` of images, `views` and "
            "`clicks` of the gallery. False by default; a change takes effect within 2 s.",
        ),
    ]
    cache_seconds: Annotated[
        int,
        Field(
            default_factory=int,
            ge=1,
            le=3600,
            description="How many seconds shared caches may keep responses to a publishable key. 2 by default.",
        ),
        WHOLE,
    ]
    counting: Annotated[
        Literal["once_an_hour", "every_event"] | None,
        Field(
            description="How often a visitor of a web page counts for an image: once an hour for views and for clicks, "
            "unless `every_event`. A change takes effect within 10 s."
        ),
    ] = None
    mirror: Annotated[
        bool,
        Field(
            default_factory=bool,
            description="Whether pictures are copied and served in every size; true by default. If false, images have "
            "no `renditions` and are shown from their own addresses. A change applies to all images within minutes.",
        ),
    ]

    rules: Annotated[
        tuple[RuleSettings, ...],
        Field(
            default=(),
            max_length=MOST_RULES,
            description="Merchandising rules; they replace the present ones. A rule starts and ends within two minutes "
            "of its time, or after an experiment that is running then.",
        ),
    ]

    def changes(self) -> GalleryChanges:
        """Return the fields that were sent, as the domain has them."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        if "ranking" in sent:
            sent["ranking"] = sent["ranking"] and sent["ranking"].ranking()
        if "rules" in sent:
            sent["rules"] = tuple(rule.rule() for rule in sent["rules"])
        return cast(
            "GalleryChanges", {name: value for name, value in sent.items() if value is not None or name == "title"}
        )


class NewImage(RequestBody):
    """An image to create, or a new description of one."""

    id: Id | None = None
    name: Name
    url: WebAddress
    created_at: UtcTime | None = None
    caption: Caption | None = None
    alt: Alt | None = None
    tags: Tags | None = None
    credit: Credit | None = None
    product_ids: ProductIds | None = None
    width: Pixels | None = None
    height: Pixels | None = None
    attributes: Attributes | None = None

    def description(self, now: datetime) -> Description:
        """Return the image's description; `created_at` is `now` unless it was sent."""
        return Description(
            name=self.name,
            url=self.url,
            created_at=self.created_at or now,
            caption=self.caption,
            alt=self.alt,
            tags=self.tags or (),
            credit=self.credit,
            product_ids=self.product_ids or (),
            width=self.width,
            height=self.height,
            attributes=self.attributes or {},
        )


class PostImagesRequest(RequestBody):
    """Images, each validated separately."""

    images: Annotated[tuple[NewImage, ...], Field(min_length=1, max_length=MOST_IMAGES)]


class PatchImageRequest(RequestBody):
    """Changes to an image; null removes an optional field. Read only the fields that were sent."""

    name: Annotated[Name, Field(default_factory=str)]
    url: Annotated[WebAddress, Field(default_factory=str)]
    created_at: Annotated[UtcTime, Field(default_factory=lambda: datetime.min.replace(tzinfo=UTC))]
    caption: Caption | None = None
    alt: Alt | None = None
    tags: Tags | None = None
    credit: Credit | None = None
    product_ids: ProductIds | None = None
    width: Pixels | None = None
    height: Pixels | None = None
    attributes: Attributes | None = None
    pinned_position: Annotated[int, Field(ge=1, le=LAST_PINNED_POSITION), WHOLE] | None = None
    hidden: Annotated[bool, Field(default_factory=bool)]
