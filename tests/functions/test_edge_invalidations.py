"""Withdrawn pictures are removed from the caches of the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from functions.edge_invalidations.handler import lambda_handler as invalidate
from tests.aws import Context
from vitrine.platform.aws import client
from vitrine.renditions.wiring import caches

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("cloud")
ORIGIN = {"Id": "pictures", "DomainName": "pictures.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}


@pytest.fixture
def distribution(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The stack's distribution; yield its id."""
    config = {
        "CallerReference": "stack",
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [ORIGIN]},
        "DefaultCacheBehavior": {"TargetOriginId": "pictures", "ViewerProtocolPolicy": "https-only"},
    }
    created = client("cloudfront").create_distribution(DistributionConfig=config)["Distribution"]
    monkeypatch.setenv("EDGE_DISTRIBUTION", created["Id"])
    caches.cache_clear()
    yield created["Id"]
    caches.cache_clear()


def deliver(*digests: str) -> list[str]:
    """Deliver the digests in one batch; return the ids of the messages that must be delivered again."""
    records = [{"messageId": str(index), "body": digest} for index, digest in enumerate(digests)]
    response = invalidate({"Records": records}, Context())
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


def invalidated(distribution: str) -> list[list[str]]:
    """Return the paths of each invalidation, sorted."""
    listed = client("cloudfront").list_invalidations(DistributionId=distribution)["InvalidationList"].get("Items", [])
    details = [client("cloudfront").get_invalidation(DistributionId=distribution, Id=each["Id"]) for each in listed]
    return sorted(sorted(each["Invalidation"]["InvalidationBatch"]["Paths"]["Items"]) for each in details)


def of(*digests: str) -> list[str]:
    """Return the paths at which the edge keeps these pictures: addresses in responses are below the API's, /v1."""
    return [f"{folder}/{digest}/*" for folder in ("/pictures", "/v1/pictures") for digest in digests]


def test_the_pictures_of_a_batch_are_invalidated_together_and_each_once(distribution: str) -> None:
    assert deliver("bb", "aa", "bb") == []
    assert invalidated(distribution) == [of("aa", "bb")]


def test_many_pictures_cost_as_much_as_one(distribution: str) -> None:
    assert deliver(*(f"digest{number}" for number in range(6))) == []
    assert invalidated(distribution) == [["/pictures/*", "/v1/pictures/*"]]


def test_a_batch_that_is_delivered_again_is_invalidated_again(distribution: str) -> None:
    for _ in range(2):
        assert deliver("aa") == []
    assert invalidated(distribution) == [of("aa"), of("aa")]


@pytest.mark.parametrize("code", ["TooManyInvalidationsInProgress", "Throttling"])
def test_a_batch_waits_while_the_edge_is_busy(distribution: str, code: str) -> None:
    with failing_with(code):
        assert deliver("aa", "bb") == ["0", "1"]
    assert deliver("aa", "bb") == []
    assert invalidated(distribution) == [of("aa", "bb")]


def test_any_other_error_is_raised(distribution: str) -> None:
    with failing_with("AccessDenied"), pytest.raises(ClientError):
        deliver("aa")


class failing_with:  # noqa: N801 - reads as a sentence
    """Have CloudFront refuse every request with this code."""

    def __init__(self, code: str) -> None:
        self._error = ClientError({"Error": {"Code": code, "Message": ""}}, "CreateInvalidation")
        self._events = client("cloudfront").meta.events

    def _refuse(self, **_: Any) -> None:
        raise self._error

    def __enter__(self) -> None:
        self._events.register("before-call.cloudfront.CreateInvalidation", self._refuse)

    def __exit__(self, *_: object) -> None:
        self._events.unregister("before-call.cloudfront.CreateInvalidation", self._refuse)
