"""Twilio's end of a call at the least cost: the webhook, the ConversationRelay socket, and when its frames came."""

from __future__ import annotations

import asyncio
import json
import re
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

from tandem.simulator.wire import new_sid, sign
from tests.kit.gateway import ACCOUNT, OURS, TOKEN

from .stamps import STAMP, between
from .wire import Connection, request

PROMPT = "Where is my order, and when will it be here?"
TURN_SECONDS = 20.0
_URL = re.compile(rb'url="(wss://[^"]+)"')
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


@dataclass(slots=True)
class Told:
    """One turn: seconds from the prompt to the model server's getting the request, and of each token on its way."""

    request: str = ""
    asked: float = 0.0
    delays: list[float] = field(default_factory=list)


class Socket(asyncio.Protocol):
    """A WebSocket of which only text frames matter; ``on_text`` gets each with the moment of its arrival."""

    def __init__(self, opening: bytes, on_text: Callable[[str, float], None]) -> None:
        self._opening = opening
        self._on_text = on_text
        self._received = b""
        self.opened = asyncio.get_running_loop().create_future()
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._opening)

    def data_received(self, data: bytes) -> None:
        """Split what arrives into frames."""
        arrived = time.monotonic()
        self._received += data
        if not self.opened.done():
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            self._received = rest
            if head.startswith(b"HTTP/1.1 101"):
                self.opened.set_result(None)
            else:
                self.opened.set_exception(RuntimeError(f"the gateway answered {head[:40]!r}"))
        while frame := self._frame():
            kind, payload = frame
            if kind == _TEXT:
                self._on_text(payload.decode(), arrived)
            elif kind == _PING:
                self._write(_PONG, payload)
            elif kind == _CLOSE:
                self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits."""
        for waiting in (self.opened, self.closed):
            if not waiting.done():
                waiting.set_result(None)

    def _frame(self) -> tuple[int, bytes] | None:
        """Take the next whole frame; a server's are not masked (RFC 6455, 5.1)."""
        received, start = self._received, 2
        if len(received) < 2:
            return None
        length = received[1]
        if length >= 126:
            start = 4 if length == 126 else 10
            length = int.from_bytes(received[2:start], "big")
        if len(received) < start + length:
            return None
        self._received = received[start + length :]
        return received[0] & 15, received[start : start + length]

    def send(self, message: dict[str, Any]) -> float:
        """Send a message; return when."""
        payload = json.dumps(message).encode()
        sent = time.monotonic()
        self._write(_TEXT, payload)
        return sent

    def close(self) -> None:
        """Hang up."""
        self._write(_CLOSE, struct.pack("!H", 1000))

    def _write(self, kind: int, payload: bytes) -> None:
        """Write a frame, masked with zeros, which leave it as it is."""
        short = len(payload) < 126
        length = bytes((128 | len(payload),)) if short else b"\xfe" + struct.pack("!H", len(payload))
        self._transport.write(bytes((128 | kind,)) + length + bytes(4) + payload)


class Caller:
    """One customer and their call."""

    def __init__(self, port: int, number: str) -> None:
        self._port = port
        self._number = number
        self._call = new_sid("CA")
        self._rest = ""
        self._told = Told()
        self._prompted = 0.0
        self._over: asyncio.Future[None] | None = None
        self.on_token: Callable[[float], None] = lambda arrived: None
        self.socket: Socket

    async def dial(self, webhooks: Connection) -> None:
        """Call the gateway and connect the relay, as its TwiML says."""
        form = {"CallSid": self._call, "AccountSid": ACCOUNT, "From": self._number, "To": OURS, "Direction": "inbound"}
        signature = sign(f"http://127.0.0.1:{self._port}/voice", form, TOKEN)
        headers = f"Content-Type: application/x-www-form-urlencoded\r\nX-Twilio-Signature: {signature}\r\n"
        _, twiml = await webhooks.send(request("POST", "/voice", self._port, urlencode(form).encode(), headers))
        found = _URL.search(twiml)
        if found is None:
            raise RuntimeError(f"no socket in the TwiML: {twiml[:200]!r}")
        url = found[1].decode()
        opening = (
            f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"X-Twilio-Signature: {sign(url, {}, TOKEN)}\r\n\r\n"
        ).encode()
        loop = asyncio.get_running_loop()
        _, self.socket = await loop.create_connection(lambda: Socket(opening, self._heard), "127.0.0.1", self._port)
        await self.socket.opened
        self.socket.send({
            "type": "setup", "sessionId": new_sid("VX"), "accountSid": ACCOUNT, "callSid": self._call,
            "from": self._number, "to": OURS, "direction": "inbound", "callType": "PSTN", "callStatus": "IN-PROGRESS",
            "customParameters": {},
        })  # fmt: skip

    async def ask(self, text: str = PROMPT) -> Told:
        """Say something and hear the answer out."""
        self.begin(text)
        return await self.end()

    def begin(self, text: str = PROMPT) -> None:
        """Say something."""
        self._told, self._rest = Told(), " "  # nobody says the blank at the beginning of an answer
        self._over = asyncio.get_running_loop().create_future()
        self._prompted = self.socket.send({"type": "prompt", "voicePrompt": text, "lang": "en-US", "last": True})

    async def end(self) -> Told:
        """Hear the answer out."""
        if self._over is None:
            raise ValueError("nothing was asked")
        async with asyncio.timeout(TURN_SECONDS):
            await self._over
        return self._told

    @property
    def told(self) -> Told:
        """Return what came of the answer so far."""
        return self._told

    def _heard(self, frame: str, arrived: float) -> None:
        message = json.loads(frame)
        if message.get("type") != "text" or message.get("preemptible"):
            return  # "one moment": no part of an answer
        text = self._rest + message["token"]
        end = 0
        for found in STAMP.finditer(text):
            end = found.end()
            if not self._told.request:
                self._told.request = found[1]
                self._told.asked = -between(found[1], self._prompted)
                continue
            self._told.delays.append(between(found[1], arrived))
            self.on_token(arrived)
        self._rest = text[end:]
        if message["last"] and self._over is not None and not self._over.done():
            self._over.set_result(None)

    async def hang_up(self) -> None:
        """End the call and wait until the gateway has closed the socket."""
        self.socket.close()
        async with asyncio.timeout(TURN_SECONDS):
            await self.socket.closed
