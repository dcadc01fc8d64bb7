"""libvips in a child process, which is killed when a picture takes too much time or memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any, Final

from vitrine.renditions.model import Picture
from vitrine.renditions.ports import RefusedPictureError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from vitrine.renditions.model import Format

START_SECONDS: Final = 10.0
WALL_SECONDS: Final = 10.0  # the child's own limits bound processor time and memory; this bounds waiting


class VipsCodec:
    """Codec on libvips. Handles one picture at a time; the process starts with the first and stays for the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None

    def describe(self, content: bytes) -> Picture:
        """Return the size and placeholder of a picture. Raises RefusedPictureError."""
        fields, _ = self._ask({"action": "describe"}, content)
        return Picture(fields["width"], fields["height"], bytes.fromhex(fields["placeholder"]), fields["animated"])

    def render(self, content: bytes, width: int, form: Format) -> bytes:
        """Return the picture at this width. Raises RefusedPictureError."""
        _, made = self._ask({"action": "render", "width": width, "format": form}, content)
        return made

    def close(self) -> None:
        """End the process."""
        if self._connection:
            self._connection.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._connection = self._process = None

    def _ask(self, request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            connection = self._connection or self._start()
            try:
                connection.send_bytes(json.dumps(request).encode())
                connection.send_bytes(content)
                if not connection.poll(WALL_SECONDS):
                    raise TimeoutError
                response, made = json.loads(connection.recv_bytes()), connection.recv_bytes()
            except (EOFError, OSError) as error:
                self.close()
                raise RefusedPictureError("too_much_work", "The picture takes too much work to decode") from error
        if "code" in response:
            raise RefusedPictureError(response["code"], response["detail"])
        return response, made

    def _start(self) -> Connection[Any, Any]:
        ours, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "vitrine.renditions.vips_worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        if not ours.poll(START_SECONDS) or ours.recv_bytes() != b"ready":
            raise RuntimeError("the codec does not start")
        self._connection = ours
        return ours
