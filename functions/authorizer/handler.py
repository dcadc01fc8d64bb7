"""API Gateway's authorizer: the key in `X-Api-Key` becomes a merchant."""

from __future__ import annotations

from typing import Any

from vitrine.access.authorize_key import authorize_key
from vitrine.access.wiring import access_store
from vitrine.platform.telemetry import logger


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer a policy for the key. API Gateway reads the error `Unauthorized` as 401."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    key = authorize_key(access_store(), headers.get("x-api-key", ""))
    if key is None:
        logger.info("unknown key")
        message = "Unauthorized"
        raise Exception(message)  # noqa: TRY002 - the gateway asks for exactly this
    logger.info("known key", extra={"merchant_id": key.merchant_id, "key_id": key.key_id})
    api, _, stage_and_route = event["methodArn"].partition("/")
    stage = stage_and_route.partition("/")[0]
    return {
        "principalId": key.key_id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{api}/{stage}/*"}],
        },
        "context": {
            "merchant_id": key.merchant_id,
            "key_id": key.key_id,
            "kind": key.kind,
            "merchant_secret": key.merchant_secret,
            "requests_per_minute": str(key.requests_per_minute),
        },
    }
