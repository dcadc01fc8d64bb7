"""Galleries and images as clients read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from vitrine.platform.times import to_rfc3339

if TYPE_CHECKING:
    from vitrine.galleries.model import Gallery, Image, Placed


class RankingAnswer(TypedDict):
    policy: str


class GalleryAnswer(TypedDict):
    id: str
    title: str | None
    ranking: RankingAnswer
    counting: str
    public_counts: bool
    created_at: str
    images: int
    views: NotRequired[int]
    clicks: NotRequired[int]


class DeletionAnswer(TypedDict):
    status: str


class EventsAnswer(TypedDict):
    views: int
    clicks: int


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


class FieldErrorAnswer(TypedDict):
    pointer: str
    detail: str


class PutImageAnswer(TypedDict):
    id: str | None
    status: str
    errors: NotRequired[list[FieldErrorAnswer]]


class PutImagesAnswer(TypedDict):
    results: list[PutImageAnswer]


class MismatchAnswer(TypedDict):
    id: str
    shown: EventsAnswer
    counted: EventsAnswer


class AuditAnswer(TypedDict):
    images: int
    mismatched: list[MismatchAnswer]


class ChallengeImageAnswer(TypedDict):
    id: str
    name: str
    weight: int
    gridPosition: int
    url: str
    created_at: str
    events: EventsAnswer


def gallery_answer(gallery: Gallery, *, counts: bool) -> GalleryAnswer:
    """A gallery; with `counts`, what was counted for it."""
    answer: GalleryAnswer = {
        "id": gallery.key.gallery_id,
        "title": gallery.title,
        "ranking": {"policy": gallery.policy},
        "counting": gallery.counting,
        "public_counts": gallery.public_counts,
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
    }
    if counts:
        answer["weight"] = image.weight
        answer["events"] = {"views": image.totals.views, "clicks": image.totals.clicks}
        answer["hidden"] = image.hidden
    return answer


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
