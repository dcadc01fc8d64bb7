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
    IdempotencyValidationError,
)

from vitrine.platform.http import Answer, Request
from vitrine.platform.problems import Conflict

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT_SECONDS = 24 * 3600


class ReplayedAnswers:
    """Keeps each key's first answer for 24 hours, by merchant and route."""

    def __init__(self, table: str) -> None:
        self._store = DynamoDBPersistenceLayer(table_name=table, key_attr="pk", expiry_attr="expires_at")
        self._config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath="body_digest",
            expires_after_seconds=_KEPT_SECONDS,
        )

    def answer(self, key: str, request: Request, handle: Callable[[], Answer]) -> Answer:
        """The first answer to this key, or `handle`'s now.

        Raises Conflict when the key came before with another body, or is being answered at this moment.
        """

        def run(*, write: dict[str, Any]) -> dict[str, Any]:
            del write
            answer = handle()
            return {"status": answer.status, "content": answer.content, "headers": dict(answer.headers)}

        write = {
            "key": [request.merchant_id, request.method, request.path, key],
            "body_digest": hashlib.sha256(request.raw_body).hexdigest(),
        }
        once = idempotent_function(
            run,
            data_keyword_argument="write",
            persistence_store=self._store,
            config=self._config,
        )
        try:
            return Answer(**once(write=write))
        except IdempotencyValidationError as error:
            raise Conflict("This Idempotency-Key was used with another body. Use a new key.") from error
        except IdempotencyAlreadyInProgressError as error:
            raise Conflict("The first request with this Idempotency-Key is still running.") from error
