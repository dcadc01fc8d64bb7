"""Renditions by our codec, Pillow and sharp: processor time, memory and bytes at equal SSIM, on real photos.

`python -m bench.renditions [--photos 16]` prints a table. Each encoder runs in a process of its own, on one thread.
For every format and width, the peers' quality is searched until the mean SSIM of their files equals ours. The reference
of a file is the same encoder's lossless file of that width, so SSIM compares encoders and not resizing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import pyvips

from bench.measure_pictures import make_photos
from vitrine.renditions.vips_worker import SAVERS

DATA = Path(os.environ.get("VITRINE_DATA", "../shared/data"))
PEERS = Path(__file__).parent / "renditions_peers"
NODE_PACKAGES = Path(".local/bench/sharp")
WIDTHS = (320, 640, 1280)
FORMATS = ("avif", "webp", "jpg")
SEARCH_STEPS = 6
SSIM_SIGMA = 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


class Result(NamedTuple):
    """What encoding the photos took: processor seconds and bytes a file, peak memory, and the mean SSIM."""

    seconds: float
    bytes: float
    megabytes: float
    ssim: float


class Report(NamedTuple):
    """What a worker spent: processor seconds, and its peak memory."""

    seconds: float
    megabytes: float


class Setting(NamedTuple):
    """What to encode: a format, a width and a quality."""

    form: str
    width: int
    quality: int

    @property
    def name(self) -> str:
        """Return a name for a folder."""
        return f"{self.width}.{self.quality}.{self.form}"


class Encoder(NamedTuple):
    """A name, and the command of its worker."""

    name: str
    command: list[str]


def ssim(one: Path, other: Path) -> float:
    """Return the mean structural similarity of two pictures' luminance (Wang and others, 2004)."""
    x, y = (pyvips.Image.new_from_file(str(path)).colourspace("b-w")[0].cast("float") for path in (one, other))

    def blur(image: pyvips.Image) -> pyvips.Image:
        return image.gaussblur(SSIM_SIGMA, precision="float")

    mean_x, mean_y = blur(x), blur(y)
    variance_x, variance_y = blur(x * x) - mean_x * mean_x, blur(y * y) - mean_y * mean_y
    covariance = blur(x * y) - mean_x * mean_y
    similarity = ((mean_x * mean_y * 2 + C1) * (covariance * 2 + C2)) / (
        (mean_x * mean_x + mean_y * mean_y + C1) * (variance_x + variance_y + C2)
    )
    return float(similarity.avg())


def encode(encoder: Encoder, photos: list[Path], folder: Path, setting: Setting) -> Report:
    """Have a fresh process encode the photos into a folder; return what it reports."""
    folder.mkdir(parents=True, exist_ok=True)
    job: dict[str, Any] = {"photos": [str(path) for path in photos], "folder": str(folder)}
    job |= {"format": setting.form, "width": setting.width, "quality": setting.quality}
    done = subprocess.run(encoder.command, input=json.dumps(job), capture_output=True, text=True, check=True)
    seconds, _, status = done.stdout.partition("\n")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak, "the process reports no peak of its memory"
    return Report(json.loads(seconds)["seconds"], int(peak[1]) / 1000)


def measured(encoder: Encoder, photos: list[Path], work: Path, setting: Setting) -> Result:
    """Encode the photos and compare them with the encoder's lossless files."""
    lossless = Setting("png", setting.width, 100)
    exact = work / encoder.name / lossless.name
    if not exact.exists():
        encode(encoder, photos, exact, lossless)
    made = work / encoder.name / setting.name
    report = encode(encoder, photos, made, setting)
    files = [made / f"{path.stem}.{setting.form}" for path in photos]
    similar = [ssim(exact / f"{path.stem}.png", file) for path, file in zip(photos, files, strict=True)]
    return Result(
        report.seconds / len(photos),
        sum(file.stat().st_size for file in files) / len(files),
        report.megabytes,
        sum(similar) / len(similar),
    )


def equal_quality(encoder: Encoder, photos: list[Path], work: Path, ours: Setting, goal: float) -> Result:
    """Return the result at the quality whose SSIM is nearest to the goal, by bisection."""
    low, high = 10, 99
    tried: list[Result] = []
    for _ in range(SEARCH_STEPS):
        quality = (low + high) // 2
        tried.append(measured(encoder, photos, work, ours._replace(quality=quality)))
        if tried[-1].ssim < goal:
            low = quality
        else:
            high = quality
    return min(tried, key=lambda result: abs(result.ssim - goal))


def cold_seconds(encoder: Encoder, photo: Path, work: Path) -> float:
    """Return the wall time of a process that starts, makes one WebP 640 wide and ends; the best of five."""
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        encode(encoder, [photo], work / "cold", Setting("webp", 640, SAVERS["webp"]["Q"]))
        taken.append(time.perf_counter() - started)
    return min(taken)


def encoders() -> list[Encoder]:
    """Return all encoders; installs sharp at the locked version."""
    NODE_PACKAGES.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "sharp_worker.mjs"):
        shutil.copy(PEERS / name, NODE_PACKAGES / name)
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=NODE_PACKAGES, check=True)  # noqa: S607
    return [
        Encoder("ours", [sys.executable, "-m", "bench.renditions_peers.vitrine_worker"]),
        Encoder("Pillow", [sys.executable, "-m", "bench.renditions_peers.pillow_worker"]),
        Encoder("sharp", ["node", str(NODE_PACKAGES / "sharp_worker.mjs")]),
    ]


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--photos", type=int, default=16)
    count = arguments.parse_args().photos
    ours, *peers = everyone = encoders()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "photos").mkdir()
        make_photos(work / "photos")
        photos = sorted((work / "photos").glob("*.jpg"))[:count]
        print("| format, width | encoder | SSIM | pictures a processor second | KB a file | peak MB |")
        print("|---|---|---|---|---|---|")
        for form in FORMATS:
            for width in WIDTHS:
                setting = Setting(form, width, SAVERS[form]["Q"])
                goal = measured(ours, photos, work, setting)
                results = [goal, *(equal_quality(peer, photos, work, setting, goal.ssim) for peer in peers)]
                for encoder, result in zip(everyone, results, strict=True):
                    print(
                        f"| {form}, {width} | {encoder.name} | {result.ssim:.4f} | {1 / result.seconds:.1f} "
                        f"| {result.bytes / 1000:.1f} | {result.megabytes:.0f} |",
                        flush=True,
                    )
        cold = ", ".join(f"{encoder.name} {cold_seconds(encoder, photos[0], work):.2f} s" for encoder in everyone)
        print(f"\nCold, a process that makes one WebP 640 wide: {cold}")


if __name__ == "__main__":
    main()
