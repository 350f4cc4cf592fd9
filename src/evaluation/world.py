"""A world for one conversation: the real gateway, a pretend Twilio, a colleague, and nothing that outlives it.

The gateway is wired as ``tandem serve`` wires it, on a free loopback port, with a store and a shop in a folder that is
thrown away. Of the settings only those are kept that make the agent; none that reaches a person or another system.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette

from ..app import open_gateway
from ..events import EventName, Happened
from ..identity.phone import subject_of_number
from ..model import ReplyStatus, SubjectId, Ticket, TimelineEvent
from ..persistence.base import LaneStore
from ..settings import Settings
from ..settings.development import SAMPLE_ACCOUNT_SID, staff_tokens
from ..shop.embedded import SHOP_FILE
from ..shop.trial import ShopData, fill, payments, states
from ..simulator.call import SimulatedCall
from ..simulator.playback import CHARS_PER_SECOND
from ..simulator.twilio_simulator import TwilioSimulator
from ..simulator.wire import SimMessage
from .scenario import OURS, WITHHELD, StaffDecision

KEPT = frozenset({
    "openai_api_key", "openai_base_url", "openai_api_mode", "agent_model", "agent_path", "workflow_name",
    "max_turns", "stream_timeout_ms", "turn_timeout_ms", "first_token_timeout_ms", "preemptive_turns",
    "max_input_chars", "history_max_items", "history_max_chars", "knowledge_dir", "human_transfer_number",
    "human_transfer_hours", "human_transfer_zone", "voice", "voice_options_path", "phrases_dir", "default_region",
    "refund_approval_threshold", "hold_thoughts", "agents_file", "company_file", "instructions_file",
})  # fmt: skip
"""Settings that make the agent. Every other one has its default: new ones reach no one until they are named here."""
SPEED = 20.0
"""How many times faster than people both sides of a call speak."""
MAX_FRAME, MOST_EVENTS = 65_536, 2000
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

    def received(self) -> list[SimMessage]:
        """Return the texts that the customer got, oldest first."""
        return self.twilio.sent_to(self.number)

    def call(self) -> AbstractAsyncContextManager[SimulatedCall]:
        """Call the gateway as the customer."""
        return self.twilio.call(self.number, to=self.ours, chars_per_second=CHARS_PER_SECOND * SPEED)

    def others(self) -> list[str]:
        """Return the numbers other than the customer's that were texted, one per text."""
        return [one.to for one in self.twilio.messages if not one.inbound and one.to != self.number]

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

    # --- the desk, and what is there at the end ---------------------------------------------------------

    async def decide(self, approval: str, decision: StaffDecision) -> str:
        """Decide about a request as a colleague does, by the staff API; return why not, if it was refused."""
        asked: dict[str, Any] = {"approvalId": approval, "approved": decision.decide == "approve"}
        asked |= {"reason": decision.reason} if decision.reason else {}
        asked |= {"arguments": decision.arguments} if decision.arguments is not None else {}
        async with self.staff.post("/approvals", json={"decisions": [asked]}) as answer:
            told = await answer.json()
            return "" if answer.status == 200 else str(told.get("error"))

    async def tickets(self) -> tuple[Ticket, ...]:
        """Return the customer's tickets, oldest first."""
        return tuple(reversed(await self.store.tickets(self.subject)))

    async def orders(self) -> Mapping[str, tuple[str, int]]:
        """Return of every order its status, and what was paid back in cents."""
        return await states(self.shop_file)

    async def payments(self) -> tuple[tuple[str, int], ...]:
        """Return what was paid back in this world: order and cents."""
        return await payments(self.shop_file)


@asynccontextmanager
async def open_world(settings: Settings, shop: ShopData, number: str, *, ours: str = OURS) -> AsyncIterator[World]:
    """Open a world; all of it is gone afterwards. Raises ConfigurationError."""
    # Stopped by Ctrl-C, a thread of the store may still write when the folder is removed.
    folders = tempfile.TemporaryDirectory(prefix="tandem-eval-", ignore_cleanup_errors=True)
    with folders as name, _listening() as listener:
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
            async with _serving(app, listener):
                yield World(number, ours, twilio, gateway.health.store, staff, shop_file, heard, news)
                await gateway.drain(UNTIL_DRAINED)


def throwaway(settings: Settings, folder: Path, address: str, token: str) -> Settings:
    """Return settings of a gateway that reaches no one, with the same agent."""
    kept = {name: getattr(settings, name) for name in KEPT}
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


@contextmanager
def _listening() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield listener


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: Ctrl-C is for the command."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals as they are."""
        yield


@asynccontextmanager
async def _serving(app: Starlette, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app, log_config=None, access_log=False, ws_max_size=MAX_FRAME, timeout_graceful_shutdown=1, lifespan="off"
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await server.ready.wait()
        yield
    finally:
        server.should_exit = True
        await task
