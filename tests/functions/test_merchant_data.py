"""All data of a merchant leaves as files, and goes."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import ANY, Stubber

from commands import merchant_data
from commands.merchants import main
from tests.aws import resources
from tests.functions.test_isolation import Merchant, everything_of
from tests.gateway import Gateway, open_shop
from tests.uploads import deliver_all, put_object
from vitrine.access.wiring import key_authorizer
from vitrine.platform.aws import client
from vitrine.platform.times import utc_now
from vitrine.renditions.model import Holder, Picture, Rendition, digest_of, original_path
from vitrine.renditions.wiring import holdings, pictures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WITHOUT_MERCHANTS = {
    "IdempotencyTable": "sealed answers under digests, gone after a day",
    "WebBucket": "the web app",
}
PLACES = [
    *((name, "items") for name in resources("AWS::DynamoDB::Table")),
    *((name, "objects") for name in resources("AWS::S3::Bucket")),
]


def stored() -> Iterator[tuple[str, str]]:
    """Everything in all tables and buckets, as text."""
    for name in resources("AWS::DynamoDB::Table"):
        if name in WITHOUT_MERCHANTS:
            continue
        for item in client("dynamodb").scan(TableName=name)["Items"]:
            if not item["pk"]["S"].startswith("quota#"):
                yield name, str(item)
    for name in resources("AWS::S3::Bucket"):
        for found in client("s3").list_objects_v2(Bucket=name.lower()).get("Contents", []):
            yield name, found["Key"]


def about(merchant: str) -> list[tuple[str, str]]:
    return [(place, text) for place, text in stored() if merchant in text]


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def gateway(cloud: None) -> Gateway:
    return Gateway()


@pytest.fixture
def owner(gateway: Gateway) -> Merchant:
    merchant = Merchant("owner", gateway)
    objects = {
        "PICTURES_BUCKET": "snapshots/owner/one",
        "UPLOADS_BUCKET": "imports/owner/products/one.csv",
        "SUBMISSIONS_BUCKET": "submissions/owner/one.json.gz",
        "SEARCH_BUCKET": "search/owner/current.json",
        "MODELS_BUCKET": "owner/1/products.jsonl",
    }
    for bucket, key in objects.items():
        for of in ("owner", "owner-of-another"):
            client("s3").put_object(Bucket=os.environ[bucket], Key=key.replace("owner", of), Body=b"content")
    return merchant


def mirror(merchant_id: str, content: bytes) -> str:
    """Let an image hold a picture of this content; returns its digest."""
    digest, holder = digest_of(merchant_id, content), Holder(merchant_id, "spring", "one")
    with holdings().alone(holder):
        holdings().add(holder, digest)
        pictures().hold(digest, holder, Picture(100, 100, b"thumb", animated=False))
    for key in (original_path(digest), Rendition(digest, 100, "webp").key):
        client("s3").put_object(Bucket=os.environ["PICTURES_BUCKET"], Key=key, Body=content)
    return digest


@pytest.mark.parametrize(("name", "holds"), PLACES)
def test_every_table_and_bucket_is_known_to_hold_merchants_data_or_none(name: str, holds: str) -> None:
    known = {"items": {*merchant_data.TABLES, merchant_data.ACCESS_TABLE}, "objects": {*merchant_data.BUCKETS}}[holds]
    assert (merchant_data.variable_of(name) in known) != (name in WITHOUT_MERCHANTS)


def test_who_leaves_is_gone_everywhere_and_nobody_else_is(owner: Merchant, gateway: Gateway) -> None:
    stranger = Merchant("owner-of-another", gateway)
    for merchant in (owner, stranger):
        rule = {"action": "boost", "tag": "sale", "starts_at": "2099-01-01T00:00:00Z"}
        assert merchant.send("PUT", "/galleries/default", {"rules": [rule]}).status < 300
    assert {text for place, text in about("#owner/") if place == "GalleriesTable"}
    mine, theirs = (mirror(user, b"the same picture") for user in ("owner", "owner-of-another"))
    before, secret = everything_of(stranger), owner.shop.secret_key
    others = [item for item in about("owner-of-another") if item[0] != "AccessTable"]
    assert {place for place, _ in about(mine)} == {"RenditionsTable", "PicturesBucket"}

    assert main(["off-board", "owner", "--confirm", "owner", "--pause-seconds", "1"]) == 0

    assert [item for item in about("owner") if "owner-of-another" not in item[1]] == []
    assert about(owner.mark) == [item for item in about(owner.mark) if stranger.mark in item[1]]
    assert about(mine) == []
    key_authorizer.cache_clear()  # a revoked key may work for 5 s more
    assert gateway.call("GET", "/galleries", secret).status == 401
    assert [item for item in about("owner-of-another") if item[0] != "AccessTable"] == others
    assert {place for place, _ in about(theirs)} == {"RenditionsTable", "PicturesBucket"}
    assert everything_of(stranger) == before


def test_the_edge_forgets_who_has_left(owner: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_DISTRIBUTION", "E123")
    with Stubber(client("cloudfront")) as edge:
        asked = {"Paths": {"Quantity": 2, "Items": ["/pictures/*", "/v1/*"]}, "CallerReference": ANY}
        edge.add_response("create_invalidation", {}, {"DistributionId": "E123", "InvalidationBatch": asked})
        merchant_data.off_board("owner", 0, print)
        edge.assert_no_pending_responses()


def test_nobody_leaves_by_a_slip_of_the_pen(owner: Merchant, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(about("owner"))
    with pytest.raises(SystemExit):
        main(["off-board", "owner", "--confirm", "another"])
    assert "--confirm" in capsys.readouterr().err
    assert sorted(about("owner")) == before


def test_passes_go_on_until_one_finds_nothing(owner: Merchant) -> None:
    """What was under way when the keys went may still write."""
    told: list[str] = []

    def write_once_more(line: str) -> None:
        if not told:
            client("s3").put_object(Bucket=os.environ["SEARCH_BUCKET"], Key="search/owner/current.json", Body=b"late")
        told.append(line)

    merchant_data.off_board("owner", 0, write_once_more)
    assert [line.split(": ")[1].split()[0] for line in told[1:]] == ["1", "0"]
    assert about("search/owner/") == []


def test_data_that_never_ends_is_told(owner: Merchant) -> None:
    def write_again(_: str) -> None:
        client("s3").put_object(Bucket=os.environ["SEARCH_BUCKET"], Key="search/owner/current.json", Body=b"late")

    with pytest.raises(merchant_data.DataLeft):
        merchant_data.off_board("owner", 0, write_again)


def test_an_export_has_all_items_and_files_but_no_secret(owner: Merchant, tmp_path: Path) -> None:
    Merchant("owner-of-another", owner.gateway)
    expected = [text for place, text in about("owner") if place != "AccessTable" and place.endswith("Table")]
    expected = [text for text in expected if "owner-of-another" not in text]
    assert main(["export", "owner", str(tmp_path)]) == 0
    written = [line for file in (tmp_path / "records").iterdir() for line in lines_of(file)]
    assert len(written) == len(expected)
    assert "owner-of-another" not in str(written)
    assert (tmp_path / "files" / "snapshots" / "owner" / "one").read_bytes() == b"content"
    everything = "".join(file.read_text(errors="replace") for file in tmp_path.rglob("*") if file.is_file())
    for secret in (owner.shop.secret_key, owner.shop.publishable_key, owner.shop.identity_secret):
        assert secret not in everything


def test_what_is_exported_can_be_imported(gateway: Gateway, tmp_path: Path) -> None:
    shop = open_shop("leaving")

    def send(method: str, path: str, body: Any) -> None:
        response = gateway.call(method, path, shop.secret_key, body)
        assert response.status < 300, response.body

    send("PUT", "/galleries/spring", {"title": "Spring"})
    image = {"id": "one", "name": "Chair", "url": "https://a.example/1.jpg", "tags": ["oak"], "product_ids": ["chair"]}
    send("POST", "/galleries/spring/images", {"images": [image, {**image, "id": "two", "width": 100, "height": 50}]})
    send("PUT", "/products/chair", {"name": "Chair", "price": 12.5, "currency": "EUR", "attributes": {"legs": 4}})
    send("PUT", "/products/sold", {"name": "Sold", "available": False})
    at = "2026-01-01T10:00:00Z"
    did = {"user_id": "ann", "product_id": "chair", "type": "purchase", "occurred_at": at, "value": 12.5}
    send("POST", "/interactions", {"interactions": [{**did, "interaction_id": "i1"}]})
    snapshot = {"product_id": "chair", "filename": "a.jpg", "url": "https://a.example/a.jpg", "gallery_id": "spring"}
    send("POST", "/snapshots", {"snapshots": [{**snapshot, "snapshot_id": "s1"}]})
    deliver_all(put_object("imports/leaving/stores/s.csv", b"store_id,store_name,area_code\nS1,Main street,north\n"))
    merchant_data.export("leaving", tmp_path / "first")

    open_shop("arriving")
    order = ("products", "images/spring", "interactions", "snapshots", "stores")
    for number, name in enumerate(order):
        content = (tmp_path / "first" / "imports" / f"{name}.jsonl").read_bytes()
        deliver_all(put_object(f"imports/arriving/{name}/{number}.jsonl", content))
    merchant_data.export("arriving", tmp_path / "second")

    for name in order:
        first, second = (tmp_path / folder / "imports" / f"{name}.jsonl" for folder in ("first", "second"))
        assert lines_of(first) == lines_of(second) != []


def test_pages_of_galleries_are_all_exported(gateway: Gateway, tmp_path: Path) -> None:
    shop = open_shop("leaving")
    gateway.call("PUT", "/galleries/spring", shop.secret_key, {})
    for start in (0, 90, 180):
        images = [{"id": f"{at:03}", "name": "A", "url": "https://a.example/1.jpg"} for at in range(start, start + 90)]
        response = gateway.call("POST", "/galleries/spring/images", shop.secret_key, {"images": images})
        assert response.status == 200
    merchant_data.export("leaving", tmp_path)
    assert len(lines_of(tmp_path / "imports" / "images" / "spring.jsonl")) == 270


def test_a_file_is_written_below_the_folder_whatever_the_id(cloud: None, tmp_path: Path) -> None:
    client("s3").put_object(Bucket=os.environ["PICTURES_BUCKET"], Key="snapshots/owner/..", Body=b"content")
    merchant_data.export("owner", tmp_path)
    assert (tmp_path / "files" / "snapshots" / "owner" / "%2E%2E").read_bytes() == b"content"


def test_a_stack_names_its_tables_and_buckets_as_functions_know_them(
    cloud: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [
        ("SearchBucket", "AWS::S3::Bucket", "found-by-its-stack"),
        ("AccessTable", "AWS::DynamoDB::Table", "access-of-the-stack"),
        ("EdgeDistribution", "AWS::CloudFront::Distribution", "E123"),
        ("HealthApiFunction", "AWS::Lambda::Function", "none of ours"),
    ]
    for name, _, _ in made:
        monkeypatch.setenv(merchant_data.variable_of(name), "another")
    told = [
        {
            "LogicalResourceId": name,
            "ResourceType": kind,
            "PhysicalResourceId": found,
            "ResourceStatus": "CREATE_COMPLETE",
            "LastUpdatedTimestamp": utc_now(),
        }
        for name, kind, found in made
    ]
    with Stubber(client("cloudformation")) as stack:
        stack.add_response("list_stack_resources", {"StackResourceSummaries": told}, {"StackName": "shop"})
        merchant_data.use_stack("shop")
    assert [os.environ[merchant_data.variable_of(name)] for name, _, _ in made] == [
        *(found for _, _, found in made[:3]),
        "another",
    ]
