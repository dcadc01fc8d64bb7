"""The same route with FastAPI and Mangum."""

from typing import Literal

import boto3
from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel

client = boto3.client("dynamodb")
app = FastAPI()


class Event(BaseModel):
    event_id: str
    type: Literal["view", "click"]
    image_id: str


class Batch(BaseModel):
    events: list[Event]


@app.post("/galleries/{gallery_id}/events")
def response(gallery_id: str, batch: Batch):
    for sent in batch.events:
        client.update_item(
            TableName="counters",
            Key={"pk": {"S": sent.image_id}, "sk": {"S": "root"}},
            UpdateExpression="ADD #v :one",
            ExpressionAttributeNames={"#v": "views"},
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    return {}


lambda_handler = Mangum(app, lifespan="off")
