"""Real HTTP servers on free loopback ports, in the test's own event loop."""

from __future__ import annotations

import asyncio
import atexit
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import uvicorn


@asynccontextmanager
async def serve(app: Any, *, listener: socket.socket | None = None, http: Any = "auto") -> AsyncIterator[str]:
    """Serve an ASGI app and yield its address, ``http://127.0.0.1:PORT``; ``http`` makes its connections."""
    listener = listener or listen()
    config = uvicorn.Config(
        app, http=http, log_config=None, access_log=False, ws_max_size=65_536, timeout_graceful_shutdown=0.5
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.stop()
        try:
            await task
        finally:
            listener.close()  # a server that is cancelled, as when a test took too long, leaves it open


class _Server(uvicorn.Server):
    """uvicorn without its pauses, a fifth of a second per server, and without its signal handlers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Let it end."""
        self.should_exit = True
        self._stopped.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for door in (*self.servers, *(sockets or ())):
            door.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                while state.connections or state.tasks:
                    await asyncio.sleep(0.002)
        for task in state.tasks:
            task.cancel()
        await self.lifespan.shutdown()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(port: int = 0) -> socket.socket:
    """Return a socket that is bound to a loopback port, by default a free one."""
    # Named as TCP, so that asyncio sends without delay.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the port may have served a moment ago
    listener.bind(("127.0.0.1", port))
    return listener


def port_of(listener: socket.socket) -> int:
    """Return the port of a bound socket."""
    return int(listener.getsockname()[1])


_kept: list[socket.socket] = []


def free_port() -> int:
    """Return a port that this test run keeps for whoever listens on it by name; until then it refuses connections.

    Linux gives no port away on which a socket is bound, and lets a server listen beside one that does not.
    """
    kept = listen()
    port = port_of(kept)
    if sys.platform == "linux":
        _kept.append(kept)
    else:
        kept.close()
    return port


@atexit.register
def _close_kept() -> None:
    for one in _kept:
        one.close()
