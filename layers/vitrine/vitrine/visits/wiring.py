"""Which engines the use cases of store visits run on."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TYPE_CHECKING

from vitrine.platform.aws import client
from vitrine.platform.settings import setting
from vitrine.platform.wiring import fetcher
from vitrine.visits.dynamodb import DynamoDBVisits
from vitrine.visits.model import GROUP_IMAGES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from vitrine.review.model import Snapshot
    from vitrine.review.ports import ComparedProduct
    from vitrine.visits.ports import Measure, Publish
    from vitrine.visits.s3 import S3Submissions
    from vitrine.visits.sqs import VisitQueues

PICTURES_AT_ONCE = 4 * GROUP_IMAGES  # a batch has four groups
MEASURE_SECONDS = 40  # the function's timeout is 60
_SIMULATED_SECONDS = (0.1, 0.4)


@cache
def visit_store() -> DynamoDBVisits:
    """Return the repository of stores, jobs and visits."""
    return DynamoDBVisits(client("dynamodb"), setting("VISITS_TABLE"))


@cache
def submissions() -> S3Submissions:
    """Return the bucket of submissions."""
    from vitrine.visits.s3 import S3Submissions  # noqa: PLC0415 - readers never load it

    return S3Submissions(client("s3"), setting("SUBMISSIONS_BUCKET"))


@cache
def queues() -> VisitQueues:
    """Return the queues."""
    from vitrine.visits.sqs import VisitQueues  # noqa: PLC0415 - readers never load it

    return VisitQueues(client("sqs"), setting("VISIT_PLANS_QUEUE"), setting("VISIT_GROUPS_QUEUE"))


@cache
def measure_remote() -> Measure:
    """Return what measures pictures over HTTP."""
    from vitrine.visits.remote import RemotePictures  # noqa: PLC0415 - only workers load it

    simulated = setting("SIMULATE_PROCESSING", "no") == "yes"
    threads = ThreadPoolExecutor(PICTURES_AT_ONCE)
    return RemotePictures(fetcher(), threads, MEASURE_SECONDS, _simulate_processing if simulated else lambda: None)


class _KnownProducts:
    """KnownProducts on the review room."""

    def existing(self, merchant_id: str, product_ids: Collection[str]) -> set[str]:
        from vitrine.review.wiring import products  # noqa: PLC0415 - few jobs name products

        return set(products().find_products(merchant_id, product_ids))


class _ProductsAndStores:
    """The review room's Products, where the store of a visit without a product counts as one."""

    def find_products(self, merchant_id: str, product_ids: Iterable[str]) -> Mapping[str, ComparedProduct]:
        from vitrine.review.ports import ComparedProduct  # noqa: PLC0415 - few jobs publish
        from vitrine.review.wiring import products  # noqa: PLC0415 - as above

        wanted = set(product_ids)
        known = products().find_products(merchant_id, wanted)
        stores = visit_store().find_stores(merchant_id, wanted - known.keys())
        return {**{store.store_id: ComparedProduct(store.name, ()) for store in stores.values()}, **known}


def known_products() -> _KnownProducts:
    """Return what tells which products exist."""
    return _KnownProducts()


@cache
def publish_pictures_of_visits() -> Publish:
    """Return what publishes pictures or sends them to review."""
    from vitrine.galleries.wiring import gallery_repository, new_incarnation  # noqa: PLC0415 - few jobs publish
    from vitrine.review.add_snapshots import add_snapshots  # noqa: PLC0415 - as above
    from vitrine.review.wiring import known_galleries, review_store, second_opinion_percent  # noqa: PLC0415 - as above
    from vitrine.visits.publish_pictures import publish_pictures  # noqa: PLC0415 - as above

    def send_to_review(snapshots: Iterable[Snapshot]) -> None:
        add_snapshots(review_store(), known_galleries(), _ProductsAndStores(), snapshots, second_opinion_percent())

    return partial(publish_pictures, gallery_repository(), new_incarnation, send_to_review)


def job_id_at(moment: datetime) -> str:
    """Return how the ids of jobs begin that were submitted then; ids sort by time."""
    return f"{max(0, int(moment.timestamp() * 1000)):013}"


def new_job_id(now: datetime) -> str:
    """Return a new id."""
    return f"{job_id_at(now)}{random.randrange(10**6):06}"  # noqa: S311 - an id is no secret


def _simulate_processing() -> None:
    """Pause as the assignment does instead of the work of a GPU."""
    time.sleep(random.uniform(*_SIMULATED_SECONDS))  # noqa: S311 - as above
