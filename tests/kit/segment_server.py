"""A pretend Segment: the two answers of the Profile API that the gateway reads, the batches of events, and faults.

Sources: twilio.com/docs/segment/unify/profile-api and …/connections/sources/catalog/libraries/server/http-api.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .faults import Source, Trouble, found
from .waiting import PATIENCE

TOKEN, SPACE, WRITE_KEY = "profile-token-4711-canary", "spa_1", "write-key-4711-canary"


@dataclass(frozen=True)
class Person:
    """A profile: its traits, and its external ids as (type, value), oldest first."""

    traits: dict[str, Any]
    ids: tuple[tuple[str, str], ...]


@dataclass
class SegmentServer(Source):
    """People, found by any of their external ids; ``events`` are those that came, in order; ``batches``
    counts what they came in."""

    people: list[Person] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    batches: int = 0

    @property
    def app(self) -> Starlette:
        profiles = "/v1/spaces/{space}/collections/users/profiles/{identifier:path}/{part}"
        return Starlette(
            routes=[Route(profiles, self._profile), Route("/v1/batch", self._batch, methods=["POST"])],
        )

    def of(self, kind: str, event: str | None = None) -> list[dict[str, Any]]:
        """Return the events of a type and, of tracks, of a name."""
        return [one for one in self.events if one["type"] == kind and (event is None or one["event"] == event)]

    async def wait_batches(self, count: int) -> None:
        """Return once so many batches came, taken or not."""
        async with asyncio.timeout(PATIENCE):
            while self.batches < count:
                self.news.clear()
                await self.news.wait()

    async def _profile(self, request: Request) -> Response:
        identifier, part = request.path_params["identifier"], request.path_params["part"]
        self.note(request, f"{identifier}/{part}")
        if request.headers.get("authorization") != "Basic " + base64.b64encode(f"{TOKEN}:".encode()).decode():
            return JSONResponse({"error": {"code": "authentication_error"}}, 401)
        if (answer := await self.fault()) is not None:
            return answer
        kind, _, value = identifier.partition(":")
        person = next((one for one in self.people if (kind, value) in one.ids), None)
        if request.path_params["space"] != SPACE or person is None:
            return found(None)
        cursor = {"url": request.url.path, "has_more": False, "next": ""}
        if part == "traits":
            return found({"traits": person.traits, "cursor": cursor})
        rows = [
            {"source_id": "s", "collection": "users", "id": one, "type": kind, "created_at": f"2024-01-{day:02}T00:00Z"}
            for day, (kind, one) in enumerate(person.ids, start=1)
        ]
        if self.trouble is Trouble.NO_ID:
            rows = [{**row, "id": "null"} if row["type"] == "user_id" else row for row in rows]
        return found({"data": rows, "cursor": cursor})

    async def _batch(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.batches += 1
        self.news.set()
        if (answer := await self.fault()) is not None:
            return answer
        self.keys.append(body["writeKey"])
        self.events += body["batch"]
        self.news.set()
        return JSONResponse({"success": True})
