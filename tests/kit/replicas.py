"""Several gateways as processes over one store, and the world around them: Twilio, the model service, a balancer."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from starlette.applications import Starlette

from tandem.model import Conversation, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.persistence.postgres import open_postgres_store
from tandem.persistence.postgres.address import PostgresAddress
from tandem.persistence.redis import open_redis_store
from tandem.simulator.call import SimulatedCall
from tandem.simulator.twilio_simulator import TwilioSimulator

from .gateway import ACCOUNT, JOHN, OURS, TOKEN, surroundings
from .model_server import ModelServer
from .postgres_server import shared_postgres
from .process import GatewayProcess, gateway_process
from .redis_server import shared_redis
from .serving import free_port, serve

PUBLIC = "https://gateway.example"
"""Where Twilio believes that the gateway is; nobody is asked there, the balancer knows the replicas."""
STAFF = {"STAFF_TOKENS": "mia:mia-token-123456789,tom:tom-token-123456789"}
FAST = 1e6
"""Characters per second of an agent that need not be listened to."""
_numbers = itertools.count(1)
_pinned: ContextVar[GatewayProcess | None] = ContextVar("pinned", default=None)


@dataclass(frozen=True, slots=True)
class Shared:
    """A store that several processes use: the settings that name it, and a way in for the test."""

    env: Mapping[str, str]
    open: Callable[[], AbstractAsyncContextManager[LaneStore]]


def redis_place(url: str | None = None) -> Shared:
    """Give a place of its own in the Redis server of this test run, or in another one."""
    address, prefix = url or shared_redis().url, f"replicas-{next(_numbers)}:"
    env = {"PERSISTENCE_ADAPTER": "redis", "REDIS_URL": address, "REDIS_KEY_PREFIX": prefix}
    return Shared(env, lambda: open_redis_store(address, prefix=prefix))


def postgres_place(url: str | None = None) -> Shared:
    """Give tables of its own in the Postgres server of this test run, or in another one."""
    address, table = url or shared_postgres().url, f"replicas_{next(_numbers)}"
    env = {"PERSISTENCE_ADAPTER": "postgres", "DATABASE_URL": address, "POSTGRES_TABLE_NAME": table}
    return Shared(env, lambda: open_postgres_store(PostgresAddress.of_url(address), table=table))


def file_place(folder: Path) -> Shared:
    """Give a folder's SQLite file; for one replica."""
    return Shared({"STATE_PERSISTENCE_DIR": str(folder)}, lambda: open_file_store(folder))


PLACES: Mapping[str, Callable[[str | None], Shared]] = {"redis": redis_place, "postgres": postgres_place}


@dataclass(slots=True)
class Replicas:
    """The replicas that run, and what stays when one dies. The balancer takes turns, or sends all to ``chosen``."""

    twilio: TwilioSimulator
    folder: Path
    store: LaneStore
    http: aiohttp.ClientSession
    env: dict[str, str]
    running: list[GatewayProcess] = field(default_factory=list)
    chosen: GatewayProcess | None = None
    patience: float = 60.0
    """How long a start may take, seconds."""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _turn: int = 0
    _started: int = 0

    async def start(self, *, fresh: bool = False, output: int | None = None, **more: str) -> GatewayProcess:
        """Start one more replica and put it behind the balancer; see :func:`.process.gateway_process`."""
        self._started += 1
        name, env = f"replica-{self._started}", {**self.env, **more}
        gateway = await self._stack.enter_async_context(
            gateway_process(
                self.folder, free_port(), env, name=name, patience=self.patience, fresh=fresh, output=output
            )
        )
        self.running.append(gateway)
        return gateway

    def route(self) -> str:
        """Choose where Twilio's next request goes: to one that runs."""
        chosen = _pinned.get() or self.chosen
        if chosen is not None:
            return chosen.url
        alive = [one for one in self.running if one.runs]
        self._turn += 1
        return alive[self._turn % len(alive)].url if alive else "http://127.0.0.1:9"

    async def text(
        self, body: str, *, at: GatewayProcess | None = None, sender: str = JOHN, sid: str | None = None
    ) -> int:
        """Text one replica, by default the balancer's next; return the status of its answer."""
        pinned = _pinned.set(at)
        try:
            return (await self.twilio.text(sender, body, to=OURS, sid=sid))[0].status
        finally:
            _pinned.reset(pinned)

    def call(self, sender: str = JOHN, *, speed: float = FAST, **options: Any) -> SimulatedCall:
        """Call the gateway."""
        return self.twilio.call(sender, to=OURS, chars_per_second=speed, **options)

    def bodies(self, number: str = JOHN) -> list[str]:
        """Return what a customer was texted."""
        return [message.body for message in self.twilio.sent_to(number)]

    async def ready(self, gateway: GatewayProcess) -> int:
        """Return what readiness answers."""
        async with self.http.get(f"{gateway.url}/health/ready") as response:
            return response.status

    async def status(self, gateway: GatewayProcess) -> dict[str, Any]:
        """Return what ``/status`` says."""
        async with self.http.get(f"{gateway.url}/status") as response:
            return dict(await response.json())

    async def conversation(self, number: str = JOHN) -> Conversation | None:
        """Return what is stored of a customer."""
        return await self.store.conversation(subject(number))

    async def covered(self, number: str = JOHN) -> Counter[str]:
        """Count for every entry how many committed turns cover it."""
        events = await self.store.timeline(subject(number), limit=1000)
        return Counter(key for event in events if event.name == "turn" for key in event.data["covers"])


def subject(number: str) -> SubjectId:
    """Return the subject id of a number."""
    return SubjectId("phone_" + number.removeprefix("+"))


@asynccontextmanager
async def replicas(
    folder: Path, model: ModelServer, shared: Shared, *, count: int = 2, **more: str
) -> AsyncIterator[Replicas]:
    """Run ``count`` replicas in ``folder`` (they share its shop) over a store. ``more`` are further settings."""
    # Each request is a connection of its own, so that it may reach any worker of a replica, too.
    simulator = TwilioSimulator(account_sid=ACCOUNT, auth_token=TOKEN, gateway_url=PUBLIC, keeps_connections=False)
    async with (
        simulator,
        serve(Starlette(routes=list(simulator.routes()))) as twilio_url,
        serve(model.app) as model_url,
        shared.open() as store,
        aiohttp.ClientSession(trust_env=False, connector=aiohttp.TCPConnector(force_close=True)) as http,
        AsyncExitStack() as stack,
    ):
        env = {
            **surroundings(twilio_url, model_url, PUBLIC),
            "LANE_LEASE_SECONDS": "1",
            "TWILIO_PHONE_NUMBER": OURS,
            **STAFF,
            **shared.env,
            **more,
        }
        world = Replicas(simulator, folder, store, http, env, _stack=stack)
        simulator.route = world.route
        await asyncio.gather(*(world.start() for _ in range(count)))
        yield world
