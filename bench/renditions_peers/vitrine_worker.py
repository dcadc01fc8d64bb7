"""Encodes photos by our codec's own functions. Reads a job from standard input, writes a report to standard output."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pyvips

from vitrine.renditions import vips_worker


def main() -> None:
    """Do the job."""
    job = json.load(sys.stdin)
    pyvips.cache_set_max(0)
    vips_worker.SAVERS["png"] = {"suffix": ".png"}
    vips_worker.SAVERS[job["format"]]["Q"] = job["quality"]
    started = time.process_time()
    for photo in map(Path, job["photos"]):
        made = vips_worker.render(photo.read_bytes(), job["width"], job["format"])
        (Path(job["folder"]) / f"{photo.stem}.{job['format']}").write_bytes(made)
    seconds = time.process_time() - started
    print(json.dumps({"seconds": seconds}))
    print(Path("/proc/self/status").read_text())


if __name__ == "__main__":
    main()
