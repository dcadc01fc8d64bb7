"""The contract of both search engines."""

from __future__ import annotations

import json
import random
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import opensearch as node
from tests.engines import START, Engine, embedded, image, opensearch
from vitrine.platform.aws import client
from vitrine.search import tantivy
from vitrine.search.languages import Language
from vitrine.search.model import (
    NOT_PLACED,
    AttributeFilter,
    Facet,
    FacetCount,
    Filters,
    MerchantSettings,
    Orientation,
    Placed,
    Sort,
    SynonymRule,
)
from vitrine.search.relevance import words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opensearchpy import OpenSearch

    from vitrine.search.model import IndexedImage


_FIELDS = (Sort.NEWEST, Sort.OLDEST, Sort.WEIGHT)


@pytest.fixture(scope="session")
def cluster() -> Iterator[OpenSearch]:
    with node.running_node() as started:
        yield started


@pytest.fixture(params=["embedded", "opensearch"])
def engine(request: pytest.FixtureRequest, cloud: None, tmp_path: Path) -> Engine:
    if request.param == "embedded":
        return embedded(client("s3"), "searchbucket", tmp_path)
    return opensearch(request.getfixturevalue("cluster"))


def test_an_index_that_was_never_written_is_empty(engine: Engine) -> None:
    assert engine.page("dress").total.value == 0
    assert engine.finder.suggest(engine.shop, "dre", 5) == []


