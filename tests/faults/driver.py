"""A network that fails: moto behind calls that are dropped, throttled, refused, or answered to nobody."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.awsrequest import AWSPreparedRequest
    from mypy_boto3_dynamodb import DynamoDBClient


class Crash(BaseException):
    """The process dies here: nothing may catch this."""


class Odds(NamedTuple):
    """How often a call meets each fate."""

    dropped: float = 0.03
    unanswered: float = 0.04
    throttled: float = 0.02
    conflicted: float = 0.03
    crashed_before: float = 0.01
    crashed_after: float = 0.02
    full: float = 0.1
    slow: float = 0.1


_DELAYS = [0.002, 0.002, 0.002, 0.1]
CALM = Odds(*([0.0] * len(Odds._fields)))


class Ledger:
    """What was really stored, as seen on the wire: marks and amounts by image and incarnation, and first votes."""

    def __init__(self) -> None:
        self.marks: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.views: Counter[tuple[str, str]] = Counter()
        self.clicks: Counter[tuple[str, str]] = Counter()
        self.votes: dict[tuple[str, str], str] = {}

    def note(self, request: dict[str, Any]) -> None:
        values = request.get("ExpressionAttributeValues", {})
        if ":vote" in values:
            self.votes.setdefault((request["Key"]["pk"]["S"], request["Key"]["sk"]["S"]), values[":vote"]["N"])
        if ":marks" not in values:
            return
        counters = request["Key"]["pk"]["S"], request["Key"]["sk"]["S"].split("/")[0].split(".")[0]
        self.marks[counters].update(values[":marks"]["BS"])
        placeholders = {name: f":{at[1:]}" for at, name in request["ExpressionAttributeNames"].items()}
        for kind, totals in (("views", self.views), ("clicks", self.clicks)):
            totals[counters] += int(values.get(placeholders.get(kind), {"N": 0})["N"])


class Driver:
    """Stands between a client and moto. The odds may change while it runs."""

    def __init__(self, seed: int, odds: Odds) -> None:
        self.odds = odds
        self.ledger = Ledger()
        self.met: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._one_call_at_a_time = threading.RLock()

    def drive(self, client: DynamoDBClient) -> None:
        events: Any = client.meta.events
        events.unregister("before-send", botocore_stubber)
        events.register("before-send.dynamodb", self)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Moto takes no calls meanwhile: it is not made for threads."""
        with self._one_call_at_a_time:
            yield

    def __call__(self, request: Any, **_: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().split(".")[1]
        body = json.loads(request.body)
        with self._one_call_at_a_time:
            fate = self._fate()
            is_full = self._random.random() < self.odds.full
        if fate == "slow":
            time.sleep(self._random.choice(_DELAYS))
        if fate == "dropped":
            raise ReadTimeoutError(endpoint_url=request.url)
        if fate == "crashed_before":
            raise Crash
        if fate == "throttled":
            return _refusal(request, "ThrottlingException")
        if fate == "conflicted" and operation in {"PutItem", "UpdateItem", "DeleteItem"}:
            return _refusal(request, "TransactionConflictException")
        if fate == "conflicted" and operation == "TransactWriteItems":
            reasons = [{"Code": "None"} for _ in body["TransactItems"]]
            reasons[0] = {"Code": "TransactionConflict"}
            return _refusal(request, "TransactionCanceledException", CancellationReasons=reasons)
        if fate == "conflicted" and operation == "BatchGetItem":
            tables = body["RequestItems"]
            return _response(request, 200, {"Responses": {table: [] for table in tables}, "UnprocessedKeys": tables})
        response = self._apply(request, operation, body, is_full=is_full)
        if fate == "unanswered":
            raise ReadTimeoutError(endpoint_url=request.url)
        if fate == "crashed_after":
            raise Crash
        return response

    def _fate(self) -> str:
        chance = self._random.random()
        for name, odds in self.odds._asdict().items():
            if name == "full":
                continue
            chance -= odds
            if chance < 0:
                self.met[name] += 1
                return name
        return "calm"

    def _apply(
        self, request: AWSPreparedRequest, operation: str, body: dict[str, Any], *, is_full: bool
    ) -> AWSResponse:
        with self._one_call_at_a_time:
            response = botocore_stubber("before-send.dynamodb", request)
            assert response is not None
            if operation != "UpdateItem" or response.status_code != 200:
                return response
            self.ledger.note(body)
            if body["TableName"] != "CountersTable":
                return response
            content = json.loads(response.content)
            content["ConsumedCapacity"] = {"TableName": "CountersTable", "CapacityUnits": 2.0 if is_full else 1.0}
            return _response(request, 200, content)


def _refusal(request: AWSPreparedRequest, error: str, **more: Any) -> AWSResponse:
    return _response(request, 400, {"__type": f"com.amazonaws.dynamodb.v20120810#{error}", "message": error, **more})


def _response(request: AWSPreparedRequest, status: int, content: dict[str, Any]) -> AWSResponse:
    return AWSResponse(request.url, status, {}, MockRawResponse(json.dumps(content)))  # type: ignore[arg-type]
