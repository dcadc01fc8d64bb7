"""The same route with FastAPI and Mangum."""

import boto3
from fastapi import FastAPI
from mangum import Mangum

client = boto3.client("dynamodb")
app = FastAPI()


@app.get("/openapi.json")
def response():
    return {}


lambda_handler = Mangum(app, lifespan="off")
