"""API Gateway's authorizer: finds the merchant of the key in `X-Api-Key`, or in the query's `key`."""

from __future__ import annotations

from typing import Any

from vitrine.access.model import PREFIXES, sent_key
from vitrine.access.wiring import key_authorizer
from vitrine.platform.http import KEY_PARAMETER
from vitrine.platform.telemetry import invocation, logger
from vitrine.platform.times import utc_now

_ROLL = (
    "A secret key was sent in the query, where logs and browser histories keep it. "
    "Roll that key now, and send its successor in the header X-Api-Key."
)
_OTHER_ORIGIN = "Pages of this origin may not use this key. Add the origin to a key of the shop."
_READING = ("GET", "HEAD")


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return a policy for the key. API Gateway turns the error `Unauthorized` into a 401.

    A secret key in the query gets a policy without a merchant; a key used by a page of another origin gets a policy
    with a refusal. Both let the function explain the refusal to the sender.
    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    in_query = (event.get("multiValueQueryStringParameters") or {}).get(KEY_PARAMETER) or []
    if any(text.startswith(PREFIXES["secret"]) for text in in_query):
        logger.warning("secret key in a query")
        return _policy(event, "exposed", {"refusal": _ROLL})
    key_text = sent_key(headers.get("x-api-key", ""), in_query)
    grant = key_authorizer().authorize(key_text, utc_now(), reads=_method(event) in _READING)
    if grant is None:
        logger.info("unknown key")
        message = "Unauthorized"
        raise Exception(message)  # noqa: TRY002 - the gateway expects exactly this
    key = grant.key
    return _policy(
        event,
        key.key_id,
        {
            "merchant_id": key.merchant_id,
            "key_id": key.key_id,
            "kind": key.kind,
            "role": key.role,
            "label": key.label,
            "reviewer": key.reviewer or "",
            "merchant_secret": key.merchant_secret,
            "identity_secrets": " ".join(grant.identity_secrets),
            "requests_per_minute": str(key.requests_per_minute),
            "refusal": "" if key.is_for(headers.get("origin")) else _OTHER_ORIGIN,
        },
    )


def _method(event: dict[str, Any]) -> str:
    """The method of `…:{api}/{stage}/{method}/{path}`."""
    return str(event["methodArn"].split("/", 3)[2])


def _policy(event: dict[str, Any], principal: str, context: dict[str, str]) -> dict[str, Any]:
    api, _, stage_and_route = event["methodArn"].partition("/")
    stage = stage_and_route.partition("/")[0]
    return {
        "principalId": principal,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{api}/{stage}/*"}],
        },
        "context": context,
    }
