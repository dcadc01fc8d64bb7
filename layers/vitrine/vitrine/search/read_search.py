"""Read a search from the query parameters of a request."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from vitrine.platform.ids import ID_PATTERN
from vitrine.search.model import Facet, Filters, Orientation, Search, Sort

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_PIXELS = 1_000_000

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
    "sort": {"type": "string", "enum": list(Sort), "default": Sort.RELEVANCE},
    "facets": {
        "type": "string",
        "description": f"Comma-separated: {', '.join(Facet)}.",
        "pattern": "^({0})(,({0}))*$".format("|".join(Facet)),
    },
}


def read_search(query: Mapping[str, Any]) -> Search:
    """Return the search of a query that was validated with `PARAMETERS`."""
    filters = {field.name: query[field.name] for field in fields(Filters) if field.name in query}
    if "orientation" in filters:
        filters["orientation"] = Orientation(filters["orientation"])
    return Search(
        text=query.get("q", "").strip() or None,
        filters=Filters(**filters),
        sort=Sort(query["sort"]),
        facets=tuple(dict.fromkeys(map(Facet, query["facets"].split(",")))) if "facets" in query else (),
        limit=query["limit"],
    )
