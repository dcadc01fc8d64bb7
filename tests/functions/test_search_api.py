"""Image search over HTTP, fed by the stream of the images."""

from __future__ import annotations

import json
from typing import Any

import pytest

from commands.search import main as command
from functions.galleries_api.handler import lambda_handler as galleries
from functions.search_api.handler import lambda_handler as search
from functions.search_rebuild.handler import lambda_handler as rebuild
from tests.aws import Context, api_event, send, serve
from tests.functions.test_search_reconciler import run as compare_indexes
from tests.streams import follow_images

pytestmark = pytest.mark.usefixtures("cloud")

IMAGES: list[dict[str, Any]] = [
    {
        "id": "red",
        "name": "Red summer dress",
        "url": "https://pictures.example/red.jpg",
        "created_at": "2024-03-01T10:00:00Z",
        "tags": ["dress", "summer"],
        "credit": "Ann Lee",
        "width": 800,
        "height": 1200,
        "product_ids": ["p1"],
    },
    {
        "id": "cafe",
        "name": "Café in Malmö",
        "url": "https://pictures.example/cafe.jpg",
        "created_at": "2024-03-02T10:00:00Z",
        "caption": "Two people <b>drink</b> coffee",
        "tags": ["summer"],
        "credit": "Bo Ek",
        "width": 1200,
        "height": 800,
    },
    {
        "id": "bare",
        "name": "Untitled",
        "url": "https://pictures.example/bare.jpg",
        "created_at": "2024-03-03T10:00:00Z",
    },
]


@pytest.fixture(autouse=True)
def _searchable(cloud: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("vitrine.search.tantivy.LOOK_FOR_NEW_VERSION_SECONDS", 0)
    put("summer", *IMAGES)
    follow_images()


def put(gallery_id: str, *images: dict[str, Any], merchant: str = "shop") -> None:
    serve(galleries, "PUT", "/galleries/{gallery_id}", gallery_id=gallery_id, body={}, merchant=merchant)
    body = {"images": list(images)}
    status, response, _ = serve(
        galleries, "POST", "/galleries/{gallery_id}/images", gallery_id=gallery_id, body=body, merchant=merchant
    )
    assert (status, [result["status"] for result in response["results"] if result["status"] == "rejected"]) == (200, [])


def find(merchant: str = "shop", **query: str) -> dict[str, Any]:
    status, response, _ = serve(search, "GET", "/search/images", query=query, merchant=merchant)
    assert status == 200, response
    return response


def ids(response: dict[str, Any]) -> list[str]:
    return [item["id"] for item in response["items"]]


def test_an_image_is_found_with_all_that_is_said_of_it() -> None:
    response = find(q="dresses", facets="tag,credit")
    [item] = response["items"]
    assert {name: item[name] for name in ("id", "gallery_id", "url", "created_at", "credit", "width")} == {
        "id": "red",
        "gallery_id": "summer",
        "url": "https://pictures.example/red.jpg",
        "created_at": "2024-03-01T10:00:00Z",
        "credit": "Ann Lee",
        "width": 800,
    }
    assert item["highlight"] == {"name": "Red summer <mark>dress</mark>"}
    assert item["score"] > 0
    assert response["total"] == {"value": 1, "relation": "eq"}
    assert response["facets"] == {
        "tag": [{"value": "dress", "count": 1}, {"value": "summer", "count": 1}],
        "credit": [{"value": "Ann Lee", "count": 1}],
    }
    assert response["next_cursor"] is None
    assert response["took_ms"] >= 0


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "cafe"}, ["cafe"]),
        ({"q": "malmo"}, ["cafe"]),
        ({"q": "sumer"}, ["red", "cafe"]),
        ({"q": "summer", "orientation": "landscape"}, ["cafe"]),
        ({"q": "summer", "credit": "Ann Lee"}, ["red"]),
        ({"tag": "summer", "sort": "newest"}, ["cafe", "red"]),
        ({"sort": "oldest"}, ["red", "cafe", "bare"]),
        ({"product_id": "p1"}, ["red"]),
        ({"created_from": "2024-03-02T10:00:00Z", "sort": "oldest"}, ["cafe", "bare"]),
        ({"created_to": "2024-03-02T10:00:00Z", "sort": "oldest"}, ["red", "cafe"]),
        ({"min_width": "1000"}, ["cafe"]),
        ({"min_height": "801"}, ["red"]),
        ({"q": "zzz"}, []),
    ],
)
def test_queries_and_filters(query: dict[str, str], found: list[str]) -> None:
    assert ids(find(**query)) == found


