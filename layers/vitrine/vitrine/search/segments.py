"""Versions of an index as immutable files in S3, and their copies on local disk.

A manifest names every file of one version with its checksum. Files and versions are written once, under names that are
never used again. Only `current.json` is replaced, by a write that names the manifest it replaces. So a version is
published completely or not at all, and nothing refers to the files of a writer that died.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from vitrine.platform.retries import Superseded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

RETIRED_FILES_ARE_KEPT = timedelta(hours=1)
"""How long a replaced version can still be read: by relevance cursors and slow readers."""

PARALLEL_TRANSFERS = 16
CHUNK_BYTES = 1 << 20


class PublishedByAnother(Superseded):
    """Another writer published first; start again from its version."""


class VersionGone(Exception):
    """A file of this version was deleted."""


class CorruptFile(Exception):
    """A file does not have the checksum of its manifest."""


class OtherSchema(Exception):
    """The index was built by a release with other fields; it must be rebuilt."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in S3."""

    object_key: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RebuildUnderWay:
    """A rebuild, and the keys changed since it began, which it reads again before it switches."""

    id: str
    started_at: str
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """One version: its files, the engine's own `meta`, its schema, and retired object keys with their times.

    `language` is the one that its words were analysed in.
    """

    version: str
    files: Mapping[str, StoredFile] = field(default_factory=dict)
    meta: Mapping[str, Any] | None = None
    retired: tuple[tuple[str, str], ...] = ()
    schema: int = 0
    rebuild: RebuildUnderWay | None = None
    language: str | None = None

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(file.size for file in self.files.values())

    def to_json(self) -> bytes:
        """Return the manifest as it is published."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Manifest:
        """Return the manifest; the inverse of `to_json`."""
        raw = json.loads(body)
        return cls(
            version=raw["version"],
            files={name: StoredFile(**file) for name, file in raw["files"].items()},
            meta=raw["meta"],
            schema=raw.get("schema", 0),
            retired=tuple((key, at) for key, at in raw["retired"]),
            rebuild=RebuildUnderWay(**{**raw["rebuild"], "changed": tuple(raw["rebuild"]["changed"])})
            if raw["rebuild"]
            else None,
            language=raw.get("language"),
        )


class Current(NamedTuple):
    """The version in use and its ETag; both are None before the first version."""

    manifest: Manifest | None
    etag: str | None


NEW = Current(None, None)


def next_version(current: Manifest | None) -> str:
    """Return a unique name that sorts after the current one."""
    number = int(current.version.split("-")[0]) + 1 if current else 1
    return f"{number:012d}-{uuid.uuid4().hex[:12]}"


class SegmentRepository:
    """Stores versions. All objects of a merchant are under `search/{merchant_id}/`."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def current(self, merchant_id: str, known_etag: str | None = None) -> Current | None:
        """Return the version in use; None if there is none, or if its ETag is still `known_etag`."""
        condition = {"IfNoneMatch": known_etag} if known_etag else {}
        try:
            response = self._s3.get_object(
                Bucket=self._bucket,
                Key=_current(merchant_id),
                **condition,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if _code(error) in {"NoSuchKey", "304"}:
                return None
            raise
        return Current(Manifest.from_json(response["Body"].read()), response["ETag"])

    def version(self, merchant_id: str, version: str) -> Manifest:
        """Return a version, in use or replaced. Raises VersionGone."""
        try:
            response = self._s3.get_object(Bucket=self._bucket, Key=_version(merchant_id, version))
        except ClientError as error:
            if _code(error) == "NoSuchKey":
                raise VersionGone(version) from error
            raise
        return Manifest.from_json(response["Body"].read())

    def upload(self, merchant_id: str, paths: Mapping[str, Path]) -> dict[str, StoredFile]:
        """Store files under new object keys; return them by the names of `paths`."""

        def put(path: Path) -> StoredFile:
            object_key = f"search/{merchant_id}/files/{uuid.uuid4().hex}"
            with path.open("rb") as body:
                sha256 = hashlib.file_digest(body, "sha256").hexdigest()
                body.seek(0)
                self._s3.put_object(Bucket=self._bucket, Key=object_key, Body=body)
            return StoredFile(object_key, path.stat().st_size, sha256)

        with ThreadPoolExecutor(PARALLEL_TRANSFERS) as pool:
            return dict(zip(paths, pool.map(put, paths.values()), strict=True))

    def fetch(self, files: Iterable[StoredFile], directory: Path) -> None:
        """Download files into the directory under their objects' names. Raises VersionGone or CorruptFile."""

        def get(file: StoredFile) -> None:
            target = directory / local_name(file)
            if target.exists():
                return
            partial = directory / f"{target.name}.{uuid.uuid4().hex}.partial"
            try:
                response = self._s3.get_object(Bucket=self._bucket, Key=file.object_key)
            except ClientError as error:
                if _code(error) == "NoSuchKey":
                    raise VersionGone(file.object_key) from error
                raise
            digest = hashlib.sha256()
            try:
                with partial.open("wb") as sink:
                    for chunk in response["Body"].iter_chunks(CHUNK_BYTES):
                        digest.update(chunk)
                        sink.write(chunk)
                if digest.hexdigest() != file.sha256:
                    raise CorruptFile(file.object_key)
                partial.rename(target)
            finally:
                partial.unlink(missing_ok=True)

        directory.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(PARALLEL_TRANSFERS) as pool:
            list(pool.map(get, files))

    def publish(self, merchant_id: str, manifest: Manifest, replaces: str | None) -> str:
        """Replace the version with the ETag `replaces`; return the new ETag. Raises PublishedByAnother."""
        body = manifest.to_json()
        self._s3.put_object(Bucket=self._bucket, Key=_version(merchant_id, manifest.version), Body=body)
        condition = {"IfMatch": replaces} if replaces else {"IfNoneMatch": "*"}
        try:
            response = self._s3.put_object(
                Bucket=self._bucket,
                Key=_current(merchant_id),
                Body=body,
                ContentType="application/json",
                **condition,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if _code(error) in {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}:
                raise PublishedByAnother(merchant_id) from error
            raise
        return response["ETag"]

    def delete(self, object_keys: Collection[str]) -> None:
        """Delete objects; missing ones are ignored."""
        keys = list(object_keys)
        for start in range(0, len(keys), 1000):
            chunk = keys[start : start + 1000]
            self._s3.delete_objects(
                Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in chunk], "Quiet": True}
            )

    def delete_unreferenced(self, merchant_id: str, manifest: Manifest, before: datetime) -> None:
        """Delete files older than `before` that nothing refers to: writers that died left them."""
        referenced = {file.object_key for file in manifest.files.values()}
        referenced |= {key for key, _ in manifest.retired} | {_version(merchant_id, manifest.version)}
        last = ""
        while True:
            page = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=f"search/{merchant_id}/", StartAfter=last)
            listed = page.get("Contents", [])
            self.delete(
                [
                    entry["Key"]
                    for entry in listed
                    if entry["Key"] not in referenced
                    and entry["Key"] != _current(merchant_id)
                    and entry["LastModified"] < before
                ]
            )
            if not listed:
                return
            last = listed[-1]["Key"]


