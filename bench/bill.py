"""What a month costs on AWS at list prices, with all it follows from.

    make bench-bill

Amazon's DynamoDB Local reports the units of each request. The functions run in this process: their time is what they
take of the processor here, on the share of one that their memory buys, and their round trips to DynamoDB, a few
milliseconds each. The template says what a stack holds that is at rest. Prices: `bench/prices.toml`.
"""

from __future__ import annotations

import argparse
import gzip
import io
import itertools
import logging
import os
import random
import re
import sys
import threading
import time
from collections import Counter
from contextlib import redirect_stdout
from typing import Any, NamedTuple

from bench.counting import EVENTS_QUEUE, Messages, Stream, make_gallery
from bench.monthly_bill import (
    POLL_SECONDS,
    POLLERS,
    TRACED_SHARE,
    VCPU_MEGABYTES,
    Invocation,
    at_edge,
    at_rest,
    bill,
    origin_reads,
    read_prices,
    requests,
    summed,
)
from functions.authorizer.handler import lambda_handler as authorizer
from functions.events_api.handler import lambda_handler as events_api
from functions.galleries_api.handler import lambda_handler as galleries_api
from functions.queued_events.handler import lambda_handler as queued_events
from functions.weights.handler import lambda_handler as weights
from tests.aws import Context, api_event, create_tables, environment_of
from tests.dynamodb_local import begin_streams, running_dynamodb, use_dynamodb
from tests.gateway import open_shop
from tests.template.translation import deployed
from vitrine.engagement.wiring import event_queue, gallery_counters
from vitrine.galleries.audit_gallery import audit_gallery
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.aws import client
from vitrine.platform.telemetry import logger
from vitrine.platform.times import utc_now

BILLION = 1_000_000_000
READS = {"GetItem", "BatchGetItem", "Query", "TransactGetItems"}
EVENTS_A_SECOND = 200
PROGRESS_EVERY = 10_000
MESSAGES_AT_ONCE = 2000  # as in the template
CLICK_RATE = 0.05
TRIP_MS = 5.0
TRIP_SOURCE = "an assumption: DynamoDB promises single-digit milliseconds"
# Lambda's lines START, END and REPORT, and the 26 bytes by which CloudWatch counts each of them and the function's own.
PLATFORM_LOG_BYTES = 66 + 53 + 140 + 4 * 26
REGIONAL_CACHES = 3
KEPT_SECONDS = 2
MERCHANT = "shop"


class Meter:
    """Units of all requests to DynamoDB, and the time in which at least one was under way."""

    def __init__(self, dynamodb):
        self.units: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._spans: list[tuple[float, float]] = []
        dynamodb.meta.events.register("provide-client-params.dynamodb.*", self._ask)
        dynamodb.meta.events.register("before-call.dynamodb.*", self._begin)
        dynamodb.meta.events.register("after-call.dynamodb.*", self._end)

    def clear(self):
        self.units.clear()
        self._spans.clear()

    def trips(self):
        """How many round trips wait for one another: the time with any under way, by the mean time of one."""
        if not self._spans:
            return 0.0
        covered = until = 0.0
        for begin, end in sorted(self._spans):
            covered += max(0.0, end - max(begin, until))
            until = max(until, end)
        return covered / (sum(end - begin for begin, end in self._spans) / len(self._spans))

    def _ask(self, params, model, **_):
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params.setdefault("ReturnConsumedCapacity", "TOTAL")

    def _begin(self, context, **_):
        context["began"] = time.perf_counter()

    def _end(self, parsed, model, context, **_):
        consumed = parsed.get("ConsumedCapacity", [])
        amount = sum(entry["CapacityUnits"] for entry in (consumed if isinstance(consumed, list) else [consumed]))
        refused = parsed.get("Error", {}).get("Code") == "ConditionalCheckFailedException"
        with self._lock:
            self._spans.append((context["began"], time.perf_counter()))
            self.units["read_units" if model.name in READS else "write_units"] += amount + refused


class Setup(NamedTuple):
    meter: Meter
    resources: dict[str, dict[str, Any]]
    stream: Stream
    messages: Messages


