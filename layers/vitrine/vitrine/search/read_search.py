"""A search, read from the query parameters of a request."""

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
    "q": {"type": "string", "description": "Words, and phrases in quotation marks. Left out: everything."},
    "gallery_id": {"type": "string", "pattern": ID_PATTERN},
    "credit": {**_NAME, "description": "In any case, otherwise as it is written."},
    "tag": {**_NAME, "description": "In any case, otherwise as it is written."},
    "product_id": {"type": "string", "pattern": ID_PATTERN},
    "created_from": _TIME,
    "created_to": {**_TIME, "x-not-before": "created_from"},
    "min_width": _PIXELS,
    "min_height": _PIXELS,
    "orientation": {"type": "string", "enum": list(Orientation)},
    "sort": {"type": "string", "enum": list(Sort), "default": Sort.RELEVANCE},
    "facets": {
        "type": "string",
        "description": f"Of {', '.join(Facet)}, separated by commas.",
        "pattern": "^({0})(,({0}))*$".format("|".join(Facet)),
    },
}


def read_search(query: Mapping[str, Any]) -> Search:
    """The search that a query asks for, which was read by `PARAMETERS`."""
    wanted = {field.name: query[field.name] for field in fields(Filters) if field.name in query}
    if "orientation" in wanted:
        wanted["orientation"] = Orientation(wanted["orientation"])
    return Search(
        text=query.get("q", "").strip() or None,
        filters=Filters(**wanted),
        sort=Sort(query["sort"]),
        facets=tuple(dict.fromkeys(map(Facet, query["facets"].split(",")))) if "facets" in query else (),
        limit=query["limit"],
    )
