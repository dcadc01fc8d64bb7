"""How good are the first ten products of a new shop on a deployed stack, over HTTP?

    make up, then: make bench-deployed-first-hour [AFTER="1 10 100"]

One shop is opened on the stack that is up. Its products and purchases are those of the first shop of
`bench.recommendations_first_hour`; they are sent to the API, the shop builds its models by itself, and the
recommendations of all shoppers of the next 3,000 purchases are read over HTTP. They are compared with popularity, and
with what the shipped code lists in memory from as many purchases by a model of the same age.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from bench.recommendations import scores, told
from bench.recommendations_data import online_retail
from bench.recommendations_first_hour import AFTER, hybrid, opened, popular
from bench.recommendations_peers import TOP
from bench.recommendations_shop import Shop
from local.state import find_stack
from tests.e2e.api import Api, eventually
from tests.e2e.conftest import open_shop, put_file
from vitrine.catalog.requests import MOST_INTERACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.recommendations_peers import Ranked
    from vitrine.catalog.model import Interaction, Product


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--after", type=int, nargs="+", default=AFTER)
    chosen = parser.parse_args()
    products, purchases, *_ = online_retail(1)
    shop = DeployedShop(products)
    print("purchases  popularity     over HTTP      in memory      over HTTP - popularity   over HTTP - in memory")
    for count in chosen.after:
        found = opened(products, purchases, count)
        seen = shop.take(found.past)
        floor, over_http, in_memory = (
            scores(ranked, found.later)
            for ranked in (popular(found), shop.ranked(found.later), hybrid(Shop(found, seen), found))
        )
        gains = [told([mine - its for mine, its in zip(over_http, other, strict=True)]) for other in (floor, in_memory)]
        columns = "  ".join([*map(told, (floor, over_http, in_memory)), *gains])
        print(f"{count:9}  {columns}  {len(floor)} shoppers, model of {seen}", flush=True)


class DeployedShop:
    """A new merchant of the stack that is up."""

    def __init__(self, products: list[Product]) -> None:
        stack = find_stack()
        if stack is None:
            raise SystemExit("The local cloud is not up. Run: make up")
        stack = open_shop(stack)
        self._api = Api(stack.api_url, stack.secret_key)
        self._taken = 0
        rows = [
            json.dumps({"product_id": each.product_id, "name": each.name, "price": each.price}) for each in products
        ]
        put_file(self._api, stack, "products", "jsonl", "\n".join(rows))

    def take(self, past: Sequence[Interaction]) -> int:
        """Send the purchases that it has not got, and wait for its model; return how many purchases that has seen."""
        for start in range(self._taken, len(past), MOST_INTERACTIONS):
            sent = [
                {
                    "interaction_id": each.interaction_id,
                    "user_id": each.user_id,
                    "product_id": each.product_id,
                    "type": each.type,
                    "occurred_at": each.occurred_at.isoformat(),
                }
                for each in past[start : start + MOST_INTERACTIONS]
            ]
            response = self._api.post("/interactions", {"interactions": sent})
            assert response.status == 202, response
        self._taken = len(past)
        eventually(lambda: self._seen() * 2 > self._taken, within_seconds=600)
        return self._seen()

    def ranked(self, users: Iterable[str]) -> Ranked:
        """What each shopper is recommended by the model in use."""
        model_id = self._model()["model_id"]
        return {user: self._listed(user, model_id) for user in users}

    def _listed(self, user: str, model_id: str) -> list[str]:
        found: list[dict[str, Any]] = []

        def of_the_model() -> bool:
            response = self._api.get(f"/users/{user}/recommendations?limit={TOP}")
            assert response.status == 200, response
            found[:] = response.json["items"]
            return bool(response.json["model_id"] == model_id)

        eventually(of_the_model)
        return [item["product_id"] for item in found]

    def _seen(self) -> int:
        model = self._model()
        return int(model["interactions"]) if model else 0

    def _model(self) -> dict[str, Any]:
        model: dict[str, Any] = self._api.get("/recommendations/models").json["model"]
        return model


if __name__ == "__main__":
    main()