def test_a_highlight_is_safe_html() -> None:
    [item] = find(q="coffee")["items"]
    assert item["highlight"]["caption"] == "Two people &lt;b&gt;drink&lt;/b&gt; <mark>coffee</mark>"


def test_hidden_and_deleted_images_are_gone() -> None:
    where: dict[str, Any] = {"gallery_id": "summer", "image_id": "red"}
    path = "/galleries/{gallery_id}/images/{image_id}"
    serve(galleries, "PATCH", path, body={"hidden": True}, **where)
    follow_images()
    assert ids(find(q="dress")) == []
    serve(galleries, "PATCH", path, body={"hidden": False}, **where)
    follow_images()
    assert ids(find(q="dress")) == ["red"]
    serve(galleries, "DELETE", path, **where)
    follow_images()
    assert ids(find(q="dress")) == []


def test_no_merchant_finds_anothers_images() -> None:
    put("summer", {"id": "theirs", "name": "Green dress", "url": "https://o.example/1.jpg"}, merchant="other")
    follow_images()
    assert ids(find(q="dress", merchant="other")) == ["theirs"]
    assert ids(find(q="green")) == []
    assert find(merchant="other", facets="tag")["facets"] == {"tag": []}
    _, suggested, _ = serve(search, "GET", "/search/suggest", query={"q": "su"}, merchant="other")
    assert suggested == {"items": []}


def test_a_cursor_leads_on_and_belongs_to_its_query_and_merchant() -> None:
    first = find(q="summer", limit="1")
    second = find(q="summer", limit="1", cursor=first["next_cursor"])
    assert (ids(first) + ids(second), second["next_cursor"]) == (["red", "cafe"], None)
    for more in ({"q": "dress"}, {"q": "summer", "merchant": "other"}, {"q": "summer", "sort": "newest"}):
        merchant = more.pop("merchant", "shop")
        event = api_event("GET", "/search/images", query={**more, "cursor": first["next_cursor"]}, merchant=merchant)
        assert send(search, event)[0] == 400


def test_suggestions_complete_the_last_word() -> None:
    status, response, _ = serve(search, "GET", "/search/suggest", query={"q": "red su"}, kind="publishable")
    assert (status, response) == (200, {"items": [{"text": "red summer"}]})


@pytest.mark.parametrize(
    "query",
    [
        {"sort": "price"},
        {"facets": "colour"},
        {"orientation": "round"},
        {"min_width": "-1"},
        {"created_from": "yesterday"},
        {"limit": "101"},
    ],
)
def test_a_parameter_that_is_wrong_is_named(query: dict[str, str]) -> None:
    status, problem, _ = serve(search, "GET", "/search/images", query=query)
    assert (status, [error["pointer"] for error in problem["errors"]]) == (422, [f"/query/{next(iter(query))}"])


def test_a_gallery_that_is_not_there_is_404() -> None:
    status, problem, _ = serve(search, "GET", "/search/images", query={"gallery_id": "nope"})
    assert (status, problem["type"]) == (404, "urn:vitrine:problem:not-found")


def test_a_merchant_without_images_finds_nothing() -> None:
    assert find(q="dress", merchant="new")["items"] == []


def test_a_rebuild_brings_back_what_the_tables_hold() -> None:
    assert rebuild({"merchant_id": "shop"}, Context()) == {"images": 3}
    assert ids(find(q="dress")) == ["red"]


