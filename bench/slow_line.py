"""A slow line in front of servers of this machine, which all browsers can take."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Thread


class SlowLine:
    """A phone's line: `latency` seconds there and back, bytes a second down and up, shared by all connections.

    `received` are the bytes that came down.
    """

    def __init__(self, latency, down, up):
        self.received = 0
        self._half = latency / 2
        self._rates = {"down": down, "up": up}
        self._free = {"down": 0.0, "up": 0.0}
        self._loop = asyncio.new_event_loop()
        Thread(target=self._loop.run_forever, daemon=True).start()

    def to(self, port):
        """Return a port of this machine that leads to another one over the line."""

        async def start():
            server = await asyncio.start_server(lambda reader, writer: self._connect(port, reader, writer), "127.0.0.1")
            return server.sockets[0].getsockname()[1]

        return asyncio.run_coroutine_threadsafe(start(), self._loop).result()

    async def _connect(self, port, reader, writer):
        await asyncio.sleep(2 * self._half)
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(self._carry("up", reader, back), self._carry("down", there, writer))

    async def _carry(self, way, reader, writer):
        """Carry one direction of a connection: a part leaves when the line is free and takes half the latency."""
        under_way: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()

        async def deliver():
            while part := await under_way.get():
                at, content = part
                await asyncio.sleep(at - self._loop.time())
                writer.write(content)
                await writer.drain()

        delivery = asyncio.ensure_future(deliver())
        with suppress(ConnectionError):
            while content := await reader.read(4096):
                now = self._loop.time()
                self._free[way] = max(self._free[way], now) + len(content) / self._rates[way]
                await asyncio.sleep(self._free[way] - now)
                under_way.put_nowait((self._loop.time() + self._half, content))
                self.received += len(content) if way == "down" else 0
        under_way.put_nowait(None)
        with suppress(ConnectionError):
            await delivery
            writer.close()
