"""What clicks teach about queries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vitrine.search.model import ImageKey
from vitrine.search.queries import (
    FOUND,
    HALF_LIFE_DAYS,
    MOST_IMAGES,
    MOST_PREVIOUS,
    MOST_RAISED,
    NOTHING_FOUND,
    Amount,
    QueryCounts,
    query_id_of,
    read_search_id,
    reports_of,
    search_id_of,
)
from vitrine.search.relevance import CLICKED, words

NOW = 1_700_000_000


def query(text: str, found: int = 0, nothing: int = 0, *, clicks: int = 0, **more: object) -> QueryCounts:
    images = {ImageKey("g", "1"): Amount(clicks, clicks, NOW)} if clicks else {}
    counts = QueryCounts(query_id(text), Amount(found, found, NOW), Amount(nothing, nothing, NOW), images)
    return replace(counts, **more)  # type: ignore[arg-type]


def query_id(text: str) -> str:
    return str(query_id_of(words(text)))


@pytest.mark.parametrize("text", ["Red  DRESS", "Caf\u00e9", "\u8d64\u3044", "?" * 8 + "a"])
def test_searches_for_the_same_words_have_the_same_id(text: str) -> None:
    search_id = search_id_of(words(text), found=True)
    assert search_id == search_id_of(words(f" {text.upper()}! "), found=True)
    asked = read_search_id(str(search_id))
    assert asked
    assert asked.found
    assert search_id_of(asked.words, found=True) == search_id
    nothing = read_search_id(str(search_id_of(words(text), found=False)))
    assert nothing == asked._replace(found=False)


@pytest.mark.parametrize("text", ["", " ?! ", "word " * 20])
def test_a_search_without_words_or_with_too_many_has_no_id(text: str) -> None:
    assert search_id_of(words(text), found=True) is None


@pytest.mark.parametrize("search_id", ["1.", "1.UkVE", "1.cmVkIA", "1._____w", "1.a", "2.cmVk", ""])
def test_an_id_that_no_search_returned_names_nothing(search_id: str) -> None:
    assert read_search_id(search_id) is None


def test_clicks_raise_an_image_by_their_smoothed_rate_and_fade() -> None:
    counts = query("dress", found=90, clicks=30)
    assert counts.raised(NOW) == ((ImageKey("g", "1"), CLICKED * 30 / 100),)
    half = CLICKED * 15 / (45 + 10)
    [(_, later)] = counts.raised(NOW + HALF_LIFE_DAYS * 86_400)
    assert later == pytest.approx(half, abs=0.05)
    assert counts.raised(NOW + 365 * 86_400) == ()


def test_clicks_without_searches_never_count_more_than_every_search() -> None:
    [(_, raised)] = query("dress", clicks=10_000).raised(NOW)
    assert raised == CLICKED


def test_one_click_moves_little() -> None:
    [(_, raised)] = query("dress", found=1, clicks=1).raised(NOW)
    assert raised < CLICKED / 10


def test_only_the_most_clicked_images_and_queries_stay() -> None:
    amounts = {f"g+{n}": Amount(n, n, NOW) for n in range(1, 100)}
    amounts |= {f">{query_id(str(n))}": Amount(n, n, NOW) for n in range(1, 100)}
    counts = QueryCounts(query_id("dress")).with_amounts(amounts, NOW)
    assert list(counts.images) == [ImageKey("g", str(n)) for n in range(99, 99 - MOST_IMAGES, -1)]
    assert list(counts.previous) == [query_id(str(n)) for n in range(99, 99 - MOST_PREVIOUS, -1)]
    assert len(counts.raised(NOW)) == MOST_RAISED
    back = counts.with_amounts({"g+1": Amount(500, 500, NOW)}, NOW)
    assert next(iter(back.images)) == ImageKey("g", "1")


def test_amounts_replace_the_ones_before() -> None:
    first = {FOUND: Amount(5, 5, NOW), NOTHING_FOUND: Amount(1, 1, NOW), "g+1": Amount(2, 2, NOW)}
    counts = QueryCounts(query_id("dress")).with_amounts(first, NOW)
    assert counts.with_amounts(first, NOW) == counts
    later = counts.with_amounts({FOUND: Amount(6, 6, NOW)}, NOW)
    assert (later.searches, later.clicks) == (7, 2)


def test_reports_name_queries_that_deserve_attention() -> None:
    old = NOW - 4 * HALF_LIFE_DAYS * 86_400
    fading = query("boots", clicks=500)
    fading = replace(fading, images={ImageKey("g", "1"): Amount(500, 500, old)}, found=Amount(1000, 100, NOW))
    steady = query("shoes", found=100, clicks=50)
    counted = [
        fading,
        steady,
        query("unicorn", nothing=30),
        query("dragon", nothing=40),
        query("my name", nothing=2),
        query("belt", found=25),
        query("scarf", found=19),
    ]
    reports = reports_of(counted, NOW, 10)
    assert [each.words for each in reports.nothing_found] == [("dragon",), ("unicorn",)]
    assert [each.words for each in reports.never_clicked] == [("belt",)]
    assert reports.falling == [fading]
    assert [len(reports_of(counted, NOW, 1).nothing_found)] == [1]


def test_words_that_were_exchanged_for_others_are_proposed_as_synonyms() -> None:
    before = {text: Amount(4, 4, NOW) for text in map(query_id, ("laptop bag", "notebook", "notebooks bag", "bag"))}
    rare = {query_id("case bag"): Amount(2, 2, NOW)}
    [proposal] = reports_of([query("notebook bag", previous={**before, **rare})], NOW, 10).synonyms
    assert proposal == (("laptop", "notebook"), 4, ("laptop bag", "notebook bag"))
