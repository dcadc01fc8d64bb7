from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import urllib3

from tests.e2e.api import Api, eventually

if TYPE_CHECKING:
    from local.state import Stack

IMAGES = [
    {"id": f"picture-{number}", "name": f"Picture {number}", "url": f"https://shop.example/{number}.jpg"}
    for number in range(5)
]


def ids(api: Api, gallery: str) -> list[str]:
    return [item["id"] for item in api.get(f"/galleries/{gallery}/images").json["items"]]


def test_a_click_moves_a_picture_up(shop: Api, web_page: Api, gallery: str):
    shop.post(f"/galleries/{gallery}/images", {"images": IMAGES})
    last = ids(web_page, gallery)[-1]
    event = {"event_id": f"{gallery}-1", "type": "click", "image_id": last}

    first = web_page.post(f"/galleries/{gallery}/events", {"events": [event]})
    again = web_page.post(f"/galleries/{gallery}/events", {"events": [event]})

    assert first.status == again.status == 202
    assert first.json["results"] == [{"event_id": f"{gallery}-1", "status": "accepted"}]
    assert again.json["results"][0]["status"] == "duplicate"
    eventually(lambda: ids(web_page, gallery)[0] == last)
    top = shop.get(f"/galleries/{gallery}/images?limit=1").json["items"][0]
    assert (top["weight"], top["events"], top["position"]) == (7, {"views": 0, "clicks": 1}, 1)
    assert not {"weight", "events", "hidden"} & set(web_page.get(f"/galleries/{gallery}/images").json["items"][0])
    assert shop.get(f"/galleries/{gallery}/audit").json == {"images": 5, "mismatched": [], "withdrawn": []}


def test_a_key_in_the_query_works_as_in_the_header(stack: Stack, web_page: Api, gallery: str):
    path = f"/galleries/{gallery}"
    assert Api(stack.api_url).get(f"{path}?key={stack.publishable_key}").json == web_page.get(path).json
    refused = Api(stack.api_url).get(f"{path}?key={stack.secret_key}")
    assert_problem(refused, 401)
    assert "Roll" in refused.json["detail"]


def test_a_page_sends_events_as_text_with_its_key_in_the_address(stack: Stack, shop: Api, gallery: str):
    shop.post(f"/galleries/{gallery}/images", {"images": IMAGES})
    event = {"event_id": f"{gallery}-1", "type": "view", "image_id": ids(shop, gallery)[0]}
    sent = urllib3.request(
        "POST",
        f"{stack.api_url}/galleries/{gallery}/events?key={stack.publishable_key}",
        body=json.dumps({"events": [event]}),
        headers={"Content-Type": "text/plain;charset=UTF-8"},
    )
    assert (sent.status, sent.json()["results"][0]["status"]) == (202, "accepted")


def test_a_shown_page_is_not_sent_again(shop: Api, gallery: str):
    shop.post(f"/galleries/{gallery}/images", {"images": IMAGES})
    page = shop.get(f"/galleries/{gallery}/images")

    again = shop.get(f"/galleries/{gallery}/images", **{"If-None-Match": page.headers["ETag"]})

    assert again.status == 304


def test_the_challenge_routes_count_into_the_default_gallery(web_page: Api):
    before = web_page.get("/images").json
    last = before[-1]
    now = datetime.now(UTC).isoformat()

    counted = web_page.post(f"/images/{last['id']}/events", {"eventType": "click", "timestamp": now})

    assert counted.status == 204
    assert [image["gridPosition"] for image in before] == list(range(1, len(before) + 1))
    eventually(lambda: weight_of(last["id"], web_page) == last["weight"] + 7)


def weight_of(image_id: str, api: Api) -> int:
    return next(image["weight"] for image in api.get("/images").json if image["id"] == image_id)


def test_what_a_web_page_may_not_do_is_forbidden(web_page: Api, gallery: str):
    refused = web_page.delete(f"/galleries/{gallery}")

    assert refused.status == 403
    assert_problem(refused, 403)


def test_without_a_key_the_gateway_responses_with_a_problem(stack: Stack):
    for api in (Api(stack.api_url), Api(stack.api_url, "sk_unknown")):
        refused = api.get("/galleries")

        assert_problem(refused, 401)
        assert refused.headers["Access-Control-Allow-Origin"] == "*"


def test_an_unknown_path_is_a_problem(shop: Api):
    assert_problem(shop.get("/nothing/here"), 404)
    assert_problem(shop.get("/"), 404)


def test_a_wrong_method_says_which_are_right(shop: Api):
    refused = shop.delete("/images")

    assert_problem(refused, 405)
    assert refused.headers["Allow"] == "GET"


def test_a_browser_may_call_from_any_page(stack: Stack):
    preflight = Api(stack.api_url).request(
        "OPTIONS",
        "/galleries/default/events",
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-api-key",
        },
    )

    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "x-api-key" in preflight.headers["Access-Control-Allow-Headers"].lower()


def test_the_api_describes_itself(stack: Stack):
    document = Api(stack.api_url).get("/openapi.json")

    assert document.status == 200
    assert "/galleries/{gallery_id}/images" in document.json["paths"]


def assert_problem(response, status: int) -> None:
    assert response.status == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json["status"] == status
    assert {"type", "title", "detail", "instance", "request_id"} <= response.json.keys()
