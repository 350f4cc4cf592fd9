"""A call's presence in the store: taken over once, renewed while it lives, ended with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from tandem.channels.voice.call_presence import CallPresence
from tandem.errors import StoreUnavailable
from tandem.model import SubjectId

from ...kit.tables import each
from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("H12")

JANE = SubjectId("phone_14155550100")
LEASE = 0.03


@dataclass
class Store:
    """Keeps what it is told; ``away`` is how many of the next calls it does not answer."""

    away: int = 0
    noted: list[tuple[float, bool]] = field(default_factory=list)
    hints: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def presence(self, subject: SubjectId, *, call: str, replica: str, seconds: float, renew: bool) -> None:
        assert (subject, call, replica) == (JANE, "CA1", "me")
        self.noted.append((seconds, renew))
        self.news.set()
        self.away -= 1
        if self.away >= 0:
            raise StoreUnavailable

    async def notify(self, subject: SubjectId) -> None:
        self.hints += 1

    async def calls(self, count: int) -> list[tuple[float, bool]]:
        """Wait for ``count`` calls and return the first ones."""
        async with asyncio.timeout(PATIENCE):
            while len(self.noted) < count:
                self.news.clear()
                await self.news.wait()
        return self.noted[:count]


@dataclass
class Engine:
    """Who is told that a call is here."""

    replica: str = "me"
    lease: float = LEASE
    told: list[SubjectId] = field(default_factory=list)
    gone: list[SubjectId] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def arrived(self, subject: SubjectId) -> None:
        self.told.append(subject)

    def departed(self, subject: SubjectId) -> None:
        self.gone.append(subject)
        self.news.set()


@asynccontextmanager
async def standing(store: Store, engine: Any, *, stay: float | None = 0.0) -> AsyncIterator[None]:
    it = CallPresence(store, engine, "CA1")  # type: ignore[arg-type]
    it.begin(JANE)
    yield
    await it.end(stay=stay)


async def test_a_call_is_taken_over_once_and_then_renewed() -> None:
    store, engine = Store(), Engine()
    async with standing(store, engine):
        assert await store.calls(3) == [(LEASE, False), (LEASE, True), (LEASE, True)]
    assert engine.told == [JANE]


async def test_whoever_watches_is_told_of_the_end_once_the_store_knows() -> None:
    store, engine = Store(), Engine()
    async with standing(store, engine):
        await store.calls(1)
        assert engine.gone == []
    assert (store.noted[-1], engine.gone) == ((0.0, True), [JANE])
    assert store.hints == 1  # for other replicas


async def test_a_lost_call_is_gone_when_it_did_not_come_back_in_time() -> None:
    store, engine = Store(), Engine()
    async with standing(store, engine, stay=0.02):
        await store.calls(1)
    assert engine.gone == []
    async with asyncio.timeout(PATIENCE):
        await engine.news.wait()
    assert engine.gone == [JANE]


async def test_a_call_that_goes_on_on_another_socket_here_is_not_gone() -> None:
    store, engine = Store(), Engine()
    async with standing(store, engine, stay=None):
        await store.calls(1)
    assert engine.gone == []


@each("stay", [0.0, 10.0])
async def test_the_end_says_how_long_it_may_come_back(stay: float) -> None:
    store = Store()
    async with standing(store, Engine(), stay=stay):
        await store.calls(1)
    assert store.noted[-1] == (stay, True)


async def test_nothing_is_said_while_another_socket_of_the_call_goes_on() -> None:
    store = Store()
    async with standing(store, Engine(), stay=None):
        await store.calls(1)
    assert all(seconds == LEASE for seconds, _ in store.noted)


async def test_a_store_that_is_away_is_logged_once_and_asked_again() -> None:
    store, engine = Store(away=3), Engine()
    with capture_logs() as logs:
        async with standing(store, engine):
            calls = await store.calls(5)
    assert [renew for _, renew in calls] == [False, False, False, False, True]
    assert [line["event"] for line in logs] == ["presence_not_noted"]
    assert engine.told == [JANE]


async def test_a_store_that_is_away_does_not_hold_up_the_end_of_a_call() -> None:
    store = Store(away=1000)
    async with standing(store, Engine()):
        await store.calls(1)
    assert store.noted[-1] == (0.0, True)


async def test_a_caller_who_was_never_known_is_nowhere() -> None:
    store = Store()
    await CallPresence(store, Engine(), "CA1").end(stay=0.0)  # type: ignore[arg-type]
    assert store.noted == []
