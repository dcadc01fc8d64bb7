"""Imports, uploaded files and continuations in memory."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, Any

from vitrine.imports.model import ImportRefused
from vitrine.imports.ports import ImportBusy, LeaseLost, RejectionPage
from vitrine.platform.uploads import SignedPut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from vitrine.imports.model import Import, ImportFailure, ImportKey, ObjectVersion, Progress, Rejection
    from vitrine.imports.ports import Lease


class ImportsInMemory:
    """ImportRepository. Each write holds the lock, as DynamoDB's writes are atomic."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._imports: dict[ImportKey, Import] = {}
        self._leases: dict[ImportKey, Lease] = {}
        self._rejections: dict[ImportKey, dict[int, Sequence[Rejection]]] = {}

    def add(self, new: Import) -> None:
        self._imports.setdefault(new.key, new)

    def find(self, key: ImportKey) -> Import | None:
        return self._imports.get(key)

    def newest(self, merchant_id: str, limit: int, after: Any) -> tuple[Sequence[Import], Any]:
        made = sorted(
            ((each.created_at, each.key.import_id), each)
            for each in self._imports.values()
            if each.key.merchant_id == merchant_id
        )
        rest = [(time, each) for time, each in reversed(made) if after is None or time < after]
        return [each for _, each in rest[:limit]], rest[limit - 1][0] if len(rest) > limit else None

    def attach(self, key: ImportKey, upload: ObjectVersion) -> bool:
        with self._lock:
            waiting = self._imports.get(key)
            if waiting is None or (waiting.upload and waiting.upload.etag != upload.etag):
                return False
            self._imports[key] = replace(waiting, upload=upload)
            return True

    def lease(self, key: ImportKey, lease: Lease, now: datetime) -> Import | None:
        with self._lock:
            found, holder = self._imports.get(key), self._leases.get(key)
            if found is None or found.status not in ("waiting", "running"):
                return None
            if holder and holder.owner != lease.owner and holder.until >= now:
                raise ImportBusy((holder.until - now).total_seconds())
            self._leases[key] = lease
            self._imports[key] = replace(found, status="running", started_at=found.started_at or now)
            return self._imports[key]

    def advance(self, key: ImportKey, lease: Lease, before: Progress, after: Progress) -> None:
        with self._lock:
            running = self._held(key, lease)
            if running.progress.read == before.read:
                self._imports[key] = replace(running, progress=after)
            elif running.progress != after:
                raise LeaseLost

    def finish(self, key: ImportKey, lease: Lease, failure: ImportFailure | None, now: datetime) -> None:
        with self._lock:
            done = replace(self._held(key, lease), finished_at=now, failure=failure)
            self._imports[key] = replace(done, status="failed" if failure else "completed")

    def release(self, key: ImportKey, lease: Lease) -> None:
        with self._lock:
            if key in self._leases and self._leases[key].owner == lease.owner:
                del self._leases[key]

    def put_rejections(self, import_: Import, after_row: int, rejections: Sequence[Rejection]) -> None:
        self._rejections.setdefault(import_.key, {})[after_row] = rejections

    def rejections(self, key: ImportKey, limit: int, after: Any) -> RejectionPage:
        numbered = [
            ((after_row, index), rejection)
            for after_row, chunk in sorted(self._rejections.get(key, {}).items())
            for index, rejection in enumerate(chunk)
        ]
        page = list(islice((each for each in numbered if after is None or each[0] >= after), limit + 1))
        return RejectionPage([rejection for _, rejection in page[:limit]], page[limit][0] if page[limit:] else None)

    def _held(self, key: ImportKey, lease: Lease) -> Import:
        if key not in self._leases or self._leases[key].owner != lease.owner:
            raise LeaseLost
        return self._imports[key]


class UploadsInMemory:
    """Uploads: files by object key. An object is another version when its content differs."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read(self, upload: ObjectVersion, start: int) -> Iterator[bytes]:
        file = self.files.get(upload.key)
        if file is None or upload.etag != etag_of(file):
            raise ImportRefused("object_replaced", "The file was replaced or deleted meanwhile; upload it again.")
        yield file[start:]

    def delete(self, upload: ObjectVersion) -> None:
        if upload.etag == etag_of(self.files.get(upload.key, b"")):
            del self.files[upload.key]

    def upload_to(self, object_key: str, media_type: str, size: int | None, expires_seconds: int) -> SignedPut:
        return SignedPut(f"memory:{object_key}?{expires_seconds}&{size}", "PUT", {"Content-Type": media_type})


def etag_of(file: bytes) -> str:
    return str(hash(file))


class ContinuationsInMemory:
    """Continuations: the keys of imports with their delays in seconds, in the order they were sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[ImportKey, int]] = []

    def send(self, key: ImportKey, delay_seconds: int) -> None:
        self.sent.append((key, delay_seconds))
