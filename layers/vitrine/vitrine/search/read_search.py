"""A search, read from the query parameters of a request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vitrine.platform.http import ID_PATTERN
from vitrine.platform.problems import FieldError, InvalidRequest
from vitrine.platform.times import from_rfc3339
from vitrine.search.model import Facet, Filters, Orientation, Search, Sort

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import StrEnum

LARGEST_PIXELS = 1_000_000

_STRING = {"type": "string"}
_PIXELS = {"type": "integer", "minimum": 0, "maximum": LARGEST_PIXELS}
_TIME = {"type": "string", "format": "date-time"}
PARAMETERS: dict[str, dict[str, Any]] = {
    "q": {"type": "string", "description": "Words, and phrases in quotation marks. Left out: everything."},
    "gallery_id": {"type": "string", "pattern": ID_PATTERN},
    "credit": _STRING,
    "tag": _STRING,
    "product_id": {"type": "string", "pattern": ID_PATTERN},
    "created_from": _TIME,
    "created_to": _TIME,
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


def read_search(query: Mapping[str, str], limit: int) -> Search:
    """The search that `query` asks for. Raises InvalidRequest, naming each parameter that is wrong."""
    errors: list[FieldError] = []

    def read(name: str, convert: Callable[[str], Any], must_be: str) -> Any:
        text = query.get(name, "").strip()
        if not text:
            return None
        try:
            return convert(text)
        except ValueError:
            errors.append(FieldError(f"/query/{name}", f"must be {must_be}"))
            return None

    search = Search(
        text=query.get("q", "").strip() or None,
        filters=Filters(
            gallery_id=read("gallery_id", str, ""),
            credit=read("credit", str, ""),
            tag=read("tag", str, ""),
            product_id=read("product_id", str, ""),
            created_from=read("created_from", from_rfc3339, "a time such as 2024-05-01T00:00:00Z"),
            created_to=read("created_to", from_rfc3339, "a time such as 2024-05-01T00:00:00Z"),
            min_width=read("min_width", _pixels, f"a number from 0 to {LARGEST_PIXELS}"),
            min_height=read("min_height", _pixels, f"a number from 0 to {LARGEST_PIXELS}"),
            orientation=read("orientation", Orientation, _one_of(Orientation)),
        ),
        sort=read("sort", Sort, _one_of(Sort)) or Sort.RELEVANCE,
        facets=read("facets", _facets, f"names out of {', '.join(Facet)}, separated by commas") or (),
        limit=limit,
    )
    if errors:
        raise InvalidRequest("The query breaks the schema; see errors.", errors)
    return search


def _pixels(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text) or int(text) > LARGEST_PIXELS:
        raise ValueError(text)
    return int(text)


def _facets(text: str) -> tuple[Facet, ...]:
    return tuple(dict.fromkeys(Facet(name.strip()) for name in text.split(",")))


def _one_of(names: type[StrEnum]) -> str:
    return f"one of {', '.join(names)}"
