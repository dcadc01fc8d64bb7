"""Serves a folder of pictures over HTTP like a shop's host: with ranges, validators and a delay.

`python local/picture_host.py tests/data/store-photos --port 4801 --delay 0.03`
"""

from __future__ import annotations

import argparse
import re
import threading
import time
from contextlib import contextmanager
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class PictureHost(ThreadingHTTPServer):
    """An HTTP server. `sent` counts the bytes of bodies; `delay_seconds` precedes each response."""

    request_queue_size = 256
    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0, *, delay_seconds: float = 0.0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.folder = folder.resolve()
        self.delay_seconds = delay_seconds
        self.sent = 0
        self.requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PictureHost
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.server.requests += 1
        time.sleep(self.server.delay_seconds)
        path = (self.server.folder / unquote(urlsplit(self.path).path).lstrip("/")).resolve()
        if not path.is_relative_to(self.server.folder) or not path.is_file():
            self._response(HTTPStatus.NOT_FOUND, {}, b"")
            return
        stat = path.stat()
        headers = {
            "ETag": f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"',
            "Last-Modified": formatdate(stat.st_mtime, usegmt=True),
            "Accept-Ranges": "bytes",
        }
        if self.headers.get("If-None-Match") == headers["ETag"]:
            self._response(HTTPStatus.NOT_MODIFIED, headers, b"")
            return
        wanted = RANGE.fullmatch(self.headers.get("Range", ""))
        with path.open("rb") as file:
            if not wanted:
                self._response(HTTPStatus.OK, headers, file.read())
                return
            first, last = int(wanted[1]), min(int(wanted[2] or stat.st_size), stat.st_size - 1)
            if first >= stat.st_size:
                headers["Content-Range"] = f"bytes */{stat.st_size}"
                self._response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers, b"")
                return
            file.seek(first)
            headers["Content-Range"] = f"bytes {first}-{last}/{stat.st_size}"
            self._response(HTTPStatus.PARTIAL_CONTENT, headers, file.read(last - first + 1))

    def _response(self, status: HTTPStatus, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for start in range(0, len(body), 65536):
            self.wfile.write(part := body[start : start + 65536])
            self.server.sent += len(part)

    def log_message(self, *args: object) -> None:
        """Log no requests."""


@contextmanager
def serving(folder: Path) -> Iterator[PictureHost]:
    """Serve the folder in a thread."""
    host = PictureHost(folder)
    threading.Thread(target=host.serve_forever, daemon=True).start()
    yield host
    host.shutdown()
    host.server_close()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--port", type=int, default=4801)
    arguments.add_argument("--delay", type=float, default=0.0, help="seconds before each response")
    chosen = arguments.parse_args()
    host = PictureHost(chosen.folder, chosen.port, delay_seconds=chosen.delay)
    print(host.url)
    host.serve_forever()