class TestWords:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("dress", ["dress"]),
            ("DRESSES", ["dress"]),
            ("dres", ["dress"]),
            ("drses", ["dress"]),
            ("cafe", ["cafe"]),
            ("caf\u00e9", ["cafe"]),
            ("cafe\u0301 malmo", ["cafe"]),
            ("spider man", ["spider"]),
            ("spiderman", ["spider"]),
            ("stra\u00dfe", ["street"]),
            ("strasse", ["street"]),
            ("\u6771\u4eac", ["tokyo"]),
            ("\u041c\u043e\u0441\u043a\u0432\u0430", ["moscow"]),
            ("2024", ["year"]),
            ('"summer dress"', ["dress"]),
            ('"dress summer"', []),
            ("lee", ["dress"]),
            ("poplin", ["dress"]),
            ("nothing of it", []),
            ("\U0001f3a8", []),
            ("...", []),
        ],
    )
    def test_are_found_in_every_field_and_spelling(self, engine: Engine, text: str, found: list[str]) -> None:
        engine.put(
            image("dress", "Red summer dress", caption="In poplin", credit=("Ann Lee",)),
            image("cafe", "Cafe\u0301 in Malm\u00f6"),
            image("spider", "Spider-Man"),
            image("street", "Lange Stra\u00dfe"),
            image("tokyo", "\u6771\u4eac\u30bf\u30ef\u30fc"),
            image("moscow", "\u041c\u043e\u0441\u043a\u0432\u0430"),
            image("year", "\u2461\u2460 2024"),
            image("nameless"),
        )
        assert engine.found(text) == found

    def test_all_of_them_come_before_any_of_them_and_names_before_captions(self, engine: Engine) -> None:
        engine.put(
            image("caption", "Shoe", caption="with a blue sole"),
            image("name", "Blue shoe"),
            image("one", "Blue hat"),
            image("neither", "Green hat"),
        )
        assert engine.found("blue shoe") == ["name", "caption", "one"]
        assert engine.found("blue shoe", sort=Sort.OLDEST) == ["caption", "name"]
        assert engine.found("blue trousers", sort=Sort.OLDEST) == ["name", "one", "caption"] or sorted(
            engine.found("blue trousers", sort=Sort.OLDEST)
        ) == ["caption", "name", "one"]

    @pytest.mark.parametrize(
        "text", ['screen 15"', "screen 15 inch", "screen 38.1cm", "15-inch screen", '15" screen 16"']
    )
    def test_amounts_are_found_in_every_unit(self, engine: Engine, text: str) -> None:
        engine.put(
            image("1", 'Screen 15"'),
            image("2", "Screen", caption="of 38.1 cm"),
            image("3", "Screen for 15 people"),
            image("4", "Screen 17 inch"),
        )
        assert sorted(engine.found(text)[:2]) == ["1", "2"]

    def test_an_amount_is_no_typo_of_another(self, engine: Engine) -> None:
        engine.put(image("1", "Soap 500mg"), image("2", "Soap 0.5 l"))
        assert engine.found("soap 500ml", sort=Sort.OLDEST) == ["2"]

    def test_a_pair_of_words_is_also_found_as_one_word(self, engine: Engine) -> None:
        engine.put(image("1", "A head and a set"), image("2", "Headset, black"), image("3", "Hat"))
        assert sorted(engine.found("head set", sort=Sort.OLDEST)) == ["1", "2"]
        assert engine.found("head set")[0] == "2"

    def test_placed_images_are_first_and_last(self, engine: Engine) -> None:
        names = {"1": "Shoe", "2": "Shoe, green", "3": "A green shoe for long walks", "4": "Hat", "5": "Scarf"}
        images = {image_id: image(image_id, name, tags=("all",)) for image_id, name in names.items()}
        images["1"] = replace(images["1"], weight=1e9)
        engine.put(*images.values())
        best, *others, worst = engine.found("green shoe")
        assert {best, *others, worst} == {"1", "2", "3"}
        settings = MerchantSettings(
            placed={"Green shoe": Placed(tuple(images[each].key for each in ("5", worst, "4")), (images[best].key,))}
        )
        placed = settings.placed_for(words("green SHOES"))
        assert settings.placed_for(words("shoe green")) == NOT_PLACED
        expected = ["5", worst, "4", *others, best]
        assert engine.found("green shoe", placed=placed) == expected
        assert [hits[0] for hits in engine.pages("green shoe", placed=placed, limit=1)] == expected
        page = engine.page("green shoe", placed=placed, facets=(Facet.TAG,))
        assert (page.total.value, page.facets) == (5, {Facet.TAG: (FacetCount("all", 5),)})
        assert engine.found("green shoe", placed=placed, filters=Filters(tag="none")) == []
        assert sorted(engine.found("green shoe", placed=placed, sort=Sort.NEWEST)) == ["2", "3"]
        engine.drop(images["5"])
        assert engine.found("green shoe", placed=placed) == expected[1:]

    def test_synonyms_find_what_is_named_otherwise(self, engine: Engine) -> None:
        layout = "Layout: QWERTY\nScreen: 15"
        engine.put(
            *(image(f"{n}", f"Acme notebook {n}", caption="with a lid", text=layout) for n in range(4)),
            *(image(f"5{n}", "Laptop lock", text="Key: 2") for n in range(3)),
            image("6", "Portable computer", text=layout),
            image("7", "A computer, not portable"),
            image("8", "Hat"),
            *(image(f"9{n}", "Scarf", text="Material: wool") for n in range(9)),
        )
        settings = MerchantSettings(
            synonyms=(
                SynonymRule(("Laptop", "notebook", "portable computer")),
                SynonymRule(("hat",), "headgear"),
                SynonymRule(("notebook",), "acme tool"),
            )
        )

        def found(text: str, **more: Any) -> list[str]:
            return engine.found(text, synonyms=settings.synonyms_of(words(text)), **more)

        notebooks, locks = ["0", "1", "2", "3", "6"], ["50", "51", "52"]
        assert sorted(engine.found("laptop")) == locks
        assert sorted(found("laptop")[:5]) == notebooks
        assert sorted(found("laptops", sort=Sort.OLDEST)) == sorted(notebooks + locks)
        assert sorted(found("Portable computers", sort=Sort.OLDEST)) == sorted([*notebooks, *locks, "7"])
        assert found("laptop 2", sort=Sort.OLDEST) == ["2", *locks]
        assert (found("headgear"), found("hat")) == (["8"], ["8"])
        assert sorted(found("acme tool")[:4]) == ["0", "1", "2", "3"]
        [hit] = engine.page("headgear", synonyms=settings.synonyms_of(words("headgear"))).hits
        assert hit.highlight == {"name": "<mark>Hat</mark>"}

    def test_images_that_were_clicked_rise_and_others_stay(self, engine: Engine) -> None:
        engine.put(image("1", "Blue shoe", weight=5.0), image("2", "Blue shoe"), image("3", "Green hat"))
        assert engine.found("blue shoe") == ["1", "2"]
        raised = ((image("2").key, 3.0), (image("3").key, 9.0))
        before, after = engine.page("blue shoe"), engine.page("blue shoe", raised=raised)
        assert [hit.image.id for hit in after.hits] == ["2", "1"]
        scores = {hit.image.id: hit.score or 0.0 for page in (before, after) for hit in page.hits}
        assert scores["2"] > scores["1"]
        assert after.total == before.total
        assert [hits[0] for hits in engine.pages("blue shoe", raised=raised, limit=1)] == ["2", "1"]
        assert engine.found("blue shoe", raised=raised, sort=Sort.NEWEST) == ["2", "1"]

    def test_things_come_before_accessories_with_the_same_words(self, engine: Engine) -> None:
        """The things' labels show what a keyboard is; the covers' names match better."""
        layout = "Layout: QWERTY\nInterface: USB"
        covers = [image(f"1{n}", "Keyboard cover", text="Material: rubber") for n in range(3)]
        engine.put(
            *(image(f"{n}", f"Acme keyboard {n}", caption="For home and office", text=layout) for n in range(4)),
            image("5", "Flat keyboard for home and office, black with white letters", text=layout),
            *covers,
            *(image(f"2{n}", "Hat", text="Material: wool") for n in range(9)),
        )
        assert sorted(engine.found("keyboard")[:5]) == ["0", "1", "2", "3", "5"]
        assert set(engine.found("keyboard cover")[:3]) == {cover.id for cover in covers}
        assert engine.page("keyboard").total.value == 8

    def test_things_come_before_what_is_named_after_them(self, engine: Engine) -> None:
        """The labels of keyboard covers show that they are no keyboards, so they lose the bonus for all words."""
        layout = "Layout: QWERTY\nInterface: USB"
        long = "for home and office, black with white letters and feet that fold, in a box of cardboard"
        covers = [
            image(f"1{n}", "Keyboard cover", caption="Keyboard keyboard keyboard", credit=("Keyboard",), text=text)
            for n, text in enumerate(("Keyboard", *["Material: rubber. Keyboard"] * 3))
        ]
        engine.put(
            *(image(f"{n}", f"Acme keyboard {n} {long}", text=layout) for n in range(4)),
            *(image(f"4{n}", f"Acme keyboard black {n} {long}", text=layout) for n in range(2)),
            *covers,
            *(image(f"2{n}", "Hat", text="Material: wool") for n in range(9)),
        )
        for query in ("keyboard", "keyboards"):
            assert set(engine.found(query)[:6]) == {"0", "1", "2", "3", "40", "41"}
        assert engine.page("keyboard").total.value == 10
        assert set(engine.found("keyboard cover")[:4]) == {cover.id for cover in covers}

    def test_a_word_that_exists_is_no_typo(self, engine: Engine) -> None:
        engine.put(image("1", "House"), image("2", "Mouse"))
        assert engine.found("house") == ["1"]

    def test_long_words_are_found_with_two_typos_where_one_finds_nothing(self, engine: Engine) -> None:
        names = ("Telescope", "Lantern", "Stripping", "Strapping", "Striping")
        engine.put(*(image(f"{number}", name) for number, name in enumerate(names)))
        assert engine.found("telascoope") == ["0"]
        assert engine.found("telascoope", sort=Sort.NEWEST) == ["0"]
        assert engine.found("lentarn") == []
        assert engine.found("strippinng") == ["2"]
        assert sorted(engine.found("scrappping")) == ["3"]

    def test_interest_breaks_ties_and_does_not_beat_words(self, engine: Engine) -> None:
        engine.put(
            image("1", "Blue shoe", weight=1.0),
            image("2", "Blue shoe", weight=5000.0),
            image("3", "A hat", caption="to a blue shoe", weight=5000.0),
        )
        assert engine.found("blue shoe") == ["2", "1", "3"]

    def test_highlights_mark_words_in_safe_html(self, engine: Engine) -> None:
        engine.put(image("1", "A <script> for dresses & hats", caption="No such word"))
        [hit] = engine.page("dress script").hits
        assert hit.highlight == {"name": "A &lt;<mark>script</mark>&gt; for <mark>dresses</mark> &amp; hats"}

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(text=st.one_of(st.text(max_size=60), st.text('"\\/*?:()[]{}^~+-!&| ANDOT', max_size=60)))
    def test_any_text_can_be_searched(self, engine: Engine, text: str) -> None:
        if not engine.tables:
            engine.put(image("1", "Blue shoe"))
        engine.page(text, sort=Sort.RELEVANCE)
        engine.page(text, sort=Sort.NEWEST)
        engine.finder.suggest(engine.shop, text, 5)

    @pytest.mark.parametrize("text", ["blue " * 2000, "b" * 10_000, '"blue" ' * 1500, "\u6771" * 3000, "a\u0000b"])
    def test_ten_kilobytes_can_be_searched(self, engine: Engine, text: str) -> None:
        engine.put(image("1", "Blue shoe"))
        assert engine.page(text).total.value in {0, 1}


