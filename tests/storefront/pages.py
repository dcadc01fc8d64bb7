"""A shop's pages, its pictures and the API, as a browser meets them; the API may fail on demand."""

from __future__ import annotations

import socket
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.gateway import Gateway, open_shop
from vitrine.engagement.wiring import gallery_counters
from vitrine.galleries.model import Counts, GalleryKey
from vitrine.galleries.wiring import gallery_repository

if TYPE_CHECKING:
    from tests.gateway import Shop
    from vitrine.galleries.model import Totals

STOREFRONT = Path(__file__).parents[2] / "storefront"
TYPES = {".js": "text/javascript", ".html": "text/html; charset=utf-8", ".css": "text/css", ".png": "image/png"}
STRICT = (
    "default-src 'none'; script-src 'self'; img-src http: data:; connect-src http:; style-src 'none'; base-uri 'none'"
)


class Site:
    """Pages at one origin, the API and pictures at another.

    `outage` makes the API answer 500, or (`"nothing"`) close the connection without an answer.
    """

    def __init__(self) -> None:
        self.shop: Shop = open_shop("shop")
        self.gateway = Gateway()
        self.pages: dict[str, str] = {}
        self.scripts: dict[str, bytes] = {}
        self.outage: str | None = None
        self.policy: dict[str, str] = {}
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self._api = ThreadPoolExecutor(16)
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.response(self)

            do_POST = do_OPTIONS = do_GET  # noqa: N815 - the names that the server looks for

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.origin = f"http://localhost:{self.port}"
        self.api = f"http://127.0.0.1:{self.port}/api"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, once the API has answered: a request that outlives its test would meet the next test's gallery."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._api.shutdown()

    def response(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length)
        path, _, query = handler.path.partition("?")
        if path.startswith("/api/"):
            self._response_as_api(handler, path.removeprefix("/api"), query, body)
            return
        name = path.lstrip("/")
        if name.startswith("picture"):
            self._send(handler, 200, {"Content-Type": "image/png", "Cache-Control": "max-age=600"}, PICTURE)
        elif name in self.pages:
            headers = {"Content-Type": TYPES[".html"], **self.policy}
            self._send(handler, 200, headers, self.pages[name].encode())
        elif name in self.scripts:
            self._send(handler, 200, {"Content-Type": TYPES[".js"]}, self.scripts[name])
        elif (file := STOREFRONT / name).is_file() and name.startswith("dist/"):
            self._send(handler, 200, {"Content-Type": TYPES.get(file.suffix, "text/plain")}, file.read_bytes())
        else:
            self._send(handler, 404, {"Content-Type": "text/plain"}, b"")

    def _response_as_api(self, handler: BaseHTTPRequestHandler, path: str, query: str, body: bytes) -> None:
        self.requests.append(f"{handler.command} {path}")
        self.bodies.append(body)
        if self.outage == "nothing":
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        if self.outage:
            self._send(handler, int(self.outage), {"Access-Control-Allow-Origin": "*"}, b"{}")
            return
        headers = {name.title(): value for name, value in handler.headers.items()}
        key = headers.pop("X-Api-Key", None)
        response = self._api.submit(
            self.gateway.call, handler.command, unquote(path), key, raw=body, query=query, headers=headers
        ).result()
        self._send(handler, response.status, dict(response.headers), response.body.encode())

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], content: bytes) -> None:
        try:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, value)
            if status not in {204, 304}:
                handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
        except OSError:
            handler.close_connection = True  # the page has left

    def serve(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the API with the secret key."""
        path, _, query = path.partition("?")
        response = self.gateway.call(method, path, self.shop.secret_key, body, query=query)
        assert response.status < 300, response.body
        return response.json if response.body else None

    def fill(self, gallery: str, count: int, counting: str = "every_event") -> None:
        """A gallery of pictures `1` to `count`, in this order, each of a product of its own id."""
        self.serve("PUT", f"/galleries/{gallery}", {"counting": counting})
        images = [
            {
                "id": str(at),
                "name": f"Picture {at}",
                "alt": f"A square with the number {at}",
                "url": f"http://127.0.0.1:{self.port}/picture-{at}.png",
                "created_at": f"2026-01-{28 - at // 24:02}T{23 - at % 24:02}:00:00Z",
                "product_ids": [str(at)],
                "width": 300,
                "height": 300,
            }
            for at in range(1, count + 1)
        ]
        self.serve("POST", f"/galleries/{gallery}/images", {"images": images})

    def counts(self, gallery: str) -> dict[str, Totals]:
        """What was counted, by image."""
        ids = {item["id"] for item in self.serve("GET", f"/galleries/{gallery}/images?limit=100")["items"]}
        images = gallery_repository().get_images(GalleryKey("shop", gallery), ids).values()
        counted = gallery_counters().read(list(images))
        return {image_id: counted.get(image_id, Counts()).totals for image_id in ids}

    def page(self, name: str, body: str, *, script: str = "", lang: str = "en", head: str = "") -> str:
        """Serve a page with the script in it; return its address. `script` are attributes of the script's tag."""
        self.pages[
            name
        ] = f"""<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>A shop</title>{head}
<link rel="icon" href="data:,">
<script type="module" src="/dist/vitrine.js" data-api="{self.api}" data-key="{self.shop.publishable_key}" {script}>
</script></head><body><main><h1>A shop</h1>{body}</main></body></html>"""
        return f"{self.origin}/{name}"


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    rows = (b"\x00" + b"\x30\x80\x60" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PICTURE = _png(300, 300)
