"""The repositories of recommendations keep their contracts on DynamoDB, on S3 and in memory."""

from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.memory.catalog import InteractionsInMemory, ProductsInMemory
from tests.memory.recommendations import (
    FilesInMemory,
    InputsInMemory,
    ModelsInMemory,
    RecentInMemory,
    ResponsesInMemory,
)
from vitrine.catalog.dynamodb import DynamoDBInteractions, DynamoDBProducts
from vitrine.catalog.model import Interaction, Product, UserKey
from vitrine.platform.aws import client
from vitrine.recommendations.dynamodb import (
    DynamoDBBuilds,
    DynamoDBModels,
    DynamoDBRecent,
    DynamoDBRecommendationInputs,
    TableCache,
)
from vitrine.recommendations.model import (
    Bought,
    ChosenWeights,
    Feature,
    Measured,
    Neighbour,
    Neighbourhood,
    Popular,
    Profile,
    Repeats,
    RepeatsIn,
    Scored,
    Shortlist,
    Weights,
    prior,
)
from vitrine.recommendations.model_files import category_key
from vitrine.recommendations.ports import LaterBuild, Model, ModelBuild, Source, StaleRecent, StaleShortlist, WorkItem
from vitrine.recommendations.recent import RecentTouch, replaced
from vitrine.recommendations.s3 import S3Files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.contract.conftest import Tables
    from vitrine.recommendations.ports import BuildRepository, RecentRepository, RecommendationInputs

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANN = UserKey("shop", "ann")
HAT, SHOE = Product("hat", "A hat", "Clothes"), Product("shoe", "A shoe")
NEAR = Neighbourhood([Neighbour("shoe", 1.5, 3.0)], [Neighbour("glove", 0.5, 1.0)], frozenset({1, 2**60}))
TOP = [Popular("hat", 9.0, {7: Feature(1.25, 0.5)}), Popular("shoe", 4.0, {})]
LIST = Shortlist(
    {"hybrid": [Scored("shoe", 2.5, "collaborative", ("hat",))], "content": [Scored("hat", 1.0, "popular", ())]},
    frozenset({"hat"}),
    [Bought("hat", 0.5, 1000.0, None)],
)
NOTHING = Shortlist(again=[])
REPEATS = Repeats(
    RepeatsIn(9, 0.5, {"exclude": 0.1, "allow": 0.2}, "allow"),
    {category_key("clothes"): RepeatsIn(4, 0.9, {"first": 0.3}, "first", "hat")},
    0.06,
    10.0,
)


class Stored(NamedTuple):
    """One kind of all repositories."""

    models: DynamoDBModels | ModelsInMemory
    builds: BuildRepository
    inputs: DynamoDBRecommendationInputs | InputsInMemory
    responses: TableCache | ResponsesInMemory
    products: DynamoDBProducts | ProductsInMemory
    interactions: DynamoDBInteractions | InteractionsInMemory

    def publish(self, number: int, popular: Sequence[Popular] = TOP) -> Model:
        """Build and publish a model."""
        build = self.builds.start("shop", number)
        model = Model(build.number, build.slot)
        self.models.put_popular("shop", model, "", popular)
        self.models.publish("shop", model)
        return model

    def read(self, category: str | None = None) -> RecommendationInputs:
        """Return what Ann's recommendations are made of."""
        return self.inputs.read(ANN, category)


@pytest.fixture(params=["moto", "memory"])
def stored(request: pytest.FixtureRequest, tables_on_moto: Tables) -> Iterator[Stored]:
    if request.param == "memory":
        models, products, interactions = ModelsInMemory(time.time), ProductsInMemory(), InteractionsInMemory()
        inputs = InputsInMemory(models, products, interactions)
        yield Stored(models, models, inputs, ResponsesInMemory(), products, interactions)
        return
    with tables_on_moto("RecommendationsTable", "ProductsTable", "InteractionsTable") as dynamodb:
        table = "RecommendationsTable"
        yield Stored(
            DynamoDBModels(dynamodb, table),
            DynamoDBBuilds(dynamodb, table),
            DynamoDBRecommendationInputs(dynamodb, table, "ProductsTable", "InteractionsTable"),
            TableCache(dynamodb, table),
            DynamoDBProducts(dynamodb, "ProductsTable"),
            DynamoDBInteractions(dynamodb, "InteractionsTable"),
        )


