"""Measuring remote photos: ours beside downloading whole files, and beside the assignment's stack.

`python bench/measure_pictures.py [--pictures 2000]`; one run, the same photos, the same delay.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import imagesize
import requests
from PIL import Image

from local.picture_host import PictureHost
from vitrine.platform.fetcher import Fetcher
from vitrine.visits.pictures import measure

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

DATA = Path(os.environ.get("VITRINE_DATA", "../shared/data"))
IN_FLIGHT = 32
DISTINCT = 16
SIDES = (4032, 3024)


def make_photos(folder: Path) -> None:
    """Real shelf photos at a phone's resolution, with a phone's EXIF: 3 to 5 MB each."""
    photos = sorted(DATA.glob("store-photos/train/**/*.jpg"))
    for number, path in enumerate(photos[:: len(photos) // DISTINCT][:DISTINCT]):
        with Image.open(path) as photo:
            large = photo.convert("RGB").resize(SIDES, Image.Resampling.BICUBIC)
            grain = Image.effect_noise(SIDES, 24).convert("RGB")
            exif = Image.Exif()
            exif[0x010F], exif[0x0112], exif[0x927C] = "Phone", 6, os.urandom(24_000)
            Image.blend(large, grain, 0.15).save(folder / f"{number}.jpg", quality=92, exif=exif)


def serve(folder: Path, delay_seconds: float, pipe: Connection) -> None:
    host = PictureHost(folder, delay_seconds=delay_seconds)
    pipe.send(host.server_port)
    host.serve_forever()


def ours(urls: list[str]) -> int:
    fetcher = Fetcher(allowed_hosts=frozenset({urls[0].split("/")[2]}))

    def one(url: str) -> int:
        with fetcher.open(url) as file:
            picture = measure(cast("IO[bytes]", file), near_bytes=file.near_bytes)
            assert {picture.width, picture.height} == set(SIDES)
            return file.bytes_fetched

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        return sum(pool.map(one, urls))


def whole_files(urls: list[str]) -> int:
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=IN_FLIGHT))

    def one(url: str) -> int:
        body = session.get(url, timeout=30).content
        with Image.open(io.BytesIO(body)) as picture:
            assert set(picture.size) == set(SIDES)
        return len(body)

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        return sum(pool.map(one, urls))


def sequential(urls: list[str]) -> int:
    fetched = 0
    for url in urls:
        body = requests.get(url, timeout=30).content
        assert set(imagesize.get(io.BytesIO(body))) == set(SIDES)
        fetched += len(body)
    return fetched


def timed(run: Callable[[list[str]], int], urls: list[str]) -> dict[str, float]:
    started = time.perf_counter()
    fetched = run(urls)
    seconds = time.perf_counter() - started
    return {
        "pictures": len(urls),
        "pictures_per_second": round(len(urls) / seconds, 1),
        "bytes_per_picture": round(fetched / len(urls)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--delay", type=float, default=0.03, help="seconds before each answer")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_photos(folder)
        mine, theirs = multiprocessing.Pipe()
        host = multiprocessing.Process(target=serve, args=(folder, arguments.delay, theirs), daemon=True)
        host.start()
        base = f"http://127.0.0.1:{mine.recv()}"
        urls = [f"{base}/{n % DISTINCT}.jpg?visit={n}" for n in range(arguments.pictures)]
        results = {
            "ours": timed(ours, urls),
            "whole files, Pillow, 32 in flight": timed(whole_files, urls),
            "assignment: one after another": timed(sequential, urls[: max(50, len(urls) // 10)]),
        }
        host.terminate()
    mine_rate, mine_bytes = results["ours"]["pictures_per_second"], results["ours"]["bytes_per_picture"]
    for peer in list(results)[1:]:
        results[peer]["ours_faster_by"] = round(mine_rate / results[peer]["pictures_per_second"], 1)
        results[peer]["ours_fewer_bytes_by"] = round(results[peer]["bytes_per_picture"] / mine_bytes, 1)
    print(json.dumps({"delay_seconds": arguments.delay, **results}, indent=2))


if __name__ == "__main__":
    main()
