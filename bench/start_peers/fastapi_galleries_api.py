"""The same route with FastAPI and Mangum."""

import json

import boto3
from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel

client = boto3.client("dynamodb")
app = FastAPI()


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


@app.get("/galleries/{gallery_id}/images", response_model=Page)
def response(gallery_id: str, limit: int = 20):
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


lambda_handler = Mangum(app, lifespan="off")
