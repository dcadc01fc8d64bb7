"""How many bytes the storefront script is, compressed, beside others' scripts as their npm packages carry them.

`python -m bench.storefront_sizes` builds ours, fetches the newest packages with `npm pack`, and prints a table.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from local.web import build_storefront

DIST = Path(__file__).parents[1] / "storefront" / "dist"


class Peer(NamedTuple):
    """A package and the minified script of it that a page loads; `what` says what that does."""

    package: str
    file: str
    what: str


PEERS = (
    Peer("search-insights", "dist/search-insights.min.js", "events, no outbox"),
    Peer("photoswipe", "dist/photoswipe.esm.min.js", "a lightbox"),
    Peer("@algolia/autocomplete-js", "dist/umd/index.production.js", "search with suggestions"),
    Peer("swiper", "swiper-bundle.min.js", "a carousel"),
    Peer("instantsearch.js", "dist/instantsearch.production.min.js", "search with facets"),
)
OURS = (
    ("core.js", "events with an outbox, reading"),
    ("gallery.js", "and the gallery"),
    ("vitrine.js", "and recommendations, search with facets and suggestions"),
)


def gzip_bytes(content: bytes) -> int:
    """The compressed size."""
    return len(gzip.compress(content, 9, mtime=0))


def main() -> None:
    """Print the table."""
    build_storefront()
    print("| script | KB, gzip | what it does |\n|---|---|---|")
    for name, what in OURS:
        print(f"| vitrine `{name}` | {gzip_bytes((DIST / name).read_bytes()) / 1000:.1f} | {what} |")
    for peer in PEERS:
        version, content = _fetch(peer)
        print(f"| {peer.package} {version} | {gzip_bytes(content) / 1000:.1f} | {peer.what} |", flush=True)


def _fetch(peer: Peer) -> tuple[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        npm = shutil.which("npm") or sys.exit("npm is missing: install Node 20 or newer")
        packed = subprocess.run(
            [npm, "pack", "--json", "--silent", peer.package], cwd=folder, capture_output=True, text=True, check=False
        )
        if packed.returncode:
            sys.exit(f"npm pack {peer.package} failed:\n{packed.stderr}")
        [made] = json.loads(packed.stdout)
        with tarfile.open(Path(folder) / made["filename"]) as archive:
            archive.extractall(folder, filter="data")
        return made["version"], (Path(folder) / "package" / peer.file).read_bytes()


if __name__ == "__main__":
    main()
