"""Agencies' records become pictures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from vitrine.platform.problems import InvalidRequest
from vitrine.search.model import IndexedImage
from vitrine.search.read_agency import check_media_url, read_agency_picture

PATTERN = "https://host.example/{db}/{id:0>10}/s.jpg"


def read(**raw: Any) -> IndexedImage:
    return read_agency_picture({"id": "1", **raw}, PATTERN, keep_unknown=True).picture


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
    picture = read_agency_picture(german, PATTERN, keep_unknown=False).picture
    assert picture == read_agency_picture(english, PATTERN, keep_unknown=False).picture
    assert picture == IndexedImage(
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
def test_what_is_empty_is_absent(empty: Any) -> None:
    everything = ("title", "description", "search_text", "photographers", "date", "height", "width", "media_url", "db")
    assert read(**dict.fromkeys(everything, empty)) == read()


def test_fields_nobody_knows_are_refused_or_kept_aside() -> None:
    raw = {"id": "1", "bearbeitet_bild": "x", "titel": "Dom"}
    with pytest.raises(InvalidRequest) as refused:
        read_agency_picture(raw, PATTERN, keep_unknown=False)
    assert [error.pointer for error in refused.value.errors] == ["/bearbeitet_bild"]
    kept = read_agency_picture(raw, PATTERN, keep_unknown=True)
    assert (kept.picture.name, kept.kept_aside) == ("Dom", {"bearbeitet_bild": "x"})


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
def test_what_cannot_be_read_is_named(raw: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**raw)
    assert pointer in [error.pointer for error in refused.value.errors]


@pytest.mark.parametrize(
    "pattern", ["https://host/{0}", "https://host/{id.real}", "https://host/{name}", "https://host/{id:x}"]
)
def test_a_pattern_of_other_fields_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError):
        check_media_url(pattern)