def test_an_agencys_images_are_loaded_and_found(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        {
            "bildnummer": 7,
            "db": "stock",
            "titel": "K\u00f6lner Dom",
            "hoehe": "600",
            "fotografen": "",
            "bearbeitet": "x",
        },
        {"bildnummer": "not an id", "db": "stock"},
    ]
    file = tmp_path / "agency.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    pattern = "https://host.example/{db}/{id:0>10}/s.jpg"
    assert command(["load", "shop", str(file), "--media-url", pattern, "--unknown", "keep"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"id": "7", "bearbeitet": "x"}
    assert "line 2: /id" in printed.err
    follow_images()
    [item] = find(q="koln dom")["items"]
    assert (item["url"], item["height"], item["credit"]) == ("https://host.example/stock/0000000007/s.jpg", 600, None)
    assert command(["rebuild", "shop"]) == 0
    assert ids(find(q="dom")) == ["7"]


class TestAttributes:
    @pytest.fixture(autouse=True)
    def _declared(self) -> None:
        put(
            "shoes",
            {**IMAGES[0], "id": "a", "attributes": {"colour": "Red", "price": 10, "cut": ["low", "wide"]}},
            {**IMAGES[1], "id": "b", "attributes": {"colour": "blue", "price": 99.95, "secret": "x"}},
        )
        follow_images()
        declare({"colour": "text", "price": "number", "cut": "text"})

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"attributes.colour": "red"}, ["a"]),
            ({"attributes.colour": "RED|Blue", "sort": "oldest"}, ["a", "b"]),
            ({"attributes.price": "10"}, ["a"]),
            ({"attributes.price": "10..99", "q": "dress"}, ["a"]),
            ({"attributes.price": "10.5.."}, ["b"]),
            ({"attributes.price": "..99.94"}, ["a"]),
            ({"attributes.colour": "red", "attributes.price": "11.."}, []),
            ({"attributes.cut": "wide", "gallery_id": "shoes"}, ["a"]),
        ],
    )
    def test_filter(self, query: dict[str, str], found: list[str]) -> None:
        assert ids(find(**query)) == found

    def test_facets_keep_the_siblings_of_a_chosen_value(self) -> None:
        query = {"attributes.colour": "red", "facets": "attributes.colour,attributes.price"}
        response = find(**query)
        assert response["facets"] == {
            "attributes.colour": [{"value": "Red", "count": 1}, {"value": "blue", "count": 1}],
            "attributes.price": [{"value": "10", "count": 1}],
        }
        assert response["items"][0]["attributes"] == {"colour": "Red", "price": 10, "cut": ["low", "wide"]}

    @pytest.mark.parametrize(
        ("query", "pointer", "detail"),
        [
            (
                {"attributes.secret": "x"},
                "/query/attributes.secret",
                "declared are attributes.colour, attributes.price",
            ),
            ({"facets": "tag,attributes.secret"}, "/query/facets", "`attributes.secret`"),
            ({"attributes.price": "cheap"}, "/query/attributes.price", "10..50"),
            ({"attributes.price": ".."}, "/query/attributes.price", "10..50"),
            ({"attributes.price": ""}, "/query/attributes.price", "at least 1"),
            ({"attributes.": "x"}, "/query/attributes.", "not a parameter"),
            ({"attributes.{name}": "x"}, "/query/attributes.{name}", "not a parameter"),
            ({"facets": "colour"}, "/query/facets", "must match"),
        ],
    )
    def test_that_nobody_declared_are_named(self, query: dict[str, str], pointer: str, detail: str) -> None:
        status, problem, _ = serve(search, "GET", "/search/images", query=query)
        [error] = problem["errors"]
        assert (status, error["pointer"]) == (422, pointer)
        assert detail in error["detail"]

    def test_are_each_merchants_own(self) -> None:
        status, problem, _ = serve(
            search, "GET", "/search/images", query={"attributes.colour": "red"}, merchant="other"
        )
        assert status == 422
        assert problem["errors"][0]["detail"].endswith("declare attributes by PUT /search/attributes")

    def test_are_declared_and_bounded(self) -> None:
        _, response, _ = serve(search, "GET", "/search/attributes")
        assert response == {"attributes": {"colour": "text", "price": "number", "cut": "text"}}
        for wrong in ({"a b": "text"}, {"a": "colour"}, {f"a{number}": "text" for number in range(21)}):
            body = {"attributes": wrong}
            assert serve(search, "PUT", "/search/attributes", body=body)[0] == 422
        declare({})
        assert serve(search, "GET", "/search/images", query={"attributes.colour": "red"})[0] == 422


