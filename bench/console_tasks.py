"""Six tasks of a merchant and a review team in the web app by keyboard, and the same with the API.

`make up`, then `python -m bench.console_tasks`. A step is a key, a text that is typed or pasted, a choice, or a file
that is picked; with the API a step is a request. Seconds are from a page of the app that has loaded until the result
is on the screen; with the API until it can be read. Nobody thinks in between, so the seconds say how long a person
waits for the product, and the steps how much they have to do.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import urllib3

from local.state import find_stack
from tests.e2e.api import Api, eventually
from tests.e2e.browser import opened
from tests.e2e.conftest import add_store, open_shop

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.state import Stack

WITHIN = 60
BAD = "product_id,name,price\n" + "".join(f"bad id {at}!,Pear,2\n" for at in range(5)) + "good,Apple,1.5\n"
_http = urllib3.PoolManager()


class Shop(NamedTuple):
    """A shop of one task, with a gallery of six pictures."""

    stack: Stack
    api: Api
    gallery: str
    images: list[str]


class Person:
    """Uses the page and counts the steps."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.steps = 0

    def go(self, name: str) -> None:
        """Open a page by its name."""
        self.press(self.page.locator("body"), "Control+k")
        self.type(self.page.get_by_role("combobox", name="Go to"), name)
        self.press(self.page.get_by_role("combobox", name="Go to"), "Enter")

    def press(self, target: Any, key: str = "Enter") -> None:
        target.press(key)
        self.steps += 1

    def type(self, target: Any, text: str) -> None:
        target.fill(text)
        self.steps += 1

    def choose(self, target: Any, value: str) -> None:
        target.select_option(value)
        self.steps += 1

    def pick(self, target: Any, name: str, text: str) -> None:
        target.set_input_files({"name": name, "mimeType": "text/csv", "buffer": text.encode()})
        self.steps += 1


