"""A key looked up with nothing but boto3."""

import boto3

client = boto3.client("dynamodb")


def lambda_handler(event, context):
    item = client.get_item(TableName="access", Key={"pk": {"S": "key#0"}})["Item"]
    return {"principalId": item["key_id"]["S"], "policyDocument": {}, "context": {}}
