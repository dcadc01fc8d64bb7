"""Jobs of store visits when workers die, messages come twice or late, and stores throttle.

Each run is a merchant of its own; what it leaves behind is compared with what an undisturbed run left.
"""

from __future__ import annotations

import random
import threading
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from functions.galleries_api.handler import lambda_handler as galleries_api
from functions.visits_api.handler import lambda_handler as api
from tests import visits
from tests.aws import api_event, send, serve
from tests.faults.fault import FAULTS, Fault, Killed, hooked, without_guards
from tests.visits import CONSUMERS, deliver, picture_host, put_stores, submission, take, visit
from vitrine.platform.aws import client
from vitrine.platform.dynamodb import query_all
from vitrine.platform.wiring import fetcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from local.picture_host import PictureHost

pytestmark = pytest.mark.usefixtures("cloud")

MOST_CALLS = 60


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PictureHost]:
    with picture_host(tmp_path, {"a.png": (30, 20), "b.png": (100, 50), "c.png": (7, 5)}) as host:
        monkeypatch.setenv("FETCH_ALLOWED_HOSTS", f"127.0.0.1:{host.server_port}")
        yield host
        fetcher().close()


def work(chance: random.Random | None = None, fault: Fault | None = None) -> None:
    """Deliver until the queues are empty. A message whose worker died or failed comes again."""
    waiting: list[tuple[str, str]] = []
    for _ in range(500):
        for queue in CONSUMERS:
            while requests := take(queue):
                waiting += [(queue, body) for body in requests]
        if not waiting:
            return
        if chance:
            chance.shuffle(waiting)
        queue, body = waiting.pop(0)
        again = True
        with suppress(Killed), fault.armed() if fault else nullcontext():
            again = bool(deliver(queue, body))
        if again or (chance and chance.random() < 0.5):
            waiting.append((queue, body))
    pytest.fail("the queues do not become empty")


def a_job(host: PictureHost, merchant: str) -> dict[str, Any]:
    """Two groups: one visit over both of them, a store that fails, one that is unknown, and one that publishes."""
    put_stores(merchant)
    serve(galleries_api, "PUT", "/galleries/{gallery_id}", gallery_id="shelf", body={}, merchant=merchant)
    return submission(
        visit("S1", *[f"{host.url}/{'abc'[n % 3]}.png" for n in range(27)]),
        visit("S2", f"{host.url}/a.png", f"{host.url}/gone.png", f"{host.url}/gone-too.png"),
        visit("S9", f"{host.url}/a.png"),
        visit("S3", f"{host.url}/b.png", publish={"gallery_id": "shelf"}),
    )


def submit(body: dict[str, Any], merchant: str) -> str:
    status, response, _ = serve(api, "POST", "/api/submit", body=body, merchant=merchant)
    assert status == 201
    return str(response["job_id"])


def left_behind(merchant: str, job_id: str) -> Any:
    """All that is kept of a job and its visits, without what may differ from run to run."""

    def read(path: str, **query: str) -> Any:
        return visits.get(path, query, merchant=merchant, **({"job_id": job_id} if "{" in path else {}))[1]

    job = read("/jobs/{job_id}")
    pictures = [
        {name: value for name, value in image.items() if name != "bytes_fetched"}
        for image in read("/jobs/{job_id}/images", limit="100")["items"]
    ]
    status = read("/api/status", jobid=job_id)
    kept = query_all(
        client("dynamodb"),
        TableName="VisitsTable",
        KeyConditionExpression="pk = :job",
        ExpressionAttributeValues={":job": {"S": f"job/{merchant}/{job_id}"}},
    )
    _, gallery, _ = serve(galleries_api, "GET", "/galleries/{gallery_id}", gallery_id="shelf", merchant=merchant)
    return [
        {name: value for name, value in job.items() if name not in {"job_id", "created_at"}},
        pictures,
        status.get("error"),
        read("/api/visits"),
        [item["sk"]["S"] for item in kept],
        gallery["images"],
    ]


def undisturbed(host: PictureHost) -> Any:
    job_id = submit(a_job(host, "calm"), "calm")
    work()
    return left_behind("calm", job_id)


