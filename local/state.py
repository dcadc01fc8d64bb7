"""Where this checkout's cloud keeps its files, and what it tells others about itself.

What is built from the checkout is in `BUILDS`, the same for each of its clouds; all else of a cloud is in `STATE`.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
BUILDS = ROOT / ".local"
STATE = Path(os.environ.get("VITRINE_STATE", BUILDS)).resolve()
STACK_FILE = STATE / "stack.json"
REGION = "us-east-1"
STACK_NAME = "vitrine"
API_PATH = "vitrine"


class LocalCloudError(Exception):
    """What went wrong, and what to do next."""


@dataclass(frozen=True)
class Stack:
    """How to reach the deployed product. Written to `stack.json`."""

    api_url: str
    publishable_key: str
    secret_key: str
    merchant_id: str
    uploads_bucket: str
    endpoint_url: str
    region: str
    stack_name: str


def save_stack(stack: Stack) -> None:
    """Write `stack.json`."""
    write_whole(STACK_FILE, json.dumps(asdict(stack), indent=2) + "\n")


def find_stack() -> Stack | None:
    """The stack in `stack.json`, or None."""
    try:
        return Stack(**json.loads(STACK_FILE.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically, so that an interruption never leaves half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(text)
    unfinished.replace(path)


@contextmanager
def locked(path: Path) -> Iterator[IO[str]]:
    """Wait until no other process holds this lock, and hold it; yields its file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def aws_environment(endpoint_url: str) -> dict[str, str]:
    """This process's environment, with AWS clients directed to the emulator and never to real accounts."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    return inherited | {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "SAM_CLI_TELEMETRY": "0",
    }


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print what is being done, and then how long it took."""
    started = time.monotonic()
    print(f"  {what} ...", flush=True)
    yield
    print(f"    done in {time.monotonic() - started:.1f} s", flush=True)