class Traffic(NamedTuple):
    """Events in batches, on images of a gallery by Zipf's law, or on each image once in a batch."""

    name: str
    gallery_id: str
    images: int
    batch: int
    buffered_seconds: int = 0


class Measured:
    """Invocations of one function."""

    def __init__(self, setup, handler, name):
        self._meter, self._handler = setup.meter, handler
        self._memory = setup.resources[name]["Properties"]["MemorySize"]
        self.units: Counter[str] = Counter()
        self.metrics: set[str] = set()
        self.times = 0
        self._cpu = self._trips = 0.0
        self._log = 0
        self.response_bytes = 0

    def __call__(self, event):
        log = io.StringIO()
        self._meter.clear()
        began = time.process_time()
        logged = logger.registered_handler
        assert isinstance(logged, logging.StreamHandler)
        logged.setStream(log)
        with redirect_stdout(log):
            response = self._handler(event, Context())
        self._cpu += time.process_time() - began
        self._trips += self._meter.trips()
        self._log += len(log.getvalue().encode()) + PLATFORM_LOG_BYTES
        self.metrics.update(re.findall(r'"Name": ?"(\w+)"', log.getvalue()))
        self.units.update(self._meter.units)
        self.times += 1
        if "body" in response:
            assert response["statusCode"] < 300, response
            body = response["body"].encode()
            self.response_bytes += len(gzip.compress(body) if len(body) >= 1024 else body) + 500  # and its headers
        return response

    def mean(self):
        return Invocation(self._cpu / self.times * 1000, self._trips / self.times, self._memory, self._log / self.times)

    def described(self):
        mean = self.mean()
        told = ", ".join(f"{amount / self.times:.2f} {name.replace('_', ' ')}" for name, amount in self.units.items())
        return (
            f"{mean.cpu_ms:.2f} ms of the processor, {mean.trips:.1f} round trips, {mean.milliseconds(TRIP_MS):.1f} ms "
            f"billed at {mean.memory_mb} MB, {mean.log_bytes:.0f} bytes of log, {told or 'no units'}"
        )


class Done(NamedTuple):
    """What took events, what counted those that were buffered, and what followed the counters."""

    taking: Measured
    merging: Measured
    following: Measured


def authorizer_alone(setup, key):
    measured = Measured(setup, authorizer, "AuthorizerFunction")
    event = {
        "headers": {"X-Api-Key": key},
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:api/v1/GET/galleries",
        "requestContext": {},
    }
    for _ in range(2_000):
        measured(event)
    return measured


def counted(setup, traffic, number):
    """`number` events, 200 a second of simulated time; weights follow once a second. Some are buffered."""
    _, gallery_id, images, batch, buffered_seconds = traffic
    os.environ["INTAKE_QUEUE"] = EVENTS_QUEUE if buffered_seconds else ""
    event_queue.cache_clear()
    seed = f"{gallery_id}-{batch}-{number}"
    chance = random.Random(seed)
    popular = list(itertools.accumulate(1 / at for at in range(1, images + 1)))
    taking = Measured(setup, events_api, "EventsApiFunction")
    merging = Measured(setup, queued_events, "QueuedEventsFunction")
    following = Measured(setup, weights, "WeightsFunction")
    for sent in range(0, number, batch):
        chosen = range(images) if images == batch else chance.choices(range(images), cum_weights=popular, k=batch)
        events = [
            {
                "event_id": f"{seed}-{sent}-{at}",
                "type": "click" if chance.random() < CLICK_RATE else "view",
                "image_id": f"image-{image:06d}",
                "session_id": f"session-{seed}-{sent}",
            }
            for at, image in enumerate(chosen)
        ]
        response = taking(
            api_event(
                "POST",
                "/galleries/{gallery_id}/events",
                body={"events": events},
                merchant=MERCHANT,
                kind="publishable",
                gallery_id=gallery_id,
            )
        )
        assert '"rejected"' not in response["body"], response
        is_last = sent + batch >= number
        if buffered_seconds and ((sent + batch) % (EVENTS_A_SECOND * buffered_seconds) < batch or is_last):
            records = setup.messages.events()
            for start in range(0, len(records), MESSAGES_AT_ONCE):
                assert merging({"Records": records[start : start + MESSAGES_AT_ONCE]}) == {"batchItemFailures": []}
        if (sent + batch) % PROGRESS_EVERY < batch:
            print(f"{traffic.name}: {sent + batch:,} of {number:,} events", file=sys.stderr, flush=True)
        if (sent + batch) % EVENTS_A_SECOND < batch or is_last:
            records = setup.stream.records()
            setup.messages.now += 1
            for start in range(0, len(records), 1000):
                following({"Records": records[start : start + 1000]})
            for due in setup.messages.due():
                following({"Records": due})
    return Done(taking, merging, following)


