"""Products over HTTP."""

from __future__ import annotations

from vitrine.access.wiring import admit
from vitrine.catalog.answers import ProductAnswer, product_answer
from vitrine.catalog.put_products import delete_product, find_product, put_products
from vitrine.catalog.wiring import product_store
from vitrine.platform.http import Answer, HttpApp, Request
from vitrine.platform.wiring import replays
from vitrine.recommendations.wiring import withdrawals

lambda_handler = app = HttpApp(admit=admit, replays=replays)


@app.route("PUT", "/products/{product_id}", body="vitrine.catalog.bodies:PutProduct", answers={200: ProductAnswer})
def put(request: Request) -> Answer:
    """Create or change a product."""
    from vitrine.catalog.bodies import PutProduct  # noqa: PLC0415 - readers never load bodies

    product = request.body(PutProduct).product(request.path_id("product_id"))
    put_products(product_store(), withdrawals(), request.merchant_id, [product])
    return Answer(200, product_answer(product))


@app.route("GET", "/products", answers={200: ProductAnswer}, paged=True)
def list_products(request: Request) -> Answer:
    """List products by id."""
    page = request.page(str)
    products = product_store().list_products(request.merchant_id, page.limit, page.state)
    items = [product_answer(product) for product in products]
    return request.list_answer(items, products[-1].product_id if len(products) == page.limit else None)


@app.route("GET", "/products/{product_id}", answers={200: ProductAnswer})
def get(request: Request) -> Answer:
    """Read a product."""
    return Answer(
        200, product_answer(find_product(product_store(), request.merchant_id, request.path_id("product_id")))
    )


@app.route("DELETE", "/products/{product_id}", answers={204: None})
def delete(request: Request) -> Answer:
    """Delete a product."""
    delete_product(product_store(), withdrawals(), request.merchant_id, request.path_id("product_id"))
    return Answer(204)