@pytest.fixture(params=["moto", "memory"])
def recent(request: pytest.FixtureRequest, tables_on_moto: Tables) -> Iterator[RecentRepository]:
    if request.param == "memory":
        yield RecentInMemory()
        return
    with tables_on_moto("RecommendationsTable") as dynamodb:
        yield DynamoDBRecent(dynamodb, "RecommendationsTable")


@pytest.fixture(params=["moto", "memory"])
def files(request: pytest.FixtureRequest, tables_on_moto: Tables) -> Iterator[S3Files | FilesInMemory]:
    if request.param == "memory":
        yield FilesInMemory()
        return
    with tables_on_moto():
        client("s3").create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield S3Files(client("s3"), "files")


def _buy(stored: Stored, product_id: str) -> None:
    purchase = Interaction(product_id, "ann", product_id, "purchase", NOON)
    stored.interactions.replace_interactions(ANN, [(None, purchase)])


class TestModels:
    def test_are_read_once_published_with_their_own_rows(self, stored: Stored) -> None:
        models = stored.models
        assert models.model("shop") is None
        model = stored.publish(5)
        models.put_neighbourhoods("shop", model, [("hat", NEAR)])
        assert models.model("shop") == model
        assert models.neighbourhoods("shop", model, ["hat", "shoe"]) == {"hat": NEAR}
        assert models.popular("shop", model) == TOP
        assert models.neighbourhoods("shop", model._replace(number=4), ["hat"]) == {}
        assert models.popular("shop", model._replace(number=4)) == ()
        assert models.model("other") is None

    def test_of_an_earlier_build_change_no_row_of_a_later_one_and_are_not_published(self, stored: Stored) -> None:
        models = stored.models
        earlier, later = (stored.builds.start("shop", number) for number in (5, 6))
        assert earlier.slot == later.slot
        new, old = Model(6, later.slot), Model(5, earlier.slot)
        models.put_neighbourhoods("shop", new, [("hat", NEAR)])
        models.put_neighbourhoods("shop", old, [("hat", Neighbourhood())])
        models.put_popular("shop", new, "", TOP)
        models.put_popular("shop", old, "", [])
        models.publish("shop", old)
        assert models.model("shop") is None
        models.publish("shop", new)
        assert models.neighbourhoods("shop", new, ["hat"]) == {"hat": NEAR}
        assert models.popular("shop", new) == TOP

    def test_have_the_measured_and_chosen_weights(self, stored: Stored) -> None:
        models = stored.models
        assert models.in_effect("shop") == (Weights(), "exclude", ChosenWeights(), Measured())
        measured = Measured(Weights(0.1, 0.9), Profile(7, 70), REPEATS, 30)
        build = stored.builds.start("shop", 5)
        models.put_measured("shop", Model(5, build.slot), measured)
        models.put_measured("shop", Model(4, build.slot), Measured())
        assert models.in_effect("shop").measured == Measured()
        models.publish("shop", Model(5, build.slot))
        assert models.model("shop") == Model(5, build.slot, Weights(0.1, 0.9), Profile(7, 70))
        assert models.in_effect("shop") == (Weights(0.1, 0.9), "allow", ChosenWeights(), measured)
        assert [stored.read(category).repeat for category in (None, "clothes", "food")] == ["allow", "first", "allow"]
        chosen = ChosenWeights(collaborative=0.5, repeat="first", categories={"food": "exclude"})
        models.set_weights("shop", chosen)
        assert models.in_effect("shop") == (Weights(0.5, 0.9), "first", chosen, measured)
        assert [stored.read(category).repeat for category in (None, "food")] == ["first", "exclude"]
        stored.publish(6)
        assert models.in_effect("shop").measured == Measured()


