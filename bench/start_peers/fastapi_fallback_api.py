"""The same route with FastAPI and Mangum."""

import boto3
from fastapi import FastAPI
from mangum import Mangum

client = boto3.client("dynamodb")
app = FastAPI()


@app.options("/galleries")
def response():
    return {}


lambda_handler = Mangum(app, lifespan="off")
