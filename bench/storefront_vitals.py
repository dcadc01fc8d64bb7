"""How a page with 24 pictures loads on a phone over a slow line: with the script, with plain `<img>`, written by hand.

    make bench-vitals

Real photos at a shop's resolution (`--width`), 150 ms of latency and 1.6 Mbit/s, an empty cache, in Chromium and
Firefox. API and renditions come through the edge (`tests/edge.py`), after an earlier visitor; pages, script and
originals come from the shop's own hosts. Bytes are those of the whole page after scrolling through it; shifts of the
layout are summed over all of it; INP is the slowest of ten clicks. Firefox does not tell of layout shifts: there the
page compares the tiles' places from frame to frame, by the same formula (web.dev/articles/cls).
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import os
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

from moto import mock_aws
from PIL import Image

from bench.slow_line import SlowLine
from functions.mirror_images.handler import lambda_handler as mirror_images
from local.picture_host import serving
from local.web import build_storefront
from tests.aws import Context, environment_of
from tests.e2e.browser import launched
from tests.edge import Edge, Origin, Served, bucket
from tests.emulator import deploy
from tests.gateway import Gateway, open_shop
from tests.template.translation import deployed
from vitrine.platform.telemetry import logger
from vitrine.renditions.wiring import codec

DATA = Path(os.environ.get("VITRINE_DATA", "../shared/data"))
DIST = Path(__file__).parents[1] / "storefront" / "dist"
PICTURES = 24
PHONE = {"viewport": {"width": 412, "height": 823}, "device_scale_factor": 2, "has_touch": True}
SLOW = {"latency": 0.15, "down": 1_600_000 / 8, "up": 750_000 / 8}
VITALS = """
    window.vitals = { lcp: 0, cls: 0, inp: 0 };
    const watch = (type, note, more) => new PerformanceObserver((list) => list.getEntries().forEach(note))
        .observe({ type, buffered: true, ...more });
    watch("largest-contentful-paint", (entry) => {
        vitals.lcp = entry.startTime;
        vitals.what = entry.element?.localName;
    });
    if (PerformanceObserver.supportedEntryTypes.includes("layout-shift"))
        watch("layout-shift", (entry) => { if (!entry.hadRecentInput) vitals.cls += entry.value; });
    else {
        let places = new Map();
        requestAnimationFrame(function compare() {
            const now = new Map([...document.querySelectorAll("li")].map((item) => {
                const { left, top, width, height } = item.getBoundingClientRect();
                return [item, { x: left + scrollX, y: top + scrollY, top, area: width * height }];
            }));
            const moved = [...now].filter(([item, { x, y, top, area }]) => {
                const before = places.get(item);
                return area && before?.area && top < innerHeight && top > 0 && (x !== before.x || y !== before.y);
            });
            const distance = moved.map(([item, { x, y }]) =>
                Math.max(Math.abs(x - places.get(item).x), Math.abs(y - places.get(item).y)));
            const area = moved.reduce((sum, [, place]) => sum + place.area, 0) / (innerWidth * innerHeight);
            vitals.cls += Math.min(1, area) * Math.max(0, ...distance) / Math.max(innerWidth, innerHeight);
            places = now;
            requestAnimationFrame(compare);
        });
    }
    watch("event", (entry) => { if (entry.interactionId) vitals.inp = Math.max(vitals.inp, entry.duration); },
        { durationThreshold: 16 });
    addEventListener("click", (event) => event.preventDefault(), true);
"""
STYLE = """
    body { font: 16px sans-serif; margin: 1rem }
    ul { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; list-style: none; margin: 0; padding: 0 }
    ul img { display: block; width: 100%; height: auto }
    vitrine-gallery:not(:defined) { display: block; min-height: 100vh }
