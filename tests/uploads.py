"""Files in the uploads bucket, and the queue of the import worker."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from functions.galleries_api.handler import lambda_handler as galleries
from functions.import_worker.handler import lambda_handler as worker
from functions.imports_api.handler import lambda_handler as imports
from tests.aws import Context, serve
from vitrine.access.model import Merchant
from vitrine.access.wiring import access_store
from vitrine.platform.aws import client
from vitrine.platform.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable


def add_merchant(merchant_id: str = "shop") -> None:
    access_store().add_merchant(Merchant(merchant_id, merchant_id, f"secret of {merchant_id}", utc_now()))


def put_object(key: str, data: bytes, sequencer: str = "1") -> dict[str, Any]:
    """Put an object; return S3's notification of it."""
    etag = client("s3").put_object(Bucket=os.environ["UPLOADS_BUCKET"], Key=key, Body=data)["ETag"]
    about = {"key": key.replace(" ", "+"), "size": len(data), "eTag": etag.strip('"'), "sequencer": sequencer}
    return {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "uploads"}, "object": about}}]}


def deliver(message: Any, *, times: int = 1, context: Any = None) -> bool:
    """Pass a message to the worker as SQS does; return whether it was processed."""
    body = message if isinstance(message, str) else json.dumps(message)
    attributes = {"ApproximateReceiveCount": str(times)}
    event = {"Records": [{"messageId": "m", "body": body, "attributes": attributes}]}
    return worker(event, context or Context(300_000)) == {"batchItemFailures": []}


def queued() -> list[str]:
    """Remove the continuations from the queue, due or not, and return them."""
    sqs, queue = client("sqs"), os.environ["IMPORTS_QUEUE"]
    requests = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            requests.append(message["Body"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return requests


def deliver_all(message: Any, context: Callable[[], Any] | None = None) -> int:
    """Pass a message and all its continuations to the worker; return the number of invocations."""
    waiting, invocations = [message], 0
    while waiting:
        assert deliver(waiting.pop(0), context=context() if context else None)
        invocations += 1
        waiting += queued()
    return invocations


def listed(path: str = "/imports", merchant: str = "shop", **parameters: Any) -> list[dict[str, Any]]:
    """All items of a list of the API, page after page."""
    items: list[dict[str, Any]] = []
    query = {"limit": "100"}
    handler = galleries if path.startswith("/galleries") else imports
    while True:
        status, page, _ = serve(handler, "GET", path, query=query, merchant=merchant, **parameters)
        assert status == 200, page
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        query = {"limit": "100", "cursor": page["next_cursor"]}


def images_of(gallery_id: str = "default") -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in listed("/galleries/{gallery_id}/images", gallery_id=gallery_id)}


def errors_of(import_id: str) -> list[dict[str, Any]]:
    return listed("/imports/{import_id}/errors", import_id=import_id)
