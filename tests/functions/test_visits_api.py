"""Store visits from the submission to the totals, over HTTP and through the queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from functions.galleries_api.handler import lambda_handler as galleries_api
from functions.visits_api.handler import lambda_handler as api
from tests import visits
from tests.aws import add_products, serve
from tests.uploads import add_merchant, put_object
from tests.uploads import deliver as deliver_upload
from tests.visits import drain, get, picture_host, pictures_of, put_stores, retry, status_of, submission, submit, visit
from vitrine.platform.aws import client
from vitrine.platform.wiring import fetcher
from vitrine.review.wiring import review_store
from vitrine.visits.model import Store
from vitrine.visits.wiring import visit_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.picture_host import PictureHost

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PictureHost]:
    with picture_host(tmp_path, {"a.png": (30, 20), "b.jpg": (100, 50), "c.gif": (7, 5)}) as host:
        monkeypatch.setenv("FETCH_ALLOWED_HOSTS", f"127.0.0.1:{host.server_port}")
        yield host
        fetcher().close()


def post(body: Any = None, **more: Any) -> tuple[int, Any]:
    status, response, _ = serve(api, "POST", "/api/submit", body=body, **more)
    return status, response


def test_a_job_is_ongoing_until_all_its_pictures_are_measured_and_completed_then(host: PictureHost) -> None:
    put_stores()
    job_id = submit(
        visit("S1", f"{host.url}/a.png", f"{host.url}/b.jpg", day=9), visit("S2", f"{host.url}/c.gif", day=10)
    )
    assert status_of(job_id) == {"status": "ongoing", "job_id": job_id}
    drain()
    assert status_of(job_id) == {"status": "completed", "job_id": job_id}
    assert get("/jobs/{job_id}", job_id=job_id)[1] | {"created_at": ""} == {
        "job_id": job_id,
        "status": "completed",
        "created_at": "",
        "attempt": 1,
        "visits": 2,
        "images": 3,
        "done": 3,
        "failed": 0,
        "left": 0,
    }


def test_each_picture_tells_its_size_as_stored_and_as_displayed(host: PictureHost, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "turned.jpg", exif=exif)
    put_stores()
    job_id = submit(visit("S1", f"{host.url}/turned.jpg"))
    drain()
    [picture] = pictures_of(job_id)
    assert picture == {
        "position": 1,
        "url": f"{host.url}/turned.jpg",
        "store_id": "S1",
        "visit_time": "2023-03-09T12:00:00Z",
        "format": "JPEG",
        "width": 40,
        "height": 30,
        "perimeter": 140,
        "orientation": 6,
        "display_width": 30,
        "display_height": 40,
        "bytes_fetched": (tmp_path / "turned.jpg").stat().st_size,
        "error": None,
    }


def test_a_failed_job_lists_each_failed_store_once_with_its_first_reason_and_finishes_the_rest(
    host: PictureHost,
) -> None:
    put_stores()
    job_id = submit(
        visit("S1", f"{host.url}/gone.png", "http://10.0.0.1/x.png", f"{host.url}/a.png"),
        visit("S9", f"{host.url}/a.png"),
        visit("S9", f"{host.url}/b.jpg"),
        visit("S2", f"{host.url}/b.jpg"),
        visit("S1", "nonsense"),
    )
    drain()
    assert status_of(job_id) == {
        "status": "failed",
        "job_id": job_id,
        "error": [
            {"store_id": "S1", "error": "The host responded with status 404"},
            {"store_id": "S9", "error": "Store ID does not exist"},
        ],
    }
    errors = [picture["error"] and picture["error"]["code"] for picture in pictures_of(job_id)]
    assert errors == [
        "http_status",
        "address_not_allowed",
        None,
        "store_unknown",
        "store_unknown",
        None,
        "scheme_not_allowed",
    ]
    assert get("/api/visits", {"storeid": "S2"})[1]["results"][0]["data"] == [{"date": "2023-03-09", "perimeter": 300}]
    assert get("/api/visits", {"storeid": "S1"})[1] == {"results": []}


def test_pictures_of_unknown_stores_are_not_fetched(host: PictureHost) -> None:
    submit(visit("S9", f"{host.url}/a.png"))
    drain()
    assert host.requests == 0


def test_a_retry_does_only_what_failed(host: PictureHost, tmp_path: Path) -> None:
    put_stores()
    job_id = submit(
        visit("S1", f"{host.url}/a.png", f"{host.url}/late.png"),
        visit("S2", f"{host.url}/b.jpg"),
        visit("S9", f"{host.url}/c.gif"),
    )
    drain()
    assert status_of(job_id)["status"] == "failed"
    Image.new("RGB", (10, 10)).save(tmp_path / "late.png")
    asked = host.requests
    status, job = retry(job_id)
    assert (status, job["status"], job["done"], job["failed"], job["left"]) == (202, "ongoing", 2, 0, 2)
    drain()
    assert host.requests == asked + 1
    assert status_of(job_id) == {
        "status": "failed",
        "job_id": job_id,
        "error": [{"store_id": "S9", "error": "Store ID does not exist"}],
    }
    assert get("/api/visits", {"storeid": "S1"})[1]["results"][0]["data"] == [{"date": "2023-03-09", "perimeter": 140}]
    visit_store().put_stores("shop", [Store("S9", "New", "A9")])
    assert retry(job_id)[0] == 202
    drain()
    assert status_of(job_id) == {"status": "completed", "job_id": job_id}
    assert get("/jobs/{job_id}", job_id=job_id)[1]["done"] == 4


def test_only_a_failed_job_can_be_retried(host: PictureHost) -> None:
    put_stores()
    job_id = submit(visit("S1", f"{host.url}/a.png"))
    assert retry(job_id)[0] == 409
    drain()
    assert retry(job_id)[0] == 409
    assert retry("1")[0] == 404


def test_a_picture_measured_today_is_not_sent_again(host: PictureHost) -> None:
    put_stores()
    submit(visit("S1", f"{host.url}/b.jpg"))
    drain()
    sent = host.sent
    job_id = submit(visit("S2", f"{host.url}/b.jpg", f"{host.url}/b.jpg"))
    drain()
    assert host.sent == sent
    assert [(picture["width"], picture["height"], picture["bytes_fetched"]) for picture in pictures_of(job_id)] == [
        (100, 50, 0)
    ] * 2


def test_a_picture_that_changed_is_measured_again(host: PictureHost, tmp_path: Path) -> None:
    put_stores()
    submit(visit("S1", f"{host.url}/b.jpg"))
    drain()
    Image.new("RGB", (11, 12)).save(tmp_path / "b.jpg")
    job_id = submit(visit("S1", f"{host.url}/b.jpg"))
    drain()
    assert pictures_of(job_id)[0]["width"] == 11


def test_visits_are_found_by_store_area_and_day(host: PictureHost) -> None:
    put_stores()
    submit(
        visit("S1", f"{host.url}/a.png", f"{host.url}/a.png", day=9),
        visit("S1", f"{host.url}/c.gif", day=11),
        visit("S2", f"{host.url}/b.jpg", day=10),
        visit("S3", f"{host.url}/b.jpg", day=10),
    )
    drain()
    first = {
        "store_id": "S1",
        "area": "A1",
        "store_name": "Corner shop",
        "data": [{"date": "2023-03-09", "perimeter": 200}, {"date": "2023-03-11", "perimeter": 24}],
    }
    second = {"store_id": "S2", "area": "A1", "store_name": "Kiosk", "data": [{"date": "2023-03-10", "perimeter": 300}]}
    third = {"store_id": "S3", "area": "A2", "store_name": "Market", "data": [{"date": "2023-03-10", "perimeter": 300}]}
    found = {
        (): [first, second, third],
        ("area=A1",): [first, second],
        ("storeid=S3",): [third],
        ("area=A2", "storeid=S3"): [third],
        ("startdate=2023-03-10", "enddate=2023-03-10"): [second, third],
        ("storeid=S1", "startdate=2023-03-10"): [first | {"data": first["data"][1:]}],
        ("area=A1", "enddate=2023-03-09"): [first | {"data": first["data"][:1]}],
        ("area=A1", "startdate=2023-03-09T12:00:00Z", "enddate=2023-03-09T12:00:01Z"): [
            first | {"data": first["data"][:1]}
        ],
        ("startdate=2024-01-01",): [],
    }
    for query, results in found.items():
        asked = dict(part.split("=") for part in query)
        assert get("/api/visits", asked) == (200, {"results": results}), query


@pytest.mark.parametrize(
    "query",
    [
        {"area": "A9"},
        {"area": ""},
        {"area": "A1", "storeid": ""},
        {"store_id": "S1"},
        {"startdate": "2024-01-02", "enddate": "2023-01-01"},
        {"startdate": "2024-01-02", "enddate": "2023-01-01", "storeid": "S1"},
        {"startdate": "2024-01-02", "enddate": "2023-01-01", "area": "A1"},
        {"startdate": "2024-01-02", "enddate": "2024-01-01T23:59:59Z"},
        {"storeid": "S9"},
        {"area": "A2", "storeid": "S1"},
        {"startdate": "tomorrow"},
        {"enddate": "2023-02-30"},
        {"enddate": "9999-12-31"},
        {"storeid": "S" * 3000},
        {"area": "A" * 3000},
    ],
)
def test_an_unknown_area_or_store_or_day_or_parameter_is_400(query: dict[str, str]) -> None:
    put_stores()
    status, response = get("/api/visits", query)
    assert status == 400
    assert list(response) == ["error"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"count": 1},
        {"count": 2, "visits": [visit("S1", "http://a/b.png")]},
        {"count": 0, "visits": []},
        {"visits": [visit("S1", "http://a/b.png")]},
        submission({"store_id": "S1", "visit_time": "2023-03-09T12:00:00"}),
        submission({"image_url": ["http://a/b.png"], "visit_time": "2023-03-09T12:00:00"}),
        submission({"store_id": "S1", "image_url": ["http://a/b.png"]}),
        submission(visit("S1")),
        submission(visit("S1", "http://a/" + "b" * 3000)),
        submission(visit("", "http://a/b.png")),
        submission(visit("S1", "http://a/" + "\uffff" * 400)),
        submission(*[visit("S1", "http://a/b.png", publish={"gallery_id": f"g{n}"}) for n in range(101)]),
        submission({**visit("S1", "http://a/b.png"), "visit_time": "yesterday"}),
        submission({**visit("S1", "http://a/b.png"), "image_url": "http://a/b.png"}),
        submission(visit("S1", "http://a/b.png", publish={"gallery_id": "nowhere"})),
        submission(visit("S1", "http://a/b.png", publish={"galery_id": "typo"})),
        [],
        "text",
        "no JSON",
    ],
)
def test_a_submission_that_is_wrong_is_400_with_the_reason(body: Any) -> None:
    status, response = post(raw="{") if body == "no JSON" else post(body)
    assert status == 400
    assert list(response) == ["error"]


def test_a_job_over_the_limit_says_how_to_go_on() -> None:
    status, response = post(submission(visit("S1", *["http://a/b"] * 10_001)))
    assert status == 413
    assert "several jobs" in response["error"]


def test_an_unknown_job_is_400_and_empty() -> None:
    assert get("/api/status", {"jobid": "123"}) == (400, {})
    assert get("/api/status") == (400, {})
    assert get("/api/status", {"jobid": "1" * 3000}) == (400, {})
    assert get("/jobs", {"store_id": "1" * 3000})[0] == 422
    assert get("/jobs/{job_id}", job_id="123")[0] == 404


def test_another_merchants_jobs_stores_and_visits_are_not_there(host: PictureHost) -> None:
    put_stores()
    job_id = submit(visit("S1", f"{host.url}/a.png"))
    drain()
    assert get("/api/status", {"jobid": job_id}, merchant="other") == (400, {})
    assert get("/jobs/{job_id}", job_id=job_id, merchant="other")[0] == 404
    assert get("/jobs/{job_id}/images", job_id=job_id, merchant="other")[0] == 404
    assert get("/api/visits", {"storeid": "S1"}, merchant="other")[0] == 400
    assert get("/api/visits", merchant="other") == (200, {"results": []})
    assert get("/jobs", merchant="other")[1]["items"] == []


def test_a_publishable_key_may_not_submit() -> None:
    assert post(submission(visit("S1", "http://a/b.png")), kind="publishable")[0] == 403


def test_jobs_are_listed_newest_first_and_by_status_store_and_time(host: PictureHost) -> None:
    put_stores()
    good = submit(visit("S1", f"{host.url}/a.png"))
    bad = submit(visit("S2", f"{host.url}/gone.png"))
    drain()
    running = submit(visit("S1", f"{host.url}/a.png"))

    def listed(**query: str) -> list[str]:
        ids: list[str] = []
        asked = dict(query)
        while True:
            _, page = get("/jobs", asked)
            ids += [job["job_id"] for job in page["items"]]
            if page["next_cursor"] is None:
                return ids
            asked = {**query, "cursor": page["next_cursor"]}

    newest_first = sorted([good, bad, running], reverse=True)
    assert listed() == newest_first
    assert listed(limit="1") == newest_first
    assert listed(status="completed") == [good]
    assert listed(status="failed", limit="1") == [bad]
    assert listed(status="ongoing") == [running]
    assert listed(store_id="S1") == [good]
    assert listed(store_id="S9") == []
    assert sorted(listed(**{"from": "2020-01-01T00:00:00Z"})) == sorted(newest_first)
    assert listed(to="2020-01-01T00:00:00Z") == []
    assert get("/jobs", {"status": "odd"})[0] == 422
    assert get("/jobs", {"from": "odd"})[0] == 422
    assert get("/jobs", {"from": "2024-01-02T00:00:00Z", "to": "2024-01-01T00:00:00Z"})[0] == 422


def test_pictures_are_listed_in_order_page_by_page_and_by_outcome(host: PictureHost) -> None:
    put_stores()
    urls = [f"{host.url}/{'gone' if n % 3 == 0 else 'a'}.png?{n}" for n in range(120)]
    job_id = submit(visit("S1", *urls))
    drain()
    assert [picture["url"] for picture in pictures_of(job_id)] == urls
    assert [picture["url"] for picture in pictures_of(job_id, limit="7", status="failed")] == urls[::3]
    assert [picture["position"] for picture in pictures_of(job_id, status="measured")][:3] == [2, 3, 5]


def test_a_visit_may_publish_its_pictures_to_a_gallery(host: PictureHost) -> None:
    serve(galleries_api, "PUT", "/galleries/{gallery_id}", gallery_id="shelf", body={})
    put_stores()
    publish = {"gallery_id": "shelf", "review": False}
    job_id = submit(visit("S1", f"{host.url}/a.png", f"{host.url}/gone.png", publish=publish))
    drain()
    _, page, _ = serve(galleries_api, "GET", "/galleries/{gallery_id}/images", gallery_id="shelf")
    [image] = page["items"]
    assert (image["id"], image["name"], image["tags"]) == (f"{job_id}.0", "a.png", ["S1", "A1"])
    assert (image["width"], image["height"], image["url"]) == (30, 20, f"{host.url}/a.png")


def test_a_visit_may_have_its_pictures_reviewed_before_they_appear(host: PictureHost) -> None:
    serve(galleries_api, "PUT", "/galleries/{gallery_id}", gallery_id="shelf", body={})
    put_stores()
    job_id = submit(visit("S1", f"{host.url}/a.png", publish={"gallery_id": "shelf", "review": True}))
    drain()
    snapshots = review_store().find("shop", [f"{job_id}.0"])
    assert [
        (snapshot.product_id, snapshot.url, snapshot.gallery_id, snapshot.status) for snapshot in snapshots.values()
    ] == [("S1", f"{host.url}/a.png", "shelf", "waiting")]
    _, page, _ = serve(galleries_api, "GET", "/galleries/{gallery_id}/images", gallery_id="shelf")
    assert page["items"] == []


def test_a_picture_to_review_of_an_unknown_product_fails_until_the_product_is_there(host: PictureHost) -> None:
    put_stores()
    add_products("apple")
    known = visit("S1", f"{host.url}/a.png", publish={"review": True, "product_id": "apple"})
    unknown = visit("S1", f"{host.url}/a.png", publish={"review": True, "product_id": "fig"})
    job_id = submit(known, unknown)
    drain()
    [failed] = pictures_of(job_id, status="failed")
    assert (failed["position"], failed["error"]["code"]) == (2, "product_unknown")
    assert set(review_store().find("shop", [f"{job_id}.0", f"{job_id}.1"])) == {f"{job_id}.0"}
    add_products("fig")
    assert retry(job_id)[0] == 202
    drain()
    assert pictures_of(job_id, status="failed") == []
    assert set(review_store().find("shop", [f"{job_id}.0", f"{job_id}.1"])) == {f"{job_id}.0", f"{job_id}.1"}


@pytest.mark.parametrize(
    "file",
    [
        b"AreaCode,StoreName,StoreID\n710006,STORE 1,S00339198\n",
        b"area_code,store_name,store_id\n710006,STORE 1,S00339198\n",
    ],
)
def test_the_store_master_comes_in_by_import_in_either_heading_style(file: bytes) -> None:
    add_merchant()
    assert deliver_upload(put_object("imports/shop/stores/master.csv", file))
    assert get("/api/visits", {"area": "710006", "storeid": "S00339198"}) == (200, {"results": []})
    assert list(visit_store().find_stores("shop", ["S00339198"]).values()) == [Store("S00339198", "STORE 1", "710006")]


def test_a_group_that_no_worker_can_finish_fails_and_its_job_ends(host: PictureHost) -> None:
    put_stores()
    job_id = submit(visit("S1", f"{host.url}/a.png"))
    [plan] = visits.take("VisitPlansQueue")
    visits.deliver("VisitPlansQueue", plan)
    [group] = visits.take("VisitGroupsQueue")
    assert visits.deliver("VisitGroupsLeftovers", group) == []
    assert status_of(job_id)["error"] == [
        {"store_id": "S1", "error": "The picture could not be processed. Retry the job."}
    ]
    retry(job_id)
    drain()
    assert status_of(job_id)["status"] == "completed"


def test_a_message_that_cannot_be_read_is_left_to_the_queue() -> None:
    for queue in visits.CONSUMERS:
        assert visits.deliver(queue, "rubbish") == ["rubbish"]


def test_status_costs_the_same_for_a_small_and_a_large_job(host: PictureHost) -> None:
    put_stores()
    small = submit(visit("S1", f"{host.url}/a.png"))
    large = submit(visit("S1", *[f"{host.url}/a.png"] * 10_000))
    costs = []
    for job_id in (small, large):
        visit_store()
        response = client("dynamodb").get_item(
            TableName="VisitsTable",
            Key={"pk": {"S": "jobs/shop"}, "sk": {"S": job_id}},
            ConsistentRead=True,
            ReturnConsumedCapacity="TOTAL",
        )
        item = response["Item"]
        size = sum(len(name) + len(str(value)) for name, value in item.items())
        costs.append(-(-size // 4096))
    assert costs == [1, 1]