class TestFilters:
    @pytest.fixture(autouse=True)
    def _images(self, engine: Engine) -> None:
        engine.put(
            image("1", "Shoe", tags=("red", "Sport shoe"), credit=("Ann Lee", "Bo"), width=800, height=600),
            image("2", "Shoe", tags=("red",), credit=("Bo",), width=600, height=800, product_ids=("p1", "p2")),
            image("3", "Shoe", width=500, height=500, gallery_id="other"),
            image("4", "Shoe"),
        )

    @pytest.mark.parametrize(
        ("filters", "found"),
        [
            (Filters(tag="red"), ["1", "2"]),
            (Filters(tag="Sport shoe"), ["1"]),
            (Filters(tag="sport"), []),
            (Filters(tag="RED"), ["1", "2"]),
            (Filters(tag="sPORT Shoe", credit="ann lee"), ["1"]),
            (Filters(credit="Bo"), ["1", "2"]),
            (Filters(credit="Ann Lee", tag="red"), ["1"]),
            (Filters(product_id="p2"), ["2"]),
            (Filters(gallery_id="other"), ["3"]),
            (Filters(min_width=600), ["1", "2"]),
            (Filters(min_height=601), ["2"]),
            (Filters(orientation=Orientation.LANDSCAPE), ["1"]),
            (Filters(orientation=Orientation.PORTRAIT), ["2"]),
            (Filters(orientation=Orientation.SQUARE), ["3"]),
            (Filters(created_from=START + timedelta(days=3)), ["3", "4"]),
            (Filters(created_to=START + timedelta(days=2)), ["1", "2"]),
            (Filters(), ["1", "2", "3", "4"]),
        ],
    )
    @pytest.mark.parametrize("text", [None, "shoe"])
    def test_keep_only_what_they_name(
        self, engine: Engine, text: str | None, filters: Filters, found: list[str]
    ) -> None:
        assert engine.found(text, filters=filters, sort=Sort.OLDEST) == found
        assert sorted(engine.found(text, filters=filters)) == found
        assert engine.page(text, filters=filters).total.value == len(found)

    def test_facets_count_all_hits_and_only_hits(self, engine: Engine) -> None:
        page = engine.page("shoe", facets=(Facet.TAG, Facet.CREDIT), limit=1)
        assert page.facets == {
            Facet.TAG: (FacetCount("red", 2), FacetCount("Sport shoe", 1)),
            Facet.CREDIT: (FacetCount("Bo", 2), FacetCount("Ann Lee", 1)),
        }
        page = engine.page("shoe", facets=(Facet.TAG,), filters=Filters(credit="Ann Lee"))
        assert page.facets == {Facet.TAG: (FacetCount("Sport shoe", 1), FacetCount("red", 1))}
        assert engine.page("shoe", facets=(Facet.TAG,), filters=Filters(gallery_id="none")).facets == {Facet.TAG: ()}

    def test_a_chosen_value_keeps_its_siblings(self, engine: Engine) -> None:
        page = engine.page("shoe", facets=(Facet.TAG, Facet.CREDIT), filters=Filters(tag="sport shoe"), limit=1)
        assert page.total.value == 1
        assert page.facets == {
            Facet.TAG: (FacetCount("red", 2), FacetCount("Sport shoe", 1)),
            Facet.CREDIT: (FacetCount("Ann Lee", 1), FacetCount("Bo", 1)),
        }


