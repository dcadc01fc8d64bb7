"""An import leaves the state of one clean run, whichever call fails and whoever else is at it."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.faults.imports.network import FATES, Crash, Fate, Network
from tests.faults.imports.shop import Outcome, Shop, bad_network
from vitrine.imports.dynamodb import DynamoDBImports
from vitrine.imports.images import ImageRow

if TYPE_CHECKING:
    from datetime import datetime

    from vitrine.galleries.put_images import ImageDraft
    from vitrine.imports.model import Import, ImportKey, Progress
    from vitrine.imports.ports import Lease


pytestmark = pytest.mark.usefixtures("aws_credentials")


def run(fates: dict[int, Fate], **parts: Any) -> tuple[Outcome, Network]:
    network = Network(fates)
    world = bad_network(network)
    with world as told:
        shop = Shop(network, **parts)
        shop.deliver_until_empty([told])
        world.calm()
        assert shop.failure_queue == []
        return shop.outcome(), network


@cache
def clean() -> tuple[Outcome, int]:
    outcome, network = run({})
    return outcome, network.calls


def test_the_clean_run_is_what_the_file_says() -> None:
    outcome, _ = clean()
    assert (outcome.status, outcome.counts) == ("completed", (10, 7, 3))
    assert outcome.rejections == ((3, "id"), (5, "name"), (7, "url"))
    assert outcome.images_counted == len(outcome.images) == 6
    assert outcome.images["a"][0] == "Last"
    assert [name for name, _, created in outcome.images.values() if created == "import"] == ["Unnamed"]


@pytest.mark.parametrize("fate", FATES)
def test_any_one_call_may_fail(fate: Fate) -> None:
    outcome, calls = clean()
    for number in range(1, calls + 1):
        after, network = run({number: fate})
        assert after == outcome, (number, network.met)


@pytest.mark.parametrize("seed", range(20))
def test_many_calls_may_fail(seed: int) -> None:
    outcome, calls = clean()
    dice = random.Random(seed)
    fates = {number: dice.choice(FATES) for number in range(1, calls * 2) if dice.random() < 0.06}
    after, network = run(fates)
    assert after == outcome, network.met


@pytest.mark.parametrize("dies_after", [None, 1, 5])
def test_a_message_may_be_delivered_again_at_any_moment(dies_after: int | None) -> None:
    """Another worker meets it while the first waits for any one of its calls; then the first goes on, or dies."""
    outcome, calls = clean()
    for number in range(1, calls + 1):
        after = run_beside(number, dies_after)
        assert after == outcome, number


def run_beside(number: int, dies_after: int | None, **parts: Any) -> Outcome:
    def visit() -> None:
        second.visit(told)
        if dies_after:
            network.fates[network.calls + dies_after] = "crash_before"

    network = Network(between={number: visit})
    world = bad_network(network)
    with world as told:
        shop, second = Shop(network, **parts), Shop(network, **parts)
        shop.deliver_until_empty([told], chunks=3)
        world.calm()
        return shop.outcome()


def test_the_file_is_read_again_from_where_the_import_stands() -> None:
    _, calls_of_three = clean()
    network = Network()
    world = bad_network(network)
    with world as told:
        shop = Shop(network)
        shop.deliver_until_empty([told], chunks=100)
        world.calm()
        assert shop.outcome() == clean()[0]
    assert network.calls < calls_of_three


def test_an_import_whose_every_run_dies_fails_and_its_message_is_set_aside() -> None:
    network = Network({})
    world = bad_network(network)
    with world as told:
        shop = Shop(network, row=DeadlyRow)
        shop.deliver_until_empty([told], chunks=100)
        world.calm()
        outcome = shop.outcome()
    assert outcome.status == "failed"
    assert shop.failure_queue == [told]


class DeadlyRow(ImageRow):
    def draft(self, now: datetime) -> ImageDraft:
        raise Crash


class WithoutLease(DynamoDBImports):
    """The guard is gone: whoever asks gets the import."""

    def lease(self, key: ImportKey, lease: Lease, now: datetime) -> Import | None:
        found = self.find(key)
        if found is None or found.status in ("completed", "failed"):
            return None
        self._update(key, "SET lease_owner = :owner", "attribute_exists(pk)", {":owner": {"S": lease.owner}})
        return found


class WithoutFence(WithoutLease):
    """And progress is written over whatever stands there."""

    def advance(self, key: ImportKey, lease: Lease, before: Progress, after: Progress) -> None:
        names = (":read", ":imported", ":rejected", ":offset")
        values = dict(zip(names, ({"N": str(count)} for count in after), strict=True))
        self._update(
            key,
            "SET rows_read = :read, rows_imported = :imported, rows_rejected = :rejected, bytes_read = :offset",
            "attribute_exists(pk)",
            values,
        )


class RowWithRandomId(ImageRow):
    """An id by chance instead of one made from the address."""

    def draft(self, now: datetime) -> ImageDraft:
        return super().draft(now)._replace(image_id=self.id or uuid4().hex)


@pytest.mark.parametrize("guardless", [WithoutLease, WithoutFence])
def test_without_its_guards_an_import_goes_wrong(guardless: type[DynamoDBImports]) -> None:
    outcome, calls = clean()
    assert any(
        run_beside(number, dies_after, imports=guardless) != outcome
        for number in range(1, calls + 1)
        for dies_after in (None, 5, 6)
    )


def test_with_ids_by_chance_an_import_goes_wrong() -> None:
    outcome, calls = clean()
    assert any(
        run({number: "crash_after"}, row=RowWithRandomId)[0].images_counted > outcome.images_counted
        for number in range(1, calls + 1)
    )
