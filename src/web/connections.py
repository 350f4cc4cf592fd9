"""Connections of the server, bounded: how many, and in bytes and seconds until a request is complete.

uvicorn alone takes headers without end and waits for a request for ever. Its own bound, ``limit_concurrency``, refuses
whoever comes last, readiness probes among them; here the connection goes that has sent no complete request, or reads no
answer, for longest. Requests at work and open sockets are never cut.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

log = structlog.get_logger(__name__)

HEADER_BYTES = 32_768
"""Twilio's are below 2 kB."""
REQUEST_BYTES = 1_048_576
"""Of a request in all; every body that is read has a smaller bound of its own."""
REQUEST_SECONDS = 20.0
"""Until a request is complete, from the connection or from its first byte on."""
SLICE = 16_384
NO_ROOM = 503
TELL_SECONDS = 60.0
"""How often the log says that connections were dropped."""


class Connections:
    """All connections of a server, by address, oldest first. One per process.

    ``seconds`` is how long a request may take until it is complete.
    """

    def __init__(self, most: int, most_per_address: int, *, seconds: float = REQUEST_SECONDS) -> None:
        self.seconds = seconds
        self._most = _fitting(most)
        self._most_per_address = most_per_address
        self._held: dict[str, dict[asyncio.Transport, Callable[[], bool]]] = {}
        self._count = 0
        self.dropped = 0
        """Connections that were closed for passing a bound, since the start."""
        self._untold = 0
        self._told_at = -TELL_SECONDS

    def __len__(self) -> int:
        return self._count

    def protocols(self) -> tuple[Any, Any]:
        """Return what uvicorn makes a protocol of for each connection: plain, and upgraded to a WebSocket."""
        return partial(BoundedHttp, self), partial(BoundedSocket, self)

    def enter(self, address: str, transport: asyncio.Transport, waits: Callable[[], bool]) -> bool:
        """Take a new connection; False when there is no room. ``waits`` tells whether it may be dropped."""
        held = self._held.get(address, {})
        room = True
        if len(held) >= self._most_per_address:
            room = self._drop_one(address)
        elif self._count >= self._most:
            fullest = sorted(self._held, key=lambda one: len(self._held[one]), reverse=True)
            room = any(self._drop_one(one) for one in fullest)
        if room:
            self._held.setdefault(address, {})[transport] = waits
            self._count += 1
        else:
            self._tell()
        return room

    def upgraded(self, address: str, transport: asyncio.Transport) -> None:
        """Note that a connection became a socket, which is not dropped."""
        if transport in self._held.get(address, {}):
            self._held[address][transport] = lambda: False

    def leave(self, address: str, transport: asyncio.Transport) -> None:
        """Forget a connection."""
        held = self._held.get(address, {})
        if held.pop(transport, None) is not None:
            self._count -= 1
            if not held:
                del self._held[address]

    def _drop_one(self, address: str) -> bool:
        """Close the oldest connection of an address that waits."""
        for transport, waits in self._held[address].items():
            if waits():
                self.leave(address, transport)
                transport.abort()  # close() would wait for a peer that reads nothing
                self._tell()
                return True
        return False

    def _tell(self) -> None:
        self.dropped += 1
        self._untold += 1
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= TELL_SECONDS:
            log.warning("connections_dropped", dropped=self._untold, open=self._count, addresses=len(self._held))
            self._told_at, self._untold = now, 0


class BoundedHttp(HttpToolsProtocol):
    """One HTTP connection."""

    def __init__(self, connections: Connections, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._all = connections
        self._address = ""
        self._deadline: asyncio.TimerHandle | None = None
        self._bytes = 0
        self._in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or close it at once."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        if self._all.enter(self._address, transport, self._waits):
            self._start_waiting()
        else:
            self._refuse(NO_ROOM)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._all.leave(self._address, self.transport)
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, slice by slice, as long as it keeps the bounds."""
        if self._deadline is None and self._waits():
            self._start_waiting()
        for start in range(0, len(data), SLICE):
            if self.transport.is_closing():
                return
            part = data[start : start + SLICE]
            self._bytes += len(part)
            super().data_received(part)
            upgraded = self.transport.get_protocol()
            if upgraded is not self:
                if rest := data[start + SLICE :]:
                    cast(asyncio.Protocol, upgraded).data_received(rest)
                return
            if self._bytes > (HEADER_BYTES if self._in_headers else REQUEST_BYTES):
                self._refuse(431 if self._in_headers else 413)

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._bytes, self._in_headers = 0, True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what follows a body is none. An error here is answered with 400."""
        if not self._in_headers:
            raise ValueError("trailers are not served")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Go on with the body."""
        self._in_headers = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait no longer."""
        self._stop_waiting()
        self._bytes, self._in_headers = 0, True
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection on."""
        self._stop_waiting()
        self._all.upgraded(self._address, self.transport)
        super().handle_websocket_upgrade()

    def _waits(self) -> bool:
        """Tell whether no complete request is at work, or more is asked than read: no provider or proxy does that."""
        cycle = self.cycle
        idle = cycle is None or cycle.response_complete or cycle.more_body
        return idle or bool(self.pipeline) or self.transport.get_write_buffer_size() > 0

    def _start_waiting(self) -> None:
        self._deadline = self.loop.call_later(self._all.seconds, self._refuse, 408)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int) -> None:
        """Close the connection; with an answer where none was begun."""
        self._stop_waiting()
        self._all.dropped += status != NO_ROOM  # that one is counted already
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(b"HTTP/1.1 %d \r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        self.transport.close()


class BoundedSocket(WebSocketsSansIOProtocol):
    """One WebSocket connection, which was an HTTP connection before."""

    def __init__(self, connections: Connections, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._all = connections

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._all.leave(self.client[0] if self.client else "", self.transport)
        super().connection_lost(exc)


def _fitting(most: int) -> int:
    """Return how many connections the process may have, after asking the system for more descriptors.

    A quarter of them is left for store, model service, files and logs: without one, nothing could be accepted at all.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most * 4 // 3 + 64
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return most if soft == resource.RLIM_INFINITY else max(1, min(most, soft * 3 // 4 - 16))
