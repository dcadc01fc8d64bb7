"""The store visits' functions with their queues between them, on moto."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from PIL import Image

from functions.visit_groups.handler import lambda_handler as measure_groups
from functions.visit_leftovers.handler import lambda_handler as give_up
from functions.visit_plans.handler import lambda_handler as plan
from functions.visits_api.handler import lambda_handler as api
from local.picture_host import PictureHost, serving
from tests.aws import Context, serve
from vitrine.platform.aws import client
from vitrine.visits.model import Store
from vitrine.visits.wiring import visit_store

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from vitrine.platform.batches import BatchResponse

STORES = [Store("S1", "Corner shop", "A1"), Store("S2", "Kiosk", "A1"), Store("S3", "Market", "A2")]
CONSUMERS: dict[str, Callable[[dict[str, Any], Any], BatchResponse]] = {
    "VisitPlansQueue": plan,
    "VisitGroupsQueue": measure_groups,
    "VisitGroupsLeftovers": give_up,
}


@contextmanager
def picture_host(folder: Path, sizes: Mapping[str, tuple[int, int]]) -> Iterator[PictureHost]:
    """Serve pictures of these sizes, by name, on loopback."""
    for name, size in sizes.items():
        Image.new("RGB", size).save(folder / name)
    with serving(folder) as server:
        yield server


def put_stores(merchant_id: str = "shop") -> None:
    visit_store().put_stores(merchant_id, STORES)


def visit(store_id: str, *urls: str, day: int = 9, **more: Any) -> dict[str, Any]:
    return {"store_id": store_id, "image_url": list(urls), "visit_time": f"2023-03-{day:02}T12:00:00", **more}


def submission(*visits: dict[str, Any]) -> dict[str, Any]:
    return {"count": len(visits), "visits": list(visits)}


def submit(*visits: dict[str, Any], merchant: str = "shop") -> str:
    status, response, _ = serve(api, "POST", "/api/submit", body=submission(*visits), merchant=merchant)
    assert status == 201, response
    return str(response["job_id"])


def get(resource: str, query: dict[str, str] | None = None, merchant: str = "shop", **path: Any) -> tuple[int, Any]:
    status, response, _ = serve(api, "GET", resource, query=query, merchant=merchant, **path)
    return status, response


def retry(job_id: str) -> tuple[int, Any]:
    status, response, _ = serve(api, "POST", "/jobs/{job_id}/retry", job_id=job_id)
    return status, response


def status_of(job_id: str) -> Any:
    return get("/api/status", {"jobid": job_id})[1]


def pictures_of(job_id: str, **query: str) -> list[Any]:
    pictures: list[Any] = []
    cursor = None
    while True:
        asked = {"limit": "100", **query, **({"cursor": cursor} if cursor else {})}
        _, page = get("/jobs/{job_id}/images", asked, job_id=job_id)
        pictures += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return pictures


def take(queue: str, most: int = 10) -> list[str]:
    """Remove waiting messages from a queue; return their bodies."""
    url = client("sqs").create_queue(QueueName=queue)["QueueUrl"]
    taken = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=most).get("Messages", [])
    for message in taken:
        client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [message["Body"] for message in taken]


def deliver(queue: str, *requests: str) -> list[str]:
    """Pass messages to the queue's consumer; return the bodies that failed."""
    records = [{"messageId": str(index), "body": body} for index, body in enumerate(requests)]
    failures = CONSUMERS[queue]({"Records": records}, Context())["batchItemFailures"]
    return [requests[int(failure["itemIdentifier"])] for failure in failures]


def drain(chance: random.Random | None = None) -> None:
    """Run all consumers until the queues are empty; with `chance`, in random order and some messages twice."""
    for queue in CONSUMERS:
        waiting: list[str] = []
        while True:
            while fresh := take(queue):
                waiting += fresh
            if not waiting:
                break
            if chance:
                chance.shuffle(waiting)
            body = waiting.pop()
            if deliver(queue, body) or (chance and chance.random() < 0.3):
                waiting.append(body)
