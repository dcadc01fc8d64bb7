"""What the fixture `cloud` promises: the template's resources, empty."""

from __future__ import annotations

import pytest

from tests.emulator import deploy
from vitrine.platform.aws import client


@pytest.fixture
def names(cloud: None) -> dict[str, str]:
    return deploy()


@pytest.mark.parametrize("turn", ["first", "second"])
def test_each_test_begins_with_empty_tables_queues_and_buckets(turn: str, names: dict[str, str]) -> None:
    dynamodb, sqs, s3 = client("dynamodb"), client("sqs"), client("s3")
    tables = dynamodb.list_tables()["TableNames"]
    assert tables
    assert [dynamodb.scan(TableName=table)["Items"] for table in tables] == [[] for _ in tables]
    queues, buckets = sqs.list_queues()["QueueUrls"], [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert not any("Messages" in sqs.receive_message(QueueUrl=url) for url in queues)
    assert not any("Contents" in s3.list_objects_v2(Bucket=bucket) for bucket in buckets)
    assert {*queues, *buckets} == set(names.values())
    keys = dynamodb.describe_table(TableName="ProductsTable")["Table"]["KeySchema"]
    dynamodb.put_item(
        TableName="ProductsTable", Item={attribute["AttributeName"]: {"S": "left over"} for attribute in keys}
    )
    sqs.send_message(QueueUrl=queues[0], MessageBody="left over")
    s3.put_object(Bucket=buckets[0], Key="left over", Body=b"")
