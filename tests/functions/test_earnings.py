"""What recommendations earned, and what a page may say of it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.functions.test_people import VISITOR, Store, token_of
from tests.gateway import Gateway
from vitrine.platform.times import to_rfc3339, utc_now

LIST = "list-1"


@pytest.fixture
def store(cloud: None) -> Store:
    return Store()


def interaction(interaction_id: str, kind: str, user_id: str = VISITOR, **more: Any) -> dict[str, Any]:
    return {"interaction_id": interaction_id, "user_id": user_id, "product_id": "tea", "type": kind, **more}


def send(store: Store, *interactions: dict[str, Any]) -> list[str]:
    response = store.page("POST", "/interactions", {"interactions": list(interactions)})
    return [result["status"] for result in response["results"]]


def earned(store: Store, query: dict[str, str] | None = None) -> dict[str, Any]:
    response = Gateway().call("GET", "/recommendations/earnings", store.shop.secret_key, query=urlencode(query or {}))
    assert response.status == 200, response.body
    return dict(response.json)


def sums(found: dict[str, Any]) -> tuple[int, int, float]:
    return found["clicks"], found["purchases"], found["value"]


class TestEarnings:
    def test_are_clicks_and_purchases_that_name_a_list(self, store: Store) -> None:
        send(
            store,
            interaction("seen", "view", recommendation_id=LIST),
            interaction("clicked", "click", recommendation_id=LIST),
            interaction("bought", "purchase", value=0.1, recommendation_id=LIST),
            interaction("bought-too", "purchase", value=0.2, recommendation_id=LIST),
            interaction("on-their-own", "purchase", value=100),
        )
        found = earned(store)
        assert sums(found) == (1, 2, 0.3), "a view earns nothing; 0.1 and 0.2 are exactly 0.3"
        assert found["days"] == [{"day": utc_now().date().isoformat(), "clicks": 1, "purchases": 2, "value": 0.3}]

    def test_are_the_same_however_often_and_by_how_many_at_once_it_is_sent(self, store: Store) -> None:
        bought = [interaction(f"bought-{at}", "purchase", value=5, recommendation_id=LIST) for at in range(5)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: send(store, *bought), range(8)))
        assert sums(earned(store)) == (0, 5, 25)

    def test_follow_what_is_changed_and_taken_away(self, store: Store) -> None:
        send(store, interaction("one", "purchase", value=5, recommendation_id=LIST))
        send(store, interaction("one", "purchase", value=7, recommendation_id=LIST))
        assert sums(earned(store)) == (0, 1, 7)
        send(store, interaction("one", "click", recommendation_id=LIST))
        assert sums(earned(store)) == (1, 0, 0)
        store.serve("DELETE", f"/users/{VISITOR}/interactions/one")
        assert sums(earned(store)) == (0, 0, 0)

    def test_are_of_the_days_asked_for(self, store: Store) -> None:
        today = utc_now()
        days = [today - timedelta(days=ago) for ago in range(6)]
        for at, day in enumerate(days):
            send(store, interaction(f"{at}", "click", occurred_at=to_rfc3339(day), recommendation_id=LIST))
        asked = {"from": days[3].date().isoformat(), "to": days[2].date().isoformat()}
        assert [row["day"] for row in earned(store, asked)["days"]] == [asked["from"], asked["to"]]
        assert earned(store)["clicks"] == 6

    def test_of_a_full_chunk_of_as_many_days_fit_one_write(self, store: Store) -> None:
        now = utc_now()
        many = [
            {
                **interaction(f"{at}", "purchase", value=1, recommendation_id=LIST),
                "product_id": f"product-{at}",
                "occurred_at": to_rfc3339(now - timedelta(days=at)),
            }
            for at in range(100)
        ]
        store.serve("POST", "/interactions", {"interactions": many})
        first = (now - timedelta(days=200)).date().isoformat()
        assert sums(earned(store, {"from": first})) == (0, 100, 100)

    def test_more_than_a_year_or_no_day_is_refused(self, store: Store) -> None:
        for query in ({"from": "2020-01-01", "to": "2021-06-01"}, {"from": "2026-02-02", "to": "2026-02-01"}):
            response = Gateway().call("GET", "/recommendations/earnings", store.shop.secret_key, query=urlencode(query))
            assert response.status == 422

    def test_are_not_told_to_a_page(self, store: Store) -> None:
        assert Gateway().call("GET", "/recommendations/earnings", store.shop.publishable_key).status == 403


class TestFromAPage:
    def test_a_user_needs_a_token(self, store: Store) -> None:
        proven = interaction("with", "purchase", "bob", user_token=token_of(store.shop, "bob"))
        assert send(store, interaction("without", "purchase", "bob"), proven) == ["rejected", "created"]
        assert "tea" in store.interactions_of("bob")

    def test_what_is_old_or_to_come_is_rejected(self, store: Store) -> None:
        times = [utc_now() - timedelta(days=8), utc_now() - timedelta(days=6), utc_now() + timedelta(minutes=6)]
        sent = [interaction(f"{at}", "click", occurred_at=to_rfc3339(time)) for at, time in enumerate(times)]
        assert send(store, *sent) == ["rejected", "created", "rejected"]

    def test_more_than_twenty_are_refused(self, store: Store) -> None:
        body = {"interactions": [interaction(f"{at}", "view") for at in range(21)]}
        assert Gateway().call("POST", "/interactions", store.shop.publishable_key, body).status == 422

    def test_a_beacon_is_taken(self, store: Store) -> None:
        body = {"interactions": [interaction("beacon", "click", recommendation_id=LIST)]}
        headers = {"Content-Type": "text/plain;charset=UTF-8"}
        response = Gateway().call("POST", "/interactions", store.shop.publishable_key, body, headers=headers)
        assert (response.status, json.loads(response.body)["results"][0]["status"]) == (202, "created")

    def test_similar_products_name_their_list(self, store: Store) -> None:
        store.learn()
        assert store.page("GET", "/products/tea/similar")["recommendation_id"]