class TestBuilds:
    def test_go_on_part_by_part_until_another_starts(self, stored: Stored) -> None:
        builds = stored.builds
        assert builds.find("shop") is None
        first = builds.start("shop", 100, if_changed=True)
        assert first[:4] == (100, "a", "running", frozenset())
        assert first.if_changed
        part = WorkItem("shop", 100, "export", "00")
        after = builds.finish_part(part, Source(3, "abc"))
        assert after is not None
        assert after.done == {"export/00"}
        assert after.sources == {"00": Source(3, "abc")}
        assert builds.finish_part(part._replace(step="learn", part="model")) == builds.find("shop")
        second = builds.start("shop", 50)
        assert second.number == 101
        assert (second.done, second.sources) == (frozenset(), {})
        assert builds.finish_part(part) is None
        builds.end("shop", 100, "completed")
        assert _found(stored).status == "running"
        builds.end("shop", 101, "completed")
        assert _found(stored).status == "completed"

    def test_write_into_the_slot_that_is_not_published(self, stored: Stored) -> None:
        slots = [stored.publish(number).slot for number in (1, 2, 3)]
        assert slots == ["a", "b", "a"]

    def test_remember_what_the_published_model_was_learned_from(self, stored: Stored) -> None:
        build = stored.builds.start("shop", 1)
        stored.builds.finish_part(WorkItem("shop", 1, "export", "00"), Source(3, "abc"))
        stored.models.publish("shop", Model(1, build.slot))
        for published in (_found(stored).published, stored.builds.start("shop", 2).published):
            assert published is not None
            assert (published.number, published.sources) == (1, {"00": Source(3, "abc")})
        assert not _found(stored).has_nothing_new()

    def test_count_what_changed_since_they_started(self, stored: Stored) -> None:
        assert stored.builds.count_changes("shop", 3) == (None, 3)
        stored.builds.start("shop", 1)
        build, changes = stored.builds.count_changes("shop", 2)
        assert build is not None
        assert (build.number, changes) == (1, 2)

    def test_start_after_the_build_that_was_seen_or_not_at_all(self, stored: Stored) -> None:
        assert stored.builds.start("shop", 5, after=0).number == 5
        for seen in (0, 4):
            with pytest.raises(LaterBuild):
                stored.builds.start("shop", 6, after=seen)
        assert stored.builds.start("shop", 6, after=5).number == 6


class TestShortlists:
    def test_are_replaced_and_dropped_only_in_the_version_that_was_read(self, stored: Stored) -> None:
        inputs = stored.inputs
        model = stored.publish(5)
        assert inputs.shortlist_version(ANN) is None
        inputs.put_shortlist(ANN, model, Shortlist(), None)
        version = inputs.shortlist_version(ANN)
        assert version is not None
        inputs.put_shortlist(ANN, model, LIST, version)
        for stale in (None, version):
            with pytest.raises(StaleShortlist):
                inputs.put_shortlist(ANN, model, Shortlist(), stale)
        with pytest.raises(StaleShortlist):
            inputs.drop_shortlist(ANN, version)
        inputs.drop_shortlist(ANN, None)
        assert stored.read().shortlist() == LIST
        inputs.drop_shortlist(ANN, inputs.shortlist_version(ANN))
        assert stored.read().shortlist() == NOTHING
        inputs.put_shortlist(ANN, model, LIST, None)
        inputs.erase(ANN)
        assert inputs.shortlist_version(ANN) is None

    def test_keep_their_model_until_another_is_two_models_on(self, stored: Stored) -> None:
        first = stored.publish(5)
        stored.inputs.put_shortlist(ANN, first, LIST, None)
        stored.publish(6, [Popular("glove", 1.0, {})])
        inputs = stored.read()
        assert (inputs.model, inputs.shortlist()) == (5, LIST)
        assert [scored.product_id for scored in inputs.popular] == ["hat", "shoe"]
        stored.publish(7, [])
        inputs = stored.read()
        assert (inputs.model, inputs.shortlist(), list(inputs.popular)) == (7, NOTHING, [])

    def test_are_read_with_what_is_popular_in_a_category(self, stored: Stored) -> None:
        inputs = stored.read()
        assert (inputs.model, inputs.shortlist(), list(inputs.popular)) == (None, NOTHING, [])
        model = stored.publish(5)
        stored.models.put_popular("shop", model, category_key("Clothes"), TOP[:1])
        assert list(stored.read("clothes").popular) == [Scored("hat", prior(9.0), "popular", ())]
        assert len(stored.read().popular) == 2
        assert list(stored.read("food").popular) == []

    def test_have_another_stamp_after_whatever_makes_a_response_wrong(self, stored: Stored) -> None:
        stamps = [stored.read().stamp]
        model = stored.publish(5)
        stamps.append(stored.read().stamp)
        stored.inputs.put_shortlist(ANN, model, LIST, None)
        stamps.append(stored.read().stamp)
        _buy(stored, "hat")
        stamps.append(stored.read().stamp)
        stored.models.note("shop")
        stamps.append(stored.read().stamp)
        assert len(set(stamps)) == len(stamps)
        stored.inputs.put_shortlist(ANN, model, LIST, stored.inputs.shortlist_version(ANN))
        assert stored.read().stamp == stamps[-1]

    def test_show_what_is_available_and_was_not_bought(self, stored: Stored) -> None:
        gone = Product("gone", "Sold out", available=False)
        stored.products.put_products("shop", [HAT, SHOE, gone])
        _buy(stored, "hat")
        wanted = ["hat", "shoe", "gone", "unknown"]
        assert stored.inputs.sellable(ANN, wanted) == {"shoe": SHOE}
        assert stored.inputs.sellable(ANN, wanted, include_bought=True) == {"hat": HAT, "shoe": SHOE}
        assert stored.inputs.sellable(ANN, []) == {}
        assert stored.inputs.bought(ANN, wanted) == {"hat"}
        assert stored.inputs.bought(UserKey("shop", "bob"), wanted) == set()


