"""Products over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.access.wiring import check_quota, note_outcome
from vitrine.catalog.put_products import delete_product, find_product, put_products
from vitrine.catalog.responses import ProductResponse, product_response
from vitrine.catalog.wiring import product_repository
from vitrine.platform.http import HttpApp, Request, Response
from vitrine.platform.wiring import saved_responses
from vitrine.recommendations.wiring import withdrawals
from vitrine.renditions.model import PRODUCTS
from vitrine.renditions.wiring import copies_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.catalog.model import Product

lambda_handler = app = HttpApp(check_quota=check_quota, note=note_outcome, saved_responses=saved_responses)


@app.put("/products/{product_id}", body="vitrine.catalog.requests:PutProductRequest", responses={200: ProductResponse})
def put(request: Request) -> Response:
    """Create or change a product."""
    from vitrine.catalog.requests import PutProductRequest  # noqa: PLC0415 - readers never load bodies

    product = request.body(PutProductRequest).product(request.path_id("product_id"))
    put_products(product_repository(), withdrawals(), request.merchant_id, [product])
    [response] = _responses(request, [product])
    return Response(200, response)


@app.get("/products", responses={200: ProductResponse}, paged=True)
def list_products(request: Request) -> Response:
    """List products by id."""
    page = request.page(str)
    products = product_repository().list_products(request.merchant_id, page.limit, page.state)
    items = _responses(request, products)
    return request.list_response(items, products[-1].product_id if len(products) == page.limit else None)


@app.get("/products/{product_id}", responses={200: ProductResponse})
def get(request: Request) -> Response:
    """Read a product."""
    product = find_product(product_repository(), request.merchant_id, request.path_id("product_id"))
    [response] = _responses(request, [product])
    return Response(200, response)


@app.delete("/products/{product_id}", responses={204: None})
def delete(request: Request) -> Response:
    """Delete a product."""
    delete_product(product_repository(), withdrawals(), request.merchant_id, request.path_id("product_id"))
    return Response(204)


def _responses(request: Request, products: Sequence[Product]) -> list[ProductResponse]:
    """Return the response bodies of products, with the renditions of their pictures."""
    copies = copies_of(request.merchant_id, PRODUCTS, [product.product_id for product in products])
    return [product_response(product, copies.get(product.product_id)) for product in products]
