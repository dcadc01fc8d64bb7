"""Files of builds in S3."""

from __future__ import annotations

import gzip
import tempfile
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from mypy_boto3_s3 import S3Client

_IN_MEMORY_BYTES = 8 * 1024 * 1024
_DELETED_AT_ONCE = 1000


class S3Files:
    """Files in a bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def write_once(self, name: str, lines: Iterable[str]) -> None:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
            raw = cast("BinaryIO", file)
            if name.endswith(".gz"):
                with gzip.open(raw, "wt", compresslevel=1) as text:
                    text.writelines(lines)
            else:
                raw.writelines(line.encode() for line in lines)
            file.seek(0)
            try:
                self._client.put_object(Bucket=self._bucket, Key=name, Body=raw, IfNoneMatch="*")
            except self._client.exceptions.ClientError as error:
                if error.response["Error"]["Code"] != "PreconditionFailed":
                    raise

    def read(self, name: str) -> Iterator[str]:
        body = self._client.get_object(Bucket=self._bucket, Key=name)["Body"]
        with tempfile.TemporaryFile() as file:
            for chunk in body.iter_chunks(1024 * 1024):
                file.write(chunk)
            file.seek(0)
            if name.endswith(".gz"):
                with gzip.open(file, "rt") as text:
                    yield from text
                return
            yield from (line.decode() for line in file)

    def fetch(self, prefix: str, folder: Path) -> None:
        for name in self._names(prefix):
            target = folder / name.removeprefix(prefix + "/")
            target.parent.mkdir(parents=True, exist_ok=True)
            body = self._client.get_object(Bucket=self._bucket, Key=name)["Body"]
            with target.open("wb") as file:
                for chunk in body.iter_chunks(1024 * 1024):
                    file.write(chunk)

    def store(self, file: Path, name: str) -> None:
        with file.open("rb") as body:
            self._client.put_object(Bucket=self._bucket, Key=name, Body=body)

    def delete(self, prefix: str, before: str) -> None:
        names = [name for name in self._names(prefix) if name < before]
        for start in range(0, len(names), _DELETED_AT_ONCE):
            chunk = [{"Key": name} for name in names[start : start + _DELETED_AT_ONCE]]
            self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": chunk})  # type: ignore[typeddict-item]

    def _names(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return (entry["Key"] for page in pages for entry in page.get("Contents", []))
