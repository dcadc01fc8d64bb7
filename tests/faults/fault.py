"""Faults at chosen calls of the product to AWS."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from vitrine.platform.aws import client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVICES: tuple[Literal["dynamodb", "s3", "sqs"], ...] = ("dynamodb", "s3", "sqs")


class Killed(BaseException):
    """The process is gone: no handler of errors runs."""


def kill(operation: str) -> None:
    raise Killed(operation)


def throttle(operation: str) -> None:
    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, operation)


@contextmanager
def hooked(hook: Callable[..., None], when: str = "before-call") -> Iterator[None]:
    """Meanwhile have all calls of the product meet `hook`."""
    for service in SERVICES:
        client(service).meta.events.register(f"{when}.{service}", hook)
    try:
        yield
    finally:
        for service in SERVICES:
            client(service).meta.events.unregister(f"{when}.{service}", hook)


class Fault:
    """Lets the AWS call number `at` of the product fail, before or after it took effect."""

    def __init__(self, at: int, when: str, what: Callable[[str], object]) -> None:
        self.calls: list[str] = []
        self._at = at
        self._when = when
        self._what = what

    @contextmanager
    def armed(self) -> Iterator[None]:
        with hooked(self._strike, self._when):
            yield

    @property
    def struck(self) -> bool:
        return len(self.calls) >= self._at

    def __str__(self) -> str:
        return f"{self._when} number {self._at}: {self.calls[self._at - 1 : self._at]}"

    def _strike(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)
        if len(self.calls) == self._at:
            self._what(model.name)


@contextmanager
def without_guards(table: str, operation: str) -> Iterator[None]:
    """Take the conditions off all writes of a kind to a table."""

    def strip(params: dict[str, Any], **_: Any) -> None:
        for write in [params, *(change for each in params.get("TransactItems", ()) for change in each.values())]:
            if write.get("TableName") == table and write.pop("ConditionExpression", None):
                for group in ("ExpressionAttributeValues", "ExpressionAttributeNames"):
                    kept = {
                        name: value
                        for name, value in write.get(group, {}).items()
                        if re.search(rf"{name}\b", write.get("UpdateExpression", ""))
                    }
                    write.pop(group, None)
                    write.update({group: kept} if kept else {})

    event = f"provide-client-params.dynamodb.{operation}"
    client("dynamodb").meta.events.register(event, strip)
    try:
        yield
    finally:
        client("dynamodb").meta.events.unregister(event, strip)


FAULTS = [("before-call", kill), ("after-call", kill), ("before-call", throttle)]