class TestAttributes:
    @pytest.fixture(autouse=True)
    def _images(self, engine: Engine) -> None:
        engine.put(
            image("1", "Shoe", attributes={"colour": "Red", "price": 10, "size": 38, "cut": ["low", "Wide"]}),
            image("2", "Shoe", attributes={"colour": "red", "price": 99.95, "size": 42.0}),
            image("3", "Shoe", attributes={"colour": "blue = navy", "price": -5, "released": "2024-01-01T00:00:00Z"}),
            image("4", "Shoe", attributes={"colour_of_sole": "red"}),
            image("5", "Hat", attributes={"colour": "red", "price": 1e12}),
        )

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ([AttributeFilter("colour", ("RED",))], ["1", "2"]),
            ([AttributeFilter("colour", ("red", "Blue = navy"))], ["1", "2", "3"]),
            ([AttributeFilter("colour", ("re",))], []),
            ([AttributeFilter("cut", ("wide",))], ["1"]),
            ([AttributeFilter("price", least=10.0, most=99.95)], ["1", "2"]),
            ([AttributeFilter("price", least=10.01)], ["2"]),
            ([AttributeFilter("price", most=10.0)], ["1", "3"]),
            ([AttributeFilter("price", least=-5.0, most=-5.0)], ["3"]),
            ([AttributeFilter("price", least=-4.99, most=9.99)], []),
            ([AttributeFilter("size", least=42.0, most=42.0)], ["2"]),
            ([AttributeFilter("size", ("42",))], ["2"]),
            ([AttributeFilter("colour", ("red",)), AttributeFilter("price", most=50.0)], ["1"]),
            ([AttributeFilter("colour", ("red",)), AttributeFilter("cut", ("none",))], []),
            ([AttributeFilter("none", ("red",))], []),
            ([AttributeFilter("none", least=1.0)], []),
        ],
    )
    def test_keep_only_what_they_name(self, engine: Engine, wanted: list[AttributeFilter], found: list[str]) -> None:
        filters = Filters(attributes=tuple(wanted))
        assert engine.found("shoe", filters=filters, sort=Sort.OLDEST) == found
        assert sorted(engine.found("shoe", filters=filters)) == found
        assert engine.page("shoe", filters=filters).total.value == len(found)

    def test_facets_count_their_values_and_combine(self, engine: Engine) -> None:
        facets = ("attributes.colour", "attributes.size", "attributes.released", "attributes.none")
        page = engine.page("shoe", facets=facets)
        assert page.facets == {
            "attributes.colour": tuple(FacetCount(value, 1) for value in ("Red", "blue = navy", "red")),
            "attributes.size": (FacetCount("38", 1), FacetCount("42", 1)),
            "attributes.released": (FacetCount("2024-01-01T00:00:00Z", 1),),
            "attributes.none": (),
        }
        chosen = Filters(attributes=(AttributeFilter("colour", ("red",)), AttributeFilter("price", most=50.0)))
        for sort in (Sort.RELEVANCE, Sort.NEWEST):
            page = engine.page("shoe", facets=facets[:2], filters=chosen, sort=sort)
            assert page.total.value == 1
            assert page.facets == {
                "attributes.colour": (FacetCount("Red", 1), FacetCount("blue = navy", 1)),
                "attributes.size": (FacetCount("38", 1),),
            }

    def test_are_kept_as_they_were_sent(self, engine: Engine) -> None:
        [hit] = engine.page("hat").hits
        assert hit.image.attributes == {"colour": "red", "price": 1e12}
        assert engine.finder.held(engine.shop, [hit.image.key]) == {hit.image.key: hit.image}


