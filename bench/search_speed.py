"""Latency, indexing, storage: the embedded engine beside OpenSearch and SQLite FTS5, in one run.

    python -m bench.search_speed [--documents 10000] [--opensearch] [--queries 300] [--orders]

Documents are the museum's artworks, over and over until there are enough; queries are subject terms. S3 is moto
in this process, so fetches say bytes and requests and not the network's time. With `--orders` only the orders by a
field are measured.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import boto3
from moto import mock_aws

from bench.search_data import artworks, subjects
from bench.search_engines import BUCKET, SHOP, Fts5, fill_opensearch
from tests import opensearch as node
from vitrine.search.model import AttributeFilter, Filters, Search, Sort
from vitrine.search.opensearch import OpenSearchFinder
from vitrine.search.segments import LocalVersions, SegmentRepository
from vitrine.search.tantivy import TantivyFinder, TantivyIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.search.ports import ImageFinder

DEEP_PAGE = 5000
BOTH_REACH = 200
ORDERS = (Sort.NEWEST, Sort.WEIGHT)
PAGE = 20


class CountedS3:
    """S3 that counts what is read from it."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self.gets = 0
        self.bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def get_object(self, **arguments: Any) -> Any:
        response = self._s3.get_object(**arguments)
        self.gets += 1
        self.bytes += response["ContentLength"]
        return response

    def read_since_last_asked(self) -> str:
        told = f"{self.gets} requests, {self.bytes / 1e6:.2f} MB"
        self.gets = self.bytes = 0
        return told


def timed(name: str, act: Callable[[str], Any], texts: list[str]) -> float:
    for text in texts[:20]:
        act(text)
    took = []
    for text in texts:
        started = time.perf_counter()
        act(text)
        took.append((time.perf_counter() - started) * 1000)
    took.sort()
    median = statistics.median(took)
    print(f"{name:<44} p50 {median:9.2f} ms   p99 {took[int(len(took) * 0.99)]:9.2f} ms", flush=True)
    return median


def first_page(finder: ImageFinder) -> Callable[[str], Any]:
    return lambda text: finder.search(SHOP, Search(text, limit=PAGE), None)


def filtered_page(finder: ImageFinder) -> Callable[[str], Any]:
    """The first page of what was acquired since 1950, with two facets."""
    since = Filters(attributes=(AttributeFilter("year", least=1950.0),))
    return lambda text: finder.search(
        SHOP, Search(text, filters=since, facets=("tag", "attributes.medium"), limit=PAGE), None
    )


def deep(finder: ImageFinder, sort: Sort, texts: list[str], pages: int) -> None:
    """The time of page 1, of the pages behind it and of those behind the deep one, walked to in long steps."""
    text = max(texts, key=lambda text: finder.search(SHOP, Search(text, limit=1), None).total.value)
    query = Search(text, sort=sort, limit=PAGE)
    total = finder.search(SHOP, query, None).total.value
    wanted = min(pages, total // PAGE - 30)
    after: Any = None
    for _ in range(wanted * PAGE // 100):
        after = finder.search(SHOP, replace(query, limit=100), after).after
    second = finder.search(SHOP, query, None).after
    starts = {"page 1": None, "pages 2 to 26": second, f"page {wanted:,} and the next 24": after}
    times: dict[str, list[float]] = {name: [] for name in starts}
    processor: list[float] = []
    for name, start in starts.items():
        here = start
        for _ in range(25):
            started, busy = time.perf_counter(), time.process_time()
            following = finder.search(SHOP, query, here).after
            times[name].append((time.perf_counter() - started) * 1000)
            processor.append((time.process_time() - busy) * 1000)
            here = following if start else None
    told = ", ".join(
        f"{name} {statistics.median(milliseconds):.2f} ms (worst {max(milliseconds):.2f})"
        for name, milliseconds in times.items()
    )
    print(f"  {sort} of {total:,} hits: {told}, at least {min(processor):.2f} ms of processor time here", flush=True)


def updates(index: TantivyIndex, finder: TantivyFinder, s3: CountedS3) -> None:
    one = replace(next(artworks(1)), name="Changed once", weight=1.0)
    for _ in range(3):
        started = time.perf_counter()
        index.update(SHOP, [one.key], lambda keys: dict.fromkeys(keys, one))
        took = (time.perf_counter() - started) * 1000
        print(f"embedded: update of one document {took:.0f} ms, writer {s3.read_since_last_asked()}", end="; ")
        time.sleep(1.1)
        finder.search(SHOP, Search("changed once"), None)
        print(f"reader {s3.read_since_last_asked()}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--opensearch", action="store_true")
    parser.add_argument("--heap", default="2g")
    parser.add_argument("--orders", action="store_true", help="only orders by a field")
    options = parser.parse_args()
    terms = [judged.text for judged in subjects()]
    texts = terms[:: max(1, len(terms) // options.queries)]
    print(f"{options.documents:,} documents, {len(texts)} queries")
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory()))
        stack.enter_context(mock_aws())
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)
        s3 = CountedS3(boto3.client("s3", region_name="us-east-1"))
        store = SegmentRepository(s3, BUCKET)  # type: ignore[arg-type]
        index = TantivyIndex(store, LocalVersions(store, home / "writer", 10**10))
        started = time.perf_counter()
        index.rebuild(SHOP, lambda: artworks(options.documents), lambda _: {}, lambda _: None)
        seconds = time.perf_counter() - started
        found = store.current(SHOP)
        size = found.manifest.size if found and found.manifest else 0
        print(f"embedded: {options.documents / seconds:,.0f} documents a second, {size / 1e6:.1f} MB in S3")
        s3.read_since_last_asked()
        finder = TantivyFinder(store, LocalVersions(store, home / "reader", 10**10))
        started = time.perf_counter()
        finder.search(SHOP, Search(texts[0]), None)
        took = (time.perf_counter() - started) * 1000
        print(f"embedded: first query of a fresh reader {took:.0f} ms, {s3.read_since_last_asked()}")
        medians = {} if options.orders else first_pages("embedded", finder, texts)
        if not options.orders:
            fts = Fts5(artworks(options.documents))
            timed("SQLite FTS5", lambda text: fts.ids(text, PAGE), texts)
            for sort in (Sort.RELEVANCE, *ORDERS):
                deep(finder, sort, texts, DEEP_PAGE)
            updates(index, finder, s3)
        for sort in ORDERS if options.orders else ():
            deep(finder, sort, texts, BOTH_REACH)
    if options.opensearch:
        with node.running_node(options.heap) as client:
            started = time.perf_counter()
            fill_opensearch(client, artworks(options.documents))
            seconds = time.perf_counter() - started
            print(f"OpenSearch: {options.documents / seconds:,.0f} documents a second")
            distributed = OpenSearchFinder(client)
            theirs = {} if options.orders else first_pages("OpenSearch", distributed, texts)
            for what, median in theirs.items():
                print(f"embedded p50 is {medians[what] / median:.3f} of OpenSearch's{what}")
            for sort in ORDERS:
                deep(distributed, sort, texts, BOTH_REACH)


def first_pages(name: str, finder: ImageFinder, texts: list[str]) -> dict[str, float]:
    """Return the median milliseconds of a first page, by what it takes besides hits."""
    ways = {"": first_page(finder), ", attribute filter and two facets": filtered_page(finder)}
    return {what: timed(f"{name}{what}", act, texts) for what, act in ways.items()}


if __name__ == "__main__":
    main()
