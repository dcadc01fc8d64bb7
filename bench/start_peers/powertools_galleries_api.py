"""The same route with Powertools' resolver, which validates and serializes by the declared models."""

import json

import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from pydantic import BaseModel

client = boto3.client("dynamodb")
app = APIGatewayRestResolver(enable_validation=True)


class Events(BaseModel):
    views: int
    clicks: int


class Image(BaseModel):
    id: str
    name: str
    url: str
    created_at: str
    weight: int
    events: Events


class Page(BaseModel):
    items: list[Image]


@app.get("/galleries/<gallery_id>/images")
def response(gallery_id: str, limit: int = 20) -> Page:
    page = client.query(
        TableName="images",
        IndexName="by_rank",
        KeyConditionExpression="ranked_in = :g",
        ExpressionAttributeValues={":g": {"S": f"shop/{gallery_id}"}},
        Limit=limit,
    )
    return Page(
        items=[
            Image(
                id=item["sk"]["S"],
                **json.loads(item["description"]["S"]),
                weight=int(item["weight"]["N"]),
                events=Events(views=int(item["views"]["N"]), clicks=int(item["clicks"]["N"])),
            )
            for item in page["Items"]
        ]
    )


def lambda_handler(event, context):
    return app.resolve(event, context)
