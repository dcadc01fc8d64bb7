"""Read a search from the query parameters of a request."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from vitrine.galleries.model import ATTRIBUTE_NAME
from vitrine.platform.ids import ID_PATTERN
from vitrine.platform.problems import FieldError, InvalidRequest
from vitrine.search.model import (
    ATTRIBUTE_FACET,
    MOST_ATTRIBUTES,
    MOST_FACETS,
    AttributeFilter,
    AttributeKind,
    Facet,
    Filters,
    MerchantSettings,
    Orientation,
    Search,
    Sort,
)
from vitrine.search.relevance import words

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_PIXELS = 1_000_000

_ATTRIBUTE = rf"attributes\.{ATTRIBUTE_NAME.strip('^$')}"
_FACET = "|".join((*Facet, _ATTRIBUTE))
_NUMBER = r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?"
_NUMBERS = re.compile(rf"({_NUMBER})?(\.\.)?({_NUMBER})?")
_NAME = {"type": "string", "minLength": 1, "maxLength": 300}
_PIXELS = {"type": "integer", "minimum": 0, "maximum": LARGEST_PIXELS}
_TIME = {"type": "string", "format": "date-time"}
PARAMETERS: dict[str, dict[str, Any]] = {
    "q": {
        "type": "string",
        "description": "Words, and phrases in quotation marks. `15 inch` equals `38.1 cm`. Without it, everything.",
    },
    "gallery_id": {"type": "string", "pattern": ID_PATTERN},
    "credit": {**_NAME, "description": "The whole value; upper and lower case are equal."},
    "tag": {**_NAME, "description": "The whole value; upper and lower case are equal."},
    "product_id": {"type": "string", "pattern": ID_PATTERN},
    "created_from": _TIME,
    "created_to": {**_TIME, "x-not-before": "created_from"},
    "min_width": _PIXELS,
    "min_height": _PIXELS,
    "orientation": {"type": "string", "enum": list(Orientation)},
    "attributes.{name}": {
        "type": "object",
        "patternProperties": {f"^{_ATTRIBUTE}$": _NAME},
        "additionalProperties": False,
        "maxProperties": MOST_ATTRIBUTES,
        "description": "By an attribute that the merchant declared: `attributes.colour=red`, one of several texts by "
        "`attributes.colour=red|blue`, numbers by `attributes.price=10`, `10..50`, `10..` or `..50`. Upper and lower "
        "case are equal.",
    },
    "sort": {"type": "string", "enum": list(Sort), "default": Sort.RELEVANCE},
    "facets": {
        "type": "string",
        "description": f"Comma-separated: {', '.join(Facet)}, and declared attributes such as `attributes.colour`. The "
        "values of a facet are counted among the hits that pass all filters but its own.",
        "pattern": f"^({_FACET})(,({_FACET})){{0,{MOST_FACETS - 1}}}$",
    },
}


def read_search(query: Mapping[str, Any], settings: MerchantSettings) -> Search:
    """Return the search of a query that was validated with `PARAMETERS`. Raises InvalidRequest."""
    filters = {field.name: query[field.name] for field in fields(Filters) if field.name in query}
    if "orientation" in filters:
        filters["orientation"] = Orientation(filters["orientation"])
    facets = tuple(dict.fromkeys(query["facets"].split(","))) if "facets" in query else ()
    attributes = query["attributes.{name}"]
    named = {name: "facets" for name in facets if name not in list(Facet)} | {name: name for name in attributes}
    unknown = [
        FieldError(f"/query/{parameter}", f"names `{name}`, which is not declared; {_declared(settings)}")
        for name, parameter in named.items()
        if name.removeprefix(ATTRIBUTE_FACET) not in settings.attributes
    ]
    if unknown:
        raise InvalidRequest("The query names attributes that are not declared; see errors.", unknown)
    text = query.get("q", "").strip()
    asked = tuple(words(text))
    return Search(
        text=text or None,
        filters=Filters(
            **filters, attributes=tuple(_attribute_filter(name, text, settings) for name, text in attributes.items())
        ),
        sort=Sort(query["sort"]),
        words=asked,
        synonyms=settings.synonyms_of(asked),
        placed=settings.placed_for(asked),
        facets=facets,
        limit=query["limit"],
    )


def _declared(settings: MerchantSettings) -> str:
    known = ", ".join(f"{ATTRIBUTE_FACET}{name}" for name in settings.attributes)
    return f"declared are {known}" if known else "declare attributes by PUT /search/attributes"


def _attribute_filter(parameter: str, text: str, settings: MerchantSettings) -> AttributeFilter:
    name = parameter.removeprefix(ATTRIBUTE_FACET)
    if settings.attributes[name] is AttributeKind.TEXT:
        return AttributeFilter(name, texts=tuple(dict.fromkeys((text, *filter(None, text.split("|"))))))
    match = _NUMBERS.fullmatch(text)
    least, dots, most = match.groups() if match else (None, None, None)
    if (least, most) == (None, None) or (not dots and most is not None):
        message = "must be a number such as 10, or a range such as 10..50, 10.. or ..50"
        raise InvalidRequest("The query breaks the schema; see errors.", [FieldError(f"/query/{parameter}", message)])
    bounds = [float(bound) if bound is not None else None for bound in (least, most if dots else least)]
    return AttributeFilter(name, least=bounds[0], most=bounds[1])
