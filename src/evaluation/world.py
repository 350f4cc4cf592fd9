"""A world for one conversation: the real gateway, a pretend Twilio, a colleague, and nothing that outlives it.

The gateway is wired as ``tandem serve`` wires it, on a free loopback port, with a store and a shop in a folder that is
thrown away. Of the settings only those are kept that make the agent (``MAKES_AGENT``); every other one has its default.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from ..app import open_gateway
from ..events import EventName, Happened
from ..identity.phone import subject_of_number
from ..model import ReplyStatus, SubjectId, TimelineEvent
from ..persistence.base import LaneStore
from ..settings import Settings
from ..settings.development import SAMPLE_ACCOUNT_SID, staff_tokens
from ..shop.embedded import SHOP_FILE
from ..shop.trial import ShopData, fill
from ..simulator.call import SimulatedCall
from ..simulator.playback import CHARS_PER_SECOND
from ..simulator.serving import listening, served
from ..simulator.twilio_simulator import TwilioSimulator
from .scenario import OURS, WITHHELD, StaffDecision

SPEED = 20.0
"""How many times faster than people both sides of a call speak."""
MOST_EVENTS = 2000
UNTIL_DRAINED, LOOK_AGAIN = 1.0, 0.05


@dataclass(slots=True)
class World:
    """A gateway that runs for one customer, and what happened in it."""

    number: str
    ours: str
    twilio: TwilioSimulator
    store: LaneStore
    staff: aiohttp.ClientSession
    shop_file: Path
    heard: list[Happened]
    """All that the gateway told of, in order."""
    news: asyncio.Event

    @property
    def subject(self) -> SubjectId:
        """Return the customer's subject; that of a withheld number is the first of whom anything was heard."""
        if self.number != WITHHELD:
            return subject_of_number(self.number)
        return self.heard[0].subject if self.heard else SubjectId(WITHHELD)

    async def timeline(self) -> tuple[TimelineEvent, ...]:
        """Return what happened with the customer, in order."""
        return await self.store.timeline(self.subject, limit=MOST_EVENTS)

    def departures(self) -> int:
        """Return how many calls have ended."""
        return sum(one.event.name == EventName.CALL_DEPARTED for one in self.heard)

    # --- the customer's telephone -----------------------------------------------------------------------

    async def text(self, words: str) -> int:
        """Text the gateway as the customer; return the status of its answer."""
        (answer,) = await self.twilio.text(self.number, words, to=self.ours)
        return answer.status

    def call(self) -> AbstractAsyncContextManager[SimulatedCall]:
        """Call the gateway as the customer."""
        return self.twilio.call(self.number, to=self.ours, chars_per_second=CHARS_PER_SECOND * SPEED)

    # --- waiting ----------------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when a condition holds; it is looked at whenever something happened."""
        while not condition():
            self.news.clear()
            await self.news.wait()

    async def settled(self) -> None:
        """Return when all that was accepted is answered, and all that was answered has left."""
        while await self._busy():
            self.news.clear()
            with suppress(TimeoutError):  # not everything that settles is told of
                await asyncio.wait_for(self.news.wait(), LOOK_AGAIN)

    async def _busy(self) -> bool:
        """Tell whether something is under way with the customer, or to others who are texted for them."""
        replies = await self.store.replies(self.subject)
        others = {subject_of_number(row.reply.route.customer.value) for row in replies if row.reply.to_another}
        for subject in (self.subject, *others):
            if await self.store.waiting(subject):
                return True
            if any(row.status is ReplyStatus.WAITING for row in await self.store.replies(subject)):
                return True
        return False

    # --- the desk ---------------------------------------------------------------------------------------

    async def decide(self, approval: str, decision: StaffDecision) -> str:
        """Decide about a request as a colleague does, by the staff API; return why not, if it was refused."""
        asked: dict[str, Any] = {"approvalId": approval, "approved": decision.decide == "approve"}
        asked |= {"reason": decision.reason} if decision.reason else {}
        asked |= {"arguments": decision.arguments} if decision.arguments is not None else {}
        async with self.staff.post("/approvals", json={"decisions": [asked]}) as answer:
            told = await answer.json()
            return "" if answer.status == 200 else str(told.get("error"))


@asynccontextmanager
async def open_world(settings: Settings, shop: ShopData, number: str, *, ours: str = OURS) -> AsyncIterator[World]:
    """Open a world; all of it is gone afterwards. Raises ConfigurationError."""
    # Stopped by Ctrl-C, a thread of the store may still write when the folder is removed.
    folders = tempfile.TemporaryDirectory(prefix="tandem-eval-", ignore_cleanup_errors=True)
    with folders as name, listening("127.0.0.1", 0) as listener:
        folder, port = Path(name), int(listener.getsockname()[1])
        address, token = f"http://127.0.0.1:{port}", secrets.token_hex(16)
        own = throwaway(settings, folder, address, token)
        shop_file = folder / SHOP_FILE.name
        await fill(shop_file, shop)
        desk = {"Authorization": f"Bearer {next(iter(staff_tokens(own).values()))}"}
        heard, news = list[Happened](), asyncio.Event()

        async def hear(happened: Happened) -> None:
            heard.append(happened)
            news.set()

        async with (
            TwilioSimulator(account_sid=SAMPLE_ACCOUNT_SID, auth_token=token, gateway_url=address) as twilio,
            aiohttp.ClientSession(address, headers=desk) as staff,
            open_gateway(own, port=port, shop_file=shop_file, listeners={"eval": hear}) as gateway,
        ):
            app = gateway.app()
            app.router.routes.extend(twilio.routes())
            async with served(app, listener):
                yield World(number, ours, twilio, gateway.health.store, staff, shop_file, heard, news)
                await gateway.drain(UNTIL_DRAINED)


def throwaway(settings: Settings, folder: Path, address: str, token: str) -> Settings:
    """Return settings of a gateway that reaches no one, with the same agent."""
    kept = {name: getattr(settings, name) for name in Settings.of_agent()}
    return Settings.model_validate({}).model_copy(
        update=kept
        | {
            "twilio_account_sid": SAMPLE_ACCOUNT_SID,
            "twilio_auth_token": (SecretStr(token),),
            "twilio_phone_number": OURS,
            "twilio_api_base_url": address,
            "public_base_url": address,
            "state_persistence_dir": folder,
            "coalesce_ms": 50,
            "silence_seconds": 60.0,  # a customer played by a model thinks longer than people
            "rate_limit_per_minute": 0,
        }
    )