"""
HEAD = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">"""
OURS = """<script type="module" src="/vitrine.js" data-api="@api" data-key="@key"></script>
<vitrine-gallery gallery="summer" product-href="/p/{product_id}"></vitrine-gallery>"""
BY_HAND = """<ul id="gallery"></ul><script type="module">
    const gallery = document.getElementById("gallery");
    const api = "@api/galleries/summer", headers = { "X-Api-Key": "@key" };
    const visitor = "visitor:" + (localStorage.visitor ??= crypto.randomUUID().replaceAll("-", ""));
    let waiting = [];
    const send = () => {
        const events = waiting.splice(0, 20);
        if (events.length) fetch(`${api}/events`, { method: "POST", keepalive: true, body: JSON.stringify({ events }),
            headers: { ...headers, "Content-Type": "application/json" } }).catch(() => waiting.push(...events));
    };
    const count = (type, image_id) => waiting.push({ event_id: crypto.randomUUID(), type, image_id, user_id: visitor });
    const seen = new IntersectionObserver((entries) => entries.forEach(({ isIntersecting, target }) => {
        clearTimeout(target.timer);
        if (isIntersecting) target.timer = setTimeout(() => (seen.unobserve(target), count("view", target.id)), 1000);
    }), { threshold: 0.5 });
    const { items } = await (await fetch(`${api}/images?limit=24`, { headers })).json();
    for (const { id, url, name, product_ids: [product] } of items) {
        const link = Object.assign(document.createElement("a"), { href: `/p/${product}` });
        link.append(Object.assign(new Image(), { id, src: url, alt: name }), name);
        link.addEventListener("click", () => (count("click", id), send()));
        gallery.append(document.createElement("li"));
        gallery.lastChild.append(link);
        seen.observe(link.firstChild);
    }
    setInterval(send, 2000);
    addEventListener("pagehide", send);
</script>"""


class Load(NamedTuple):
    """One load of a page: seconds, the sum of layout shifts, milliseconds, and bytes."""

    lcp: float
    cls: float
    inp: float
    bytes: float


