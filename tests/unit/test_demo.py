"""The demo is ready once its events are counted and shown, wherever they were in between."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from local.seed import wait_until_ordered
from local.state import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = 10
STATES = [(0, 0), (0, 0), (4, 4), (4, 0), (10, 3), (10, 0)]  # events counted, images that do not show them yet


class Shop(ThreadingHTTPServer):
    """An API whose queue is counted step by step: each time that its totals are read."""

    reads = 0


class Routes(BaseHTTPRequestHandler):
    """A gallery and its audit."""

    server: Shop

    def do_GET(self) -> None:
        if not self.path.endswith("/audit"):
            self.server.reads += 1
        counted, unshown = STATES[min(self.server.reads, len(STATES)) - 1]
        body = json.dumps({"views": counted, "clicks": 0, "mismatched": ["image"] * unshown}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop(("127.0.0.1", 0), Routes) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_it_waits_for_events_in_a_queue_and_for_the_order(shop: Shop) -> None:
    address = f"http://127.0.0.1:{shop.server_port}"
    wait_until_ordered(Stack(address, "pk", "sk", "demo", "uploads", address, "eu-west-1", "vitrine"), EVENTS)
    assert shop.reads == len(STATES)
