"""The repository of merchants, keys and quotas keeps its contract on DynamoDB and in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.memory.access import AccessInMemory
from vitrine.access.dynamodb import DynamoDBAccess
from vitrine.access.model import ApiKey, IdentitySecret, Merchant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.conftest import Tables

    Repository = DynamoDBAccess | AccessInMemory

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SHOP = Merchant("shop", "Shop", "secret", NOON, (IdentitySecret("one"),))
KEY = ApiKey("d1", "key_1", "shop", "secret", "publishable", 600, NOON, label="web", origins=("https://a.example",))


@pytest.fixture(params=["moto", "memory"])
def repository(request: pytest.FixtureRequest, tables_on_moto: Tables) -> Iterator[Repository]:
    if request.param == "memory":
        yield AccessInMemory()
        return
    with tables_on_moto("AccessTable") as dynamodb:
        yield DynamoDBAccess(dynamodb, "AccessTable")


class TestMerchants:
    def test_are_added_once(self, repository: Repository) -> None:
        assert repository.add_merchant(SHOP)
        assert not repository.add_merchant(replace(SHOP, name="Thief"))
        assert repository.find_merchant("shop") == SHOP
        assert repository.find_merchant("other") is None

    def test_replace_their_identity_secrets_only_as_they_were_read(self, repository: Repository) -> None:
        repository.add_merchant(SHOP)
        rolled = (IdentitySecret("two"), IdentitySecret("one", NOON + MINUTE))
        assert repository.replace_identity_secrets("shop", SHOP.identity_secrets, rolled)
        assert not repository.replace_identity_secrets("shop", SHOP.identity_secrets, [IdentitySecret("three")])
        assert not repository.replace_identity_secrets("other", (), rolled)
        assert repository.find_merchant("shop") == replace(SHOP, identity_secrets=rolled)


class TestKeys:
    def test_are_found_by_digest_and_listed_by_merchant_and_age(self, repository: Repository) -> None:
        reviewer = replace(KEY, digest="d2", role="reviewer", origins=(), reviewer="ann", created_at=NOON - MINUTE)
        newer = replace(KEY, digest="d0", created_at=NOON + MINUTE)
        for key in (KEY, reviewer, newer, replace(KEY, digest="d3", merchant_id="other")):
            repository.add_key(key)
        assert [repository.find_key(digest) for digest in ("d1", "d2", "nothing")] == [KEY, reviewer, None]
        assert repository.list_keys("shop") == [reviewer, KEY, newer]
        assert repository.newest_keys("shop", 2, None) == [newer, KEY]
        assert repository.newest_keys("shop", 2, KEY) == [reviewer]

    def test_are_revoked_earlier_but_not_later(self, repository: Repository) -> None:
        repository.add_key(KEY)
        for at, expected in ((MINUTE, MINUTE), (2 * MINUTE, MINUTE), (-MINUTE, -MINUTE)):
            repository.revoke_key("d1", NOON + at)
            assert repository.find_key("d1") == replace(KEY, revoked_at=NOON + expected)
        repository.revoke_key("nothing", NOON)
        assert repository.find_key("nothing") is None

    def test_are_replaced_once(self, repository: Repository) -> None:
        repository.add_key(KEY)
        second, third = (replace(KEY, digest=digest, created_at=NOON + MINUTE) for digest in ("d2", "d3"))
        assert repository.replace_key("d1", NOON + MINUTE, second)
        assert not repository.replace_key("d1", NOON + MINUTE, third)
        assert not repository.replace_key("nothing", NOON, third)
        assert repository.list_keys("shop") == [replace(KEY, revoked_at=NOON + MINUTE), second]

    def test_note_a_use_unless_a_recent_one_is_noted(self, repository: Repository) -> None:
        repository.add_key(KEY)
        for used_at, unless_after, expected in (
            (NOON, NOON - MINUTE, NOON),
            (NOON + MINUTE, NOON - MINUTE, NOON),
            (NOON + MINUTE, NOON, NOON + MINUTE),
        ):
            repository.note_use("d1", used_at, unless_after)
            assert repository.find_key("d1") == replace(KEY, last_used_at=expected)
        repository.note_use("nothing", NOON, NOON)
        assert repository.find_key("nothing") is None


def test_a_quota_is_spent_to_its_last_request_in_each_window_and_by_each_spender(repository: Repository) -> None:
    assert [repository.spend("key_1", 7, amount, 10) for amount in (11, 6, 5, 4, 1)] == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert repository.spend("key_1", 8, 10, 10)
    assert repository.spend("key_1/address", 7, 10, 10)
    assert not repository.spend("key_2", 7, 1, 0)
