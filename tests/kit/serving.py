"""Real HTTP servers on free loopback ports, in the test's own event loop."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


@asynccontextmanager
async def serve(app: Any, *, listener: socket.socket | None = None) -> AsyncIterator[str]:
    """Serve an ASGI app and yield its address, ``http://127.0.0.1:PORT``."""
    listener = listener or listen()
    config = uvicorn.Config(app, log_config=None, access_log=False, ws_max_size=65_536, timeout_graceful_shutdown=0.5)
    server = uvicorn.Server(config)
    server.capture_signals = _no_signals  # type: ignore[assignment]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


class _no_signals:
    """Leave the test process's signal handlers alone."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *args: object) -> None:
        return None


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


def free_port() -> int:
    """Return a port that nobody listens on now, for a process that will listen on it.

    It is below those that the system gives to outgoing connections: one of these could have it by then.
    """
    while True:
        try:
            with listen(random.randint(20_000, 31_999)) as probe:
                return port_of(probe)
        except OSError:
            continue
