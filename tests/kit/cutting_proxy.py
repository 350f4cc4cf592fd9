"""A relay on loopback in front of a store server, which can be slow, or lose the answer to a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 1 << 16


class CuttingProxy:
    """Passes everything on, until it is told to cut. ``cuts`` counts the answers that it lost."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._wanted: bytes | None = None
        self.port = 0
        self.cuts = 0
        self.delay = 0.0
        """Seconds for which every answer is held back."""
        self.open = asyncio.Event()
        """While it is not set, no answer comes at all."""
        self.open.set()

    def cut_after(self, request: bytes) -> None:
        """Pass the next request that contains these bytes on, drop what the server answers, close both connections."""
        self._wanted = request

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection."""
        try:
            answers, requests = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.close()
            return
        doomed = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                there = group.create_task(self._pass_requests(reader, requests, doomed))
                back = group.create_task(self._pass_answers(answers, writer, doomed))
                await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
                there.cancel()
                back.cancel()
        finally:
            for one in (writer, requests):
                one.close()
                with suppress(OSError):
                    await one.wait_closed()

    async def _pass_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._wanted is not None and self._wanted in data:
                    self._wanted = None
                    doomed.set()
                writer.write(data)
                await writer.drain()

    async def _pass_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if doomed.is_set():
                    self.cuts += 1
                    return
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self.open.wait()
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def cutting_proxy(server_port: int) -> AsyncIterator[CuttingProxy]:
    """Start a relay to a server on loopback."""
    proxy = CuttingProxy(server_port)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(proxy.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
