"""The wire of one call: frames in, frames out, bounded, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from .relay_actions import Close

log = structlog.get_logger(__name__)

NORMAL_CLOSE, TRY_AGAIN_LATER = 1000, 1013
QUEUE_FRAMES = 2000
"""Frames that may wait for a slow peer; past that the call is closed, so that its memory stays bounded."""


class RelaySocket:
    """An accepted socket. ``lost`` tells, after its end, whether it went without a goodbye."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._out: asyncio.Queue[str | Close] = asyncio.Queue(QUEUE_FRAMES)
        self.closed = False
        self.lost = False

    async def frames(self) -> AsyncIterator[str | bytes]:
        """Yield what the peer sends, until either side closes."""
        while not self.closed:
            try:
                message = await self._socket.receive()
            except (WebSocketDisconnect, RuntimeError):
                return
            if message["type"] != "websocket.receive":
                self.lost = message.get("code") != NORMAL_CLOSE
                return
            text = message.get("text")
            yield text if text is not None else message.get("bytes") or b""

    def put(self, frame: str | Close) -> None:
        """Queue a frame; a peer that reads too slowly is closed."""
        if isinstance(frame, Close):
            self.closed = True
        try:
            self._out.put_nowait(frame)
        except asyncio.QueueFull:
            log.warning("slow_peer")
            while not self._out.empty():
                self._out.get_nowait()
            self.closed = True
            self._out.put_nowait(Close(TRY_AGAIN_LATER, "too slow"))

    async def write(self) -> None:
        """Send what is queued, until the socket is closed."""
        while True:
            frame = await self._out.get()
            try:
                if isinstance(frame, Close):
                    await self._socket.close(frame.code, frame.reason)
                    return
                await self._socket.send_text(frame)
            except (WebSocketDisconnect, RuntimeError):
                return  # the peer is gone; the reader notices too


MOST_MARKS: Final = 200
"""Marks of one turn; a line on which more happens is drawn without the rest."""


class CallTrace:
    """Marks of a call since they were last taken, by seconds since it began.

    ``now`` is a clock that only goes forward; ``began`` is the time of day, which tells the call from others.
    """

    def __init__(self, now: Callable[[], float], *, began: float) -> None:
        self._began = began
        self._now = now
        self._first = now()
        self._marks: list[tuple[float, str]] = []

    def mark(self, what: str) -> None:
        """Note that something happens now."""
        if len(self._marks) < MOST_MARKS:
            self._marks.append((self._seconds(), what))

    def take(self) -> dict[str, Any]:
        """Return what a timeline row holds of the call (docs/events.md), and begin anew."""
        marks, self._marks = self._marks, []
        return {"began": self._began, "seconds": self._seconds(), "marks": [list(mark) for mark in marks]}

    def _seconds(self) -> float:
        return round(self._now() - self._first, 2)
