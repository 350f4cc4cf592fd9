"""A voice gateway that does what a test tells it, for testing the pretend Twilio: no product code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from .waiting import PATIENCE

SOCKET = "wss://gateway.example/conversation-relay/token-1"
EVENTS = 'events="speaker-events tokens-played" dtmfDetection="true"'


def relay(attributes: str = EVENTS, *, inside: str = "", action: str = 'action="/voice/action"') -> str:
    """TwiML that connects a call."""
    return (
        f'<Response><Connect {action}><ConversationRelay url="{SOCKET}" {attributes}>'
        f"{inside}</ConversationRelay></Connect></Response>"
    )


@dataclass(slots=True)
class Asked:
    """A webhook as it came."""

    path: str
    method: str
    query: str
    form: dict[str, str]
    signature: str


@dataclass
class ScriptedGateway:
    """Answers each path with the next of its pages, the last one again and again; a number is an HTTP status."""

    pages: dict[str, list[str | int]] = field(default_factory=lambda: {"/voice": [relay()]})
    refuse: bool = False
    asked: list[Asked] = field(default_factory=list)
    upgrades: list[Mapping[str, str]] = field(default_factory=list)
    frames: list[dict[str, Any]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    on_frame: Callable[[dict[str, Any]], Awaitable[None]] | None = None
    before_setup: str | None = None
    _socket: WebSocket | None = None
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                WebSocketRoute("/conversation-relay/{token}", self._talk),
                Route("/{path:path}", self._answer, methods=["GET", "POST"]),
            ]
        )

    def forms(self, path: str) -> list[dict[str, str]]:
        return [one.form for one in self.asked if one.path == path]

    async def text(self, token: str, *, last: bool = False, **more: Any) -> None:
        await self.send({"type": "text", "token": token, "last": last, **more})

    async def send(self, frame: dict[str, Any] | str | bytes) -> None:
        assert self._socket is not None
        if isinstance(frame, bytes):
            await self._socket.send_bytes(frame)
        else:
            await self._socket.send_text(frame if isinstance(frame, str) else json.dumps(frame))

    async def close(self, code: int = 1000) -> None:
        assert self._socket is not None
        await self._socket.close(code)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(condition)

    async def frame(self, kind: str, count: int = 1, **fields: Any) -> list[dict[str, Any]]:
        """Return the frames of a kind, with these fields, once there are so many."""
        await self.until(lambda: len(self.of(kind, **fields)) >= count)
        return self.of(kind, **fields)

    def of(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind and fields.items() <= frame.items()]

    async def _answer(self, request: Request) -> Response:
        body = (await request.body()).decode()
        query = request.scope["query_string"].decode()
        form = dict(parse_qsl(body or query, keep_blank_values=True, strict_parsing=bool(body or query)))
        path, signature = request.url.path, request.headers.get("x-twilio-signature", "")
        self.asked.append(Asked(path, request.method, query, form, signature))
        pages = self.pages.get(path, ["<Response/>"])
        page = pages.pop(0) if len(pages) > 1 else pages[0]
        if isinstance(page, int):
            return Response(status_code=page)
        return Response(page, media_type="text/xml")

    async def _talk(self, socket: WebSocket) -> None:
        self.upgrades.append(dict(socket.headers))
        if self.refuse:
            await socket.close()
            return
        await socket.accept()
        self._socket = socket
        if self.before_setup is not None:
            await self.send(self.before_setup)
        try:
            while socket.application_state is WebSocketState.CONNECTED:
                await self._take(json.loads(await socket.receive_text()))
        except WebSocketDisconnect as left:
            self.codes.append(left.code)
        async with self._news:
            self._news.notify_all()

    async def _take(self, frame: dict[str, Any]) -> None:
        self.frames.append(frame)
        async with self._news:
            self._news.notify_all()
        if self.on_frame is not None:
            await self.on_frame(frame)
