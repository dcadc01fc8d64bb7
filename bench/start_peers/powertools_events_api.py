"""The same route with Powertools' resolver, which validates by the declared model."""

from typing import Literal

import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from pydantic import BaseModel

client = boto3.client("dynamodb")
app = APIGatewayRestResolver(enable_validation=True)


class Event(BaseModel):
    event_id: str
    type: Literal["view", "click"]
    image_id: str


class Batch(BaseModel):
    events: list[Event]


@app.post("/galleries/<gallery_id>/events")
def response(gallery_id: str, batch: Batch) -> dict[str, str]:
    for sent in batch.events:
        client.update_item(
            TableName="counters",
            Key={"pk": {"S": sent.image_id}, "sk": {"S": "root"}},
            UpdateExpression="ADD #v :one",
            ExpressionAttributeNames={"#v": "views"},
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    return {}


def lambda_handler(event, context):
    return app.resolve(event, context)