def audited(setup, gallery_id):
    """Let the time of all images that wait come; then everything must be exact."""
    for due in setup.messages.rest():
        weights({"Records": due}, Context())
    found = audit_gallery(gallery_repository(), gallery_counters(), GalleryKey(MERCHANT, gallery_id), now=utc_now())
    assert not found.mismatched, found


def paged(setup, gallery_id):
    measured = Measured(setup, galleries_api, "GalleriesApiFunction")
    for _ in range(500):
        measured(
            api_event(
                "GET",
                "/galleries/{gallery_id}/images",
                query={"limit": "20"},
                merchant=MERCHANT,
                kind="publishable",
                gallery_id=gallery_id,
            )
        )
    return measured


def units_of(number, done):
    counting = done.taking.units + done.merging.units
    return {
        f"{function}, {name}": units[name] / number * 1000
        for function, units in (("counting", counting), ("weights", done.following.units))
        for name in ("write_units", "read_units")
    }


def for_events(number, done, authorizing, messages):
    """What a billion events take, where `number` were measured. Each of `messages` is sent, received and deleted.

    So are those with events, which are received and deleted by ten.
    """
    taking, merging, following = done
    scale = BILLION / number
    return summed(
        requests(taking.times * scale, taking.response_bytes / taking.times),
        authorizing.mean().usage(taking.times * scale, TRIP_MS),
        taking.mean().usage(taking.times * scale, TRIP_MS),
        following.mean().usage(following.times * scale, TRIP_MS),
        merging.mean().usage(merging.times * scale, TRIP_MS) if merging.times else Counter(),
        Counter({name: units * scale for name, units in (taking.units + merging.units + following.units).items()}),
        Counter({"queue_requests": (3 * messages + 1.2 * taking.times * bool(merging.times)) * scale}),
        Counter({"custom_metrics": len(taking.metrics | merging.metrics | following.metrics)}),
    )


def for_pages(reads, paging, authorizing):
    return summed(
        requests(reads, paging.response_bytes / paging.times),
        authorizing.mean().usage(reads, TRIP_MS),
        paging.mean().usage(reads, TRIP_MS),
        Counter({name: units / paging.times * reads for name, units in paging.units.items()}),
    )


