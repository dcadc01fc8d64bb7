"""The recommendations' functions with their queues between them, on moto."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3

from functions.interactions_api.handler import lambda_handler as interactions
from functions.models.handler import lambda_handler as models
from functions.products_api.handler import lambda_handler as products
from functions.recommendations_api.handler import lambda_handler as recommendations
from functions.shortlists.handler import lambda_handler as shortlists
from tests.aws import Context, serve
from tests.streams import stream_records

if TYPE_CHECKING:
    from collections.abc import Iterator

CATALOG = {
    "tea": {"category": "drinks", "brand": "Leaf"},
    "mug": {"category": "kitchen"},
    "kettle": {"category": "kitchen"},
    "coffee": {"category": "drinks"},
    "spade": {"category": "garden"},
    "rake": {"category": "garden"},
    "green tea": {"category": "drinks", "brand": "Leaf"},
}
NAMES = {name: name.replace(" ", "-") for name in CATALOG}


def put_product(product_id: str, merchant: str = "shop", **more: Any) -> dict[str, Any]:
    body = {"name": product_id, **more}
    status, response, _ = serve(
        products, "PUT", "/products/{product_id}", product_id=product_id, body=body, merchant=merchant
    )
    assert status == 200
    return response


def post(*sent: tuple[str, str, str], merchant: str = "shop") -> list[str]:
    """Post interactions `(user, product, type)`, with ids made of these three; return their statuses."""
    body = {
        "interactions": [
            {
                "interaction_id": f"{user}:{product}:{kind}",
                "user_id": user,
                "product_id": product,
                "type": kind,
                "occurred_at": f"2024-05-01T00:00:{second:02}Z",
            }
            for second, (user, product, kind) in enumerate(sent)
        ]
    }
    status, response, _ = serve(interactions, "POST", "/interactions", body=body, merchant=merchant)
    assert status == 202, response
    return [result["status"] for result in response["results"]]


def recommended(user: str, merchant: str = "shop", **query: str) -> dict[str, Any]:
    status, response, _ = serve(
        recommendations, "GET", "/users/{user_id}/recommendations", user_id=user, query=query, merchant=merchant
    )
    assert status == 200, response
    return response


def ids(response: dict[str, Any]) -> list[str]:
    return [item["product_id"] for item in response["items"]]


def follow() -> None:
    records = stream_records("InteractionsTable")
    if records:
        shortlists({"Records": records}, Context())


@cache
def _lambda_service() -> Any:
    """A client of its own: faults of the product's calls do not meet it."""
    return boto3.client("sqs")


def queued(name: str) -> Iterator[dict[str, Any]]:
    """Messages of a queue as Lambda would get them, until none is left."""
    sqs = _lambda_service()
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1).get("Messages"):
        [message] = found
        yield {"Records": [{"eventSource": "aws:sqs", "messageId": message["MessageId"], "body": message["Body"]}]}
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def build(merchant: str = "shop") -> None:
    models({"merchant_id": merchant}, Context())
    for event in queued("ModelsQueue"):
        assert models(event, Context()) == {"batchItemFailures": []}
    for event in queued("ShortlistsQueue"):
        assert shortlists(event, Context()) == {"batchItemFailures": []}


def open_shop(merchant: str = "shop") -> None:
    """Open a shop with tea drinkers, gardeners, and two new users."""
    for name, described in CATALOG.items():
        put_product(NAMES[name], merchant, **described)
    for user in ("ann", "bob", "cid", "dan"):
        post((user, "tea", "purchase"), (user, "mug", "purchase"), (user, "kettle", "click"), merchant=merchant)
    for user in ("eve", "fay", "gil"):
        post((user, "spade", "purchase"), (user, "rake", "purchase"), merchant=merchant)
    post(("hal", "spade", "purchase"), merchant=merchant)
    post(("ida", "tea", "purchase"), merchant=merchant)


def as_event(body: str) -> dict[str, Any]:
    return {"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": body}]}


def queued_bodies(name: str) -> list[str]:
    return [event["Records"][0]["body"] for event in queued(name)]


def model_rows(merchant: str = "shop") -> dict[tuple[str, str], bytes]:
    """All rows of the model in use, and the shoppers' lists made from it."""
    items: list[Any] = boto3.resource("dynamodb").Table("RecommendationsTable").scan()["Items"]
    [state] = [item for item in items if (item["pk"], item["sk"]) == (merchant, "state")]
    rows = {}
    for item in items:
        parts: list[str] = item["pk"].split("/", 3)
        owner, kind, *rest = [*parts, "", ""]
        if owner == merchant and kind in {"p", "t", "u"} and item.get("model") == state["model"]:
            is_read = kind == "u" or rest[0] == state["slot"]
            if is_read:
                rows["/".join([kind, *rest[kind != "u" :]]), item["sk"]] = bytes(item["content"].value)
    return rows


def model_read(merchant: str = "shop") -> int:
    """The number of the model in use."""
    key = {"pk": merchant, "sk": "state"}
    item: Any = boto3.resource("dynamodb").Table("RecommendationsTable").get_item(Key=key)["Item"]
    return int(item["model"])
