"""The same page of a gallery with nothing but boto3."""

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
        Limit=21,
    )
    items = []
    for position, item in enumerate(page["Items"], 1):
        described = json.loads(item["description"]["S"])
        items.append(
            {
                "id": item["sk"]["S"],
                "name": described["name"],
                "url": described["url"],
                "created_at": described["created_at"],
                "weight": int(item["weight"]["N"]),
                "events": {"views": int(item["views"]["N"]), "clicks": int(item["clicks"]["N"])},
                "caption": described.get("caption"),
                "alt": described.get("alt"),
                "tags": described.get("tags", []),
                "credit": described.get("credit"),
                "product_ids": described.get("product_ids", []),
                "width": described.get("width"),
                "height": described.get("height"),
                "pinned_position": int(item["pinned_position"]["N"]) if "pinned_position" in item else None,
                "hidden": "hidden" in item,
                "position": position,
            }
        )
    print("GET /galleries/{gallery_id}/images")
    return {"statusCode": 200, "headers": {}, "body": json.dumps({"items": items, "next_cursor": None})}
