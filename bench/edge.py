"""A gallery with many readers behind the edge: what its origin is asked, how old what they see is, and without it.

    make bench-edge

The functions run in this process over moto; Varnish stands in for CloudFront, with the template's policies
(`tests/edge.py`). Readers run in a process of their own, each over a connection of its own, and read once a second. An
image's name is the time at which it was written, ten times a second, so what readers see says how old it is.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import os
import random
import sys
import threading
import time
from collections import Counter
from contextlib import redirect_stdout
from typing import Any

from moto import mock_aws

from tests.aws import environment_of
from tests.edge import Edge, Origin, Served
from tests.emulator import deploy
from tests.gateway import Gateway, open_shop
from tests.template.translation import deployed
from vitrine.platform.telemetry import logger

PATH = "/v1/galleries/spring/images?limit=20"
WRITES_A_SECOND = 10
IMAGES = 20
LAG_SECONDS = 5


def read(port, key, readers, seconds, told):
    """Let readers read; tells counts by status, times and ages in seconds."""
    statuses: Counter[str] = Counter()
    times: list[float] = []
    ages: list[float] = []
    request = f"GET {PATH} HTTP/1.1\r\nHost: edge\r\nX-Api-Key: {key}\r\n\r\n".encode()

    async def one(until):
        await asyncio.sleep(random.random())
        reading, writing = await asyncio.open_connection("127.0.0.1", port)
        while time.time() < until:
            began = time.time()
            writing.write(request)
            head = await reading.readuntil(b"\r\n\r\n")
            body = await _body(reading, head.lower())
            times.append(time.time() - began)
            status = head.split(b" ", 2)[1].decode()
            statuses[status] += 1
            if status == "200":
                ages.append(began - float(body.split(b'"name":"now ')[1].split(b'"')[0]))
            await asyncio.sleep(max(0.0, began + 1 - time.time()))
        writing.close()

    async def every():
        await asyncio.gather(*(one(time.time() + seconds) for _ in range(readers)))

    asyncio.run(every())
    told.put((dict(statuses), sorted(times), sorted(ages)))


async def _body(reading, head):
    if b"content-length:" in head:
        return await reading.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
    body = b""
    while size := int((await reading.readline()).strip(), 16):
        body += await reading.readexactly(size)
        await reading.readline()
    await reading.readline()
    return body


def phase(name, edge, key, origin, options):
    before, began = sum(origin.requests.values()), time.monotonic()
    told: multiprocessing.Queue[Any] = multiprocessing.Queue()
    readers = multiprocessing.Process(target=read, args=(edge.port, key, options.readers, options.seconds, told))
    readers.start()
    statuses, times, ages = told.get()
    readers.join()
    took, asked = time.monotonic() - began, sum(origin.requests.values()) - before
    p = {percent: times[min(len(times) - 1, int(len(times) * percent / 100))] * 1000 for percent in (50, 99)}
    print(
        f"{name}: {sum(statuses.values()):,} reads ({sum(statuses.values()) / took:,.0f} a second) {statuses}, "
        f"{p[50]:.1f} ms at p50, {p[99]:.1f} ms at p99; {asked} reads of the origin, {asked / took:.2f} a second; "
        f"what was shown was {ages[len(ages) // 2]:.2f} s old at p50, {ages[int(len(ages) * 0.99)]:.2f} s at p99, "
        f"{ages[-1]:.2f} s at most",
        file=sys.__stdout__,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "eu-west-1"}
    with open(os.devnull, "w") as nothing, redirect_stdout(nothing), mock_aws():  # noqa: PTH123 - log lines
        logged = logger.registered_handler
        assert isinstance(logged, logging.StreamHandler)
        logged.setStream(nothing)
        os.environ |= environment_of(deploy())
        gateway, shop = Gateway(), open_shop("shop")
        origin = Served(gateway)
        apis = dict.fromkeys(["api", "api-at-root"], Origin(origin.port, "/v1"))
        edge = Edge(deployed(), apis | dict.fromkeys(["pictures", "pictures-at-root", "web"], Origin(origin.port)))
        gateway.call("PUT", "/galleries/spring", shop.secret_key, {})
        stopped = threading.Event()

        def put(images):
            gateway.call("POST", "/galleries/spring/images", shop.secret_key, {"images": images})

        def write():
            while not stopped.wait(1 / WRITES_A_SECOND):
                put([{"id": "00", "name": f"now {time.time():.3f}", "url": "https://a.example/0.jpg"}])

        put([{"id": f"{at:02}", "name": "chair", "url": f"https://a.example/{at}.jpg"} for at in range(1, IMAGES)])
        put([{"id": "00", "name": f"now {time.time():.3f}", "url": "https://a.example/0.jpg"}])
        writer = threading.Thread(target=write)
        writer.start()
        try:
            phase(f"{options.readers:,} readers", edge, shop.publishable_key, origin, options)
            origin.close()
            time.sleep(LAG_SECONDS)
            phase("the same, the origin stopped", edge, shop.publishable_key, origin, options)
        finally:
            stopped.set()
            writer.join()
            edge.close()


if __name__ == "__main__":
    main()