class Caller:
    """Calls the API and counts the requests."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.steps = 0

    def __call__(self, method: str, path: str, body: Any = None, reviewer: str = "") -> Any:
        self.steps += 1
        response = self.api.request(method, path, body, {"X-Reviewer": reviewer} if reviewer else {})
        assert response.json is not None, response
        return response.json

    def until(self, check: Callable[[], bool]) -> None:
        """Ask until it is so; the requests of a program that waits are one step."""
        before = self.steps
        eventually(check, WITHIN)
        self.steps = before + 1


def pin_in_the_app(person: Person, shop: Shop, __: str) -> None:
    person.go(shop.gallery)
    tile = person.page.locator(f"[data-id='{shop.images[3]}'] button")
    person.press(tile, "m")
    for _ in range(3):
        person.press(tile, "ArrowLeft")
    person.press(tile, "Enter")
    person.page.locator(".grid li:first-child abbr").wait_for()


def pin_by_the_api(call: Caller, shop: Shop, _: str) -> None:
    path = f"/galleries/{shop.gallery}/images"
    images = call("GET", path)["items"]
    call("PATCH", f"{path}/{images[3]['id']}", {"pinned_position": 1})
    call.until(lambda: call("GET", path)["items"][0]["id"] == images[3]["id"])


def explain_in_the_app(person: Person, shop: Shop, _: str) -> None:
    person.go(shop.gallery)
    person.press(person.page.locator(f"[data-id='{shop.images[2]}'] button"))
    person.page.get_by_role("region", name="Why is it here?").wait_for()


def explain_by_the_api(call: Caller, shop: Shop, _: str) -> None:
    third = call("GET", f"/galleries/{shop.gallery}/images")["items"][2]["id"]
    assert call("GET", f"/galleries/{shop.gallery}/images/{third}?explain=true")["explanation"]["sentence"]


def mend_in_the_app(person: Person, _: Shop, __: str) -> None:
    page = person.page
    person.go("Imports")
    person.choose(page.get_by_label("Rows are"), "products")
    file = page.get_by_label("File: xlsx, csv, jsonl or json")
    person.pick(file, "export.csv", BAD)
    person.press(page.get_by_role("button", name="Import", exact=True))
    person.press(page.get_by_role("button", name="5: show why"))
    with page.expect_download() as download:
        person.press(page.get_by_role("button", name="Download as CSV"))
    mended = Path(download.value.path()).read_text().replace("bad id ", "good-").replace("!", "")
    person.steps += 1  # mending the file
    person.pick(file, "mended.csv", mended)
    person.press(page.get_by_role("button", name="Import", exact=True))
    page.wait_for_function("document.querySelectorAll('.state.completed').length === 2")


def mend_by_the_api(call: Caller, _: Shop, __: str) -> None:
    def imported(text: str) -> str:
        made = call("POST", "/imports", {"kind": "products", "filename": "export.csv", "size": len(text)})
        upload = made["upload"]
        response = _http.request(upload["method"], upload["url"], body=text.encode(), headers=upload["headers"])
        assert response.status == 200
        call.steps += 1
        call.until(lambda: call("GET", f"/imports/{made['import_id']}")["status"] == "completed")
        return made["import_id"]

    first = imported(BAD)
    assert len(call("GET", f"/imports/{first}/errors")["items"]) == len(BAD.splitlines()) - 2
    call.steps += 1  # mending the file
    imported(BAD.replace("bad id ", "good-").replace("!", ""))


def key_in_the_app(person: Person, _: Shop, __: str) -> None:
    person.go("Keys")
    keys = person.page.get_by_role("region", name="Keys of the shop")
    form = keys.get_by_role("form", name="New key")
    person.type(form.get_by_label("What it is for"), "Team")
    person.choose(form.get_by_label("Role"), "editor")
    person.press(form.get_by_role("button", name="Make the key"))
    person.press(keys.get_by_role("button", name="Done"))
    person.press(keys.get_by_role("button", name="Roll Team"))
    keys.get_by_role("status").locator("code").wait_for()


def key_by_the_api(call: Caller, _: Shop, __: str) -> None:
    made = call("POST", "/keys", {"role": "editor", "label": "Team"})
    assert call("POST", f"/keys/{made['key_id']}/roll", {})["key"]


def nothing(_: Shop) -> str:
    return ""


def submit(shop: Shop) -> str:
    """A job whose photo cannot be had."""
    store = add_store(shop.api, shop.stack)
    visit = {"store_id": store, "image_url": ["http://127.0.0.1:1/a.jpg"], "visit_time": "2024-03-09T12:00:00"}
    job_id = shop.api.post("/api/submit", {"count": 1, "visits": [visit]}).json["job_id"]
    eventually(lambda: shop.api.get(f"/jobs/{job_id}").json["status"] == "failed", WITHIN)
    return job_id


def retry_in_the_app(person: Person, shop: Shop, job_id: str) -> None:
    person.go("Store visits")
    person.press(person.page.get_by_role("button", name=f"Retry failed photos of job {job_id}"))
    person.page.get_by_text(f"Job {job_id} is retried").wait_for()
    eventually(lambda: shop.api.get(f"/jobs/{job_id}").json["attempt"] == 2, WITHIN)


def retry_by_the_api(call: Caller, _: Shop, job_id: str) -> None:
    failed = call("GET", "/jobs")["items"][0]["job_id"]
    assert str(failed) == str(job_id)
    call("POST", f"/jobs/{failed}/retry")
    call.until(lambda: call("GET", f"/jobs/{failed}")["attempt"] == 2)


def disagree(shop: Shop) -> str:
    """A snapshot of which one reviewer was unsure."""
    api = shop.api
    assert api.put("/products/tea", {"name": "Tea"}).status == 200
    url = api.get(f"/galleries/{shop.gallery}/images").json["items"][0]["url"]
    [made] = api.post(
        "/snapshots", {"snapshots": [{"product_id": "tea", "filename": f"{uuid.uuid4().hex}.jpg", "url": url}]}
    ).json["results"]
    path = f"/review/snapshots/{made['snapshot_id']}/decision"
    ann = {"X-Reviewer": "ann"}
    eventually(lambda: bool(api.request("POST", "/review/claims", {"limit": 1}, ann).json["items"]), WITHIN)
    assert api.request("PUT", path, {"decision": "unsure"}, ann).status == 200
    return made["snapshot_id"]


def settle_in_the_app(person: Person, shop: Shop, snapshot_id: str) -> None:
    page = person.page
    person.go("Review")
    person.type(page.get_by_label("Your name"), "bob")
    person.press(page.get_by_role("button", name="Start"))
    person.press(page.get_by_role("button", name="I had a look"))
    page.wait_for_selector("figure img")
    person.press(page.locator("body"), "ArrowLeft")
    eventually(lambda: shop.api.get(f"/snapshots/{snapshot_id}").json["status"] == "approved", WITHIN)


def settle_by_the_api(call: Caller, _: Shop, __: str) -> None:
    call.until(lambda: bool(call("POST", "/review/claims", {"limit": 1}, "bob")["items"]))
    [item] = call("GET", "/snapshots?status=waiting")["items"]
    assert call("PUT", f"/review/snapshots/{item['snapshot_id']}/decision", {"decision": "approved"}, "bob")


TASKS: dict[str, tuple[Callable[..., None], Callable[..., None], Callable[[Shop], str]]] = {
    "pin the fourth picture first": (pin_in_the_app, pin_by_the_api, nothing),
    "find why an image is third": (explain_in_the_app, explain_by_the_api, nothing),
    "mend a file with five errors and import it again": (mend_in_the_app, mend_by_the_api, nothing),
    "create a key and roll it": (key_in_the_app, key_by_the_api, nothing),
    "retry a failed job": (retry_in_the_app, retry_by_the_api, submit),
    "settle what a reviewer was unsure of": (settle_in_the_app, settle_by_the_api, disagree),
}


def shop_of(stack: Stack) -> Shop:
    """A merchant with pictures of the demo."""
    pictures = Api(stack.api_url, stack.secret_key).get("/galleries/default/images?limit=6").json["items"]
    own = open_shop(stack)
    api = Api(own.api_url, own.secret_key)
    gallery = f"window-{uuid.uuid4().hex[:6]}"
    api.put(f"/galleries/{gallery}", {})
    images = [{"id": each["id"], "name": each["name"], "url": each["url"]} for each in pictures]
    api.post(f"/galleries/{gallery}/images", {"images": images})
    order = [image["id"] for image in api.get(f"/galleries/{gallery}/images").json["items"]]
    return Shop(own, api, gallery, order)


def main() -> None:
    """Print the table."""
    stack = find_stack()
    if stack is None:
        raise SystemExit("The local cloud is not up. Run: make up")
    print("| task | web app | API |\n|---|---|---|")
    for name, (in_the_app, by_the_api, prepare) in TASKS.items():
        shop = shop_of(stack)
        prepared = prepare(shop)
        with opened(stack, f"#/gallery?key={shop.stack.secret_key}") as page:
            page.locator(".grid li").first.wait_for()
            person = Person(page)
            page_seconds = timed(in_the_app, person, shop, prepared)
        other = shop_of(stack)
        prepared = prepare(other)
        caller = Caller(other.api)
        api_seconds = timed(by_the_api, caller, other, prepared)
        print(
            f"| {name} | {person.steps} steps, {page_seconds:.1f} s | {caller.steps} requests, {api_seconds:.1f} s |",
            flush=True,
        )


def timed(task: Callable[..., None], *facts: Any) -> float:
    """Do the task; return the seconds that it took."""
    started = time.perf_counter()
    task(*facts)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