class TestOrdersOfManyHits:
    """The embedded engine guesses how far a page reaches; whatever it guesses, the pages are the same."""

    @pytest.mark.parametrize(("spare", "ahead"), [(0, 1), (1, 1), (4, 1), (0, 4), (4, 4)])
    def test_pages_are_those_of_the_whole_order(
        self, cloud: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spare: int, ahead: int
    ) -> None:
        engine = embedded(client("s3"), "searchbucket", tmp_path)
        chance = random.Random(spare)
        images = [
            image(
                f"{number}",
                chance.choice(["Old hat", "Hat"]) if number > 40 else "Shoe",
                weight=float(chance.choice([0, 0, 0, 1, 1, 2, 9, number])),
                created_at=START + timedelta(days=chance.choice([0, 0, 1, number, 1000 * number])),
            )
            for number in range(120)
        ]
        engine.put(*images)
        expected = {
            (text, sort): engine.found(text, sort=sort, limit=200)
            for text in ("hat", "old", "shoe", None)
            for sort in _FIELDS
        }
        assert len(expected["hat", Sort.NEWEST]) == 79
        monkeypatch.setattr(tantivy, "MANY_HITS", 1)
        monkeypatch.setattr(tantivy, "SPARE", spare)
        monkeypatch.setattr(tantivy, "PAGES_AHEAD", ahead)
        for (text, sort), ids in expected.items():
            for limit in (1, 7, 50):
                assert [each for page in engine.pages(text, sort=sort, limit=limit) for each in page] == ids

    def test_a_guess_that_is_wrong_by_years_finds_the_same_images(
        self, cloud: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = embedded(client("s3"), "searchbucket", tmp_path)
        days = [*range(100), *range(10_000, 10_100)]
        engine.put(*(image(f"{day}", "Hat") for day in days))
        monkeypatch.setattr(tantivy, "MANY_HITS", 1)
        monkeypatch.setattr(tantivy, "PAGES_AHEAD", 1)
        pages = engine.pages("hat", sort=Sort.OLDEST, limit=30)
        assert [int(each) for page in pages for each in page] == days

    def test_later_pages_count_the_hits_of_their_own_search(self, engine: Engine) -> None:
        engine.put(*(image(f"{number}", "Hat", gallery_id="ab"[number % 3 == 0]) for number in range(12)))
        totals = {Filters(): 12, Filters(gallery_id="a"): 8, Filters(gallery_id="b"): 4}
        for sort in _FIELDS:
            firsts = {filters: engine.page("hat", sort=sort, limit=2, filters=filters) for filters in totals}
            assert {filters: first.total.value for filters, first in firsts.items()} == totals
            for filters, first in firsts.items():
                later = engine.page("hat", first.after, sort=sort, limit=2, filters=filters)
                assert later.total.value == totals[filters]


class TestOrders:
    def test_by_time_and_by_weight_then_newest(self, engine: Engine) -> None:
        engine.put(*(image(str(n), weight=float(n % 3)) for n in range(9)), image("9", created_at=START))
        assert engine.found(sort=Sort.OLDEST)[:4] in (["0", "9", "1", "2"], ["9", "0", "1", "2"])
        assert engine.found(sort=Sort.NEWEST)[:3] == ["8", "7", "6"]
        assert engine.found(sort=Sort.WEIGHT)[:7] == ["8", "5", "2", "7", "4", "1", "6"]
        assert engine.found(sort=Sort.RELEVANCE) == engine.found(sort=Sort.WEIGHT)

    def test_times_before_1970_and_far_ahead_are_in_order(self, engine: Engine) -> None:
        years = [1, 1506, 1969, 1970, 2024, 9999]
        engine.put(*(image(str(year), created_at=START.replace(year=year)) for year in reversed(years)))
        assert engine.found(sort=Sort.OLDEST) == [str(year) for year in years]

    @pytest.mark.parametrize("sort", Sort)
    def test_pages_hold_every_picture_once_whatever_is_added_in_between(self, engine: Engine, sort: Sort) -> None:
        old = [
            image(f"a{n}", "Blue shoe" if n % 4 else "Blue shoe, blue lace", created_at=START, weight=float(n % 5))
            for n in range(60)
        ]
        engine.put(*old)
        seen: list[str] = []
        for number, page in enumerate(engine.pages("blue shoe", sort=sort, limit=7)):
            seen += page
            engine.put(
                image(f"b{number}", "Blue blue shoe lace", weight=10.0, created_at=START + timedelta(days=9)),
                image(f"c{number}", "Something else, blue", weight=0.0, created_at=START - timedelta(days=9)),
            )
        assert len(seen) == len(set(seen))
        assert sorted(image_id for image_id in seen if image_id.startswith("a")) == sorted(image.id for image in old)

    def test_updates_in_between_move_no_hit_of_relevance(self, engine: Engine) -> None:
        old = [image(f"a{n}", f"Blue shoe {n}") for n in range(30)]
        engine.put(*old)
        seen: list[str] = []
        for number, page in enumerate(engine.pages("blue shoe", limit=4)):
            seen += page
            engine.put(replace(old[-1 - number], weight=9000.0), replace(old[number], name="A hat"))
        assert sorted(seen) == sorted(image.id for image in old)

    def test_what_a_query_means_stays_the_same_from_page_to_page(self, engine: Engine) -> None:
        old = [image(f"a{n}", f"Shoe {n}", text="Size: 7\nSole: flat" if n % 2 else "Lace: long") for n in range(30)]
        engine.put(*old)
        seen: list[str] = []
        for number, page in enumerate(engine.pages("shoe", limit=4)):
            seen += page
            engine.put(*(image(f"b{number}{n}", f"Big shoe {n}", text="Lace: long") for n in range(20)))
        assert sorted(seen) == sorted(image.id for image in old)

    def test_deleted_images_are_left_out_of_later_pages_and_changed_ones_are_current(self, engine: Engine) -> None:
        old = [image(f"{n}", "Blue shoe") for n in range(12)]
        engine.put(*old)
        first = engine.page("blue shoe", limit=4)
        met = {hit.image.id for hit in first.hits}
        rest = [image for image in old if image.id not in met]
        engine.drop(*rest[:3])
        engine.put(replace(rest[3], caption="now described"))
        later = engine.page("blue shoe", limit=20, after=_as_json(first.after))
        assert {hit.image.id for hit in later.hits} == {image.id for image in rest[3:]}
        assert {hit.image.caption for hit in later.hits} == {None, "now described"}
        assert later.after is None

    @pytest.mark.parametrize("sort", Sort)
    def test_a_hundred_pages_of_equal_pictures(self, engine: Engine, sort: Sort) -> None:
        engine.put(*(image(f"a{n}", "Blue shoe", created_at=START) for n in range(300)))
        pages = list(engine.pages("blue", sort=sort, limit=3))
        assert [len(page) for page in pages] == [3] * 100
        assert len({image_id for page in pages for image_id in page}) == 300


class TestChanges:
    def test_are_found_and_deleted_images_are_not(self, engine: Engine) -> None:
        shoe = image("1", "Blue shoe")
        engine.put(shoe)
        engine.put(replace(shoe, name="Green hat"))
        assert (engine.found("blue"), engine.found("green")) == ([], ["1"])
        engine.drop(shoe)
        assert (engine.found("green"), engine.found()) == ([], [])
        assert engine.finder.suggest(engine.shop, "gre", 5) == []

    def test_an_older_image_never_stays(self, engine: Engine) -> None:
        """One writer reads an image; before it writes, the image is deleted and another writer indexes that."""
        shoe = image("1", "Blue shoe")
        engine.put(image("2", "Hat"))
        engine.table(engine.shop)[shoe.key] = shoe
        read = engine.read(engine.shop)
        overtaken = threading.Event()

        def slow_read(keys: Any) -> Any:
            images = read(keys)
            if not overtaken.is_set():
                overtaken.set()
                engine.drop(shoe)
            return images

        engine.index.update(engine.shop, [shoe.key], slow_read)
        engine.settle(engine.shop)
        assert engine.found() == ["2"]

    def test_two_concurrent_writers_lose_nothing(self, engine: Engine) -> None:
        images = [image(f"{n}", "Blue shoe") for n in range(40)]
        engine.table(engine.shop).update({image.key: image for image in images})

        def update(images: list[IndexedImage]) -> None:
            for each in images:
                engine.index.update(engine.shop, [each.key], engine.read(engine.shop))

        writers = [threading.Thread(target=update, args=[images[part::2]]) for part in range(2)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        engine.settle(engine.shop)
        assert sorted(engine.all_of()) == sorted(image.id for image in images)

    def test_suggestions_complete_the_last_word_of_what_others_match(self, engine: Engine) -> None:
        engine.put(image("1", "Blue shoe"), image("2", "Blue shoelace"), image("3", "Red shoal"), image("4", "Shoe"))
        assert engine.finder.suggest(engine.shop, "sho", 2) == ["shoe", "shoal"]
        assert engine.finder.suggest(engine.shop, "blue sho", 9) == ["blue shoe", "blue shoelace"]
        assert engine.finder.suggest(engine.shop, "zzz", 9) == []


class TestRebuild:
    def test_holds_what_the_tables_hold_and_reports_its_progress(self, engine: Engine) -> None:
        engine.put(*(image(f"{n}", "Blue shoe") for n in range(30)))
        del engine.table(engine.shop)[image("3").key]
        progress: list[int] = []
        assert engine.rebuild(progress.append) == 29
        assert progress[-1] == 29
        assert "3" not in engine.all_of()
        engine.put(image("99", "Blue shoe"))
        assert len(engine.all_of()) == 30

    def test_searching_and_changes_go_on_while_it_runs(self, engine: Engine) -> None:
        engine.put(*(image(f"{n}", "Blue shoe") for n in range(20)))
        table = engine.table(engine.shop)
        during: list[list[str]] = []

        def images() -> Iterator[Any]:
            for number, stored in enumerate(list(table.values())):
                yield stored
                if number == 10:
                    engine.drop(image("2"), image("15"))
                    engine.put(image("3", "Green hat"), image("77", "New"))
                    during.append(engine.found("new") + engine.found("green"))

        engine.index.rebuild(engine.shop, images, engine.read(engine.shop), lambda _: None)
        engine.settle(engine.shop)
        assert during == [["77", "3"]]
        assert sorted(engine.all_of()) == sorted(key.image_id for key in table)
        assert engine.found("green") == ["3"]


TITLES = {
    Language.DANISH: ("Høretelefoner med mikrofon til børn", "høretelefon"),
    Language.GERMAN: ("Große Bücherregale für das Wohnzimmer", "bücherregal"),
    Language.ENGLISH: ("Chairs for the kitchen", "chair"),
    Language.SPANISH: ("Lámparas de iluminación para la cocina", "lampara"),
    Language.FINNISH: ("Kirjat ja tuolit lapsille", "kirja"),
    Language.FRENCH: ("Écouteurs légers pour l'école", "ecouteur"),
    Language.ITALIAN: ("Scarpe nere da donna per la città", "scarpa"),
    Language.DUTCH: ("Houten stoelen voor in de keuken", "stoel"),
    Language.NORWEGIAN: ("Hodetelefoner til barn og voksne", "hodetelefon"),
    Language.PORTUGUESE: ("Relógios de parede para a cozinha", "relogio"),
    Language.SWEDISH: ("Klänningar och byxor till barn", "klänning"),
}


class TestLanguages:
    @pytest.mark.parametrize("language", list(Language))
    def test_titles_and_other_forms_of_their_words_find_images(self, engine: Engine, language: Language) -> None:
        engine.languages[engine.shop] = language
        title, other_form = TITLES[language]
        engine.put(image("1", title), image("2", "Dress"))
        for text in (title, title.upper(), f'"{title}"', other_form):
            for sort in (Sort.RELEVANCE, Sort.OLDEST):
                assert engine.found(text, sort=sort) == ["1"]

    def test_an_index_keeps_its_language_until_it_is_rebuilt(self, engine: Engine) -> None:
        engine.put(image("1", "Häuser"), image("2", "Haus"))
        engine.languages[engine.shop] = Language.GERMAN
        engine.put(image("3", "Bücher"))
        assert engine.finder.language(engine.shop) is None
        assert engine.found("Haus") == ["2"]
        assert engine.rebuild() == 3
        engine.put(image("4", "Haus mit Garten"))
        assert engine.finder.language(engine.shop) is Language.GERMAN
        assert sorted(engine.found("Haus", sort=Sort.OLDEST)) == ["1", "2", "4"]
        assert engine.found("Buch") == ["3"]
        engine.languages[engine.shop] = None
        engine.rebuild()
        assert engine.finder.language(engine.shop) is None
        assert sorted(engine.found("Haus")) == ["2", "4"]

    def test_no_search_meets_words_of_one_language_in_an_index_of_another(self, engine: Engine) -> None:
        """While the language changes, each search finds what either index finds with its own words."""
        names = {f"{n}": f"{name} {n}" for n in range(20) for name in ("Häuser" if n % 2 else "Haus",)}
        engine.put(*(image(image_id, name) for image_id, name in names.items()))
        before = sorted(engine.found("Haus für", sort=Sort.OLDEST))
        engine.languages[engine.shop] = Language.GERMAN
        found = []
        done = threading.Event()

        def search() -> None:
            while not done.is_set():
                found.append(sorted(engine.found("Haus für", sort=Sort.OLDEST)))

        searching = threading.Thread(target=search)
        searching.start()
        engine.rebuild()
        done.set()
        searching.join()
        after = sorted(engine.found("Haus für", sort=Sort.OLDEST))
        assert (len(before), len(after)) == (10, 20)
        assert all(each in (before, after) for each in found)

    @pytest.mark.parametrize("language", [Language.ENGLISH, Language.GERMAN])
    def test_stop_words_add_to_scores_and_are_not_needed(self, engine: Engine, language: Language) -> None:
        for_, the = ("for", "the") if language is Language.ENGLISH else ("für", "die")
        engine.languages[engine.shop] = language
        engine.put(
            image("1", f"Lamp {for_} {the} Desk"),
            image("2", "Lamp, Desk", weight=0.5),
            image("3", f"Hat {for_} {the} Head"),
        )
        query = f"lamp {for_} {the} desk"
        assert engine.found(query) == ["1", "2"]
        assert sorted(engine.found(query, sort=Sort.NEWEST)) == ["1", "2"]
        assert engine.page(query).total.value == 2
        assert engine.found(f"{for_} {the}", sort=Sort.OLDEST) == ["1", "3"]
        assert sorted(engine.found(for_)) == ["1", "3"]
        assert engine.found(f"{for_} hats") == ["3"]
        assert engine.finder.suggest(engine.shop, f"{the} lamp {for_} des", 5) == [
            f"{the} lamp {for_} desk".replace("ü", "u")
        ]
        [hit, _] = engine.page(query).hits
        assert "<mark>Lamp</mark>" in hit.highlight["name"]
        assert f"<mark>{for_}</mark>" not in hit.highlight["name"]

    @pytest.mark.parametrize(
        ("language", "names", "text", "found"),
        [
            (Language.GERMAN, ("Kopfhörerhalterung", "Halterung für Kopfhörer", "Hut"), "Kopfhörerhalterungen", "12"),
            (Language.GERMAN, ("Kopfhörerhalterung", "Kopfhörer", "Hut"), "Halterung", "1"),
            (Language.GERMAN, ("Kopfhörerhalterung", "Kopfhörer", "Halterung"), "Halterungen", "31"),
            (Language.GERMAN, ("Kopfhörerhalterung", "Halterung", "Kopfhörer"), "Kopfhörer", "31"),
            (Language.GERMAN, ("Kopfhörer-Halterung", "Hut", "Rock"), "Kopfhörerhalterung", "1"),
            (Language.GERMAN, ("Damenschuhe", "Dame mit Hut", "Schuh"), "Schuhe", "31"),
            (Language.GERMAN, ("Arbeitsschuhe", "Arbeit am Tisch", "Schuh aus Leder"), "Schuhe Arbeit", "132"),
            (Language.GERMAN, ("Staubsaugerbeutel", "Staub", "Sauger, Beutel"), "Beutel", "31"),
            (Language.GERMAN, ("Staub, Sauger, Beutel", "Hut", "Rock"), "Staubsaugerbeutel", "1"),
            (Language.GERMAN, ("Verstand", "Stand", "Hut"), "Stand", "2"),
            (Language.GERMAN, ("Headset", "Head", "Set"), "Headset", "1"),
            (Language.GERMAN, ("Laptoptasche", "Taschen für Laptops", "Hut"), "Laptop Tasche", "12"),
            (Language.GERMAN, ("Kopfhörer", "Wandhalterung", "Wand"), "Kopfhörerwandhalterung", "2"),
            (Language.DUTCH, ("Wandlamp", "Lamp voor de wand", "Hoed"), "Wandlampen", "12"),
            (Language.DUTCH, ("Kinderstoel", "Stoel", "Kinderen"), "stoelen", "21"),
            (Language.SWEDISH, ("Barnstol", "Stol", "Barn"), "stolar", "21"),
            (Language.SWEDISH, ("Arbetsbord", "Bord för arbete", "Hatt"), "arbetsbord", "12"),
            (Language.DANISH, ("Børnesko", "Sko til børn", "Hat"), "børnesko", "12"),
            (Language.NORWEGIAN, ("Barnestol", "Stol", "Barn"), "stoler", "21"),
            (Language.ENGLISH, ("Headset", "Head", "Set"), "head", "2"),
        ],
    )
    def test_compounds_are_found_by_their_words_and_words_by_their_compounds(
        self, engine: Engine, language: Language, names: tuple[str, ...], text: str, found: str
    ) -> None:
        engine.languages[engine.shop] = language
        engine.put(*(image(f"{number}", name) for number, name in enumerate(names, 1)))
        hits = engine.found(text)
        assert sorted(hits) == sorted(found)
        assert hits[0] == found[0]

    def test_words_made_of_known_ones_are_no_typos(self, engine: Engine) -> None:
        engine.languages[engine.shop] = Language.GERMAN
        engine.put(image("1", "Hand"), image("2", "Tuch"), image("3", "Handbuch"))
        assert engine.found("Handtuch") == ["2"]
        assert engine.found("Handbuhc") == ["3"]

    @pytest.mark.parametrize("word", ["Kameras", "Kamera", "Laptop", "Laptops"])
    def test_plurals_of_loanwords_are_found(self, engine: Engine, word: str) -> None:
        engine.languages[engine.shop] = Language.GERMAN
        engine.put(image("1", "Kamera, Laptops"), image("2", "Kameras, Laptop"))
        assert sorted(engine.found(word)) == ["1", "2"]

    def test_slips_to_neighbouring_keys_come_before_other_typos(self, engine: Engine) -> None:
        """On a German keyboard `z` is beside `t` and `u`, on an English one beside `x`."""
        names = (image("1", "Aktie"), image("2", "Akzie"), image("3", "Akxie"))
        for language, first in ((Language.GERMAN, "1"), (Language.ENGLISH, "3")):
            engine.languages[engine.shop] = language
            engine.put(*names)
            engine.drop(names[1])
            engine.rebuild()
            hits = engine.found("akzie")
            assert (hits[0], sorted(hits)) == (first, ["1", "3"])

    def test_things_are_recognised_beside_stop_words(self, engine: Engine) -> None:
        layout = "Layout: QWERTY\nInterface: USB"
        engine.languages[engine.shop] = Language.ENGLISH
        engine.put(
            *(image(f"{n}", f"Acme keyboard {n}", caption="With feet", text=layout) for n in range(4)),
            *(image(f"1{n}", "The keyboard cover", text="Material: rubber") for n in range(3)),
            *(image(f"2{n}", "Hat", text="Material: wool") for n in range(9)),
        )
        assert sorted(engine.found("the keyboard")[:4]) == ["0", "1", "2", "3"]


def test_no_merchant_meets_anothers_pictures(engine: Engine) -> None:
    other = f"{engine.shop}-other"
    engine.put(image("1", "Blue shoe", tags=("mine",)))
    engine.put(image("2", "Blue shovel", tags=("theirs",)), merchant=other)
    assert (engine.found("blue"), engine.found("blue", merchant=other)) == (["1"], ["2"])
    assert engine.page("blue", facets=(Facet.TAG,)).facets == {Facet.TAG: (FacetCount("mine", 1),)}
    assert engine.page(merchant=other).total.value == 1
    assert engine.finder.suggest(engine.shop, "sho", 5) == ["shoe"]


def _as_json(after: Any) -> Any:
    return json.loads(json.dumps(after))