def test_responses_are_kept_until_they_are_dropped(stored: Stored) -> None:
    responses = stored.responses
    assert responses.get(ANN, stored.read()) is None
    responses.put(ANN, b"one")
    responses.put(ANN, b"two")
    assert responses.get(ANN, stored.read()) == b"two"
    bob = UserKey("shop", "bob")
    assert responses.get(bob, stored.inputs.read(bob, None)) is None
    responses.drop(ANN)
    assert responses.get(ANN, stored.read()) is None


def test_files_are_written_once_and_deleted_by_build(files: S3Files | FilesInMemory) -> None:
    for name in ("shop/1/a.csv", "shop/2/a.csv.gz", "shop2/1/a.csv"):
        files.write_once(name, ["one\n", "two\n"])
        files.write_once(name, ["other\n"])
        assert list(files.read(name)) == ["one\n", "two\n"]
    files.delete("shop/", before="shop/2/")
    assert list(files.read("shop/2/a.csv.gz")) == list(files.read("shop2/1/a.csv")) == ["one\n", "two\n"]
    with pytest.raises(Exception, match=r"NoSuchKey|shop/1"):
        list(files.read("shop/1/a.csv"))


def test_files_are_copied_to_the_disk_and_back(files: S3Files | FilesInMemory, tmp_path: Path) -> None:
    files.write_once("shop/1/tables/sold/00.csv.gz", ["one\n", "two\n"])
    files.write_once("shop/1/other.csv", ["other\n"])
    files.fetch("shop/1/tables", tmp_path)
    [copy] = (path for path in tmp_path.rglob("*") if path.is_file())
    assert copy == tmp_path / "sold" / "00.csv.gz"
    text = gzip.decompress(copy.read_bytes()).decode()
    (tmp_path / "result.csv").write_text(text)
    files.store(tmp_path / "result.csv", "shop/1/results/result.csv")
    assert list(files.read("shop/1/results/result.csv")) == ["one\n", "two\n"]


def _found(stored: Stored) -> ModelBuild:
    build = stored.builds.find("shop")
    assert build is not None
    return build


class TestNewestTouches:
    TOUCHES = (
        RecentTouch(2, "tea", 1.0, 20, 21),
        RecentTouch(1, "mug", 0.25, 20, 21),
        RecentTouch(2, "mug", 0.5, 10, 11),
    )

    def test_are_read_as_they_were_written(self, recent: RecentRepository) -> None:
        assert recent.find("shop") == (0, [])
        touches = replaced([], {1: self.TOUCHES[1:2], 2: [self.TOUCHES[0], self.TOUCHES[2]]})
        recent.put("shop", touches, 0)
        assert recent.find("shop") == (1, touches)
        assert recent.find("other") == (0, [])

    def test_replace_only_the_version_that_was_read(self, recent: RecentRepository) -> None:
        recent.put("shop", self.TOUCHES[:1], 0)
        for version in (0, 2):
            with pytest.raises(StaleRecent):
                recent.put("shop", [], version)
        recent.put("shop", [], 1)
        assert recent.find("shop") == (2, [])

    def test_are_gone_when_dropped(self, recent: RecentRepository) -> None:
        recent.put("shop", self.TOUCHES[:1], 0)
        for _ in range(2):
            recent.drop("shop")
        assert recent.find("shop") == (0, [])
