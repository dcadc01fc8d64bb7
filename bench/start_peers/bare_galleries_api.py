"""A page of a gallery with nothing but boto3."""

import json

import boto3

client = boto3.client("dynamodb")


def lambda_handler(event, context):
    key = f"shop/{event['pathParameters']['gallery_id']}"
    page = client.query(
        TableName="images",
        IndexName="by_rank",
        KeyConditionExpression="ranked_in = :g",
        ExpressionAttributeValues={":g": {"S": key}},
        Limit=20,
    )
    items = [
        {
            "id": item["sk"]["S"],
            **json.loads(item["description"]["S"]),
            "weight": int(item["weight"]["N"]),
            "events": {"views": int(item["views"]["N"]), "clicks": int(item["clicks"]["N"])},
        }
        for item in page["Items"]
    ]
    return {"statusCode": 200, "headers": {}, "body": json.dumps({"items": items})}
