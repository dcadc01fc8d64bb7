"""Rows a second and peak memory of an import of images, beside a plain batch writer on the same DynamoDB.

    make bench-imports
    python -m bench.import_rows --rows 1000000

Amazon's DynamoDB Local holds the tables, or whatever `--dynamodb` points to, whose tables are then made and dropped.
Both write 10,000 rows before anything is measured: DynamoDB Local is three times as slow until Java has compiled it.
Each invocation is a fresh interpreter with the time that `--invocation-seconds` gives it, so a large import takes
several. The plain writer reads the same file with `csv.DictReader` and puts its rows with boto3's `batch_writer`,
25 at a time: no validation, no count of images, no progress, no going on after a stop.
"""

# ruff: noqa: PLC0415 - each child loads what it measures

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vitrine.imports.model import ImportKey, ObjectVersion
    from vitrine.platform.uploads import SignedPut

ROOT = Path(__file__).parents[1]
TABLES = ("ImportsTable", "GalleriesTable", "ImagesTable")
PLAIN = "PlainTable"
KEY = "imports/shop/images/bench/export.csv"
PART_BYTES = 4 << 20
LAST_CHUNK_SECONDS = 5
WARM_UP_ROWS = 10_000


def main() -> None:
    options = _options()
    if options.invocation:
        _invocation(Path(options.file), options.invocation_seconds)
        return
    if options.plain:
        _plain(Path(options.file))
        return
    from tests.dynamodb_local import running_dynamodb

    with (
        nullcontext(options.dynamodb) if options.dynamodb else running_dynamodb() as address,
        tempfile.TemporaryDirectory() as folder,
    ):
        options.dynamodb = address
        file = Path(folder) / "export.csv"
        _write_file(file, WARM_UP_ROWS)
        _make_tables(address)
        for what in ("--plain", "--invocation"):
            _child(options, file, what)
        _write_file(file, options.rows)
        _make_tables(address)
        print(f"{options.rows:,} rows, {file.stat().st_size / 1e6:.1f} MB")
        invocations = [_child(options, file, "--invocation")]
        while invocations[-1]["status"] != "completed":
            invocations.append(_child(options, file, "--invocation"))
        _report("import", invocations)
        plain = _child(options, file, "--plain")
        _report("plain batch writer", [plain])
        ratio = sum(each["seconds"] for each in invocations) / plain["seconds"]
        print(f"the import takes {ratio:.2f} times as long")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dynamodb")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--invocation-seconds", type=float, default=300)
    parser.add_argument("--file")
    parser.add_argument("--invocation", action="store_true")
    parser.add_argument("--plain", action="store_true")
    return parser.parse_args()


def _child(options: argparse.Namespace, file: Path, what: str) -> dict[str, Any]:
    environment = os.environ | {
        "AWS_ENDPOINT_URL_DYNAMODB": options.dynamodb,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/vitrine'}",
    }
    os.environ.update(environment)
    seconds = str(options.invocation_seconds)
    arguments = ["--dynamodb", options.dynamodb, "--file", str(file), "--invocation-seconds", seconds, what]
    done = subprocess.run(
        [sys.executable, __file__, *arguments], env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _report(name: str, runs: list[dict[str, Any]]) -> None:
    rows, seconds = runs[-1]["rows"], sum(run["seconds"] for run in runs)
    memory = max(run["peak_mb"] for run in runs)
    print(f"{name}: {len(runs)} invocations, {rows / seconds:,.0f} rows/s, peak {memory:.0f} MB", flush=True)
    skipped = [run["first_chunk_seconds"] for run in runs[1:]]
    if skipped:
        print(f"  from the start of an invocation to its first chunk, at most {max(skipped):.1f} s")


def _write_file(file: Path, rows: int) -> None:
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["image_id", "name", "url", "created_at", "tags", "width", "height"])
        for number in range(rows):
            address = f"https://pictures.example/{number}.jpg"
            day = f"2024-{number % 12 + 1:02d}-{number % 28 + 1:02d}T10:00:00Z"
            writer.writerow([f"image-{number}", f"Picture {number}", address, day, "red, small", 800, 600])


