"""Images are found in the deployed stack soon after they change."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from local.deployment import client, stack_outputs
from tests.e2e.api import Api, eventually

if TYPE_CHECKING:
    from local.state import Stack


def found(shop: Api, word: str) -> list[str]:
    response = shop.get(f"/search/images?q={word}&facets=tag")
    assert response.status == 200, response.json
    return [item["id"] for item in response.json["items"]]


def test_a_new_image_is_found_and_a_hidden_or_deleted_one_is_gone(shop: Api, gallery: str):
    word = f"zebra{uuid.uuid4().hex[:8]}"
    image = {"id": "striped", "name": f"Striped {word}", "url": "https://shop.example/z.jpg", "tags": ["stripes"]}
    assert shop.post(f"/galleries/{gallery}/images", {"images": [image]}).status == 200
    eventually(lambda: found(shop, word) == ["striped"])
    assert shop.get(f"/search/suggest?q={word[:-1]}").json == {"items": [{"text": word}]}
    shop.patch(f"/galleries/{gallery}/images/striped", {"hidden": True})
    eventually(lambda: found(shop, word) == [])
    shop.patch(f"/galleries/{gallery}/images/striped", {"hidden": False})
    eventually(lambda: found(shop, word) == ["striped"])
    shop.delete(f"/galleries/{gallery}/images/striped")
    eventually(lambda: found(shop, word) == [])


def test_a_rebuild_by_its_function_keeps_what_the_tables_hold(shop: Api, stack: Stack, gallery: str):
    word = f"okapi{uuid.uuid4().hex[:8]}"
    image = {"id": "shy", "name": word, "url": "https://shop.example/o.jpg"}
    shop.post(f"/galleries/{gallery}/images", {"images": [image]})
    function = stack_outputs(stack.endpoint_url)["SearchRebuildFunction"]
    response = client("lambda", stack.endpoint_url).invoke(
        FunctionName=function, Payload=json.dumps({"merchant_id": stack.merchant_id})
    )
    assert json.loads(response["Payload"].read())["images"] >= 1
    eventually(lambda: found(shop, word) == ["shy"])
