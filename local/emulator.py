"""MiniStack as a background process of this checkout."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from local.state import REGION, ROOT, STATE, LocalCloudError, aws_environment, locked, write_whole

FIRST_PORT = 4566
LAST_PORT = 4665
LARGEST_PORT = 65_535
LOG = STATE / "emulator.log"
_LOCK = STATE / "emulator.lock"
_FILE = STATE / "emulator.json"
_PORTS_LOCK = Path(tempfile.gettempdir()) / f"vitrine-ports-{os.getuid()}.lock"
_READY_SECONDS = 30
_STOP_SECONDS = 3
_IDLE_WORKER_SECONDS = 60
_MOST_WORKERS = 64
_direct = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class Emulator:
    """A started emulator. `run` differs with each start, because its data is lost when it stops."""

    pid: int
    port: int
    run: str

    @property
    def endpoint_url(self) -> str:
        """The endpoint for AWS clients."""
        return f"http://127.0.0.1:{self.port}"


def running() -> Emulator | None:
    """The emulator of this checkout, if it is up. Raises LocalCloudError if PORT names another port."""
    emulator = _last_started()
    if not emulator or not _is_alive() or not _responds(emulator.port):
        return None
    wanted = _wanted_port()
    if wanted not in {None, emulator.port}:
        raise LocalCloudError(
            f"The local cloud already runs on port {emulator.port}. Run: make down, then make up PORT={wanted}"
        )
    return emulator


def start() -> Emulator:
    """Start an empty emulator on PORT, on the port used before, or on the first free one."""
    wanted = _wanted_port()
    stop()
    if wanted and not _is_free(wanted):
        raise LocalCloudError(
            f"Port {wanted} is in use by another program. Run: make up PORT=<another>, or without PORT"
        )
    before = _last_started()
    ports = [wanted] if wanted else [*([before.port] if before else []), *range(FIRST_PORT, LAST_PORT + 1)]
    with locked(_PORTS_LOCK):  # or two that start at once would take the same port
        for port in ports:
            if _is_free(port):
                return _start_on(port)
    raise LocalCloudError(f"No port from {FIRST_PORT} to {LAST_PORT} is free. Run: make up PORT=<a free one>")


def stop() -> None:
    """Stop the emulator and its functions if they run, and delete its data."""
    emulator = _last_started()
    if emulator and _is_alive():
        _signal(emulator, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while _is_alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        _signal(emulator, signal.SIGKILL)
    _throw_away(STATE / "emulator")


def _wanted_port() -> int | None:
    text = os.environ.get("PORT", "")
    if text and not (text.isdecimal() and 0 < int(text) <= LARGEST_PORT):
        raise LocalCloudError(f"PORT={text} is not a port. Run: make up PORT=<1024 to {LARGEST_PORT}>, or without PORT")
    return int(text) if text else None


def _start_on(port: int) -> Emulator:
    home = STATE / "emulator"
    for folder in ("tmp", "state", "s3"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    environment = aws_environment(f"http://127.0.0.1:{port}") | {
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "TMPDIR": str(home / "tmp"),
        "PYTHONPATH": str(ROOT / "local" / "sandbox"),
        "STATE_DIR": str(home / "state"),
        "S3_DATA_DIR": str(home / "s3"),
        "LAMBDA_ACCOUNT_CONCURRENCY": str(_MOST_WORKERS),
        "LAMBDA_WARM_TTL_SECONDS": str(_IDLE_WORKER_SECONDS),
    }
    with LOG.open("w") as log, _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-m", "local.cloud", str(port)],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
    emulator = Emulator(process.pid, port, uuid.uuid4().hex)
    write_whole(_FILE, json.dumps(asdict(emulator)))
    deadline = time.monotonic() + _READY_SECONDS
    while not _responds(port):
        if process.poll() is not None or time.monotonic() > deadline:
            stop()
            raise LocalCloudError(f"The emulator did not start on port {port}. See {LOG}, then run: make reset")
        time.sleep(0.05)
    return emulator


def _throw_away(folder: Path) -> None:
    """Remove a folder in the background: the functions' folders have tens of thousands of files."""
    if folder.exists():
        folder.rename(STATE / f"gone-{uuid.uuid4().hex}")
    gone = list(STATE.glob("gone-*"))
    if gone:
        # Without this process's output, or whoever reads that would wait for it.
        subprocess.Popen(
            ["rm", "-rf", *gone], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def _last_started() -> Emulator | None:
    try:
        return Emulator(**json.loads(_FILE.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _is_alive() -> bool:
    """Whether the emulator's process lives. It holds a lock while it does; its process id may be reused."""
    with _LOCK.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _signal(emulator: Emulator, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(emulator.pid, number)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _responds(port: int) -> bool:
    try:
        with _direct.open(f"http://127.0.0.1:{port}/_ministack/health", timeout=2) as response:
            return bool(response.status == 200)  # noqa: PLR2004 - OK
    except (URLError, OSError):
        return False