class TestSynonyms:
    def test_find_at_once_and_without_indexing(self) -> None:
        assert ids(find(q="gown")) == []
        rules = [{"words": ["gown", "dress"]}, {"from": "bistro", "words": ["cafe"]}]
        assert serve(search, "PUT", "/search/synonyms", body={"synonyms": rules})[:2] == (
            200,
            {"synonyms": rules},
        )
        assert ids(find(q="summer gowns", sort="oldest")) == ["red"]
        assert ids(find(q="bistro")) == ["cafe"]
        assert serve(search, "GET", "/search/synonyms")[1] == {"synonyms": rules}
        assert serve(search, "GET", "/search/synonyms", merchant="other")[1] == {"synonyms": []}
        serve(search, "PUT", "/search/synonyms", body={"synonyms": []})
        assert ids(find(q="gown")) == []

    @pytest.mark.parametrize(
        "rule",
        [
            {"words": ["alone"]},
            {"words": []},
            {"from": "x", "words": []},
            {"words": ["...", "dress"]},
            {"words": ["one two three four five six", "dress"]},
            {"words": ["a", "b"], "to": "c"},
            {"words": ["a" * 101, "b"]},
        ],
    )
    def test_are_validated(self, rule: dict[str, Any]) -> None:
        assert serve(search, "PUT", "/search/synonyms", body={"synonyms": [rule]})[0] == 422

    def test_are_bounded(self) -> None:
        for rules in ([{"words": ["a", "b"]}] * 501, [{"words": ["a" * 100] * 10}] * 61):
            assert serve(search, "PUT", "/search/synonyms", body={"synonyms": rules})[0] == 422


class TestLanguage:
    def test_applies_once_the_index_is_built_anew(self) -> None:
        put("summer", {**IMAGES[2], "id": "houses", "name": "Häuser mit Garten"})
        follow_images()
        assert ids(find(q="Haus")) == []
        answer = serve(search, "PUT", "/search/language", body={"language": "de"})[:2]
        assert answer == (200, {"language": "de", "in_use": None})
        assert ids(find(q="Haus")) == []
        compare_indexes(300_000)
        assert serve(search, "GET", "/search/language")[1] == {"language": "de", "in_use": "de"}
        assert ids(find(q="das Haus")) == ["houses"]
        assert serve(search, "GET", "/search/language", merchant="other")[1]["language"] is None
        serve(search, "PUT", "/search/language", body={"language": None})
        assert ids(find(q="Haus")) == ["houses"]
        compare_indexes(300_000)
        assert serve(search, "GET", "/search/language")[1] == {"language": None, "in_use": None}
        assert ids(find(q="Haus")) == []

    def test_a_language_that_is_in_use_builds_no_index(self) -> None:
        assert serve(search, "PUT", "/search/language", body={"language": None})[0] == 200
        assert compare_indexes(300_000) == 0

    @pytest.mark.parametrize("body", [{}, {"language": "xx"}, {"language": "DE"}, {"language": ["de"]}])
    def test_is_validated(self, body: dict[str, Any]) -> None:
        assert serve(search, "PUT", "/search/language", body=body)[0] == 422


class TestPlacedImages:
    def test_are_first_and_last_for_their_query(self) -> None:
        assert ids(find(q="summer")) == ["red", "cafe"]
        bare, red = ({"gallery_id": "summer", "image_id": image_id} for image_id in ("bare", "red"))
        body = {"queries": [{"query": "Summer", "pinned": [bare], "buried": [red]}]}
        assert serve(search, "PUT", "/search/placed", body=body)[:2] == (200, body)
        assert ids(find(q="summer")) == ["bare", "cafe", "red"]
        assert ids(find(q="summer dress")) == ["red", "cafe"]
        assert serve(search, "GET", "/search/placed")[1] == body
        assert serve(search, "GET", "/search/placed", merchant="other")[1] == {"queries": []}

    @pytest.mark.parametrize(
        "query",
        [
            {"query": "..."},
            {"query": "a", "pinned": [{"gallery_id": "g", "image_id": "i"}] * 11},
            {"query": "a", "buried": [{"gallery_id": "g"}]},
            {"query": "a", "pinned": [{"gallery_id": "g/h", "image_id": "i"}]},
        ],
    )
    def test_are_validated(self, query: dict[str, Any]) -> None:
        assert serve(search, "PUT", "/search/placed", body={"queries": [query]})[0] == 422
        assert serve(search, "PUT", "/search/placed", body={"queries": [{"query": "a"}] * 201})[0] == 422


def declare(attributes: dict[str, str]) -> None:
    status, response, _ = serve(search, "PUT", "/search/attributes", body={"attributes": attributes})
    assert (status, response) == (200, {"attributes": attributes})