def for_pages_at_edge(reads, pages, paging, authorizing):
    sent = origin_reads(reads, pages, REGIONAL_CACHES, KEPT_SECONDS)
    origin = for_pages(sent, paging, authorizing)
    origin["gateway_gigabytes_out"] = 0  # from AWS to CloudFront is free
    return summed(at_edge(reads, paging.response_bytes / paging.times), origin)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000, help="how many events each row measures")
    parser.add_argument("--before", type=int, default=200_000, help="how many events Zipf's images got before")
    options = parser.parse_args()
    where, prices = read_prices()
    resources = deployed()
    watched = deployed({"AlarmTopic": "arn:aws:sns:us-east-1:123456789012:alarms"})
    rows = {"at rest": at_rest(resources), "at rest, with every alarm": at_rest(watched)}
    told = {}
    with running_dynamodb() as address:
        use_dynamodb(address)
        os.environ.update(environment_of({"WeightsRetryQueue": "https://sqs.example/weights"}))
        create_tables()
        begin_streams()
        key = open_shop(MERCHANT).publishable_key
        resting = Messages(client("sqs"))
        setup = Setup(Meter(client("dynamodb")), resources, Stream("CountersTable"), resting)
        authorizing = told["authorizer"] = authorizer_alone(setup, key)
        galleries = {"hot": 20, "zipf": 10_000, "hot-buffered": 20, "zipf-buffered": 10_000}
        for gallery_id, images in galleries.items():
            make_gallery(GalleryKey(MERCHANT, gallery_id), images)
        counted(setup, Traffic("before, Zipf", "zipf", 10_000, 20), options.before)
        counted(setup, Traffic("before, Zipf, buffered", "zipf-buffered", 10_000, 20, 10), options.before)
        for traffic in (
            Traffic("events, 20 hot images, batches of 20", "hot", 20, 20),
            Traffic("events, Zipf over 10,000 images, batches of 20", "zipf", 10_000, 20),
            Traffic("events, Zipf over 10,000 images, one a request", "zipf", 10_000, 1),
            Traffic("events, 20 hot images, batches of 20, buffered over 10 s", "hot-buffered", 20, 20, 10),
            Traffic("events, Zipf over 10,000 images, batches of 20, buffered", "zipf-buffered", 10_000, 20, 10),
            Traffic("events, Zipf over 10,000 images, one a request, buffered", "zipf-buffered", 10_000, 1, 10),
        ):
            name, sent_before = traffic.name, resting.sent
            done = counted(setup, traffic, options.events)
            told[f"events_api, {name}"], told[f"weights, {name}"] = done.taking, done.following
            if done.merging.times:
                told[f"queued_events, {name}"] = done.merging
            told[name] = units_of(options.events, done)
            rows[f"a billion {name}"] = for_events(options.events, done, authorizing, resting.sent - sent_before)
        for gallery_id in galleries:
            audited(setup, gallery_id)
        paging = told["galleries_api, a page of 20"] = paged(setup, "zipf")
    rows["a billion pages, no edge"] = for_pages(BILLION, paging, authorizing)
    for pages in (1, 100, 10_000):
        name = f"a billion reads of {pages:,} page{'s' * (pages > 1)} at the edge"
        rows[name] = for_pages_at_edge(BILLION, pages, paging, authorizing)
    _print(where, prices, told, rows)


def _print(where, prices, told, rows):
    print(f"List prices of {where}, dollars")
    for name, price in prices.items():
        tiers = ", ".join(f"{dollars} up to {limit:,.0f}" for limit, dollars in price.tiers)
        print(f"  {name:<30} for {price.per:>9,}: {tiers}  ({price.source})")
    print("Assumed")
    print(f"  a round trip to DynamoDB takes {TRIP_MS} ms ({TRIP_SOURCE})")
    print(f"  {VCPU_MEGABYTES} MB buy one processor, as fast as this machine's (Lambda's documentation)")
    print(f"  {TRACED_SHARE:.0%} of requests are traced (X-Ray's default rule)")
    print(f"  an idle queue is polled by {POLLERS} receivers, {POLL_SECONDS} s each (Lambda's documentation)")
    print(f"  readers come through {REGIONAL_CACHES} regional caches, which keep a page {KEPT_SECONDS} s")
    print(f"  Lambda writes {PLATFORM_LOG_BYTES} bytes of log an invocation beside the function's own")
    print("Measured, the mean of an invocation")
    for name, measured in told.items():
        if isinstance(measured, Measured):
            print(f"  {name:<30} {measured.described()}")
    print("Units for 1,000 events")
    for name, units in told.items():
        if not isinstance(units, Measured):
            print(f"  {name}: " + ", ".join(f"{what.replace('_', ' ')} {amount:.0f}" for what, amount in units.items()))
    print("A month")
    for name, usage in rows.items():
        dollars = bill(usage, prices)
        print(f"  {name}: ${sum(dollars.values()):,.0f}")
        for what, price in sorted(dollars.items(), key=lambda entry: -entry[1]):
            if price >= 0.5:
                print(f"    {what:<32}{usage[what]:>18,.0f}  ${price:>9,.2f}")


if __name__ == "__main__":
    sys.exit(main())