def make_photos(folder, width):
    """Write 24 real photos at this width, with a camera's grain; return the path, width and height of each."""
    found = sorted(DATA.glob("store-photos/train/**/*.jpg"))
    made = []
    for number, path in enumerate(found[:: len(found) // PICTURES][:PICTURES]):
        with Image.open(path) as photo:
            size = (width, round(width * photo.height / photo.width))
            large = photo.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        grain = Image.effect_noise(size, 24).convert("RGB")
        Image.blend(large, grain, 0.05).save(folder / f"{number}.jpg", quality=85)
        made.append((f"{number}.jpg", *size))
    return made


def fill(gateway, shop, host, photos):
    """Put the photos into a gallery and copy them."""
    images = [
        {"id": str(at), "name": f"Photo {at}", "url": f"{host}/{name}", "product_ids": [str(at)]}
        for at, (name, _, _) in enumerate(photos)
    ]
    gateway.call("PUT", "/galleries/summer", shop.secret_key, {})
    gateway.call("POST", "/galleries/summer/images", shop.secret_key, {"images": images})
    for image in images:
        about = {"merchant_id": shop.merchant_id, "gallery_id": "summer", "image_id": image["id"]}
        message = {"messageId": image["id"], "body": json.dumps(about), "attributes": {"ApproximateReceiveCount": "1"}}
        assert mirror_images({"Records": [message]}, Context()) == {"batchItemFailures": []}


def pages(api, key, host, photos):
    """The three pages, by name."""
    tiles = "".join(
        f'<li><a href="/p/{at}"><img src="{host}/{name}" width="{width}" height="{height}" alt="">Photo {at}</a></li>'
        for at, (name, width, height) in enumerate(photos)
    )
    bodies = {"ours": OURS, "img": f"<ul>{tiles}</ul>", "by-hand": BY_HAND}
    head = f"{HEAD}<style>{STYLE}</style>"
    whole = {f"/{name}.html": f"{head}<title>A shop</title><h1>A shop</h1>{body}" for name, body in bodies.items()}
    return {path: page.replace("@api", api).replace("@key", key) for path, page in whole.items()}


def site(served):
    """The shop's host: its pages and the script, compressed."""

    def serve(environ, start_response):
        path = environ["PATH_INFO"]
        content = served[path].encode() if path in served else (DIST / path[1:]).read_bytes()
        kind = "text/html; charset=utf-8" if path in served else "text/javascript"
        start_response("200 OK", [("Content-Type", kind), ("Content-Encoding", "gzip")])
        return [gzip.compress(content)]

    return serve


def load(browser, line, address):
    """Load a page, scroll through it and click ten pictures."""
    before = line.received
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.set_default_timeout(300_000)
    page.add_init_script(VITALS)
    page.goto(address, wait_until="commit")
    page.wait_for_function(f"document.querySelectorAll('li img').length === {PICTURES}")
    page.wait_for_function(
        "[...document.querySelectorAll('li img')].every((image) =>"
        " image.complete && image.naturalWidth || image.getBoundingClientRect().top > innerHeight)"
    )
    page.wait_for_timeout(1000)
    lcp, what = page.evaluate("[vitals.lcp, vitals.what]")
    assert what == "img", f"the largest paint is {what}"
    for at in range(PICTURES):
        page.evaluate(f"document.querySelectorAll('li img')[{at}].scrollIntoView({{ block: 'center' }})")
        page.wait_for_function(
            f"(image => image.complete && image.naturalWidth)(document.querySelectorAll('li img')[{at}])"
        )
    for at in range(0, 20, 2):
        page.locator("li a").nth(at).click()
    page.wait_for_timeout(1000)
    vitals = page.evaluate("vitals")
    context.close()
    return Load(lcp / 1000, vitals["cls"], vitals["inp"], line.received - before)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=1600)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--browsers", nargs="+", default=["chromium", "firefox"])
    options = parser.parse_args()
    build_storefront()
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "eu-west-1"}
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as host,
        open(os.devnull, "w") as nothing,  # noqa: PTH123 - log lines
        redirect_stdout(nothing),
        mock_aws(),
    ):
        logged = logger.registered_handler
        assert isinstance(logged, logging.StreamHandler)
        logged.setStream(nothing)
        photos = make_photos(Path(folder), options.width)
        originals = sum(path.stat().st_size for path in Path(folder).iterdir()) / PICTURES / 1000
        line = SlowLine(**SLOW)
        photo_host = f"http://127.0.0.1:{line.to(urlsplit(host.url).port)}"
        os.environ |= environment_of(deploy()) | {"FETCH_ALLOWED_HOSTS": urlsplit(photo_host).netloc}
        gateway, shop = Gateway(), open_shop("shop")
        fill(gateway, shop, photo_host, photos)
        api, pictures = Served(gateway), Served(bucket("PICTURES_BUCKET"))
        apis = dict.fromkeys(["api", "api-at-root"], Origin(api.port, "/v1"))
        buckets = dict.fromkeys(["pictures", "pictures-at-root"], Origin(pictures.port))
        edge = Edge(deployed(), apis | buckets | {"web": Origin(pictures.port)})
        api_url = f"http://127.0.0.1:{line.to(edge.port)}/v1"
        web = Served(site(pages(api_url, shop.publishable_key, photo_host, photos)))
        address = f"http://localhost:{line.to(web.port)}"
        print(f"{PICTURES} photos, {options.width} wide, {originals:,.0f} KB each", file=sys.__stdout__)
        print("| browser | page | LCP | CLS | INP | bytes |\n|---|---|---|---|---|---|", file=sys.__stdout__)
        for browser_name in options.browsers:
            with launched(browser_name) as browser:
                load(browser, line, f"{address}/ours.html")  # this visitor waits until the renditions are made
                for name in ("ours", "img", "by-hand"):
                    loads = [load(browser, line, f"{address}/{name}.html") for _ in range(options.runs)]
                    at = Load(*(median(values) for values in zip(*loads, strict=True)))
                    print(
                        f"| {browser_name} | {name} | {at.lcp:.2f} s | {at.cls:.2f} | {at.inp:.0f} ms "
                        f"| {at.bytes / 1000:,.0f} KB |",
                        file=sys.__stdout__,
                        flush=True,
                    )
        codec().close()
        edge.close()
        for origin in (api, pictures, web):
            origin.close()


if __name__ == "__main__":
    main()
