"""Records by the hour what was counted for each image, from the stream of counter changes."""

from __future__ import annotations

from typing import Any

from vitrine.engagement.dynamodb import is_frozen, shard_state
from vitrine.engagement.record_history import record_history
from vitrine.engagement.wiring import history
from vitrine.platform.telemetry import invocation, logger


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Store the states of five minutes together. If that fails, all records are delivered again."""
    changes = [record["dynamodb"] for record in event["Records"]]
    states = (
        shard_state(change["NewImage"], int(change["ApproximateCreationDateTime"]))
        for change in changes
        if "NewImage" in change and not is_frozen(change["NewImage"])
    )
    files = record_history(history(), states, changes[0]["SequenceNumber"])
    logger.info("recorded", extra={"records": len(changes), "files": files})
