"""How soon is a new image found? On the stack that `make up` started.

python -m bench.search_freshness
"""

from __future__ import annotations

import statistics
import time
import uuid
from functools import partial

from local.state import find_stack
from tests.e2e.api import Api, eventually

IMAGES = 15


def main() -> None:
    stack = find_stack()
    assert stack, "run `make up` first"
    shop = Api(stack.api_url, stack.secret_key)
    shop.put("/galleries/freshness", {})

    def is_found(word: str) -> bool:
        return bool(shop.get(f"/search/images?q={word}").json["items"])

    took = []
    for number in range(IMAGES + 1):
        word = f"fresh{uuid.uuid4().hex}"
        image = {"id": word, "name": word, "url": "https://shop.example/1.jpg"}
        shop.post("/galleries/freshness/images", {"images": [image]})
        started = time.perf_counter()
        eventually(partial(is_found, word))
        if number:
            took.append(time.perf_counter() - started)
    print(f"found after {statistics.median(took):.2f} s at the median of {IMAGES}, {max(took):.2f} s at most")


if __name__ == "__main__":
    main()
