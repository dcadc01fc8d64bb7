"""What release 0.1.0 has written is read by this one, after `commands.migrate`.

`tests/data/releases/0.1.0.json` is what that release's functions wrote on moto, table by table, the keys that it made,
and the pages that it showed.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from commands.migrate import main, migrate
from tests.aws import ROOT, Context
from tests.gateway import Gateway, Response
from vitrine.platform.aws import client

WRITTEN = json.loads((ROOT / "tests" / "data" / "releases" / "0.1.0.json").read_text())
PAGES = sorted(WRITTEN["pages"])
UNTOUCHED = [
    "/products",
    "/products/chair",
    "/users/ann/interactions",
    "/users/ann/recommendations",
    "/snapshots",
    "/snapshots/s1",
    "/review/stats",
    "/imports",
    f"/api/status?jobid={WRITTEN['job_id']}",
    "/keys",
]


def raw(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"base64"}:
            return base64.b64decode(value["base64"])
        return {name: raw(part) for name, part in value.items()}
    return [raw(part) for part in value] if isinstance(value, list) else value


@pytest.fixture
def gateway(cloud: None) -> Gateway:
    for table, items in WRITTEN["tables"].items():
        for item in items:
            client("dynamodb").put_item(TableName=table, Item=raw(item))
    return Gateway()


def get(gateway: Gateway, path: str, kind: str = "secret") -> Response:
    path, _, query = path.partition("?")
    return gateway.call("GET", path, WRITTEN["keys"][kind], query=query)


def shown(page: dict[str, Any]) -> list[Any]:
    told = ("id", "name", "url", "created_at", "tags", "product_ids", "weight", "position", "pinned_position")
    return [{name: item[name] for name in told} for item in page["items"]]


def everything() -> str:
    return str([client("dynamodb").scan(TableName=table)["Items"] for table in ("GalleriesTable", "ImagesTable")])


@pytest.mark.parametrize("path", UNTOUCHED)
def test_what_needs_no_migration_is_read(gateway: Gateway, path: str) -> None:
    response = get(gateway, path)
    assert response.status == 200, response.body
    assert response.json


@pytest.mark.parametrize("path", PAGES)
def test_a_gallery_shows_the_page_that_it_showed(gateway: Gateway, path: str) -> None:
    assert main([]) == 0
    assert shown(get(gateway, path).json) == shown(WRITTEN["pages"][path])
    assert get(gateway, path, "publishable").status == 200


@pytest.mark.parametrize("gallery", ["default", "newest"])
def test_a_gallery_is_exact_and_keeps_its_settings(gateway: Gateway, gallery: str) -> None:
    migrate(print)
    audit = get(gateway, f"/galleries/{gallery}/audit").json
    assert (audit["mismatched"], audit.get("wrong_scores", [])) == ([], [])
    told = get(gateway, f"/galleries/{gallery}").json
    assert told["title"]
    assert told["ranking"]["policy"] == {"default": "interest", "newest": "newest"}[gallery]
    assert get(gateway, f"/galleries/{gallery}/ranking-versions").json["items"][0]["version"] == 1


def test_until_then_a_gallery_asks_to_come_again(gateway: Gateway) -> None:
    for path in ("/galleries", "/galleries/default", "/galleries/default/images"):
        response = get(gateway, path)
        assert (response.status, response.headers["Retry-After"]) == (503, "30")
    event = {"event_id": "new", "type": "view", "image_id": "image-1"}
    response = gateway.call("POST", "/galleries/default/events", WRITTEN["keys"]["secret"], {"events": [event]})
    assert response.status == 503


def test_counting_goes_on_where_it_stood(gateway: Gateway) -> None:
    migrate(print)
    counted = [image for image in WRITTEN["pages"]["/galleries/default/images"]["items"] if image["weight"]]
    events = [
        {"event_id": "e1", "type": "view", "image_id": "image-1"},
        {"event_id": "new", "type": "view", "image_id": "image-1"},
    ]
    response = gateway.call("POST", "/galleries/default/events", WRITTEN["keys"]["secret"], {"events": events})
    assert [result["status"] for result in response.json["results"]][1] == "accepted"
    assert counted

    from functions.weights.handler import lambda_handler as weights

    items = client("dynamodb").scan(TableName="CountersTable")["Items"]
    records = [{"eventSource": "aws:dynamodb", "dynamodb": {"NewImage": item, "SequenceNumber": "1"}} for item in items]
    weights({"Records": records}, Context())
    assert get(gateway, "/galleries/default/audit").json["mismatched"] == []


def test_a_second_run_changes_nothing(gateway: Gateway) -> None:
    assert migrate(print) == 2
    before = everything()
    assert migrate(print) == 0
    assert everything() == before


def test_a_run_that_was_stopped_is_taken_up_again(gateway: Gateway) -> None:
    def stop(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(stop)
    client("dynamodb").update_item(  # as if stopped between the images and their gallery
        TableName="GalleriesTable",
        Key={"pk": {"S": "shop"}, "sk": {"S": "default"}},
        UpdateExpression="SET policy = :interest REMOVE live",
        ExpressionAttributeValues={":interest": {"S": "interest"}},
    )
    migrate(print)
    for path in PAGES:
        assert shown(get(gateway, path).json) == shown(WRITTEN["pages"][path])


def test_an_image_that_was_pinned_or_hidden_still_is(gateway: Gateway) -> None:
    migrate(print)
    page = get(gateway, "/galleries/default/images").json["items"]
    assert page[0]["id"] == "image-4"
    assert "image-5" not in {image["id"] for image in page}
    assert get(gateway, "/galleries/default/images/image-5").json["hidden"]
