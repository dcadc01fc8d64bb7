"""Processes share a minute's requests, and a flood costs no writes."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from tests.memory.access import AccessInMemory
from vitrine.access.model import address_share
from vitrine.access.spend_quota import MOST_ADDRESSES, AddressQuota, Quota
from vitrine.platform.problems import TooManyRequests

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Unreachable(AccessInMemory):
    """Fails a test that spends from the store."""

    def spend(self, spender: str, window: int, amount: int, limit: int) -> bool:
        pytest.fail(f"{spender} asked the store")


class TestQuotas:
    @pytest.mark.parametrize("limit", [1, 7, 100, 250])
    def test_processes_together_grant_a_minute_what_it_holds_and_never_more(self, limit: int) -> None:
        repository = AccessInMemory()
        processes = [Quota(repository) for _ in range(3)]
        granted = 0
        for at in range(2 * limit + 3):
            with suppress(TooManyRequests):
                processes[at % 3].spend("key", limit, NOON)
                granted += 1
        assert granted == limit

    def test_the_next_minute_begins_anew_and_the_refusal_says_when(self) -> None:
        quota = Quota(AccessInMemory())
        at = NOON + timedelta(seconds=18)
        quota.spend("key", 1, at)
        with pytest.raises(TooManyRequests) as refused:
            quota.spend("key", 1, at)
        assert refused.value.retry_after_seconds == 42
        quota.spend("key", 1, at + timedelta(seconds=refused.value.retry_after_seconds))

    def test_a_flood_behind_a_spent_minute_reaches_no_store(self) -> None:
        quota = Quota(AccessInMemory())
        quota.spend("key", 1, NOON)
        with pytest.raises(TooManyRequests):
            quota.spend("key", 1, NOON)
        quota._repository = Unreachable()
        with pytest.raises(TooManyRequests):
            quota.spend("key", 1, NOON)

    def test_a_request_that_is_given_back_can_be_spent_again_in_its_minute(self) -> None:
        quota = Quota(AccessInMemory())
        for _ in range(5):
            quota.spend("key", 1, NOON)
            quota.give_back("key", NOON)
        quota.spend("key", 1, NOON)
        quota.give_back("key", NOON + timedelta(minutes=1))
        with pytest.raises(TooManyRequests):
            quota.spend("key", 1, NOON)


class TestAddressQuotas:
    def test_processes_share_an_addresss_part(self) -> None:
        repository = AccessInMemory()
        processes = [AddressQuota(repository) for _ in range(3)]
        assert 1000 <= taken(processes, "key", "address", 10_000, 3000) <= 1000 + 3 * address_share(1000)

    def test_an_ordinary_visitor_costs_no_write(self) -> None:
        assert taken([AddressQuota(Unreachable())], "key", "address", 60_000, 200) == 200

    def test_a_spent_address_reaches_no_store(self) -> None:
        quota = AddressQuota(AccessInMemory())
        assert taken([quota], "key", "address", 60, 100) == 60
        quota._repository = Unreachable()
        assert taken([quota], "key", "address", 60, 100) == 0

    def test_what_a_process_remembers_is_bounded_and_one_shops_flood_forgets_none_of_anothers(self) -> None:
        quota = AddressQuota(AccessInMemory())
        assert taken([quota], "one", "address", 60, 100) == 60
        for at in range(MOST_ADDRESSES + 5):
            quota.spend("another", f"address-{at}", 60_000, NOON)
        assert taken([quota], "one", "address", 60, 100) == 0
        assert max(map(len, quota._left.values())) <= MOST_ADDRESSES
        assert taken([quota], "one", "address", 60, 100, at=NOON + timedelta(minutes=1)) == 60
        assert len(quota._left) == 1


def taken(
    processes: list[AddressQuota],
    key_id: str,
    address: str,
    requests_per_minute: int,
    asked: int,
    *,
    at: datetime = NOON,
) -> int:
    """How many of these requests the address got."""
    allowed = 0
    for number in range(asked):
        with suppress(TooManyRequests):
            processes[number % len(processes)].spend(key_id, address, requests_per_minute, at)
            allowed += 1
    return allowed
