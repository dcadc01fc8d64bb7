"""The API as a client without our code meets it: plain HTTP."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import urllib3

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_http = urllib3.PoolManager(maxsize=64, timeout=120, retries=False)


class Response(NamedTuple):
    """What came back. `json` is None when the body is no JSON."""

    status: int
    headers: Mapping[str, str]
    json: Any


class Api:
    """Requests with one key, or with none."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = url
        self.headers = {"X-Api-Key": key} if key else {}

    def get(self, path: str, **headers: str) -> Response:
        return self.request("GET", path, headers=headers)

    def put(self, path: str, body: Any) -> Response:
        return self.request("PUT", path, body)

    def post(self, path: str, body: Any) -> Response:
        return self.request("POST", path, body)

    def patch(self, path: str, body: Any) -> Response:
        return self.request("PATCH", path, body)

    def delete(self, path: str) -> Response:
        return self.request("DELETE", path)

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
        response = _http.request(method, self.url + path, json=body, headers=self.headers | dict(headers or {}))
        return Response(response.status, response.headers, response.json() if _has_json(response) else None)


def _has_json(response: urllib3.BaseHTTPResponse) -> bool:
    return bool(response.data) and "json" in response.headers.get("Content-Type", "")


def eventually(check: Callable[[], bool], within_seconds: float = 90) -> None:
    """Wait until `check` holds, and fail when it does not in time.

    The limit ends a test that hangs; it says nothing about speed, which a busy machine would make false.
    """
    deadline = time.monotonic() + within_seconds
    while not check():
        assert time.monotonic() < deadline, f"it did not become so within {within_seconds} s"
        time.sleep(0.1)
