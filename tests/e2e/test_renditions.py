"""Pictures of a gallery arrive in every size, and go."""

from __future__ import annotations

import io
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import urllib3
from PIL import Image

from local.deployment import client, stack_outputs
from local.picture_host import serving
from local.state import ROOT
from tests.e2e.api import Api, eventually

if TYPE_CHECKING:
    from local.state import Stack

PHOTOS = ROOT / "tests" / "data" / "store-photos" / "train" / "Fruit"
ACCEPT = {"Accept": "image/avif,image/webp,image/apng,*/*;q=0.8"}
CLIENTS = 100

_http = urllib3.PoolManager(maxsize=CLIENTS, timeout=30, retries=False)


def fetched(stack: Stack, path: str) -> urllib3.BaseHTTPResponse:
    return _http.request("GET", f"{stack.api_url}/{path}", headers=ACCEPT)


def test_a_picture_is_mirrored_served_made_once_for_many_clients_and_withdrawn(shop: Api, stack: Stack) -> None:
    gallery = f"/galleries/{uuid.uuid4().hex}"
    photo = min(PHOTOS.rglob("*.jpg"))
    shop.put(gallery, {})
    with serving(photo.parent) as host:
        shop.post(f"{gallery}/images", {"images": [{"id": "a", "name": "A", "url": f"{host.url}/{photo.name}"}]})
        eventually(lambda: shop.get(f"{gallery}/images/a").json["renditions"] is not None)
    found = shop.get(f"{gallery}/images").json["items"][0]["renditions"]
    with Image.open(photo) as original:
        assert found["aspect_ratio"] == round(original.width / original.height, 4)
    for size in found["sizes"]:
        for form, kind in {"avif": "AVIF", "webp": "WEBP", "jpg": "JPEG"}.items():
            response = fetched(stack, size[form])
            assert response.status == 200
            made = Image.open(io.BytesIO(response.data))
            assert (made.format, made.width) == (kind, size["width"])
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"

    path = found["sizes"][-1]["avif"]
    files = client("s3", stack.endpoint_url)
    bucket = stack_outputs(stack.endpoint_url)["PicturesBucket"]
    files.delete_object(Bucket=bucket, Key=path)
    with ThreadPoolExecutor(CLIENTS) as clients:
        responses = list(clients.map(lambda _: fetched(stack, path), range(CLIENTS)))
    assert {response.status for response in responses} <= {200, 503}
    assert len({response.data for response in responses if response.status == 200}) == 1

    shop.delete(f"{gallery}/images/a")
    eventually(lambda: fetched(stack, path).status == 404)
    left = files.list_objects_v2(Bucket=bucket, Prefix=f"v1/pictures/{path.split('/')[1]}/")
    assert "Contents" not in left
