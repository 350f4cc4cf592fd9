"""Serves the pretend Twilio's REST side at an address of this machine.

It runs in the event loop of its caller.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from ..errors import ConfigurationError


class _PartOfAProcess(uvicorn.Server):
    """uvicorn that leaves the signals to the process it is a part of."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(routes: Sequence[BaseRoute], host: str, port: int) -> AsyncIterator[None]:
    """Serve routes until the body is left. Raises ConfigurationError when the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigurationError([f"{host}:{port} cannot be listened on ({error.strerror})."]) from error
    app = Starlette(routes=list(routes))
    server = _PartOfAProcess(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[listener]), name="pretend-twilio")
    try:
        yield  # connections wait in the kernel until the server takes them
    finally:
        server.should_exit = True
        await task
