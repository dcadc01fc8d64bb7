"""The arithmetic of the monthly bill."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import Any

import pytest

from bench.monthly_bill import (
    MONTH_SECONDS,
    VCPU_MEGABYTES,
    Invocation,
    Price,
    at_edge,
    at_rest,
    bill,
    origin_reads,
    read_prices,
    requests,
    summed,
)

GIGABYTE = 2**30


@pytest.mark.parametrize(("amount", "dollars"), [(0, 0), (50, 100), (100, 200), (150, 250), (300, 400)])
def test_each_part_of_an_amount_has_the_price_of_its_tier(amount: float, dollars: float) -> None:
    assert Price(1, [(100, 2.0), (inf, 1.0)], "").of(amount) == dollars


def test_a_price_is_for_so_many() -> None:
    assert Price(10_000, [(inf, 0.01)], "").of(1_000_000) == pytest.approx(1)


def test_a_billion_requests_to_the_gateway_cost_what_aws_publishes() -> None:
    _, prices = read_prices()
    assert prices["gateway_requests"].of(1e9) == pytest.approx(333 * 3.5 + 667 * 2.8)
    assert prices["write_units"].of(1e9) == pytest.approx(625)


def test_every_price_names_its_source_and_its_last_tier_has_no_end() -> None:
    _, prices = read_prices()
    for price in prices.values():
        assert price.source.startswith("https://aws.amazon.com/")
        assert price.tiers[-1][0] == inf
        assert [limit for limit, _ in price.tiers] == sorted(limit for limit, _ in price.tiers)


def test_an_invocation_computes_on_the_share_of_a_processor_that_its_memory_buys_and_waits_for_dynamodb() -> None:
    half = Invocation(cpu_ms=10, trips=2, memory_mb=VCPU_MEGABYTES // 2, log_bytes=0)
    assert half.milliseconds(trip_ms=5) == pytest.approx(30, rel=0.01)
    whole = Invocation(cpu_ms=10, trips=2, memory_mb=VCPU_MEGABYTES * 2, log_bytes=0)
    assert whole.milliseconds(trip_ms=5) == 20


def test_invocations_take_gigabyte_seconds_and_log() -> None:
    used = Invocation(cpu_ms=0, trips=1, memory_mb=1024, log_bytes=GIGABYTE / 1000).usage(1000, trip_ms=5)
    assert used == {"lambda_invocations": 1000, "lambda_gigabyte_seconds_arm64": 5, "log_gigabytes": 1000 / 1000}


def test_a_twentieth_of_the_requests_is_traced() -> None:
    assert requests(1000, GIGABYTE) == {"gateway_requests": 1000, "gateway_gigabytes_out": 1000, "traces": 50}


def test_the_edge_is_paid_for_each_reader() -> None:
    assert at_edge(1000, GIGABYTE) == {"edge_requests": 1000, "edge_gigabytes_out": 1000}


def test_a_page_that_many_read_costs_its_origin_one_read_in_the_time_it_is_kept() -> None:
    assert origin_reads(1e12, pages=1, caches=1, kept_seconds=2) == pytest.approx(MONTH_SECONDS / 2, rel=1e-4)
    assert origin_reads(1e12, pages=1, caches=3, kept_seconds=2) == pytest.approx(3 * MONTH_SECONDS / 2, rel=1e-4)


def test_a_page_that_nearly_nobody_reads_costs_a_read_each_time() -> None:
    assert origin_reads(100, pages=10, caches=1, kept_seconds=2) == pytest.approx(100, rel=1e-3)


def test_a_stack_at_rest_pays_for_alarms_by_their_metrics_its_dashboard_and_what_polls_its_queues() -> None:
    metric: dict[str, Any] = {"MetricStat": {}}
    resources: dict[str, dict[str, Any]] = {
        "Simple": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}},
        "OfThree": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [{"Expression": "m0"}] + [metric] * 3}},
        "Dashboard": {"Type": "AWS::CloudWatch::Dashboard"},
        "OfQueue": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"EventSourceArn": "<Leftovers.Arn>"}},
        "OfStream": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"EventSourceArn": "<A.StreamArn>"}},
    }
    assert at_rest(resources) == {"alarm_metrics": 4, "dashboards": 1, "queue_requests": 5 * MONTH_SECONDS / 20}


def test_usages_add_up_and_what_has_no_price_is_an_error() -> None:
    prices = {"a": Price(1, [(inf, 2.0)], "")}
    assert bill(summed(Counter(a=1), Counter(a=2)), prices) == {"a": 6}
    with pytest.raises(KeyError):
        bill(Counter(b=1), prices)
