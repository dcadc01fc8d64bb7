"""Whatever clients send to any route or put into any file, nothing ends in a 5xx and every error has its form.

The routes are those of the functions themselves, and values grow from each route's own sample: one that is valid but
for its hostile parts comes further than noise. `VITRINE_HOSTILE_REQUESTS` says how many requests are made.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.openapi import routes
from functions.products_api.handler import lambda_handler as products
from tests.aws import serve
from tests.gateway import Gateway, Response, Shop, open_shop
from tests.samples import sample_of
from tests.uploads import deliver, listed, put_object
from vitrine.imports.wiring import KINDS

if TYPE_CHECKING:
    from vitrine.platform.http import Route

pytestmark = pytest.mark.usefixtures("cloud")

REQUESTS = int(os.environ.get("VITRINE_HOSTILE_REQUESTS", "150"))
HOW = settings(
    max_examples=REQUESTS, deadline=None, derandomize=REQUESTS <= 150, suppress_health_check=list(HealthCheck)
)
ROUTES = routes()
DEEP = "[" * 900 + "]" * 900


class Raw(str):
    """JSON text that no encoder writes."""

    __slots__ = ()


TEXTS = st.sampled_from(
    ["", " ", "\ud800", "x\udfff", "\0", "🦊", "a/b", "..", "%", "'\"", "x" * 400, "é" * 129, "NaN"]
)
NUMBERS = st.sampled_from(
    [0, -1, 1e-200, -1e-131, 1e126, 1e308, 10**38, 10**18, 0.1, Raw("9" * 5000), Raw("1e999"), Raw("NaN"), Raw("-0")]
)
TIMES = st.sampled_from(
    ["2024-01-02T00:00:00Z", "2023-01-01", "0001-01-01", "9999-12-31", "9999-12-31T23:59:59-23:59", "2024-02-30", "1e9"]
)
IDS = st.sampled_from(["summer", "default", "one", "tea", "ann", "S1", "nobody", "x" * 128, "~"])
VALUES = st.one_of(
    TEXTS, NUMBERS, TIMES, IDS, st.none(), st.booleans(), st.just(Raw(DEEP)), st.just([]), st.just({}),
    st.just({"\ud800": 1}), st.lists(TEXTS, max_size=2), st.dictionaries(TEXTS, NUMBERS, max_size=2),
)  # fmt: skip


def written(value: Any) -> str:
    """The value as JSON, with lone surrogates as escapes and raw texts as they are."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{written(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


@st.composite
def changed(draw: st.DrawFn, value: Any, depth: int = 0) -> Any:
    """The value with something hostile in one of its places."""
    if depth and draw(st.integers(0, 3)) == 0:
        return draw(VALUES)
    if isinstance(value, dict) and value:
        name = draw(st.sampled_from(sorted(value)))
        what = draw(st.integers(0, 5))
        if what == 0:
            return {key: each for key, each in value.items() if key != name}
        if what == 1:
            return {**value, draw(TEXTS): draw(VALUES)}
        return {**value, name: draw(changed(value[name], depth + 1))}
    if isinstance(value, list) and value:
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], draw(changed(value[at], depth + 1)), *value[at + 1 :]]
    return draw(VALUES)


@st.composite
def queries(draw: st.DrawFn, route: Route) -> list[tuple[str, Any]]:
    """Some parameters, known and unknown, once and twice, of right and of wrong values."""
    declared = dict(route.query or {})
    sent: list[tuple[str, Any]] = []
    for name in draw(st.lists(st.sampled_from([*declared, "key", "more", ""]), max_size=4)):
        likely = [st.sampled_from(declared[name]["enum"])] if "enum" in declared.get(name, ()) else [TIMES, IDS]
        sent.append((name, draw(st.one_of(*likely, TEXTS, st.sampled_from(["1", "101", "-1", "9" * 400, "1e3"])))))
    return sent


@pytest.fixture
def shop(cloud: None) -> Shop:
    shop, gateway = open_shop("shop"), Gateway()
    image = {"id": "one", "name": "One", "url": "https://pictures.example/one.jpg", "product_ids": ["tea"]}
    for gallery_id in ("summer", "default"):
        gateway.call("PUT", f"/galleries/{gallery_id}", shop.secret_key, {})
        gateway.call("POST", f"/galleries/{gallery_id}/images", shop.secret_key, {"images": [image]})
    gateway.call("PUT", "/products/tea", shop.secret_key, {"name": "Tea", "category": "drinks"})
    return shop


def check(route: Route, response: Response) -> None:
    assert response.status < 500, (route.method, route.path, response.body)
    if response.status >= 400:
        own = route.on_error is not None and response.headers["Content-Type"] == "application/json"
        assert own or response.headers["Content-Type"] == "application/problem+json", response.headers
        assert isinstance(json.loads(response.body), dict)


@HOW
@given(data=st.data())
def test_no_request_ends_in_a_5xx(shop: Shop, data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(ROUTES))
    sample = sample_of(route)
    path = route.path
    for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
        value = data.draw(st.one_of(IDS, IDS, TEXTS))
        path = path.replace("{" + name + "}", quote(value, safe="", errors="surrogatepass") or "-")
    query = data.draw(st.one_of(st.just([]), queries(route)))
    headers = dict(sample.headers)
    if data.draw(st.integers(0, 9)) == 0:
        name = data.draw(
            st.sampled_from(["X-Reviewer", "Idempotency-Key", "User-Agent", "Content-Type", "X-User-Token"])
        )
        headers[name] = data.draw(TEXTS)
    raw = None
    if route.body:
        body = data.draw(st.one_of(changed(sample.body), changed(sample.body), st.just(sample.body)))
        raw = written(body).encode()
    key = data.draw(st.sampled_from([shop.secret_key, shop.secret_key, shop.publishable_key]))
    text = urlencode(query, errors="surrogatepass")
    check(route, Gateway().call(route.method, path, key, raw=raw, query=text, headers=headers))


ROWS: dict[str, dict[str, Any]] = {
    "images": {"id": "a", "name": "A", "url": "https://a.example/1.jpg", "tags": ["x"], "width": 1},
    "products": {"product_id": "tea", "name": "Tea", "price": 1.5, "tags": ["x"], "attributes": {"a": [1]}},
    "interactions": {"interaction_id": "1", "user_id": "ann", "product_id": "tea", "type": "purchase", "value": 1},
    "stores": {"store_id": "S1", "store_name": "Corner", "area_code": "A1"},
    "snapshots": {"snapshot_id": "s", "product_id": "tea", "filename": "f.jpg", "url": "https://a.example/1.jpg"},
}


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(HOW, max_examples=max(REQUESTS // 25, 4))
@given(data=st.data())
def test_no_row_of_a_file_stops_the_others(kind: str, shop: Shop, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(["jsonl", "json"]))
    row = ROWS[kind]
    hostile = [written(data.draw(changed(row, 1))) for _ in range(10)]
    lines = [json.dumps(row), *hostile, json.dumps(row)]
    text = "[" + ",".join(lines) + "]" if form == "json" else "\n".join(lines)
    before = {import_["import_id"] for import_ in listed()}
    assert deliver(put_object(f"imports/shop/{kind}/rows.{form}", text.encode()))
    new = [import_ for import_ in listed() if import_["import_id"] not in before]
    assert len(new) <= 1
    for made in new:  # the same file again is the same import
        assert (made["status"], made["rows_read"]) == ("completed", len(lines))
        assert made["rows_imported"] >= 2
    assert serve(products, "GET", "/products")[0] == 200