def _make_tables(address: str) -> None:
    import boto3

    from tests.aws import as_created, resources

    dynamodb = boto3.client("dynamodb", region_name="eu-west-1", endpoint_url=address, **_CREDENTIALS)
    for name in (*TABLES, PLAIN):
        if name in dynamodb.list_tables()["TableNames"]:
            dynamodb.delete_table(TableName=name)
        table = resources("AWS::DynamoDB::Table")["ImagesTable" if name == PLAIN else name]
        dynamodb.create_table(TableName=name, **as_created(table))


_CREDENTIALS: dict[str, Any] = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench"}


class FileUploads:
    """The file in parts, as from S3."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self, upload: ObjectVersion, start: int) -> Iterator[bytes]:
        with self._file.open("rb") as file:
            file.seek(start)
            while part := file.read(PART_BYTES):
                yield part

    def delete(self, upload: ObjectVersion) -> None:
        raise NotImplementedError

    def upload_to(self, object_key: str, media_type: str, size: int | None, expires_seconds: int) -> SignedPut:
        raise NotImplementedError


class NoContinuations:
    """The parent runs the next invocation."""

    def send(self, key: ImportKey, delay_seconds: int) -> None:
        pass


def _fail(key: ImportKey, row: int, error: Exception) -> None:
    raise error


def _invocation(file: Path, seconds: float) -> None:
    started = time.perf_counter()
    os.environ |= {name.upper().replace("TABLE", "_TABLE"): name for name in TABLES}
    os.environ["LOG_LEVEL"] = "ERROR"
    from vitrine.galleries.model import GalleryKey
    from vitrine.galleries.wiring import gallery_repository
    from vitrine.imports.dynamodb import DynamoDBImports
    from vitrine.imports.model import ObjectVersion
    from vitrine.imports.ports import Lease
    from vitrine.imports.receive_upload import receive_upload
    from vitrine.imports.run_import import Importer, run_import
    from vitrine.imports.wiring import KINDS
    from vitrine.platform.aws import client
    from vitrine.platform.times import utc_now

    store = DynamoDBImports(client("dynamodb"), "ImportsTable")
    upload = ObjectVersion(KEY, "etag", file.stat().st_size)
    key = receive_upload(store, lambda _: True, KINDS, upload, "1", now=utc_now())
    assert key is not None
    importer = Importer(store, FileUploads(file), NoContinuations(), lambda name: KINDS[name](), utc_now, _fail)
    chunks: list[float] = []

    def time_is_left() -> bool:
        chunks.append(time.perf_counter() - started)
        return chunks[-1] < seconds - LAST_CHUNK_SECONDS

    run_import(importer, key, Lease(str(os.getpid()), utc_now() + timedelta(seconds=seconds)), time_is_left)
    shown, gallery = store.find(key), gallery_repository().find_gallery(GalleryKey("shop", "bench"))
    assert shown
    assert gallery
    assert gallery.images == shown.progress.imported
    _response(started, shown.progress.imported, status=shown.status, first_chunk_seconds=chunks[0])


def _plain(file: Path) -> None:
    started = time.perf_counter()
    import boto3

    table = boto3.resource("dynamodb").Table(PLAIN)
    rows = 0
    with file.open(newline="") as lines, table.batch_writer() as writer:
        for rows, row in enumerate(csv.DictReader(lines), 1):
            rank = f"1999999999999999{rows:018d}{row['image_id']}"
            item = {"pk": "shop/bench", "sk": row["image_id"], "ranked_in": "shop/bench", "rank": rank}
            writer.put_item({**item, "description": json.dumps(row), "views": 0, "clicks": 0, "revision": 1})
    _response(started, rows)


def _response(started: float, rows: int, **more: Any) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": time.perf_counter() - started, "peak_mb": peak, **more}))


if __name__ == "__main__":
    main()
