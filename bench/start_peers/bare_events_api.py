"""Events counted with nothing but boto3."""

import json

import boto3

client = boto3.client("dynamodb")


def lambda_handler(event, context):
    for sent in json.loads(event["body"])["events"]:
        client.update_item(
            TableName="counters",
            Key={"pk": {"S": sent["image_id"]}, "sk": {"S": "root"}},
            UpdateExpression="ADD #v :one",
            ExpressionAttributeNames={"#v": "views"},
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    print("POST /galleries/{gallery_id}/events")
    return {"statusCode": 202, "headers": {}, "body": "{}"}
