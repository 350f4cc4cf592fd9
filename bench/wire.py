"""HTTP/1.1 at the least cost: what measures must not cost as much as what is measured. Loopback and one peer only."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

Handler = Callable[[bytes, bytes], bytes]
"""Takes the request's head (request line and headers) and its body; returns the whole response."""


def response(body: bytes, *, content_type: str = "application/json", status: str = "200 OK") -> bytes:
    """Return a whole response."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Messages(asyncio.Protocol):
    """Splits what arrives into messages with a ``Content-Length``; chunked ones do not occur here."""

    transport: asyncio.Transport
    _received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        """Take what arrived, and every message that it completes."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            total = end + 4 + _length(head)
            if len(self._received) < total:
                return
            body, self._received = self._received[end + 4 : total], self._received[total:]
            self.message(head, body)

    def message(self, head: bytes, body: bytes) -> None:
        """Take a whole message."""
        raise NotImplementedError


class _Served(Messages):
    """One connection of a server. Requests of one connection are answered in order, as they come one at a time."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def message(self, head: bytes, body: bytes) -> None:
        answer = self._handler(head, body)
        if not self.transport.is_closing():
            self.transport.write(answer)


async def listen(handler: Handler) -> tuple[asyncio.Server, int]:
    """Serve on a free port of loopback; return the server and the port."""
    server = await asyncio.get_running_loop().create_server(lambda: _Served(handler), "127.0.0.1", 0, backlog=512)
    return server, int(server.sockets[0].getsockname()[1])


class Connection(Messages):
    """A connection of a client, kept open. One request at a time."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect to a port of loopback."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole request; return status and body of its answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer

    def message(self, head: bytes, body: bytes) -> None:
        """Take an answer."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((int(head[9:12]), body))

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits for an answer that none comes."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("closed"))

    @property
    def closed(self) -> bool:
        """Say whether either side has closed it."""
        return self.transport.is_closing()

    def close(self) -> None:
        """Close the connection."""
        self.transport.close()


def request(method: str, path: str, port: int, body: bytes = b"", headers: str = "") -> bytes:
    """Return a whole request. ``headers`` are lines, each with its end."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def free_port() -> int:
    """Return a port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _length(head: bytes) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    return int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
