"""An engine over a real file store, with a runner and a sender that do what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tandem.conversation.base import EngineLimits, Execution, TurnRequest, TurnResult
from tandem.conversation.engine import TurnEngine
from tandem.conversation.event_bus import EventBus, Listener
from tandem.conversation.summary import Summarise
from tandem.entries import Entry, TextReceived
from tandem.identity.phone import PhoneResolver
from tandem.model import Address, Approval, ApprovalStatus, Channel, Conversation, Reply, Route, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store

from .waiting import PATIENCE

JOHN = SubjectId("phone_15551234567")
ROUTE = Route(Channel.SMS, Address("tel", "+15551234567"), Address("tel", "+15550001111"))

Respond = Callable[[TurnRequest], Awaitable[TurnResult]]


async def echo(request: TurnRequest) -> TurnResult:
    """Answer what was said."""
    return answer(request, "You said: " + " / ".join(request.texts))


def answer(request: TurnRequest, text: str, **more: Any) -> TurnResult:
    """Return the result of a turn that ends in ``text``."""
    said = tuple({"role": "user", "content": said} for said in request.texts)
    return TurnResult((*said, {"role": "assistant", "content": text}), text, **more)


@dataclass(slots=True)
class ScriptedRunner:
    """An agent that answers as told and keeps what it was asked."""

    respond: Respond = echo
    executions: list[Execution] = field(default_factory=list)
    requests: list[TurnRequest] = field(default_factory=list)
    executed: list[Approval] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """What every execution waits for."""

    async def run(self, request: TurnRequest) -> TurnResult:
        self.requests.append(request)
        return await self.respond(request)

    async def execute(self, approval: Approval, conversation: Conversation, route: Route, *, now: float) -> Execution:
        self.executed.append(approval)
        if self.gate is not None:
            await self.gate.wait()
        return self.executions.pop(0) if self.executions else Execution(ApprovalStatus.EXECUTED, "done")


@dataclass(slots=True)
class FakeSender:
    """A provider that takes everything, or raises what ``troubles`` holds, one per attempt."""

    channels: frozenset[Channel] = frozenset(Channel)
    troubles: list[Exception] = field(default_factory=list)
    sent: list[Reply] = field(default_factory=list)
    existing: dict[str, str] = field(default_factory=dict)
    looked_for: list[frozenset[str]] = field(default_factory=list)
    blind: list[Exception] = field(default_factory=list)
    """What looking raises, one per time."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    elsewhere: Route | None = None
    """The other way to whoever is called."""
    gate: asyncio.Event | None = None
    """What every reply waits for before it is sent."""
    waiting: int = 0
    """Replies that came as far as the gate."""

    def compose(self, text: str) -> tuple[str, ...]:
        return (text,)

    def other_way(self, route: Route) -> Route | None:
        return self.elsewhere if route.channel is Channel.VOICE else None

    async def send(self, reply: Reply) -> str:
        if self.troubles:
            raise self.troubles.pop(0)
        if self.gate is not None:
            self.waiting += 1
            await self.gate.wait()
        self.sent.append(reply)
        self.news.set()
        return f"SM{len(self.sent)}"

    async def find(self, reply: Reply, *, known: frozenset[str]) -> str | None:
        self.looked_for.append(known)
        if self.blind:
            raise self.blind.pop(0)
        return self.existing.get(reply.text)

    async def texts(self, count: int) -> list[str]:
        """Wait until ``count`` replies were sent and return their texts."""
        async with asyncio.timeout(PATIENCE):
            while len(self.sent) < count:
                self.news.clear()
                await self.news.wait()
        return [reply.text for reply in self.sent]


@dataclass(slots=True)
class Lab:
    """Everything a test of the engine touches."""

    engine: TurnEngine
    store: LaneStore
    runner: ScriptedRunner
    sender: FakeSender

    async def text(self, key: str, said: str, *, route: Route = ROUTE) -> None:
        await self.engine.accept(JOHN, [Entry(key, TextReceived(route, said))], token=f"token-{key}")


LIMITS = EngineLimits(coalesce=0, lease=60.0, workers=8)
"""The lease outlasts every wait: nothing is helped by its running out, and a busy machine loses none."""
SHORT_LEASE = 0.3
"""For what is noticed at a renewal."""


@asynccontextmanager
async def lab(
    folder: Path,
    respond: Respond = echo,
    *,
    limits: EngineLimits = LIMITS,
    wrap: Callable[[LaneStore], LaneStore] | None = None,
    summarise: Summarise | None = None,
    listeners: Mapping[str, Listener] | None = None,
    **changes: Any,
) -> AsyncIterator[Lab]:
    """Run an engine; ``wrap`` puts something between it and its store, ``listeners`` are told what
    happens, ``changes`` are limits.
    """
    runner, sender = ScriptedRunner(respond), FakeSender()
    async with open_file_store(folder, poll_seconds=0.05) as store:
        seen = wrap(store) if wrap else store
        bounds = replace(limits, **changes)
        async with TurnEngine(
            store=seen,
            runner=runner,
            identity=PhoneResolver("US"),
            senders=[sender],
            bus=EventBus(listeners or {}),
            limits=bounds,
            summarise=summarise,
        ) as engine:
            yield Lab(engine, store, runner, sender)
