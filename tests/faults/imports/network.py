"""A network on which one chosen call meets its fate; all others reach moto."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.awsrequest import AWSPreparedRequest

Fate = Literal["crash_before", "crash_after", "refused", "unanswered", "sent_twice"]
FATES: tuple[Fate, ...] = ("crash_before", "crash_after", "refused", "unanswered", "sent_twice")


class Crash(BaseException):
    """The process dies here: nothing may catch this."""


class Sent(NamedTuple):
    """A message that reached the queue."""

    body: str
    delay_seconds: int


class Network:
    """`fates` are by the number of the call, from 1; `between` runs before that call, as another process would."""

    def __init__(
        self, fates: Mapping[int, Fate] | None = None, between: Mapping[int, Callable[[], None]] | None = None
    ) -> None:
        self.calls = 0
        self.met: list[tuple[str, str]] = []
        self.queue: list[Sent] = []
        self.fates = dict(fates or {})
        self._between = dict(between or {})

    def carry(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
        self.calls += 1
        if visit := self._between.pop(self.calls, None):
            visit()
        fate = self.fates.pop(self.calls, None)
        if fate:
            self.met.append((event_name.removeprefix("before-send."), fate))
        if fate == "crash_before":
            raise Crash
        if fate == "refused":
            return _refusal(request, event_name)
        if fate == "sent_twice":
            self._apply(request, event_name)
        response = self._apply(request, event_name)
        if fate == "crash_after":
            raise Crash
        if fate == "unanswered":
            raise ReadTimeoutError(endpoint_url=request.url)
        return response

    def _apply(self, request: AWSPreparedRequest, event_name: str) -> AWSResponse:
        if event_name.endswith("sqs.SendMessage"):
            assert isinstance(request.body, bytes)
            message = json.loads(request.body)
            self.queue.append(Sent(message["MessageBody"], message["DelaySeconds"]))
        response: AWSResponse | None = botocore_stubber(event_name, request)
        assert response is not None
        return response


def _refusal(request: AWSPreparedRequest, event_name: str) -> AWSResponse:
    if ".s3." in event_name:
        return _response(request, 503, "<Error><Code>SlowDown</Code><Message>slow down</Message></Error>")
    error = "RequestThrottled" if ".sqs." in event_name else "com.amazonaws.dynamodb.v20120810#ThrottlingException"
    return _response(request, 400, json.dumps({"__type": error, "message": "slow down"}))


def _response(request: AWSPreparedRequest, status: int, content: str) -> AWSResponse:
    return AWSResponse(request.url, status, {}, MockRawResponse(content))  # type: ignore[arg-type]
