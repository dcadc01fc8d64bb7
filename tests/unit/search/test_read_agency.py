"""Reading the records of picture agencies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from vitrine.platform.problems import InvalidRequest
from vitrine.search.model import IndexedImage
from vitrine.search.read_agency import check_media_url, read_agency_image

PATTERN = "https://host.example/{db}/{id:0>10}/s.jpg"


def read(**raw: Any) -> IndexedImage:
    return read_agency_image({"id": "1", **raw}, PATTERN, keep_unknown=True).image


def test_a_record_of_either_language_is_the_same_picture() -> None:
    german = {
        "bildnummer": 258999323,
        "db": "stock",
        "titel": "Dom",
        "beschreibung": "Der Dom",
        "suchtext": "Dom, Kirche",
        "fotografen": "Ann Lee / Bo Ek",
        "datum": "2001-02-03T00:00:00Z",
        "hoehe": "2460",
        "breite": 3643,
    }
    english = {
        "id": "258999323",
        "db": "stock",
        "title": "Dom",
        "description": "Der Dom",
        "search_text": "Dom, Kirche",
        "photographers": "Ann Lee/Bo Ek",
        "date": "2001-02-03",
        "height": 2460,
        "width": "3643.0",
    }
    image = read_agency_image(german, PATTERN, keep_unknown=False).image
    assert image == read_agency_image(english, PATTERN, keep_unknown=False).image
    assert image == IndexedImage(
        id="258999323",
        gallery_id="stock",
        url="https://host.example/stock/0258999323/s.jpg",
        created_at=datetime(2001, 2, 3, tzinfo=UTC),
        name="Dom",
        caption="Der Dom",
        text="Dom, Kirche",
        credit=("Ann Lee", "Bo Ek"),
        width=3643,
        height=2460,
    )


@pytest.mark.parametrize("empty", ["", "  ", None])
def test_empty_values_are_absent(empty: Any) -> None:
    everything = ("title", "description", "search_text", "photographers", "date", "height", "width", "media_url", "db")
    assert read(**dict.fromkeys(everything, empty)) == read()


def test_unknown_fields_are_rejected_or_returned() -> None:
    raw = {"id": "1", "bearbeitet_bild": "x", "titel": "Dom"}
    with pytest.raises(InvalidRequest) as rejected:
        read_agency_image(raw, PATTERN, keep_unknown=False)
    assert [error.pointer for error in rejected.value.errors] == ["/bearbeitet_bild"]
    kept = read_agency_image(raw, PATTERN, keep_unknown=True)
    assert (kept.image.name, kept.unknown_fields) == ("Dom", {"bearbeitet_bild": "x"})


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        ({"id": ""}, "/id"),
        ({"id": "a/b"}, "/id"),
        ({"db": "a b"}, "/db"),
        ({"date": "gestern"}, "/date"),
        ({"height": "tall"}, "/height"),
        ({"width": "-3"}, "/width"),
        ({"width": "nan"}, "/width"),
        ({"width": "1e999"}, "/width"),
    ],
)
def test_invalid_fields_are_named(raw: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as rejected:
        read(**raw)
    assert pointer in [error.pointer for error in rejected.value.errors]


@pytest.mark.parametrize(
    "pattern", ["https://host/{0}", "https://host/{id.real}", "https://host/{name}", "https://host/{id:x}"]
)
def test_a_pattern_with_other_fields_is_rejected(pattern: str) -> None:
    with pytest.raises(ValueError):
        check_media_url(pattern)
