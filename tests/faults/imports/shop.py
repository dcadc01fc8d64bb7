"""A shop that imports one file over a bad network, until its queue is empty."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from moto import mock_aws

from tests import aws
from tests.faults.imports.network import Crash, Network, Sent
from vitrine.galleries.dynamodb import DynamoDBGalleries
from vitrine.galleries.model import GalleryKey
from vitrine.imports.dynamodb import DynamoDBImports
from vitrine.imports.images import ImageRow, write_images
from vitrine.imports.model import ImportKey, ObjectVersion
from vitrine.imports.ports import Kind, Lease
from vitrine.imports.receive_upload import receive_upload
from vitrine.imports.run_import import Importer, give_up, run_import
from vitrine.imports.s3 import S3Uploads
from vitrine.imports.sqs import SqsContinuations
from vitrine.platform.times import to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vitrine.imports.model import Import
    from vitrine.imports.ports import AcceptedRow

KEY = "imports/shop/images/summer/export.csv"
# Chunks of four: rejections in two of them, an id that comes again later, rows without an id.
FILE = b"""id,name,url,created_at
a,First,https://x.test/a,2024-01-01T00:00:00Z
,Unnamed,https://x.test/unnamed,
bad id!,B,https://x.test/b,2024-01-01T00:00:00Z
c,C,https://x.test/c,2024-01-02T00:00:00Z
d,,https://x.test/d,
e,E,https://x.test/e,2024-01-03T00:00:00Z
f,F,nowhere,
g,G,https://x.test/g,2024-01-04T00:00:00Z
a,Last,https://x.test/a,2024-01-01T00:00:00Z
h,H,https://x.test/h,2024-01-05T00:00:00Z
"""
START = datetime(2026, 1, 1, tzinfo=UTC)
INVOCATION = timedelta(minutes=5)
MOST_DELIVERIES = 5
_CREDENTIALS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-west-1"}


@dataclass(frozen=True)
class Outcome:
    """What a merchant sees in the end."""

    status: str
    counts: tuple[int, int, int]
    rejections: tuple[tuple[int, str | None], ...]
    images: Mapping[str, tuple[str, str, str]]
    images_counted: int


@cache
def _client(service: str) -> Any:
    config = Config(retries={"total_max_attempts": 1}, account_id_endpoint_mode="disabled")
    return boto3.client(service, config=config, **_CREDENTIALS)  # type: ignore[call-overload]


class Shop:
    """One file, its worker's stores, and the queue."""

    def __init__(self, network: Network, imports: type[DynamoDBImports] = DynamoDBImports, row: Any = ImageRow) -> None:
        self.network = network
        self.now = START
        self.failure_queue: list[str] = []
        self._galleries = DynamoDBGalleries(_client("dynamodb"), "GalleriesTable", "ImagesTable")
        self._incarnations = 0
        self._workers = 0
        self._kind = Kind(
            row, ("id", "image_id"), self._write, lambda import_: {"created_at": to_rfc3339(import_.created_at)}
        )
        self._importer = Importer(
            repository=imports(_client("dynamodb"), "ImportsTable"),
            uploads=S3Uploads(_client("s3"), "uploads"),
            continuations=SqsContinuations(_client("sqs"), "https://sqs.eu-west-1.amazonaws.com/123456789012/imports"),
            kind=lambda _: self._kind,
            clock=lambda: self.now,
            report=lambda key, row, error: None,
            pause=lambda _: None,
            chunk_rows=4,
        )

    def deliver(self, message: str, deliveries: int = 1, chunks: int = 1) -> bool:
        """Run one invocation; whether it took the message off the queue. Raises Crash when it died."""
        self._workers += 1
        lease = Lease(f"worker-{self._workers}", self.now + INVOCATION)
        looks = iter([True] * (chunks - 1))
        try:
            key = self._import_of(json.loads(message))
            if deliveries >= MOST_DELIVERIES:
                return not give_up(self._importer, key, lease)
            run_import(self._importer, key, lease, lambda: next(looks, False))
        except Exception:  # noqa: BLE001 - as the worker does
            return False
        return True

    def visit(self, message: str) -> None:
        """Be another worker that meets the same message, as long as it finds anything to do."""
        self._workers = 1000
        self.deliver(message, chunks=100)

    def deliver_until_empty(self, messages: Sequence[str], chunks: int = 1) -> None:
        waiting = [(Sent(message, 0), 1) for message in messages]
        while waiting:
            sent, deliveries = waiting.pop(0)
            self.now += timedelta(seconds=sent.delay_seconds)
            try:
                done = self.deliver(sent.body, deliveries, chunks)
            except Crash:
                done = False
            if not done and deliveries >= MOST_DELIVERIES:
                self.failure_queue.append(sent.body)
            elif not done:
                # It comes back when its visibility timeout, longer than any invocation, is over.
                self.now += INVOCATION + timedelta(seconds=60)
                waiting.append((sent, deliveries + 1))
            waiting += [(continuation, 1) for continuation in self.network.queue]
            self.network.queue.clear()

    def outcome(self) -> Outcome:
        repository = self._importer.repository
        ((made,), _) = repository.newest("shop", 10, None)
        gallery = GalleryKey("shop", "summer")
        found = self._galleries.find_gallery(gallery)
        images = {
            image.image_id: (
                image.description.name,
                image.description.url,
                "import" if image.description.created_at == made.created_at else str(image.description.created_at),
            )
            for image in self._galleries.stored_images(gallery, 100, None)
        }
        rejections = repository.rejections(made.key, 100, None).rejections
        return Outcome(
            made.status,
            made.progress[:3],
            tuple((each.row, each.column) for each in rejections),
            images,
            found.images if found else 0,
        )

    def _import_of(self, message: Any) -> ImportKey:
        if "import_id" in message:
            return ImportKey(message["merchant_id"], message["import_id"])
        upload = ObjectVersion(KEY, message["etag"], len(FILE))
        key = receive_upload(self._importer.repository, lambda _: True, ["images"], upload, "1", now=self.now)
        assert key is not None
        return key

    def _write(self, taken: Import, rows: Sequence[AcceptedRow]) -> Any:
        return write_images(self._galleries, self._incarnation, taken, rows)

    def _incarnation(self) -> str:
        self._incarnations += 1
        return str(self._incarnations)


class bad_network:  # noqa: N801 - reads as what it is
    """Moto with the file in its bucket, behind `network`."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._mock = mock_aws()

    def __enter__(self) -> str:
        """Answers S3's notification of the file."""
        self._mock.start()
        for name in ("ImportsTable", "GalleriesTable", "ImagesTable"):
            table = aws.as_created(aws.resources("AWS::DynamoDB::Table")[name])
            _client("dynamodb").create_table(TableName=name, **table)
        _client("sqs").create_queue(QueueName="imports")
        location = {"LocationConstraint": "eu-west-1"}
        _client("s3").create_bucket(Bucket="uploads", CreateBucketConfiguration=location)
        etag = _client("s3").put_object(Bucket="uploads", Key=KEY, Body=FILE)["ETag"].strip('"')
        for service in ("dynamodb", "s3", "sqs"):
            _client(service).meta.events.register_first("before-send", self._network.carry)
        return json.dumps({"etag": etag})

    def __exit__(self, *_: object) -> None:
        self.calm()
        self._mock.stop()

    def calm(self) -> None:
        """From here on all calls reach moto."""
        for service in ("dynamodb", "s3", "sqs"):
            _client(service).meta.events.unregister("before-send", self._network.carry)
