"""Faults of a source of customers, for the pretend Segment and the pretend CRM."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .waiting import PATIENCE


class Trouble(StrEnum):
    """What is wrong with a source."""

    SLOW = "slow"
    """It answers only when ``release`` is set."""
    THROTTLED = "throttled"
    FAILING = "failing"
    GARBAGE = "garbage"
    NOT_AN_OBJECT = "not_an_object"
    NO_ID = "no_id"
    HALF_OPEN = "half_open"
    """It takes the question and the beginning of an answer never ends."""


@dataclass
class Source:
    """A source with faults. ``asked`` are the requests that reached it, as (what, login)."""

    trouble: Trouble | None = None
    release: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[str, str]] = field(default_factory=list)
    retry_after: str = ""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_asked(self, count: int) -> None:
        """Return once so many questions came."""
        async with asyncio.timeout(PATIENCE):
            while len(self.asked) < count:
                self.news.clear()
                await self.news.wait()

    def note(self, request: Request, what: str) -> None:
        """Keep what was asked."""
        self.asked.append((what, request.headers.get("authorization", "")))
        self.news.set()

    async def fault(self) -> Response | None:
        """Return the answer of a source in trouble, None when it is well."""
        match self.trouble:
            case Trouble.SLOW:
                await self.release.wait()
            case Trouble.THROTTLED:
                headers = {"Retry-After": self.retry_after} if self.retry_after else {}
                return JSONResponse({"error": {"code": "rate_limit_error"}}, 429, headers)
            case Trouble.FAILING:
                return JSONResponse({"error": {"code": "server_error"}}, 500)
            case Trouble.GARBAGE:
                return Response(b"<html>\xff not what you want", media_type="text/html")
            case Trouble.NOT_AN_OBJECT:
                return Response(json.dumps(["canary"]), media_type="application/json")
            case Trouble.HALF_OPEN:
                return _HalfOpen()
        return None


class _HalfOpen(Response):
    """Sends the head of an answer and half a body, then nothing more until the client goes away."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"traits', "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass


def found(values: Mapping[str, Any] | None) -> Response:
    """Answer a record, or 404 without one."""
    if values is None:
        return JSONResponse({"error": {"code": "not_found", "message": "Not found."}}, 404)
    return JSONResponse(dict(values))
