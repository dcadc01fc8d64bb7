"""The storefront script in a real browser, against the real API."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from functions.query_counts.handler import lambda_handler as query_counts
from tests import recommendations
from tests.aws import Context
from tests.e2e.api import eventually
from tests.e2e.browser import PATIENCE_MS
from tests.memory.gallery_tasks import UnexpectedTasks
from tests.storefront.pages import STOREFRONT, STRICT
from tests.streams import follow_images, stream_records
from vitrine.engagement.wiring import gallery_counters
from vitrine.galleries.change_ranking import OrderMaker
from vitrine.galleries.model import GalleryKey
from vitrine.galleries.wiring import gallery_repository, recent_galleries
from vitrine.platform.times import utc_now
from vitrine.search.wiring import queries

if TYPE_CHECKING:
    from tests.storefront.pages import Site

GALLERY = '<vitrine-gallery gallery="summer" limit="8" product-href="product.html?id={product_id}"></vitrine-gallery>'
PRODUCT = "<p id=product>A product</p>"
STORED = "Object.keys(localStorage).filter((name) => name.startsWith('vitrine.'))"
NO_STORAGE = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})"
AXE = "axe.run().then((it) => it.violations.map(({id, nodes}) => [id, nodes.map((at) => at.html)]))"
PRIVATE = "Object.defineProperty(navigator, 'globalPrivacyControl', {get: () => true})"


@pytest.fixture
def shop(site: Site) -> Site:
    site.fill("summer", 12)
    site.page("product.html", PRODUCT)
    return site


def is_shown(page: Any) -> None:
    page.wait_for_function("document.querySelectorAll('vitrine-gallery img').length >= 8")
    page.wait_for_function(
        "[...document.querySelectorAll('vitrine-gallery img')].slice(0, 4).every((it) => it.complete)"
    )


def clicks(site: Site) -> int:
    return sum(counts.clicks for counts in site.counts("summer").values())


def sent_clicks(site: Site) -> list[dict[str, Any]]:
    """The clicks that were sent, each once however often it was sent."""
    told = zip(site.requests, site.bodies, strict=False)  # a request may be under way
    bodies = [json.loads(body) for request, body in told if request == "POST /galleries/summer/events"]
    events = {event["event_id"]: event for body in bodies for event in body["events"]}
    return [event for event in events.values() if event["type"] == "click"]


def views(site: Site) -> int:
    return sum(counts.views for counts in site.counts("summer").values())


class TestCounting:
    def test_a_view_is_half_a_picture_for_a_second_and_once_a_page(self, shop: Site, page: Any) -> None:
        tall = "<br>" * 200
        body = f"{tall}{GALLERY}{tall}"
        page.set_viewport_size({"width": 1000, "height": 400})
        page.goto(shop.page("index.html", body))
        is_shown(page)
        tile = "document.querySelector('vitrine-gallery img')"
        page.evaluate(f"{tile}.scrollIntoView({{block: 'center'}})")
        page.wait_for_timeout(600)
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(1500)
        page.evaluate("import('/dist/vitrine.js').then((it) => it.vitrine().flush())")
        assert views(shop) == 0, "less than a second is no view"
        for _ in range(2):
            page.evaluate(f"{tile}.scrollIntoView({{block: 'center'}})")
            page.wait_for_timeout(1600)
            page.evaluate("scrollTo(0, 0)")
            page.wait_for_timeout(100)
        page.evaluate("import('/dist/vitrine.js').then((it) => it.vitrine().flush())")
        eventually(lambda: shop.counts("summer")["1"].views == 1)
        assert {counts.views for counts in shop.counts("summer").values()} <= {0, 1}

    def test_a_picture_that_is_not_there_yet_is_not_seen(self, shop: Site, page: Any) -> None:
        page.route("**/picture-*", lambda route: route.abort())
        page.goto(shop.page("index.html", GALLERY))
        page.wait_for_function("document.querySelectorAll('vitrine-gallery img').length >= 8")
        page.wait_for_timeout(1800)
        page.evaluate("import('/dist/vitrine.js').then((it) => it.vitrine().flush())")
        assert views(shop) == 0

    def test_a_click_counts_before_the_page_is_left(self, shop: Site, page: Any) -> None:
        page.goto(shop.page("index.html", GALLERY))
        is_shown(page)
        page.locator("vitrine-gallery a").nth(2).click()
        page.wait_for_url("**/product.html?id=3")
        eventually(lambda: shop.counts("summer")["3"].clicks == 1)

    def test_a_click_on_an_interleaved_page_is_credited_to_the_arm_that_placed_the_picture(
        self, shop: Site, page: Any
    ) -> None:
        experiment = "/galleries/summer/experiments/spring"
        arms = [{"policy": "interest"}, {"policy": "newest"}]
        shop.serve("POST", experiment, {"mode": "interleave", "arms": arms})
        maker = OrderMaker(gallery_repository(), gallery_counters(), UnexpectedTasks())
        maker.make(GalleryKey("shop", "summer"), 2, None, lambda: True, now=utc_now())
        recent_galleries.cache_clear()
        page.goto(shop.page("index.html", GALLERY))
        is_shown(page)
        page.locator("vitrine-gallery a").nth(2).click()
        page.wait_for_url("**/product.html*")

        def votes() -> list[tuple[int, int, int]]:
            found = shop.serve("GET", experiment)["arms"]
            return sorted((arm["visitors"], arm["clickers"], arm["clicks"]) for arm in found)

        eventually(lambda: votes() == [(1, 0, 0), (1, 1, 1)])

    def test_a_click_that_opens_another_tab_counts(self, shop: Site, page: Any) -> None:
        page.goto(shop.page("index.html", GALLERY))
        is_shown(page)
        page.locator("vitrine-gallery a").nth(1).click(button="middle")
        eventually(lambda: shop.counts("summer")["2"].clicks == 1)

    @pytest.mark.parametrize("outage", ["500", "nothing"])
    def test_what_an_outage_keeps_back_counts_at_the_next_visit_and_once(
        self, shop: Site, page: Any, outage: str
    ) -> None:
        address = shop.page("index.html", GALLERY)
        page.goto(address)
        is_shown(page)
        shop.outage = outage
        page.locator("vitrine-gallery a").first.click()
        page.wait_for_url("**/product.html*")
        page.wait_for_timeout(500)
        assert clicks(shop) == 0
        shop.outage = None
        page.goto(address)
        eventually(lambda: clicks(shop) == 1)
        eventually(lambda: not [name for name in page.evaluate(STORED) if name.startswith("vitrine.e.")])
        page.goto(address)
        page.wait_for_timeout(1000)
        assert clicks(shop) == 1

    def test_offline_clicks_count_when_the_network_is_back(self, shop: Site, page: Any, context: Any) -> None:
        page.goto(shop.page("index.html", GALLERY))
        is_shown(page)
        page.evaluate("document.addEventListener('click', (event) => event.preventDefault())")
        context.set_offline(True)
        for at in range(3):
            page.locator("vitrine-gallery a").nth(at).click()
        page.wait_for_timeout(300)
        context.set_offline(False)
        eventually(lambda: clicks(shop) == 3)

    @pytest.mark.parametrize("hours", [-3, 3])
    def test_a_device_with_a_wrong_clock_counts(self, shop: Site, page: Any, hours: int) -> None:
        page.add_init_script(f"{{ const now = Date.now; Date.now = () => now() + {hours} * 3_600_000 }}")
        page.goto(shop.page("index.html", GALLERY))
        is_shown(page)
        page.locator("vitrine-gallery a").first.click()
        page.wait_for_url("**/product.html*")
        eventually(lambda: clicks(shop) == 1)

    def test_two_tabs_lose_and_double_nothing(self, shop: Site, page: Any, context: Any) -> None:
        address = shop.page("index.html", GALLERY)
        other = context.new_page()
        for tab in (page, other):
            tab.goto(address)
            is_shown(tab)
            tab.evaluate("document.addEventListener('click', (event) => event.preventDefault())")
        shop.outage = "500"
        for at in range(4):
            for tab in (page, other):
                tab.locator("vitrine-gallery a").nth(at).click()
        shop.outage = None
        other.close()
        page.reload()
        eventually(lambda: clicks(shop) == 8)
        page.wait_for_timeout(500)
        assert clicks(shop) == 8

    def test_going_back_counts_on(self, shop: Site, page: Any) -> None:
        page.goto(shop.page("index.html", GALLERY))
        is_shown(page)
        page.wait_for_timeout(1400)
        page.locator("vitrine-gallery a").first.click()
        page.wait_for_url("**/product.html*")
        eventually(lambda: views(shop) >= 8 and clicks(shop) == 1)
        page.evaluate("history.back()")
        is_shown(page)
        page.evaluate("document.querySelectorAll('vitrine-gallery a')[1].click()")
        page.wait_for_url("**/product.html*")
        eventually(lambda: clicks(shop) == 2)

    def test_a_purchase_is_credited_to_the_list_it_was_clicked_in(self, shop: Site, page: Any) -> None:
        shop.serve("PUT", "/products/tea", {"name": "Tea", "price": 2.5, "currency": "EUR"})
        body = '<vitrine-recommendations product-href="product.html?id={product_id}"></vitrine-recommendations>'
        page.goto(shop.page("index.html", body))
        page.locator("vitrine-recommendations a").click()
        page.wait_for_url("**/product.html?id=tea")
        page.evaluate("import('/dist/vitrine.js').then((it) => it.vitrine().purchase('tea', 2.5))")

        def earned() -> tuple[int, int, float]:
            found = shop.serve("GET", "/recommendations/earnings")
            return found["clicks"], found["purchases"], found["value"]

        eventually(lambda: earned() == (1, 1, 2.5))


class TestRecommendations:
    def test_a_basket_gets_what_goes_with_it_without_a_preflight(self, shop: Site, page: Any) -> None:
        recommendations.open_shop()
        recommendations.build()
        element = '<vitrine-recommendations {} product-href="product.html?id={{product_id}}"></vitrine-recommendations>'
        page.goto(shop.page("index.html", element.format('basket="unknown tea, spade" exclude="mug"')))
        links = page.locator("vitrine-recommendations a")
        expect(links.first).to_have_attribute("href", "product.html?id=rake")
        shown = {link.get_attribute("href").partition("=")[2] for link in links.all()}
        assert not {"tea", "spade", "mug"} & shown
        about_it = [request for request in shop.requests if "recommendations" in request]
        assert about_it == ["POST /recommendations/for-basket"]
        page.goto(shop.page("index.html", element.format('basket=""')))
        expect(links).to_have_count(len(recommendations.CATALOG))

    @pytest.mark.parametrize("more", ['product-id="tea"', ""], ids=["similar", "for-a-shopper"])
    def test_excluded_products_are_not_shown(self, shop: Site, page: Any, more: str) -> None:
        recommendations.open_shop()
        recommendations.build()
        page.goto(shop.page("index.html", f'<vitrine-recommendations {more} exclude="mug"></vitrine-recommendations>'))
        names = page.locator("vitrine-recommendations button .vitrine-name")
        names.first.wait_for()
        assert "kettle" in names.all_text_contents()
        assert "mug" not in names.all_text_contents()


class TestPeople:
    def test_nothing_is_stored_before_consent_and_all_is_counted(self, shop: Site, page: Any, context: Any) -> None:
        page.goto(shop.page("index.html", GALLERY, script="data-consent"))
        is_shown(page)
        page.locator("vitrine-gallery a").first.click()
        page.wait_for_url("**/product.html*")
        eventually(lambda: clicks(shop) == 1)
        page.goto(shop.page("index.html", GALLERY, script="data-consent"))
        assert (page.evaluate(STORED), context.cookies()) == ([], [])
        page.evaluate("import('/dist/vitrine.js').then((it) => it.vitrine().consent(true))")
        assert "vitrine.consent" in page.evaluate(STORED)
        page.evaluate("import('/dist/vitrine.js').then((it) => it.vitrine().consent(false))")
        assert page.evaluate(STORED) == []

    @pytest.mark.parametrize("obstacle", [PRIVATE, NO_STORAGE], ids=["privacy-control", "no-storage"])
    def test_a_visitor_who_may_not_be_named_is_counted_without_a_name(
        self, shop: Site, page: Any, obstacle: str
    ) -> None:
        page.add_init_script(obstacle)
        page.goto(shop.page("index.html", GALLERY))
        is_shown(page)
        page.evaluate("import('/dist/vitrine.js').then((it) => it.vitrine().consent(true))")
        page.locator("vitrine-gallery a").first.click()
        page.wait_for_url("**/product.html*")
        eventually(lambda: clicks(shop) == 1)
        sent = [json.loads(body) for body in shop.bodies if body.startswith(b'{"events"')]
        events = [event for batch in sent for event in batch["events"]]
        assert events
        assert not any("user_id" in event or "session_id" in event for event in events)
        if obstacle == PRIVATE:
            assert page.evaluate(STORED) == []

    @pytest.mark.parametrize("obstacle", ["", NO_STORAGE], ids=["", "no-storage"])
    def test_nothing_of_a_shopper_who_opted_out_is_counted(self, shop: Site, page: Any, obstacle: str) -> None:
        if obstacle:
            page.add_init_script(obstacle)
        page.goto(shop.page("index.html", GALLERY))
        page.evaluate("import('/dist/vitrine.js').then((it) => it.vitrine().optOut())")
        is_shown(page)
        page.locator("vitrine-gallery a").first.click()
        page.wait_for_url("**/product.html*")
        page.wait_for_timeout(500)
        assert (clicks(shop), views(shop)) == (0, 0)
        if not obstacle:
            assert page.evaluate(STORED) == ["vitrine.optout"]


class TestNeverInTheWay:
    def test_nothing_moves_while_pictures_come(self, shop: Site, page: Any) -> None:
        page.add_init_script(
            """window.shift = 0;
            new PerformanceObserver((list) => list.getEntries().forEach((it) => window.shift += it.value))
                .observe({type: 'layout-shift', buffered: true})"""
        )

        def slowly(route: Any) -> None:
            time.sleep(0.05)
            route.continue_()

        page.route("**/picture-*", slowly)
        page.set_viewport_size({"width": 1000, "height": 500})
        reserved = "<style>vitrine-gallery:not(:defined) { display: block; min-height: 100vh }</style>"
        page.goto(shop.page("index.html", f"{GALLERY}<p>What follows stays where it is.</p>", head=reserved))
        is_shown(page)
        page.wait_for_timeout(500)
        assert page.evaluate("window.shift") == 0

    def test_markup_of_the_server_is_taken_over_as_it_is(self, shop: Site, page: Any) -> None:
        items = "".join(
            f'<li data-image-id="{at}"><a href="product.html?id={at}"><img src="/picture-{at}.png" width="300" '
            f'height="300" alt="Picture {at}"></a></li>'
            for at in (1, 2)
        )
        page.goto(shop.page("index.html", f'<vitrine-gallery gallery="summer"><ul>{items}</ul></vitrine-gallery>'))
        assert page.locator("vitrine-gallery li").count() == 2
        page.wait_for_timeout(1300)
        page.locator("vitrine-gallery a").nth(1).click()
        page.wait_for_url("**/product.html?id=2")
        eventually(lambda: shop.counts("summer")["2"].clicks == 1 and shop.counts("summer")["1"].views == 1)
        assert not any("GET /galleries/summer/images" in request for request in shop.requests)

    @pytest.mark.parametrize("outage", ["500", "nothing"])
    def test_the_last_known_order_stays_when_the_api_is_down(self, shop: Site, page: Any, outage: str) -> None:
        address = shop.page("index.html", GALLERY)
        page.goto(address)
        is_shown(page)
        shop.outage = outage
        page.wait_for_timeout(3500)  # the answer's lifetime is over
        page.goto(address)
        is_shown(page)

    def test_the_first_visit_while_the_api_is_down_leaves_no_empty_boxes(self, shop: Site, page: Any) -> None:
        shop.outage = "500"
        page.add_init_script("addEventListener('vitrine-error', () => window.hasFailed = true)")
        page.goto(shop.page("index.html", f"{GALLERY}<vitrine-search></vitrine-search>"))
        page.wait_for_function("window.hasFailed")
        assert page.locator("vitrine-gallery li").count() == 0
        assert page.locator("vitrine-gallery").get_attribute("aria-busy") is None

    def test_searches_that_are_looked_at_and_clicks_on_their_hits_are_counted(self, shop: Site, page: Any) -> None:
        follow_images()
        page.goto(
            shop.page("index.html", '<vitrine-search product-href="product.html?id={product_id}"></vitrine-search>')
        )
        field = page.locator("vitrine-search input")
        field.fill("unicorn")
        expect(page.locator("vitrine-search").get_by_role("status")).to_have_text("0 found", timeout=PATIENCE_MS)
        page.wait_for_timeout(1500)
        field.fill("picture")
        page.locator("vitrine-search a").first.click()
        page.wait_for_url("**/product.html?id=*")

        def is_counted() -> bool:
            query_counts({"Records": stream_records("QueriesTable")}, Context())
            told = {counts.words: counts for counts in queries().list_queries("shop")}
            before, after = told.get(("unicorn",)), told.get(("picture",))
            return bool(
                before
                and after
                and before.nothing_found.total == after.found.total == after.clicks == 1
                and list(after.previous) == [before.query_id]
            )

        eventually(is_counted)
        assert clicks(shop) == 1

    def test_a_click_on_a_hit_says_its_place_in_the_whole_list(self, shop: Site, page: Any) -> None:
        follow_images()
        page.goto(
            shop.page("index.html", '<vitrine-search product-href="product.html?id={product_id}"></vitrine-search>')
        )
        page.locator("vitrine-search input").fill("picture")
        page.locator("vitrine-search a").nth(2).click()
        page.wait_for_url("**/product.html?id=*")
        eventually(lambda: clicks(shop) == 1)
        assert [(click["position"], bool(click["search_id"])) for click in sent_clicks(shop)] == [(3, True)]

    def test_a_page_of_its_own_says_the_place_across_pages(self, shop: Site, page: Any) -> None:
        follow_images()
        page.goto(shop.page("product.html", PRODUCT))
        options = json.dumps({"api": shop.api, "key": shop.shop.publishable_key})
        image_id = page.evaluate(f"""async () => {{
            const shop = (await import("/dist/core.js")).createVitrine({options});
            const {{ next_cursor }} = await shop.search("picture", {{ limit: 5 }});
            const {{ items, search_id }} = await shop.search("picture", {{ limit: 5, cursor: next_cursor }});
            shop.gallery("summer").click(items[1].id, {{ position: 5 + 2, search_id }});
            return items[1].id;
        }}""")
        eventually(lambda: clicks(shop) == 1)
        [click] = sent_clicks(shop)
        assert (click["image_id"], click["position"]) == (image_id, 7)
        assert click["search_id"]

    def test_a_strict_policy_is_kept(self, shop: Site, page: Any) -> None:
        told: list[str] = []

        def note(message: Any) -> None:
            if message.type == "error":
                told.append(message.text)

        page.on("console", note)
        shop.policy = {"Content-Security-Policy": STRICT}
        page.goto(shop.page("index.html", GALLERY))
        page.locator("vitrine-gallery img").nth(7).wait_for()
        expect(page.locator(".vitrine-grid")).to_have_css("display", "grid")
        page.locator("vitrine-gallery a").first.click()
        eventually(lambda: shop.counts("summer")["1"].clicks == 1)
        assert told == []

    def test_the_next_page_comes_by_keyboard_and_the_address_keeps_it(self, shop: Site, page: Any) -> None:
        page.goto(shop.page("index.html", GALLERY))
        is_shown(page)
        for _ in range(9):
            page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "vitrine-more"
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelectorAll('vitrine-gallery img').length === 12")
        assert page.evaluate("document.activeElement.getAttribute('href')") == "product.html?id=9"
        assert page.url.endswith("?summer-pages=2")
        page.keyboard.press("Enter")
        page.wait_for_url("**/product.html?id=9")
        eventually(lambda: shop.counts("summer")["9"].clicks == 1)
        page.evaluate("history.back()")
        page.wait_for_function("document.querySelectorAll('vitrine-gallery img').length === 12")

    @pytest.mark.parametrize("lang", ["en", 'ar" dir="rtl'], ids=["left-to-right", "right-to-left"])
    def test_axe_finds_no_violation(self, shop: Site, browser: Any, lang: str) -> None:
        shop.serve("PUT", "/products/tea", {"name": "Tea", "price": 2.5, "currency": "EUR"})
        context = browser.new_context(bypass_csp=True)
        page = context.new_page()
        others = "<vitrine-recommendations></vitrine-recommendations><vitrine-search></vitrine-search>"
        body = f"{GALLERY}<h2>For you</h2>{others}"
        page.goto(shop.page("index.html", body, lang=lang))
        is_shown(page)
        page.locator("vitrine-recommendations button").wait_for(state="attached")
        page.add_script_tag(path=str(STOREFRONT / "node_modules" / "axe-core" / "axe.min.js"))
        violations = page.evaluate(AXE)
        context.close()
        assert violations == []

    def test_a_screen_reader_meets_links_with_one_name_each(self, shop: Site, page: Any) -> None:
        page.goto(shop.page("index.html", GALLERY))
        is_shown(page)
        tree = page.locator("vitrine-gallery").aria_snapshot()
        assert tree.count("- listitem") == 8
        assert '- link "A square with the number 1 Picture 1"' in tree
        assert '- button "Show more"' in tree
