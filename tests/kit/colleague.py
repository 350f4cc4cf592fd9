"""A colleague with a token: the staff API over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from tandem.app import NO_LISTENERS
from tandem.conversation.event_bus import Listener
from tandem.simulator.twilio_simulator import TwilioSimulator

from .gateway import OURS, Running, running
from .model_server import ModelServer
from .waiting import PATIENCE

TOKEN = "mia-token-123456789"
STAFF = {"STAFF_TOKENS": f"mia:{TOKEN},tom:tom-token-123456789", "TWILIO_PHONE_NUMBER": OURS}
JOHNS_ID = "phone_15551234567"


@dataclass(frozen=True, slots=True)
class Told:
    """What the API answered."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Colleague:
    """Somebody with a token and curl."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, method: str, path: str | URL, **more: Any) -> Told:
        async with self._session.request(method, path, **more) as response:
            body = await response.json() if response.content_type == "application/json" else None
            return Told(response.status, body, {name.lower(): value for name, value in response.headers.items()})

    async def get(self, path: str, **query: str) -> Any:
        told = await self.ask("GET", path, params=query)
        assert told.status == 200, told
        return told.body

    async def post(self, path: str, body: Any = None, *, status: int = 200, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        told = await self.ask("POST", path, headers=headers, **({} if body is None else {"json": body}))
        assert told.status == status, told
        return told.body

    async def shown(self, who: str = JOHNS_ID) -> Any:
        """Return a conversation in full."""
        return await self.get(f"/conversations/{quote(who, safe='')}")

    async def until(self, wanted: Any, who: str = JOHNS_ID) -> Any:
        """Return a conversation once ``wanted`` is true of it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                told = await self.ask("GET", f"/conversations/{quote(who, safe='')}")
                if told.status == 200 and wanted(told.body):
                    return told.body
                await asyncio.sleep(0.01)

    async def waiting_approval(self, tool: str) -> Any:
        """Return the request of a tool once it waits."""
        async with asyncio.timeout(PATIENCE):
            while True:
                listed = (await self.get("/approvals"))["approvals"]
                found = next((one for one in listed if one["tool"] == tool), None)
                if found:
                    return found
                await asyncio.sleep(0.01)

    async def decide(self, approval: Mapping[str, Any], **decision: Any) -> Any:
        return await self.post("/approvals", {"decisions": [{"approvalId": approval["id"], **decision}]})


def names(shown: Mapping[str, Any]) -> list[str]:
    """Return the names of a conversation's timeline rows."""
    return [row["name"] for row in shown["timeline"]]


def entries(shown: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what was said and done, turn after turn."""
    return [entry for turn in shown["transcript"] for entry in turn["entries"]]


@asynccontextmanager
async def signed_by_token(it: Running, token: str = TOKEN) -> AsyncIterator[Colleague]:
    """Give a colleague of a gateway."""
    async with aiohttp.ClientSession(it.url, headers={"Authorization": f"Bearer {token}"}) as session:
        yield Colleague(session)


@asynccontextmanager
async def staffed(
    folder: Path,
    model: ModelServer | None = None,
    *,
    token: str = TOKEN,
    twilio: TwilioSimulator | None = None,
    listeners: Mapping[str, Listener] = NO_LISTENERS,
    **extra: str,
) -> AsyncIterator[tuple[Running, Colleague]]:
    """Run a gateway with Mia at the desk. ``extra`` are settings, ``listeners`` are told of events; see ``running``."""
    async with (
        running(folder, model, twilio=twilio, listeners=listeners, **(STAFF | extra)) as it,
        signed_by_token(it, token) as colleague,
    ):
        yield it, colleague
