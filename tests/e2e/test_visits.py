from __future__ import annotations

import csv
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from local.deployment import client
from local.picture_host import PictureHost, serving
from tests.e2e.api import Api, eventually
from tests.real_data import DATA
from vitrine.visits.model import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.state import Stack

STORE_MASTER = DATA / "store-master" / "StoreMasterAssignment.csv"


@pytest.fixture(scope="module")
def stores(shop: Api, stack: Stack) -> list[Store]:
    """The assignment's store master, put into the uploads bucket; its first fifty stores."""
    name = f"imports/{stack.merchant_id}/stores/{uuid.uuid4().hex}.csv"
    client("s3", stack.endpoint_url).put_object(Bucket=stack.uploads_bucket, Key=name, Body=STORE_MASTER.read_bytes())
    with STORE_MASTER.open() as lines:
        known = [Store(row["StoreID"], row["StoreName"], row["AreaCode"]) for row in csv.DictReader(lines)]
    last = known[-1].store_id
    eventually(lambda: shop.get(f"/api/visits?storeid={last}").status == 200)
    return known[:50]


@pytest.fixture(scope="module")
def host() -> Iterator[PictureHost]:
    with serving(DATA) as server:
        yield server


def photos(host: PictureHost, count: int) -> list[str]:
    paths = sorted((DATA / "store-photos").rglob("*.jpg"))[:count]
    return [f"{host.url}/{path.relative_to(DATA).as_posix()}" for path in paths]


def finished(shop: Api, job_id: str, within_seconds: float = 60) -> Any:
    eventually(lambda: shop.get(f"/api/status?jobid={job_id}").json["status"] != "ongoing", within_seconds)
    return shop.get(f"/api/status?jobid={job_id}").json


def test_the_assignments_example_completes_and_its_visits_show_perimeters(
    shop: Api, stores: list[Store], host: PictureHost
) -> None:
    second, third, fourth = photos(host, 3)
    first_store, second_store = stores[3], stores[7]
    body = {
        "count": 2,
        "visits": [
            {"store_id": first_store.store_id, "image_url": [second, third], "visit_time": "2023-03-09T12:00:00"},
            {"store_id": second_store.store_id, "image_url": [fourth], "visit_time": "2023-03-09T13:00:00"},
        ],
    }

    submitted = shop.post("/api/submit", body)

    assert submitted.status == 201
    assert list(submitted.json) == ["job_id"]
    job_id = submitted.json["job_id"]
    assert finished(shop, job_id) == {"status": "completed", "job_id": job_id}
    expected = 0
    for url in (second, third):
        with Image.open(DATA / url.removeprefix(f"{host.url}/")) as picture:
            expected += 2 * (picture.width + picture.height)
    shown = shop.get(f"/api/visits?storeid={first_store.store_id}&startdate=2023-03-09&enddate=2023-03-09").json
    [result] = shown["results"]
    assert (result["area"], result["store_name"]) == (first_store.area, first_store.name)
    assert {"date": "2023-03-09", "perimeter": expected} in result["data"]


def test_a_job_fails_by_an_unknown_store_and_a_failed_download(
    shop: Api, stores: list[Store], host: PictureHost
) -> None:
    good = photos(host, 1)[0]
    visits = [
        {"store_id": "S00339218-unknown", "image_url": [good], "visit_time": "2023-03-09T12:00:00"},
        {
            "store_id": stores[0].store_id,
            "image_url": [good, f"{host.url}/gone.jpg"],
            "visit_time": "2023-03-09T12:00:00",
        },
        {
            "store_id": stores[1].store_id,
            "image_url": ["http://localhost:1/a.jpg"],
            "visit_time": "2023-03-09T12:00:00",
        },
        {"store_id": stores[2].store_id, "image_url": ["http://169.254.169.254/"], "visit_time": "2023-03-09T12:00:00"},
    ]

    job_id = shop.post("/api/submit", {"count": 4, "visits": visits}).json["job_id"]

    assert finished(shop, job_id) == {
        "status": "failed",
        "job_id": job_id,
        "error": [
            {"store_id": "S00339218-unknown", "error": "Store ID does not exist"},
            {"store_id": stores[0].store_id, "error": "The host responded with status 404"},
            {"store_id": stores[1].store_id, "error": "Port 1 is not allowed; serve pictures on port 80 or 443"},
            {"store_id": stores[2].store_id, "error": "The host is not on the public internet"},
        ],
    }
    retried = shop.post(f"/jobs/{job_id}/retry", {})
    assert (retried.status, retried.json["done"], retried.json["left"]) == (202, 1, 4)
    assert finished(shop, job_id)["status"] == "failed"


def test_a_large_job_is_answered_at_once_and_accounts_for_every_picture(
    shop: Api, stores: list[Store], host: PictureHost
) -> None:
    urls = photos(host, 20)
    visits = [{"store_id": store.store_id, "image_url": urls, "visit_time": "2023-04-01T12:00:00"} for store in stores]

    job_id = shop.post("/api/submit", {"count": len(visits), "visits": visits}).json["job_id"]

    assert finished(shop, job_id, 120)["status"] == "completed"
    job = shop.get(f"/jobs/{job_id}").json
    assert (job["images"], job["done"], job["failed"], job["left"]) == (1000, 1000, 0, 0)
    assert len(shop.get(f"/jobs/{job_id}/images?limit=100").json["items"]) == 100
    area = stores[0].area
    shown = shop.get(f"/api/visits?area={area}&startdate=2023-04-01&enddate=2023-04-01").json["results"]
    assert {visit["store_id"] for visit in shown} == {store.store_id for store in stores if store.area == area}
    assert len({visit["data"][0]["perimeter"] for visit in shown}) == 1


def test_pictures_of_a_visit_appear_in_the_gallery_it_names(
    shop: Api, gallery: str, stores: list[Store], host: PictureHost
) -> None:
    visit = {
        "store_id": stores[0].store_id,
        "image_url": photos(host, 3),
        "visit_time": "2023-03-09T12:00:00",
        "publish": {"gallery_id": gallery},
    }

    job_id = shop.post("/api/submit", {"count": 1, "visits": [visit]}).json["job_id"]

    assert finished(shop, job_id)["status"] == "completed"
    assert len(shop.get(f"/galleries/{gallery}/images").json["items"]) == 3


def test_what_the_assignment_refuses_is_400(shop: Api) -> None:
    assert shop.post("/api/submit", {"count": 1}).status == 400
    unknown = shop.get(f"/api/status?jobid={uuid.uuid4().hex}")
    assert (unknown.status, unknown.json) == (400, {})
    assert shop.get("/api/visits?area=nowhere").status == 400


def test_visits_need_the_secret_key(web_page: Api, stack: Stack) -> None:
    assert web_page.get("/api/status?jobid=1").status == 403
    assert Api(stack.api_url).get("/api/status?jobid=1").status == 401
