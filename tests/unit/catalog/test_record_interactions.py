"""Each interaction is recorded once by its id, whoever else records it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, get_args

import pytest

from tests.memory.catalog import InteractionsInMemory
from tests.memory.galleries import GalleriesInMemory
from vitrine.catalog.model import Interaction, InteractionType, UserKey
from vitrine.catalog.ports import REPLACE_LIMIT, StaleInteractions
from vitrine.catalog.record_interactions import Sent, record_interactions, remove_interaction
from vitrine.catalog.take_events import take_events
from vitrine.engagement.model import Event
from vitrine.galleries.model import Description, GalleryKey, Image, new_gallery
from vitrine.platform.problems import NotFound, Unavailable
from vitrine.ranking.decay import EventType
from vitrine.recommendations.model import TYPE_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANN, BOB = UserKey("shop", "ann"), UserKey("shop", "bob")
VIEW = Interaction("1", "ann", "hat", "view", NOON)


class Raced(InteractionsInMemory):
    """What another process does before each of the first writes."""

    def __init__(self, *acts: Callable[[InteractionsInMemory], object]) -> None:
        super().__init__()
        self._acts = list(acts)

    def replace_interactions(
        self, user: UserKey, changes: Sequence[tuple[Interaction | None, Interaction | None]]
    ) -> None:
        if self._acts:
            self._acts.pop(0)(self)
        super().replace_interactions(user, changes)


def record(repository: InteractionsInMemory, *sent: Sent) -> tuple[list[str], list[UserKey]]:
    bought: list[UserKey] = []
    recorded = record_interactions(repository, "shop", sent, bought.append)
    return [each.status for each in recorded], bought


def test_they_are_created_changed_and_left_alone() -> None:
    repository = InteractionsInMemory()
    purchase = Interaction("2", "bob", "hat", "purchase", NOON, 5)
    assert record(repository, Sent(VIEW), Sent(purchase)) == (["created", "created"], [BOB])
    assert record(repository, Sent(VIEW), Sent(replace(purchase, value=6))) == (["unchanged", "updated"], [BOB])
    assert repository.find_interactions(BOB, ["2"])["2"].value == 6


def test_the_last_of_one_id_counts() -> None:
    repository = InteractionsInMemory()
    assert record(repository, Sent(VIEW), Sent(replace(VIEW, product_id="shoe"))) == (["created", "created"], [])
    assert repository.find_interactions(ANN, ["1"])["1"].product_id == "shoe"


def test_a_resend_without_a_time_keeps_the_first_time() -> None:
    repository = InteractionsInMemory()
    record(repository, Sent(VIEW, says_when=False))
    later = replace(VIEW, occurred_at=NOON + timedelta(minutes=5))
    assert record(repository, Sent(later, says_when=False)) == (["unchanged"], [])
    assert record(repository, Sent(later)) == (["updated"], [])


def test_many_of_one_user_are_written_in_chunks() -> None:
    repository = InteractionsInMemory()
    sent = [Sent(replace(VIEW, interaction_id=f"{at:03}")) for at in range(REPLACE_LIMIT * 2 + 1)]
    assert record(repository, *sent) == (["created"] * len(sent), [])
    assert len(repository.newest_interactions(ANN, 500, None)[0]) == len(sent)


def test_a_race_is_read_again() -> None:
    other = replace(VIEW, product_id="shoe")
    repository = Raced(lambda stored: InteractionsInMemory.replace_interactions(stored, ANN, [(None, other)]))
    assert record(repository, Sent(VIEW)) == (["updated"], [])
    assert repository.find_interactions(ANN, ["1"]) == {"1": VIEW}


def test_an_endless_race_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitrine.platform.retries.time.sleep", lambda _: None)

    def lose(_: InteractionsInMemory) -> None:
        raise StaleInteractions

    with pytest.raises(Unavailable):
        record(Raced(*[lose] * 100), Sent(VIEW))


def test_it_is_removed_once() -> None:
    repository = InteractionsInMemory()
    record(repository, Sent(VIEW))
    remove_interaction(repository, ANN, "1")
    with pytest.raises(NotFound):
        remove_interaction(repository, ANN, "1")


def test_an_event_makes_the_same_interactions_each_time() -> None:
    repository = InteractionsInMemory()
    gallery = new_gallery(GalleryKey("shop", "summer"), NOON)
    described = Description("One", "https://shop.example/1.jpg", NOON, product_ids=("hat", "shoe"))
    galleries = GalleriesInMemory()
    galleries.put_gallery(gallery)
    galleries.commit_images(gallery, [Image(gallery.key, "one", described, "first")], [])
    events = [
        Event("e", "click", "one", user_id="ann"),
        Event("f", "click", "one"),
        Event("g", "view", "two", user_id="ann"),
    ]
    for minutes in (0, 5):
        now = NOON + timedelta(minutes=minutes)
        take_events(repository, galleries.get_images, gallery.key, events, now)
    made, _ = repository.newest_interactions(ANN, 9, None)
    assert sorted((each.product_id, each.type, each.occurred_at) for each in made) == [
        ("hat", "click", NOON),
        ("shoe", "click", NOON),
    ]


def test_each_type_of_events_is_one_of_interactions_and_has_a_weight() -> None:
    assert {*get_args(EventType)} < {*get_args(InteractionType)} == TYPE_WEIGHTS.keys()
