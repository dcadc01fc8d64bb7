"""The same route declared on Powertools' router and dispatched by a look-up: nothing is validated."""

import json
from typing import Any

import boto3
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

client = boto3.client("dynamodb")
router = APIGatewayRouter()


@router.get("/galleries/<gallery_id>/images")
def read_images(gallery_id: str, limit: int = 20) -> dict[str, Any]:
    page = client.query(
        TableName="images",
        IndexName="by_rank",
        KeyConditionExpression="ranked_in = :g",
        ExpressionAttributeValues={":g": {"S": f"shop/{gallery_id}"}},
        Limit=limit,
    )
    return {
        "items": [
            {
                "id": item["sk"]["S"],
                **json.loads(item["description"]["S"]),
                "weight": int(item["weight"]["N"]),
                "events": {"views": int(item["views"]["N"]), "clicks": int(item["clicks"]["N"])},
            }
            for item in page["Items"]
        ]
    }


handlers = {declared[0]: handle for declared, handle in router._routes.items()}  # noqa: SLF001


def lambda_handler(event, context):
    handle = handlers[event["resource"].replace("{", "<").replace("}", ">")]
    answer = handle(**event["pathParameters"])
    print(event["httpMethod"], event["resource"])
    return {"statusCode": 200, "headers": {}, "body": json.dumps(answer)}
