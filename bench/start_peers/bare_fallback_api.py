"""An answer with nothing but boto3 imported, as the others have it."""

import boto3

client = boto3.client("dynamodb")


def lambda_handler(event, context):
    return {"statusCode": 204, "headers": {}, "body": ""}
