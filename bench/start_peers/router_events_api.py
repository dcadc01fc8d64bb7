"""The same route declared on Powertools' router and dispatched by a look-up: nothing is validated."""

import json
from typing import Any

import boto3
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

client = boto3.client("dynamodb")
router = APIGatewayRouter()


@router.post("/galleries/<gallery_id>/events")
def count_events(gallery_id: str, batch: dict[str, Any]) -> dict[str, Any]:
    for sent in batch["events"]:
        client.update_item(
            TableName="counters",
            Key={"pk": {"S": sent["image_id"]}, "sk": {"S": "root"}},
            UpdateExpression="ADD #v :one",
            ExpressionAttributeNames={"#v": "views"},
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    return {}


handlers = {declared[0]: handle for declared, handle in router._routes.items()}  # noqa: SLF001


def lambda_handler(event, context):
    handle = handlers[event["resource"].replace("{", "<").replace("}", ">")]
    answer = handle(**event["pathParameters"], batch=json.loads(event["body"]))
    print(event["httpMethod"], event["resource"])
    return {"statusCode": 200, "headers": {}, "body": json.dumps(answer)}
