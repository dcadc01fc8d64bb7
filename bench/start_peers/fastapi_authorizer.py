"""The same route with FastAPI and Mangum."""

import boto3
from fastapi import FastAPI
from mangum import Mangum

client = boto3.client("dynamodb")
app = FastAPI()


@app.get("/galleries")
def response():
    item = client.get_item(TableName="access", Key={"pk": {"S": "key#0"}})["Item"]
    return {"key": item["key_id"]["S"]}


lambda_handler = Mangum(app, lifespan="off")
