"""A table holds again what its restored copy holds."""

from __future__ import annotations

from typing import Any

import pytest

from commands.restore import main
from tests.aws import resources
from vitrine.platform.aws import client
from vitrine.platform.dynamodb import batch_put

pytestmark = pytest.mark.usefixtures("cloud")
COPY = "copy-of-images"


def image(merchant: str, name: str, views: int = 0) -> dict[str, Any]:
    return {"pk": {"S": f"{merchant}/spring"}, "sk": {"S": name}, "views": {"N": str(views)}, "raw": {"B": b"\x00\x01"}}


def held(table: str) -> dict[tuple[str, str], str]:
    pages = client("dynamodb").get_paginator("scan").paginate(TableName=table)
    return {(item["pk"]["S"], item["sk"]["S"]): item["views"]["N"] for page in pages for item in page["Items"]}


@pytest.fixture(autouse=True)
def _copy(cloud: None) -> None:
    client("dynamodb").create_table(
        TableName=COPY,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=resources("AWS::DynamoDB::Table")["ImagesTable"]["KeySchema"],
    )


def put(table: str, *items: dict[str, Any]) -> None:
    batch_put(client("dynamodb"), table, items)


def test_lost_changed_and_newer_items_are_as_in_the_copy(capsys: pytest.CaptureFixture[str]) -> None:
    put(COPY, image("shop", "lost", 1), image("shop", "changed", 2), image("shop", "same", 3))
    put("ImagesTable", image("shop", "changed", 9), image("shop", "same", 3), image("shop", "newer"))
    assert main(["ImagesTable", COPY]) == 0
    assert held("ImagesTable") == held(COPY) != {}
    assert capsys.readouterr().out == "ImagesTable: 2 items written, 1 removed\n"


def test_a_second_run_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    put(COPY, image("shop", "one"))
    for _ in range(2):
        main(["ImagesTable", COPY])
    assert capsys.readouterr().out.splitlines()[1] == "ImagesTable: 0 items written, 0 removed"


def test_one_merchant_comes_back_alone() -> None:
    put(COPY, image("shop", "lost"), image("shop-of-another", "of the past"))
    put("ImagesTable", image("shop", "newer"), image("shop-of-another", "of today"))
    main(["ImagesTable", COPY, "--merchant", "shop"])
    assert sorted(held("ImagesTable")) == [("shop-of-another/spring", "of today"), ("shop/spring", "lost")]


def test_more_than_one_batch_comes_back() -> None:
    put(COPY, *(image("shop", f"{at:03}", at) for at in range(250)))
    put("ImagesTable", *(image("shop", f"newer {at:03}") for at in range(250)))
    main(["ImagesTable", COPY])
    assert held("ImagesTable") == held(COPY)


def test_keys_and_the_merchant_come_back_by_their_merchant() -> None:
    client("dynamodb").create_table(
        TableName="copy-of-access",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    mine = [{"pk": {"S": "merchant#shop"}}, {"pk": {"S": "key#1"}, "merchant_id": {"S": "shop"}}]
    put("copy-of-access", *mine, {"pk": {"S": "key#2"}, "merchant_id": {"S": "another"}})
    main(["AccessTable", "copy-of-access", "--merchant", "shop"])
    found = client("dynamodb").scan(TableName="AccessTable")["Items"]
    assert sorted(item["pk"]["S"] for item in found) == ["key#1", "merchant#shop"]
