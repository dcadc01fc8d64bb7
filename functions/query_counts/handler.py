"""Brings what is known of queries up to date, from the stream of their counters."""

from __future__ import annotations

import time
from typing import Any

from vitrine.engagement.dynamodb import counter_key
from vitrine.platform.telemetry import invocation, logger
from vitrine.search.count_queries import INCARNATION
from vitrine.search.learn_queries import learn_queries
from vitrine.search.wiring import queries, query_counters


@invocation
def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Update the queries of changed counters. If that fails, all records are delivered again."""
    changed = {counter_key(record["dynamodb"]["Keys"]) for record in event["Records"] if _is_counted(record)}
    learned = learn_queries(query_counters(), queries(), changed, int(time.time()))
    logger.info("learned", extra={"records": len(event["Records"]), "queries": learned})


def _is_counted(record: dict[str, Any]) -> bool:
    """Return whether a counter counted something; the table has other items, and deletes what is old."""
    is_counter: bool = record["dynamodb"]["Keys"]["sk"]["S"].startswith(f"{INCARNATION}/")
    return is_counter and record["eventName"] != "REMOVE"
