"""Servers for tests and benchmarks, fetched once from Maven Central."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

_CACHE = Path(os.environ.get("VITRINE_CACHE", Path.home() / ".cache" / "vitrine"))


def fetched(name: str, pom: Path) -> Path:
    """The folder with all jars of `pom`, cached under `name`."""
    lacking = [tool for tool in ("java", "mvn") if not shutil.which(tool)]
    assert not lacking, (
        f"no {' and no '.join(lacking)} on this machine (Debian: apt install default-jre-headless maven)"
    )
    kept = _CACHE / name
    if not kept.exists():
        fresh = kept.with_name(f"{name}.{uuid4().hex}")
        subprocess.run(
            ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={fresh}"],
            check=True,
        )
        try:
            fresh.rename(kept)
        except OSError:
            shutil.rmtree(fresh)
    return kept
