"""Record gallery events of known users as interactions with the products of the images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.catalog.model import Interaction, interaction_id_of
from vitrine.catalog.record_interactions import Sent, record_interactions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from vitrine.catalog.ports import InteractionRepository
    from vitrine.engagement.model import Event
    from vitrine.galleries.model import GalleryKey


def take_events(
    repository: InteractionRepository,
    gallery: GalleryKey,
    events: Sequence[Event],
    products: Mapping[str, Sequence[str]],
    *,
    now: datetime,
) -> None:
    """Record an interaction for each of `events` that names a user, and each of its image's `products`.

    An event always makes the same interactions, so an event that is sent again changes nothing.
    """
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
        if event.user_id is not None
        for product_id in products.get(event.image_id, ())
    ]
    if sent:
        record_interactions(repository, gallery.merchant_id, sent, on_purchase=lambda _: None)
