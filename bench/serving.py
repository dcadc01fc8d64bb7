"""What recommendations cost to serve at 1,000 and at 1,000,000 products: read units and round trips.

    make bench-serving

On Amazon's DynamoDB Local, which reports what each request consumes. Two merchants' models are put straight into the
table, with the rows of each product beside them; the API's function answers shoppers with 200 interactions, first
without an entry and then with one.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from statistics import median

from functions.recommendations_api.handler import lambda_handler as recommendations
from tests.aws import api_event, create_tables, environment_of, send
from tests.dynamodb_local import running_dynamodb, use_dynamodb
from vitrine.catalog.items import product_item
from vitrine.catalog.model import Interaction, Product, UserKey
from vitrine.catalog.record_interactions import Sent, record_interactions
from vitrine.catalog.wiring import interaction_repository
from vitrine.platform.aws import client
from vitrine.platform.dynamodb import batch_put
from vitrine.recommendations.dynamodb import DynamoDBBuilds
from vitrine.recommendations.model import Feature, Neighbour, Neighbourhood, Popular
from vitrine.recommendations.ports import Model
from vitrine.recommendations.refresh_shortlists import refresh_shortlist
from vitrine.recommendations.wiring import model_repository, recommendation_inputs_repository
from vitrine.renditions.model import PRODUCTS, Holder, Original, Picture
from vitrine.renditions.wiring import originals

START = datetime(2026, 1, 1, tzinfo=UTC)
SHOPPERS = 5
HISTORY = 200
MODELLED = 400
TABLES = (
    "AccessTable",
    "IdempotencyTable",
    "ProductsTable",
    "InteractionsTable",
    "RecommendationsTable",
    "RenditionsTable",
)
READS = {"GetItem", "BatchGetItem", "Query"}

spent: Counter[str] = Counter()
waiting: set[int] = set()


def watch(dynamodb):
    """Have every request report its units; a caller's quota is none of ours.

    A request that is sent while another is on its way is part of that one's round trip.
    """

    def ask(params, model, context, **_):
        params.setdefault("ReturnConsumedCapacity", "TOTAL")
        tables = params.get("RequestItems", [params.get("TableName")])
        if model.name in READS and "AccessTable" not in tables:
            spent["trips"] += not waiting
            waiting.add(id(context))

    def add(parsed, model, context, **_):
        waiting.discard(id(context))
        consumed = parsed.get("ConsumedCapacity", [])
        own = [
            one["CapacityUnits"]
            for one in (consumed if isinstance(consumed, list) else [consumed])
            if one["TableName"] != "AccessTable"
        ]
        spent["read" if model.name in READS else "write"] += sum(own)

    dynamodb.meta.events.register("provide-client-params.dynamodb.*", ask)
    dynamodb.meta.events.register("after-call.dynamodb.*", add)


def product(number):
    return Product(
        f"product-{number:07d}",
        f"Product {number}",
        f"category {number % 20}",
        f"brand {number % 50}",
        9.95,
        "EUR",
        ("tag",),
        f"https://pictures.example/{number}.jpg",
        {},
        available=True,
    )


def fill(merchant_id, products):
    def put(start):
        items = [product_item(merchant_id, product(number)) for number in range(start, min(start + 500, products))]
        batch_put(client("dynamodb"), "ProductsTable", items)

    with ThreadPoolExecutor(8) as pool:
        for done, _ in enumerate(pool.map(put, range(0, products, 500))):
            if done % 200 == 199:
                print(f"\r{done * 500} products", end="", file=sys.stderr)
    build = DynamoDBBuilds(client("dynamodb"), "RecommendationsTable").start(merchant_id, 1)
    model = Model(build.number, build.slot)
    ids = [product(number).product_id for number in range(0, products, max(1, products // MODELLED))]
    for number in range(0, products, max(1, products // MODELLED)):
        shown = product(number)
        copy = Original(f"{number:064x}", shown.image_url, Picture(1600, 1200, bytes(24)))
        originals().put(Holder(merchant_id, PRODUCTS, shown.product_id), copy)
    tokens = dict.fromkeys(range(10), Feature(0.5, 0.1))
    near = [Neighbour(product_id, 1.0, 5.0) for product_id in ids[:100]]
    model_repository().put_neighbourhoods(
        merchant_id, model, ((product_id, Neighbourhood(near, near[:50], frozenset(tokens))) for product_id in ids)
    )
    popular = [Popular(product_id, 300.0 - at, tokens) for at, product_id in enumerate(ids[:300])]
    model_repository().put_popular(merchant_id, model, "", popular)
    model_repository().publish(merchant_id, model)
    for shopper in range(SHOPPERS):
        history = [
            Sent(
                Interaction(
                    str(at),
                    f"shopper-{shopper}",
                    product_id,
                    "purchase" if at % 4 == 0 else "view",
                    START + timedelta(hours=at),
                )
            )
            for at, product_id in enumerate(ids[100 : 100 + HISTORY])
        ]
        record_interactions(interaction_repository(), merchant_id, history, lambda _: None)
        refresh_shortlist(
            interaction_repository(),
            model_repository(),
            recommendation_inputs_repository(),
            UserKey(merchant_id, f"shopper-{shopper}"),
        )


def ask(merchant_id, shopper, cached):
    spent.clear()
    event = api_event(
        "GET",
        "/users/{user_id}/recommendations",
        user_id=f"shopper-{shopper}",
        merchant=merchant_id,
    )
    with redirect_stdout(sys.stderr):
        status, response, _ = send(recommendations, event)
    assert (status, response["cached"], len(response["items"])) == (200, cached, 20), status
    return dict(spent)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, nargs="+", default=[1_000, 1_000_000])
    options = parser.parse_args()
    os.environ.update(environment_of({}))
    with running_dynamodb() as address:
        use_dynamodb(address)
        create_tables(*TABLES)
        watch(client("dynamodb"))
        print("| products | | read units | reads, round trips | write units |\n|---|---|---|---|---|")
        for products in options.products:
            merchant_id = f"shop-{products}"
            fill(merchant_id, products)
            print("\r", end="", file=sys.stderr)
            for name, cached in (("miss", False), ("hit", True)):
                asked = [ask(merchant_id, shopper, cached) for shopper in range(SHOPPERS)]
                read, write = (median(units.get(kind, 0) for units in asked) for kind in ("read", "write"))
                trips = max(units["trips"] for units in asked)
                print(f"| {products:,} | {name} | {read:.1f} | {trips} | {write:.1f} |", flush=True)


if __name__ == "__main__":
    main()
