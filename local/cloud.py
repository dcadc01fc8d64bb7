"""MiniStack with a limit on parallel requests to the API: `python -m local.cloud PORT`.

VITRINE_BIND is the address to listen on, 127.0.0.1 by default; a container listens on all of its addresses.

MiniStack starts a process for each request that arrives while all are busy. Fifty clients at once are fifty cold
starts of each function, a minute of work for two cores and gigabytes of memory, which AWS would have. So requests to
the API wait for one of a few places; calls of the functions to AWS never wait.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app as ministack

from local.state import API_PATH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_places = asyncio.Semaphore(max(4, 2 * (os.cpu_count() or 1)))


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
    """MiniStack, with limited places for requests to the API."""
    if scope["type"] == "http" and scope["path"].startswith(f"/{API_PATH}/"):
        async with _places:
            await ministack(scope, receive, send)
    else:
        await ministack(scope, receive, send)


def main() -> None:
    """Serve until stopped."""
    config = Config()
    config.bind = [f"{os.environ.get('VITRINE_BIND', '127.0.0.1')}:{sys.argv[1]}"]
    config.keep_alive_timeout = 75
    asyncio.run(serve(app, config))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
