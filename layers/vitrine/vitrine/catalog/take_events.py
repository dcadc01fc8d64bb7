"""Record gallery events of known users as interactions with the products of the images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.catalog.model import Interaction, interaction_id_of
from vitrine.catalog.record_interactions import Sent, record_interactions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from vitrine.catalog.ports import InteractionRepository
    from vitrine.engagement.model import Event
    from vitrine.galleries.model import GalleryKey, Image

    ReadImages = Callable[[GalleryKey, Iterable[str]], Mapping[str, Image]]


def take_events(
    repository: InteractionRepository,
    read_images: ReadImages,
    gallery: GalleryKey,
    events: Sequence[Event],
    now: datetime,
) -> None:
    """Record an interaction for each event that names a user, and each product of its image.

    An event always makes the same interactions, so an event that is sent again changes nothing.
    """
    images = read_images(gallery, {event.image_id for event in events})
    sent = [
        Sent(
            Interaction(
                interaction_id_of(gallery.gallery_id, event.event_id, product_id),
                event.user_id,
                product_id,
                event.type,
                event.occurred_at or now,
            ),
            event.occurred_at is not None,
        )
        for event in events
        if event.user_id is not None and event.image_id in images
        for product_id in images[event.image_id].description.product_ids
    ]
    if sent:
        record_interactions(repository, gallery.merchant_id, sent, on_purchase=lambda _: None)
