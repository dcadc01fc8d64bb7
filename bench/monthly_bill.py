"""What a month costs at list prices: the arithmetic of `bench/bill.py`, without its measurements."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

MONTH_SECONDS = 30 * 86_400
GIGABYTE = 2**30
VCPU_MEGABYTES = 1_769  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
TRACED_SHARE = 0.05  # https://docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html
POLLERS = 5  # https://aws.amazon.com/premiumsupport/knowledge-center/sqs-high-charges/
POLL_SECONDS = 20


class Price(NamedTuple):
    """Dollars for `per` of something, by tiers `(up to, dollars)` of a month's amount."""

    per: float
    tiers: list[tuple[float, float]]
    source: str

    def of(self, amount: float) -> float:
        """Dollars for an amount of a month."""
        dollars = reached = 0.0
        for limit, price in self.tiers:
            within = max(0.0, min(amount, limit) - reached)
            dollars += within / self.per * price
            reached = limit
        return dollars


class Invocation(NamedTuple):
    """What one invocation takes at the mean. `trips` are the round trips to DynamoDB that wait for one another."""

    cpu_ms: float
    trips: float
    memory_mb: int
    log_bytes: float

    def milliseconds(self, trip_ms: float) -> float:
        """Time that is billed: the processor's, on the share of one that the memory buys, and the waiting."""
        return self.cpu_ms / min(1.0, self.memory_mb / VCPU_MEGABYTES) + self.trips * trip_ms

    def usage(self, times: float, trip_ms: float) -> Counter[str]:
        return Counter(
            {
                "lambda_invocations": times,
                "lambda_gigabyte_seconds_arm64": times * self.memory_mb / 1024 * self.milliseconds(trip_ms) / 1000,
                "log_gigabytes": times * self.log_bytes / GIGABYTE,
            }
        )


def read_prices() -> tuple[str, dict[str, Price]]:
    """The region and date of the prices, and each by its name."""
    told: dict[str, Any] = tomllib.loads(Path(__file__).with_name("prices.toml").read_text())
    where = f"{told.pop('region')}, {told.pop('date')}"
    return where, {name: Price(price["per"], price["tiers"], price["source"]) for name, price in told.items()}


def bill(usage: Counter[str], prices: dict[str, Price]) -> dict[str, float]:
    """Dollars a month by what is paid for. Raises KeyError for what has no price."""
    return {name: prices[name].of(amount) for name, amount in usage.items()}


def summed(*usages: Counter[str]) -> Counter[str]:
    total: Counter[str] = Counter()
    for usage in usages:
        total.update(usage)
    return total


def requests(times: float, response_bytes: float) -> Counter[str]:
    """What the gateway takes for requests that come to it."""
    return Counter(
        {
            "gateway_requests": times,
            "gateway_gigabytes_out": times * response_bytes / GIGABYTE,
            "traces": times * TRACED_SHARE,
        }
    )


def origin_reads(readers: float, pages: int, caches: int, kept_seconds: float) -> float:
    """How many of a month's reads reach the origin, with Zipf's law over the pages.

    A cache renews a page at most once in `kept_seconds`, and only when somebody asks: of reads that come at random at
    the rate r, r / (1 + r · kept) a second reach the origin.
    """
    harmonic = sum(1 / at for at in range(1, pages + 1))
    rates = (readers / MONTH_SECONDS / caches / at / harmonic for at in range(1, pages + 1))
    return sum(rate / (1 + rate * kept_seconds) for rate in rates) * caches * MONTH_SECONDS


def at_edge(times: float, response_bytes: float) -> Counter[str]:
    """What the distribution takes for requests, whether it answers them or not."""
    return Counter({"edge_requests": times, "edge_gigabytes_out": times * response_bytes / GIGABYTE})


def at_rest(resources: dict[str, dict[str, Any]]) -> Counter[str]:
    """What a stack takes that nobody asks, by its deployed resources. Tables and buckets are empty."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for resource in resources.values():
        by_kind.setdefault(resource["Type"], []).append(resource.get("Properties", {}))
    alarms = by_kind["AWS::CloudWatch::Alarm"]
    queues = [
        source for source in by_kind["AWS::Lambda::EventSourceMapping"] if "Stream" not in str(source["EventSourceArn"])
    ]
    return Counter(
        {
            "alarm_metrics": sum(
                max(1, sum("MetricStat" in metric for metric in alarm.get("Metrics", []))) for alarm in alarms
            ),
            "dashboards": len(by_kind["AWS::CloudWatch::Dashboard"]),
            "queue_requests": len(queues) * POLLERS * MONTH_SECONDS / POLL_SECONDS,
        }
    )
