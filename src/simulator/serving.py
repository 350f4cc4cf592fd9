"""Serves an app at an address of this machine, in the event loop of its caller."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from ..errors import ConfigurationError

MAX_FRAME: Final = 65_536
"""Bytes of a frame of a socket."""


class _PartOfAProcess(uvicorn.Server):
    """uvicorn that leaves the signals to the process it is a part of."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen until the body is left; port 0 is a free one. Raises ConfigurationError when the port is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(128)
        except OSError as error:
            raise ConfigurationError([f"{host}:{port} cannot be listened on ({error.strerror})."]) from error
        yield listener


@asynccontextmanager
async def served(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Serve an app until the body is left; connections wait in the kernel until the server takes them."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, ws_max_size=MAX_FRAME, timeout_graceful_shutdown=1, lifespan="off"
    )
    server = _PartOfAProcess(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="served")
    try:
        yield
    finally:
        server.should_exit = True
        await task
