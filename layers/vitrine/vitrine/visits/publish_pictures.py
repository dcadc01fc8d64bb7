"""Publish measured pictures in galleries, or send them to review."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from vitrine.galleries.model import Description, GalleryKey
from vitrine.galleries.put_images import ImageDraft, put_images
from vitrine.platform.problems import NotFound
from vitrine.review.model import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vitrine.galleries.ports import GalleryRepository
    from vitrine.visits.model import JobKey, Outcome

_LONGEST_NAME = 300


def publish_pictures(
    galleries: GalleryRepository,
    new_incarnation: Callable[[], str],
    add_snapshots: Callable[[Iterable[Snapshot]], object],
    key: JobKey,
    outcomes: Sequence[Outcome],
) -> None:
    """Create an image or a snapshot for each measured picture, once: its id contains its position in the job.

    Pictures for a gallery or product that was deleted meanwhile are left out.
    """
    add_snapshots([_snapshot(key, outcome) for outcome in outcomes if outcome.task.review])
    by_gallery: dict[str, list[ImageDraft]] = {}
    for outcome in outcomes:
        if outcome.task.gallery_id and not outcome.task.review:
            by_gallery.setdefault(outcome.task.gallery_id, []).append(_draft(key, outcome))
    for gallery_id, drafts in by_gallery.items():
        try:
            put_images(galleries, GalleryKey(key.merchant_id, gallery_id), drafts, new_incarnation=new_incarnation)
        except NotFound:
            continue


def _draft(key: JobKey, outcome: Outcome) -> ImageDraft:
    task, picture = outcome.task, outcome.picture
    file_name = unquote(urlsplit(task.url).path).rpartition("/")[2]
    description = Description(
        name=(file_name or task.store_id)[:_LONGEST_NAME],
        url=task.url,
        created_at=task.visited_at,
        tags=tuple(tag for tag in (task.store_id, outcome.area) if tag),
        product_ids=(task.product_id,) if task.product_id else (),
        width=picture.display_width if picture else None,
        height=picture.display_height if picture else None,
    )
    return ImageDraft(f"{key.job_id}.{task.at}", description)


def _snapshot(key: JobKey, outcome: Outcome) -> Snapshot:
    """Return a snapshot of the picture's product, or of its store if no product is named."""
    task = outcome.task
    name = f"{key.job_id}.{task.at}"
    return Snapshot(
        merchant_id=key.merchant_id,
        snapshot_id=name,
        product_id=task.product_id or task.store_id,
        filename=name,
        created_at=task.visited_at,
        url=task.url,
        gallery_id=task.gallery_id,
    )
