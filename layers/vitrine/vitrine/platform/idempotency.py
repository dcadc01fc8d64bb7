"""Replays the first response to a write that is repeated with its Idempotency-Key.

A response is stored sealed with the content of its request. Nobody can read it without that request, so the store
holds no readable personal data, even of people who are not erased yet.
"""

from __future__ import annotations

import base64
import hmac
import json
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)

from vitrine.platform.aws import client
from vitrine.platform.http import PUBLISHABLE, Request, Response
from vitrine.platform.problems import Conflict, Unavailable
from vitrine.platform.sealing import seal, unseal
from vitrine.platform.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT_SECONDS = 24 * 3600


class SavedResponses:
    """Keeps the first response to each Idempotency-Key of a sender, method and path for 24 hours."""

    def __init__(self, table: str) -> None:
        self._repository = DynamoDBPersistenceLayer(
            table_name=table, key_attr="pk", expiry_attr="expires_at", boto3_client=client("dynamodb")
        )
        self._config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath="content_digest",
            expires_after_seconds=_KEPT_SECONDS,
            hash_function="sha256",
        )

    def response(self, key: str, request: Request, context: Any, handle: Callable[[], Response]) -> Response:
        """The first response to this key, or that of `handle` now. `context` is Lambda's, for its deadline.

        Raises Conflict if the key was used with another body or query, or if its first request is still running;
        Unavailable if the store of responses fails.
        """
        done: list[Response] = []

        secret = request.caller.merchant_secret
        sender = _sender(key, request)
        content = _content(request)

        def run(*, write: dict[str, Any]) -> str:
            del write
            response = handle()
            done.append(response)
            first = json.dumps([response.status, response.content, dict(response.headers)]).encode()
            return base64.b64encode(seal(secret, sender + content, first)).decode()

        write = {"key": _digest(secret, sender), "content_digest": _digest(secret, content)}
        self._config.register_lambda_context(context)
        once = idempotent_function(
            run,
            data_keyword_argument="write",
            persistence_store=self._repository,
            config=self._config,
        )
        try:
            saved = once(write=write)
        except IdempotencyValidationError as error:
            raise Conflict("This Idempotency-Key was used with another body or query. Use a new key.") from error
        except IdempotencyAlreadyInProgressError as error:
            raise Conflict(
                "The first request with this Idempotency-Key is still running. Send it again shortly."
            ) from error
        except (IdempotencyPersistenceLayerError, IdempotencyInconsistentStateError) as error:
            if done:  # the write is done; only its replay is lost
                logger.warning("response not saved", exc_info=error)
                return done[0]
            raise Unavailable("The store did not answer in time. Send the request again.", 1) from error
        if done:
            return done[0]
        opened = unseal(secret, sender + content, base64.b64decode(saved))
        if opened is None:
            raise Conflict("This Idempotency-Key was used under an earlier secret. Use a new key.")
        return Response(*json.loads(opened))


def _sender(key: str, request: Request) -> bytes:
    """Who sends the write, and where to; the same key from another sender is another write.

    Web pages share a publishable key, so the address is part of it; a shop's server may have several addresses.
    """
    kind = request.caller.kind
    page = request.source_address if kind == PUBLISHABLE else None
    who = [request.merchant_id, kind, page, sorted(request.headers.items())]
    return json.dumps([who, request.method, request.path, key]).encode()


def _content(request: Request) -> bytes:
    """The query and the body of the write."""
    query = sorted(request.query.items())
    return json.dumps(query, default=str).encode() + b"\0" + request.raw_body


def _digest(secret: str, text: bytes) -> str:
    """A keyed digest, so that the text cannot be found by trying."""
    return hmac.digest(secret.encode(), text, "sha256").hex()
