"""Hundreds of visits of one shopper with all that goes wrong: everything counts exactly once.

`VITRINE_VISITS=300` is the whole run, `VITRINE_SEED` another course of events; a short run is in `make test`.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.e2e.api import eventually
from tests.e2e.browser import PATIENCE_MS
from tests.storefront.test_script import NO_STORAGE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.storefront.pages import Site

VISITS = int(os.environ.get("VITRINE_VISITS", "12"))
SEED = int(os.environ.get("VITRINE_SEED", "13"))
IMAGES = 12
LOST_WITHOUT_STORAGE = 0.01
LEAVING = 0.7
HALF = 0.5
TROUBLES = ("none", "none", "500", "nothing", "offline")
GALLERY = f"""<vitrine-gallery gallery="summer" limit="{IMAGES}" product-href="product.html?id={{product_id}}">
</vitrine-gallery>"""
SHOWN = f"document.querySelectorAll('vitrine-gallery a').length === {IMAGES}"
# Tells of each view that the script decides to count. An event is kept in a Map before anything else happens to it.
VIEWS = """{
    const set = Map.prototype.set;
    Map.prototype.set = function (key, value) {
        if (value?.body?.type === 'view') void ledger(value.body.event_id, value.body.image_id);
        return set.call(this, key, value);
    };
}"""


class Ledger(NamedTuple):
    """What happened in the browser: clicks as the test made them, views by the ids of their events.

    A page that is being closed may be unable to tell of its last views; then what it sent does.
    """

    clicks: Counter[str]
    views: dict[str, str]

    def all(self) -> Counter[tuple[str, str]]:
        views = Counter(("view", image) for image in self.views.values())
        return views + Counter({("click", image): amount for image, amount in self.clicks.items()})

    def add_sent(self, bodies: Iterable[bytes]) -> None:
        sent = [event for body in bodies if body for event in json.loads(body).get("events", ())]
        self.views.update({event["event_id"]: event["image_id"] for event in sent if event["type"] == "view"})


@pytest.mark.parametrize("has_storage", [True, False], ids=["storage", "no-storage"])
def test_every_click_and_view_counts_exactly_once(site: Site, browser: Any, *, has_storage: bool) -> None:
    site.fill("summer", IMAGES)
    site.page("product.html", "<p>A product</p>")
    address = site.page("index.html", GALLERY)
    dice = random.Random(SEED)
    done = Ledger(Counter(), {})
    context = browser.new_context(viewport={"width": 1000, "height": 700})
    context.set_default_timeout(PATIENCE_MS)
    context.expose_binding("ledger", lambda _, event_id, image: done.views.update({event_id: image}))
    context.add_init_script(VIEWS if has_storage else f"{NO_STORAGE};{VIEWS}")
    for _ in range(VISITS):
        _visit(site, context, address, dice, done, has_storage=has_storage)
    site.outage = None
    context.set_offline(False)
    last = context.new_page()
    last.goto(f"{site.origin}/product.html")
    last.evaluate("import('/dist/vitrine.js').then((it) => it.vitrine().flush())")

    def counted() -> Counter[tuple[str, str]]:
        found = site.counts("summer").items()
        return Counter({("click", image): totals.clicks for image, totals in found}) + Counter(
            {("view", image): totals.views for image, totals in found}
        )

    def missing() -> int:
        done.add_sent(site.bodies)
        return (done.all() - counted()).total()

    if has_storage:
        eventually(lambda: missing() == 0, 30 + VISITS)  # a slow machine still works on the beacons of closed tabs
    else:
        last.wait_for_timeout(2000)
    last.evaluate("import('/dist/vitrine.js').then((it) => it.vitrine().flush())")
    counts, lost, happened = counted(), missing(), done.all()
    print(f"\n{VISITS} visits, seed {SEED}: {sum(done.clicks.values())} clicks, {len(done.views)} views, {lost} lost")
    assert counts - happened == Counter(), "nothing counts twice"
    assert lost <= (0 if has_storage else max(1, LOST_WITHOUT_STORAGE * happened.total()))
    context.close()


def _visit(site: Site, context: Any, address: str, dice: random.Random, done: Ledger, *, has_storage: bool) -> None:
    """One visit. Without storage an outage ends before the page does: what it keeps back can be nowhere else."""
    site.outage = None
    context.set_offline(False)
    tabs = [context.new_page() for _ in range(dice.choice((1, 1, 1, 2)))]
    targets = _targets(context, tabs)
    for tab in tabs:
        tab.goto(address)
        tab.wait_for_function(SHOWN)
    trouble = dice.choice(TROUBLES)
    if trouble == "offline":
        context.set_offline(True)
    elif trouble != "none":
        site.outage = trouble
    if dice.random() < HALF:
        tabs[0].wait_for_timeout(1300)
    for tab in tabs:
        leaves = (trouble == "none" or (has_storage and trouble != "offline")) and dice.random() < LEAVING
        if not leaves:
            tab.evaluate("document.addEventListener('click', (event) => event.preventDefault())")
        at = dice.randrange(IMAGES)
        tab.locator("vitrine-gallery a").nth(at).click(no_wait_after=True)
        done.clicks[str(at + 1)] += 1
        if leaves and dice.random() < HALF:
            tab.wait_for_url("**/product.html*")
            if dice.random() < HALF:
                tab.evaluate("history.back()")
                tab.wait_for_function("location.pathname === '/index.html'")
    if not has_storage and trouble != "none":
        site.outage = None
        context.set_offline(False)
        tabs[0].wait_for_timeout(200)
    _close(context.browser, tabs, targets)


def _targets(context: Any, tabs: list[Any]) -> list[str]:
    if context.browser.browser_type.name != "chromium":
        return []
    return [context.new_cdp_session(tab).send("Target.getTargetInfo")["targetInfo"]["targetId"] for tab in tabs]


def _close(browser: Any, tabs: list[Any], targets: list[str]) -> None:
    """Close tabs; in Chromium ask again until they are gone.

    There `Page.close` asks once and waits for ever if the browser, busy with a navigation that a click began, drops it.
    """
    from playwright.sync_api import Error

    if browser.browser_type.name != "chromium":
        for tab in tabs:
            tab.close()
        return
    session = browser.new_browser_cdp_session()

    def are_gone() -> bool:
        open_targets = {info["targetId"] for info in session.send("Target.getTargets")["targetInfos"]}
        left = [target for target in targets if target in open_targets]
        for target in left:
            with suppress(Error):  # it has gone meanwhile
                session.send("Target.closeTarget", {"targetId": target})
        return not left

    eventually(are_gone)
    session.detach()
