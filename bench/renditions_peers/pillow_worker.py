"""Encodes photos by Pillow, with the settings that correspond to our codec's. Reads a job, writes a report."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

OPTIONS: dict[str, dict[str, Any]] = {
    "avif": {"speed": 8, "max_threads": 1},
    "webp": {"method": 4},
    "jpg": {"progressive": True, "optimize": True},
    "png": {},
}


def main() -> None:
    """Do the job."""
    job = json.load(sys.stdin)
    width, form = job["width"], job["format"]
    started = time.process_time()
    for path in map(Path, job["photos"]):
        with Image.open(path) as photo:
            photo.draft("RGB", (width, width))  # decodes JPEG at a fraction of its size, as libvips does
            upright = ImageOps.exif_transpose(photo).convert("RGB")
            height = round(upright.height * width / upright.width)
            small = upright.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
            small.save(Path(job["folder"]) / f"{path.stem}.{form}", quality=job["quality"], **OPTIONS[form])
    seconds = time.process_time() - started
    print(json.dumps({"seconds": seconds}))
    print(Path("/proc/self/status").read_text())


if __name__ == "__main__":
    main()
