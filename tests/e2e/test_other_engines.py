"""A stack of its own on the other engines: Athena learns, OpenSearch finds."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from local.deployment import client, stack_outputs
from local.state import Stack
from tests.e2e.api import Api, eventually
from tests.e2e.conftest import learn, put_file, run_local
from tests.opensearch import running_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opensearchpy import OpenSearch

SHOPPERS = 12


@pytest.fixture(scope="module")
def node() -> Iterator[OpenSearch]:
    with running_node() as running:
        yield running


@pytest.fixture(scope="module")
def stack(node: OpenSearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    [host] = node.transport.hosts
    parameters = f"ModelEngine=athena SearchEngine=opensearch OpenSearchUrl=http://127.0.0.1:{host['port']}"
    state = tmp_path_factory.mktemp("other-engines")
    try:
        run_local("up", state, "--no-demo", parameters=parameters)
        yield Stack(**json.loads((state / "stack.json").read_text()))
    finally:
        run_local("down", state)


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Api:
    return Api(stack.api_url, stack.secret_key)


def test_what_athena_learned_is_recommended(shop: Api, stack: Stack) -> None:
    products = [
        {"product_id": fruit, "name": f"A {fruit}", "category": "Fruit"} for fruit in ("pear", "apple", "plum", "fig")
    ]
    put_file(shop, stack, "products", "jsonl", "\n".join(map(json.dumps, products)))
    # All who have the pear have the apple too; the last has the pear only.
    bought = [(f"u{n}", fruit) for n in range(SHOPPERS) for fruit in (("pear", "apple") if n % 2 else ("plum", "fig"))]
    bought.append(("newcomer", "pear"))
    rows = [f"{n},{user},{product},purchase,2026-01-01T00:00:00Z" for n, (user, product) in enumerate(bought)]
    heading = "interaction_id,user_id,product_id,type,occurred_at"
    put_file(shop, stack, "interactions", "csv", "\n".join([heading, *rows]))

    learn(stack)

    def reasons() -> dict[str, Any]:
        items = shop.get("/users/newcomer/recommendations?strategy=collaborative").json["items"]
        return {item["product_id"]: item["reason"] for item in items}

    because_of_the_pear = {"strategy": "collaborative", "because": ["pear"]}
    eventually(lambda: reasons().get("apple") == because_of_the_pear)
    workgroup = stack_outputs(stack.endpoint_url)["ModelsWorkgroup"]
    asked = client("athena", stack.endpoint_url).list_query_executions(WorkGroup=workgroup)
    assert asked["QueryExecutionIds"]


def test_a_picture_is_found_in_opensearch_until_it_is_deleted(shop: Api, node: OpenSearch) -> None:
    word = f"zebra{uuid.uuid4().hex[:8]}"
    image = {"id": "striped", "name": f"Striped {word}", "url": "https://shop.example/z.jpg", "tags": ["stripes"]}
    assert shop.put("/galleries/animals", {}).status == 201
    assert shop.post("/galleries/animals/images", {"images": [image]}).status == 200

    def found() -> list[str]:
        return [image["id"] for image in shop.get(f"/search/images?q={word}&facets=tag").json["items"]]

    eventually(lambda: found() == ["striped"])
    assert node.count(index="*", q=word)["count"] == 1
    assert shop.get(f"/search/suggest?q={word[:-1]}").json == {"items": [{"text": word}]}
    assert shop.delete("/galleries/animals/images/striped").status == 204
    eventually(lambda: found() == [])
