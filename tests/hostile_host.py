"""A server that sends exactly the bytes that a test scripts, at the pace of the test."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable


class HostileHost:
    """Calls `script(connection, request)` for every request head that arrives."""

    def __init__(self, script: Callable[[socket.socket, str], object], tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.name = f"127.0.0.1:{self.port}"
        self.requests: list[str] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def url(self, path: str = "/picture") -> str:
        return f"{'https' if self._tls else 'http'}://{self.name}{path}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                while request := self._head(connection):
                    self.requests.append(request)
                    self._script(connection, request)

    @staticmethod
    def _head(connection: socket.socket) -> str:
        head = b""
        while b"\r\n\r\n" not in head:
            data = connection.recv(4096)
            if not data:
                return ""
            head += data
        return head.decode()


def response(status: str = "200 OK", body: bytes = b"", **headers: str) -> bytes:
    """A complete response; arguments such as `Content_Length` override its headers."""
    lines = {"Content-Length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body
