"""Replays of the first answer to a write that is sent again with its Idempotency-Key."""

from __future__ import annotations

import hashlib
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
from vitrine.platform.http import Answer, Request
from vitrine.platform.problems import Conflict, Unavailable
from vitrine.platform.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT_SECONDS = 24 * 3600


class ReplayedAnswers:
    """Keeps each key's first answer for 24 hours, by merchant and route."""

    def __init__(self, table: str) -> None:
        self._store = DynamoDBPersistenceLayer(
            table_name=table, key_attr="pk", expiry_attr="expires_at", boto3_client=client("dynamodb")
        )
        self._config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath="body_digest",
            expires_after_seconds=_KEPT_SECONDS,
            hash_function="sha256",
        )

    def answer(self, key: str, request: Request, context: Any, handle: Callable[[], Answer]) -> Answer:
        """The first answer to this key, or `handle`'s now. `context` is Lambda's: it tells when the invocation ends.

        Raises Conflict when the key came before with another body, or is being answered at this moment;
        Unavailable when the store of answers fails.
        """
        done: list[Answer] = []

        def run(*, write: dict[str, Any]) -> dict[str, Any]:
            del write
            answer = handle()
            done.append(answer)
            return {"status": answer.status, "content": answer.content, "headers": dict(answer.headers)}

        write = {
            "key": [request.merchant_id, request.method, request.path, key],
            "body_digest": hashlib.sha256(request.raw_body).hexdigest(),
        }
        self._config.register_lambda_context(context)
        once = idempotent_function(
            run,
            data_keyword_argument="write",
            persistence_store=self._store,
            config=self._config,
        )
        try:
            kept = once(write=write)
        except IdempotencyValidationError as error:
            raise Conflict("This Idempotency-Key was used with another body. Use a new key.") from error
        except IdempotencyAlreadyInProgressError as error:
            raise Conflict("The first request with this Idempotency-Key is still running.") from error
        except (IdempotencyPersistenceLayerError, IdempotencyInconsistentStateError) as error:
            if done:  # what was asked is done; only its replay is lost
                logger.warning("answer not kept", exc_info=error)
                return done[0]
            raise Unavailable("The store did not answer in time. Send the request again.", 1) from error
        return done[0] if done else Answer(**kept)
