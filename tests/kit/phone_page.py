"""The phone page's side of its live channel, without a browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect

from tandem.settings.development import SAMPLE_ACCOUNT_SID, auth_tokens, staff_tokens

from .gateway import JOHN, OURS, Running, running
from .waiting import PATIENCE

Told = dict[str, Any]
FAST = 20


@dataclass(slots=True)
class PhonePage:
    """A page that keeps everything it was told."""

    socket: ClientConnection
    told: list[Told] = field(default_factory=list)

    async def do(self, what: str, **more: Any) -> None:
        await self.socket.send(json.dumps({"do": what, **more}))

    async def hear(self, kind: str, fits: Callable[[Told], bool] = lambda told: True, *, after: int = 0) -> Told:
        """Return the first message of a kind that fits, of those from index ``after`` on, waiting for it."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    for told in self.told[after:]:
                        if told["type"] == kind and fits(told):
                            return told
                    self.told.append(json.loads(await self.socket.recv()))
        except TimeoutError:
            raise AssertionError(f"waited in vain; the last that was told: {self.told[-12:]}") from None

    async def heard(self, words: str) -> Told:
        """Wait until the agent has said something to its end."""
        return await self.hear("speech", lambda one: one["over"] and words in one["text"][: one["heard"]])

    async def standing(self, state: str, *, after: int = 0) -> Told:
        """Wait for a state of the call."""
        return await self.hear("call", lambda one: one["state"] == state, after=after)

    async def call(self, *, speed: float = FAST) -> None:
        """Call, and hear the greeting."""
        await self.do("call", speed=speed)
        await self.standing("connected")
        await self.hear("speech", lambda one: one["source"] == "greeting" and one["over"])

    def frames(self, kind: str) -> Iterator[Told]:
        return (one for one in self.told if one["type"] == "frame" and one["kind"] == kind)


@asynccontextmanager
async def development(folder: Path, *, port: int = 0, **extra: str) -> AsyncIterator[Running]:
    """Run a gateway without an account, as ``make run`` does."""
    async with running(folder, port=port, TWILIO_ACCOUNT_SID="", TWILIO_AUTH_TOKEN="", **extra) as it:
        yield it


async def deliver(it: Running, body: str, *media: str, number: str = JOHN) -> None:
    """Have the pretend Twilio of a development gateway send a message, as the gateway's own REST calls do."""
    login = {"Authorization": aiohttp.encode_basic_auth(SAMPLE_ACCOUNT_SID, auth_tokens(it.settings)[0])}
    form = [("To", number), ("From", OURS), ("Body", body), *(("MediaUrl", one) for one in media)]
    url = f"{it.url}/2010-04-01/Accounts/{SAMPLE_ACCOUNT_SID}/Messages.json"
    async with aiohttp.ClientSession(headers=login) as http, http.post(url, data=form) as answer:
        assert answer.status == 201, await answer.text()


@asynccontextmanager
async def page_of(it: Running, number: str = JOHN) -> AsyncIterator[PhonePage]:
    """Open the page as somebody who is signed in; with ``number`` it is the telephone with that number."""
    address, token = it.url.removeprefix("http"), next(iter(staff_tokens(it.settings).values()))
    headers = {"Authorization": f"Bearer {token}"}
    url = f"ws{address}/phone/line"
    async with connect(url, origin=it.url, additional_headers=headers, proxy=None) as socket:  # type: ignore[arg-type]
        page = PhonePage(socket)
        if number:
            await page.do("number", number=number)
        yield page