@pytest.mark.parametrize(("when", "what"), FAULTS)
def test_a_worker_that_dies_between_any_two_calls_changes_nothing(
    host: PictureHost, when: str, what: Callable[[str], None]
) -> None:
    expected = undisturbed(host)
    for at in range(1, MOST_CALLS):
        merchant = f"fault{at}"
        job_id = submit(a_job(host, merchant), merchant)
        fault = Fault(at, when, what)
        work(fault=fault)
        assert left_behind(merchant, job_id) == expected, str(fault)
        if not fault.struck:
            assert at > 20
            return
    pytest.fail("there are more calls than were tried")


def test_a_job_that_is_over_shows_all_that_it_found(host: PictureHost) -> None:
    """Whoever waits for a job's end reads its results once, so nothing may follow the end."""
    expected = undisturbed(host)
    job_id = submit(a_job(host, "watched"), "watched")
    at_its_end: list[Any] = []
    looking = threading.Lock()

    def look(**_: Any) -> None:
        if looking.acquire(blocking=False):
            try:
                if visits.get("/jobs/{job_id}", merchant="watched", job_id=job_id)[1]["status"] != "ongoing":
                    at_its_end.append(left_behind("watched", job_id))
            finally:
                looking.release()

    with hooked(look, "after-call"):
        work()
    assert at_its_end
    assert all(found == expected for found in at_its_end)


@pytest.mark.parametrize("seed", range(6))
def test_messages_that_come_twice_and_in_any_order_change_nothing(host: PictureHost, seed: int) -> None:
    expected = undisturbed(host)
    job_id = submit(a_job(host, "stormy"), "stormy")
    work(random.Random(seed))
    assert left_behind("stormy", job_id) == expected


@pytest.mark.parametrize(("when", "what"), FAULTS)
def test_a_submission_that_is_cut_leaves_no_job_that_never_ends(
    host: PictureHost, when: str, what: Callable[[str], None]
) -> None:
    for at in range(1, 12):
        merchant = f"cut{at}"
        body = a_job(host, merchant)
        fault = Fault(at, when, what)
        with suppress(Killed), fault.armed():
            serve(api, "POST", "/api/submit", body=body, merchant=merchant)
        work()
        jobs = visits.get("/jobs", merchant=merchant)[1]["items"]
        assert [job["status"] for job in jobs] in ([], ["failed"]), str(fault)
        assert [job["left"] for job in jobs] in ([], [0])


@pytest.mark.parametrize(("when", "what"), FAULTS[:2])
def test_a_retry_that_is_cut_anywhere_still_does_only_what_failed(
    host: PictureHost, tmp_path: Path, when: str, what: Callable[[str], None]
) -> None:
    def failed_once(merchant: str) -> str:
        for name in ("gone.png", "gone-too.png"):
            (tmp_path / name).unlink(missing_ok=True)
        job_id = submit(a_job(host, merchant), merchant)
        work()
        for name in ("gone.png", "gone-too.png"):
            Image.new("RGB", (10, 10)).save(tmp_path / name)
        return job_id

    def retry(merchant: str, job_id: str) -> int:
        event = api_event("POST", "/jobs/{job_id}/retry", job_id=job_id, merchant=merchant)
        try:
            return send(api, event)[0]
        except Killed:
            return 0

    job_id = failed_once("calm")
    assert retry("calm", job_id) == 202
    work()
    expected = left_behind("calm", job_id)
    for at in range(1, MOST_CALLS):
        merchant = f"retry{at}"
        job_id = failed_once(merchant)
        fault = Fault(at, when, what)
        with fault.armed():
            answered = retry(merchant, job_id)
        work(fault=fault)
        if answered != 202 and visits.get("/jobs/{job_id}", merchant=merchant, job_id=job_id)[1]["attempt"] == 1:
            assert retry(merchant, job_id) == 202
            work()
        assert left_behind(merchant, job_id) == expected, str(fault)
        if not fault.struck:
            return
    pytest.fail("there are more calls than were tried")


@pytest.mark.parametrize("operation", ["UpdateItem", "PutItem"])
def test_without_the_conditions_a_repeated_message_would_count_twice(host: PictureHost, operation: str) -> None:
    expected = undisturbed(host)
    job_id = submit(a_job(host, "unguarded"), "unguarded")
    with without_guards("VisitsTable", operation):
        if operation == "PutItem":
            Image.new("RGB", (1, 1)).save(host.folder / "gone.png")
        work(random.Random(1))
    assert left_behind("unguarded", job_id) != expected
