"""The web app in German: every page, at a desk and on a phone."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from local.state import ROOT
from tests.e2e.api import Api, eventually
from tests.e2e.browser import fits_a_phone, is_accessible, opened, violations
from tests.e2e.conftest import add_store, open_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.state import Stack

GERMAN = "de-DE"
SPOKEN = """() => {
    const unsaid = 'script, style, code, pre, [lang=en]';
    const texts = [document.title];
    const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (nodes.nextNode())
        if (!nodes.currentNode.parentElement.closest(unsaid)) texts.push(nodes.currentNode.data);
    for (const name of ['aria-label', 'aria-valuetext', 'title', 'placeholder', 'alt'])
        for (const it of document.querySelectorAll(`[${name}]`))
            if (!it.closest(unsaid)) texts.push(it.getAttribute(name));
    return texts;
}"""


def words(text: str) -> set[str]:
    """The words of a text without addresses, and without ids such as `key_1`."""
    plain = re.sub(r"https?://\S+", "", text)
    return {word.lower() for word in re.findall(r"(?<![\w-])[^\W\d_]{3,}(?![\w-])", plain)}


def said_in(language: str) -> set[str]:
    """The words of a catalogue."""
    said: set[str] = set()
    for part in ("shell", "pages"):
        source = (ROOT / f"web/src/language/{language}-{part}.ts").read_text()
        source = re.sub(r"^import .*|//.*", "", source, flags=re.MULTILINE)
        for text in re.findall(r'"[^"\n]*"|`[^`]*`', source):
            plain = re.sub(r"<code>.*?</code>", "", text)
            said |= words(re.sub(r"\$\{[^{}]*\}", " ", plain))
    return said


ENGLISH = said_in("en") - said_in("de")


def is_german(page: Any) -> None:
    """Hold the page to axe and its width at a desk and on a phone, and to no word that only English has."""
    eventually(lambda: page.evaluate("document.documentElement.lang") == "de")
    assert fits_a_phone(page)
    is_accessible(page)
    found = [text for text in page.evaluate(SPOKEN) if words(text) & ENGLISH]
    assert found == []


@pytest.fixture(scope="module")
def own(stack: Stack) -> Stack:
    """A shop that has something on each page, named in German."""
    own = open_shop(stack)
    shop, demo = Api(own.api_url, own.secret_key), Api(stack.api_url, stack.secret_key)
    urls = [image["url"] for image in demo.get("/galleries/default/images?limit=6").json["items"]]
    assert shop.put("/galleries/schaufenster", {"title": "Schaufenster im Sommer"}).status == 201
    images = [
        {"id": f"bild-{at}", "name": f"Kürbis {at}", "url": url, "tags": ["rot"], "credit": "Klasson"}
        for at, url in enumerate(urls)
    ]
    shop.post("/galleries/schaufenster/images", {"images": images})
    shop.patch("/galleries/schaufenster/images/bild-5", {"hidden": True})
    for at, url in enumerate(urls):
        product = {"name": f"Kürbis {at}", "image_url": url, "price": 2.5, "currency": "EUR", "category": "Gemüse"}
        shop.put(f"/products/kuerbis-{at}", product)
    clicks = [
        {"interaction_id": uuid.uuid4().hex, "user_id": user, "product_id": f"kuerbis-{at}", "type": "click"}
        for user in ("anna", "emil")
        for at in range(3)
    ]
    assert shop.post("/interactions", {"interactions": clicks}).status == 202
    store = add_store(shop, own)
    visit = {"store_id": store, "image_url": [urls[0], f"{urls[0]}-fehlt"], "visit_time": "2024-03-09T12:00:00"}
    shop.post("/api/submit", {"count": 1, "visits": [visit]})
    shop.post("/keys", {"role": "reviewer", "label": "Anna", "reviewer": "anna"})
    shop.put("/search/placed", {"queries": [placed("pinned"), placed("buried")]})
    shop.put("/search/synonyms", {"synonyms": [{"words": ["Kürbis", "Speisekürbis"]}]})
    shop.put("/search/attributes", {"attributes": {"farbe": "text", "gewicht": "number"}})
    shop.get("/galleries/gibt-es-nicht")
    eventually(lambda: shop.get("/search/images?q=k%C3%BCrbis").json["total"]["value"] == 5)
    eventually(lambda: [job["status"] for job in shop.get("/jobs").json["items"]] == ["failed"])
    return own


def placed(place: str) -> dict[str, Any]:
    image = {"gallery_id": "schaufenster", "image_id": "bild-1"}
    return {"query": f"kürbis {place[:1]}", "pinned": [], "buried": [], place: [image]}


@pytest.fixture
def page(own: Stack, request: pytest.FixtureRequest) -> Iterator[Any]:
    with opened(own, f"#/keys?key={own.secret_key}", locale=GERMAN) as page:
        page.get_by_role("heading", name="Ihr Schlüssel").wait_for()
        yield page


def go(page: Any, address: str, heading: str) -> None:
    page.evaluate("address => { location.hash = address }", address)
    page.get_by_role("heading", name=heading, exact=True).first.wait_for()


def test_the_catalogues_have_words_of_their_own() -> None:
    assert {"pictures", "shoppers", "undo", "overview"} <= ENGLISH
    assert not {"name", "galerie", "rückgängig"} & ENGLISH


@pytest.mark.parametrize(
    ("address", "heading", "told"),
    [
        ("#/overview", "Übersicht", "Klickrate"),
        ("#/gallery?gallery=schaufenster&image=bild-1", "Galerie", "Alternativtext"),
        ("#/gallery?gallery=gibt-es-nicht", "Galerie", "Diese Galerie gibt es nicht"),
        ("#/search?q=kürbis", "Suche", "5 Treffer in"),
        ("#/search?q=kürbis+p", "Suche", "Zuerst bei „kürbis p“"),
        ("#/search?q=kürbis+b", "Suche", "Zuletzt bei „kürbis b“"),
        ("#/search?q=qqxxqq&tag=rot", "Suche", "entfernen Sie die Filter"),
        ("#/search?view=placed", "Suche", "Zurückgestellt"),
        ("#/search?view=synonyms", "Suche", "Speisekürbis"),
        ("#/search?view=reports", "Suche", "Nichts zu berichten"),
        ("#/search?view=language", "Suche", "Sprache Ihrer Texte"),
        ("#/search?view=attributes", "Suche", "gewicht"),
        ("#/recommendations?shopper=anna", "Empfehlungen", "Verlauf"),
        ("#/recommendations", "Empfehlungen", "Geben Sie eine Kunden-ID ein"),
        ("#/products", "Produkte", "2,50 €"),
        ("#/jobs?area=7100001", "Filialbesuche", "1 erledigt, 1 fehlgeschlagen, 0 offen"),
        ("#/logs", "Protokolle", "gibt-es-nicht"),
        ("#/logs?log=changes", "Protokolle", "PUT /galleries/schaufenster"),
        ("#/keys", "Ihr Schlüssel", "Schlüssel des Shops"),
        ("#/review", "Wer prüft?", "Ihr Name"),
        ("#/team", "Prüfteam", "wie schnell jede Person prüft"),
    ],
)
def test_a_page_is_german(page: Any, address: str, heading: str, told: str) -> None:
    go(page, address, heading)
    page.get_by_text(told).first.wait_for()
    page.evaluate("for (const it of document.querySelectorAll('main details')) it.open = true")
    is_german(page)
    title = page.title()
    assert title.endswith(" · Vitrine")
    assert not words(title) & ENGLISH


def test_what_opens_on_pages_is_german(page: Any) -> None:
    go(page, "#/products?product=kuerbis-1", "Produkte")
    page.get_by_role("dialog", name="Produkt bearbeiten").get_by_role("button", name="Speichern").wait_for()
    is_german(page)
    page.get_by_role("button", name="Speichern").press("Enter")
    page.get_by_text("Kürbis 1 ist gespeichert").wait_for()
    is_german(page)
    page.get_by_role("button", name="Rückgängig").press("Enter")
    page.get_by_text("Rückgängig gemacht: Kürbis 1 ist gespeichert").wait_for()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Gehe zu").fill("kür")
    page.get_by_text("Bilder suchen: „kür“").wait_for()
    is_german(page)
    page.keyboard.press("Escape")
    go(page, "#/keys", "Ihr Schlüssel")
    page.get_by_role("button", name="Anna widerrufen").press("Enter")
    page.get_by_role("dialog", name="Anna widerrufen").wait_for()
    is_german(page)


def test_a_ranking_and_an_experiment_are_german(page: Any) -> None:
    go(page, "#/gallery?gallery=schaufenster&ranking=shown", "Galerie")
    ranking = page.get_by_role("region", name="Reihenfolge", exact=True)
    ranking.get_by_role("button", name="Schätzen").press("Enter")
    ranking.get_by_text("Das Labor hat noch nicht genug gesehen").wait_for()
    rule = ranking.get_by_role("form", name="Neue Regel")
    rule.get_by_label("Schlagwort oder Produkt").fill("rot")
    rule.get_by_role("button", name="Regel hinzufügen").press("Enter")
    ranking.get_by_role("button", name="Entfernen: Bilder mit Schlagwort rot vorziehen").wait_for()
    is_german(page)
    ranking.get_by_role("button", name="Experiment starten").press("Enter")
    ranking.get_by_role("button", name="Experiment beenden").wait_for()
    ranking.get_by_role("table", name="Ergebnisse des Experiments").wait_for()
    is_german(page)
    ranking.get_by_role("button", name="Experiment beenden").press("Enter")
    dialog = page.get_by_role("dialog", name="Experiment beenden")
    assert violations(page) == []
    dialog.get_by_role("button", name="Beenden", exact=True).press("Enter")
    page.get_by_text("Das Experiment ist beendet").wait_for()


def test_a_file_with_a_bad_row_is_imported_in_german(page: Any) -> None:
    rows = "SKU;Title;Preis\nkuerbis-9;Kürbis 9;1.5\nschlecht!;Birne;2\n".encode()
    go(page, "#/imports?kind=products", "Importe")
    page.get_by_label("Datei").set_input_files({"name": "ausfuhr.csv", "mimeType": "text/csv", "buffer": rows})
    assert page.get_by_label("Bedeutung von SKU").input_value() == "product_id"
    is_german(page)
    page.get_by_role("button", name="Importieren", exact=True).press("Enter")
    page.get_by_role("button", name="1: Gründe anzeigen").press("Enter")
    page.get_by_role("heading", name="Abgelehnte Zeilen").wait_for()
    page.get_by_role("cell", name="product_id").wait_for()
    is_german(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Als CSV herunterladen").press("Enter")
    assert download.value.suggested_filename.startswith("abgelehnt-")


def test_a_snapshot_is_reviewed_in_german(page: Any, own: Stack) -> None:
    shop = Api(own.api_url, own.secret_key)
    photo = min((ROOT / "tests/data/store-photos/train").rglob("*.jpg"))
    snapshot = {"snapshot_id": uuid.uuid4().hex, "product_id": "kuerbis-0", "filename": "regal.jpg", "upload": True}
    made = shop.post("/snapshots", {"snapshots": [snapshot | {"gallery_id": "schaufenster"}]}).json["results"][0]
    put = made["upload"]
    sent = urllib3.request(put["method"], put["url"], body=photo.read_bytes(), headers=put["headers"])
    assert sent.status == 200
    go(page, "#/review", "Wer prüft?")
    page.get_by_label("Ihr Name").fill("anna")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Enter Angesehen").wait_for()
    is_german(page)
    page.keyboard.press("Enter")
    page.get_by_text("Aufnahme regal.jpg. Ist das Kürbis 0?").wait_for(state="attached")
    is_german(page)
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Tasten").wait_for()
    is_german(page)
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.get_by_text("Nichts zu prüfen").wait_for()

    def reason() -> str | None:
        return shop.get(f"/snapshots/{snapshot['snapshot_id']}").json.get("reason")

    eventually(lambda: reason() == "Another product", 30)  # the same in every language
    page.keyboard.press("u")
    page.get_by_text("Zurückgenommen: regal.jpg war abgelehnt.").wait_for()
    is_german(page)


def test_a_new_shop_and_a_refused_key_are_told_in_german(stack: Stack) -> None:
    with opened(stack, "", locale=GERMAN) as page:
        page.get_by_label("Schlüssel").first.fill("sk_falsch")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        assert page.get_by_role("alert").locator("[lang=en]").inner_text(), "the API's words stay English"
        is_german(page)
        page.get_by_label("Schlüssel").first.fill(open_shop(stack).secret_key)
        page.keyboard.press("Enter")
        page.get_by_role("region", name="Erste Schritte").wait_for()
        is_german(page)


def test_only_the_language_shown_is_loaded_and_no_other_flashes(own: Stack) -> None:
    with opened(own, f"#/keys?key={own.secret_key}", locale=GERMAN) as page:
        loaded: list[str] = []
        page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
        page.add_init_script(
            """window.titles = [];
            new MutationObserver(() => {
                const title = document.querySelector('h1')?.textContent;
                if (title && titles.at(-1) !== title) titles.push(title);
            }).observe(document, { childList: true, subtree: true, characterData: true });"""
        )
        page.reload()
        page.get_by_role("heading", name="Ihr Schlüssel").wait_for()
        assert page.evaluate("titles") == ["Ihr Schlüssel"]
        assert sorted(re.sub("-.*", "", name) for name in loaded if re.match(r"(de|en)-", name)) == ["de", "de"]
        page.get_by_label("Sprache").select_option("en")
        page.get_by_role("heading", name="Your key").wait_for()
        eventually(lambda: page.evaluate("document.documentElement.lang") == "en")
        eventually(lambda: page.title() == "Keys · Vitrine")
        loaded.clear()
        page.reload()
        page.get_by_role("heading", name="Your key").wait_for()
        assert page.evaluate("titles") == ["Your key"]
        assert sorted(re.sub("-.*", "", name) for name in loaded if re.match(r"(de|en)-", name)) == ["en", "en"]