def succeed(
    merchant_id: str,
    current: Manifest | None,
    files: Mapping[str, StoredFile],
    meta: Mapping[str, Any] | None,
    now: datetime,
) -> tuple[Manifest, list[str]]:
    """Return the manifest that follows `current`, and the retired object keys that nobody reads any more."""
    if current is None:
        return Manifest(next_version(None), files, meta), []
    in_use = {file.object_key for file in files.values()}
    dropped = [file.object_key for file in current.files.values() if file.object_key not in in_use]
    limit = (now - RETIRED_FILES_ARE_KEPT).isoformat()
    retired = [*current.retired]
    retired += [(key, now.isoformat()) for key in (*dropped, _version(merchant_id, current.version))]
    manifest = replace(
        current,
        version=next_version(current),
        files=files,
        meta=meta,
        retired=tuple(entry for entry in retired if entry[1] >= limit),
    )
    return manifest, [key for key, at in retired if at < limit]


class LocalVersions:
    """Versions of merchants' indexes on local disk. Versions share the files that they have in common.

    A version is a directory of hard links, so opening another one never touches the files of a running search, and a
    file with one link belongs to no version.
    """

    def __init__(self, repository: SegmentRepository, root: Path, budget_bytes: int) -> None:
        self._repository = repository
        self._root = root
        self._budget_bytes = budget_bytes
        self._sizes: dict[str, int] = {}
        self._files_change = RLock()
        for abandoned in root.glob("*/work"):
            shutil.rmtree(abandoned, ignore_errors=True)

    def bring(self, merchant_id: str, manifest: Manifest) -> Path:
        """Return the directory of this version, after downloading the missing files."""
        directory = self._home(merchant_id) / "versions" / manifest.version
        with self._files_change:
            self._make_room(merchant_id, manifest.size)
            if not directory.exists():
                directory.parent.mkdir(parents=True, exist_ok=True)
                self.lay_out(merchant_id, manifest).rename(directory)
        return directory

    def lay_out(self, merchant_id: str, manifest: Manifest) -> Path:
        """Return a new directory with the version, for a writer to change and delete."""
        files = self._home(merchant_id) / "files"
        directory = self._home(merchant_id) / "work" / uuid.uuid4().hex
        directory.mkdir(parents=True)
        with self._files_change:
            self._repository.fetch(manifest.files.values(), files)
            for name, file in manifest.files.items():
                os.link(files / local_name(file), directory / name)
        (directory / "meta.json").write_text(json.dumps(manifest.meta))
        return directory

    def adopt(self, merchant_id: str, directory: Path, files: Mapping[str, StoredFile]) -> None:
        """Keep files that were written here, so that they need no download."""
        directory_of_files = self._home(merchant_id) / "files"
        directory_of_files.mkdir(parents=True, exist_ok=True)
        with self._files_change:
            for name, file in files.items():
                with suppress(FileExistsError):  # another writer fetched it once it was published
                    os.link(directory / name, directory_of_files / local_name(file))

    def keep_only(self, merchant_id: str, versions: Collection[str]) -> None:
        """Delete all other versions, and the files that only they used."""
        home = self._home(merchant_id)
        with self._files_change:
            for directory in home.glob("versions/*"):
                if directory.name not in versions:
                    shutil.rmtree(directory)
            for path in home.glob("files/*"):
                if path.stat().st_nlink == 1:
                    path.unlink()

    def _make_room(self, merchant_id: str, size: int) -> None:
        self._sizes.pop(merchant_id, None)
        while self._sizes and sum(self._sizes.values()) + size > self._budget_bytes:
            longest_unused = next(iter(self._sizes))
            del self._sizes[longest_unused]
            shutil.rmtree(self._home(longest_unused), ignore_errors=True)
        self._sizes[merchant_id] = size

    def _home(self, merchant_id: str) -> Path:
        return self._root / f"merchant-{merchant_id}"


def local_name(file: StoredFile) -> str:
    """Return the name of a file's copy on local disk."""
    return file.object_key.rsplit("/", 1)[-1]


def _current(merchant_id: str) -> str:
    return f"search/{merchant_id}/current.json"


def _version(merchant_id: str, version: str) -> str:
    return f"search/{merchant_id}/versions/{version}.json"


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
