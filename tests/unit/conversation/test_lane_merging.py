"""Lanes of one person are joined when a source says so: once per answer, patiently, and beside the message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tandem.conversation.event_bus import EventBus
from tandem.conversation.lane_merging import MergingResolver
from tandem.errors import LeaseLost, StoreError, StoreUnavailable
from tandem.events import EventName, Happened
from tandem.identity.base import NO_METADATA, Metadata, Resolution
from tandem.model import Address, SubjectId

from ...kit.waiting import PATIENCE, until

pytestmark = pytest.mark.promise("I5b", "I6")

CALLER = Address("tel", "+14155550100")
PHONE, ANONYMOUS, KNOWN = SubjectId("phone_14155550100"), SubjectId("segment_web-1"), SubjectId("segment_user_ada")


@dataclass
class Answers:
    """An identity that gives one answer until it is told another."""

    answer: Resolution = field(default_factory=lambda: Resolution(KNOWN, earlier=(PHONE, ANONYMOUS)))

    async def resolve(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        return self.answer

    async def resolve_cached(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        return self.answer


@dataclass
class Store:
    """Notes what it is asked to move; ``troubles`` come first, one per question."""

    there: set[SubjectId] = field(default_factory=lambda: {PHONE})
    troubles: list[Exception] = field(default_factory=list)
    asked: list[tuple[SubjectId, SubjectId, str]] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def merge(self, old: SubjectId, new: SubjectId, *, token: str) -> bool:
        self.asked.append((old, new, token))
        if self.gate is not None:
            await self.gate.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        return old in self.there


@asynccontextmanager
async def joining(store: Store, answers: Answers | None = None) -> AsyncIterator[tuple[MergingResolver, list[Any]]]:
    """Give a resolver, and the lanes that were moved, as listeners are told."""
    moved: list[tuple[str, SubjectId]] = []

    async def hear(happened: Happened) -> None:
        assert happened.event.name == EventName.JOINED
        moved.append((str(happened.event.data["earlier"]), happened.subject))

    known: Any = answers or Answers()
    lanes: Any = store
    async with (
        EventBus({"test": hear}) as bus,
        MergingResolver(known, lanes, bus, pauses=(0.0, 0.0, 0.0)) as resolver,
    ):
        yield resolver, moved


async def told(moved: list[Any]) -> list[Any]:
    """Let the bus tell its listeners, and return what they heard."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return moved


async def resolve(it: MergingResolver) -> SubjectId:
    return (await it.resolve(CALLER, session="SM1")).subject


async def test_earlier_lanes_are_joined_before_the_message_goes_on() -> None:
    store = Store()
    async with joining(store) as (it, moved):
        assert await resolve(it) == KNOWN
        assert await told(moved) == [(PHONE, KNOWN)]
        assert [asked[:2] for asked in store.asked] == [(PHONE, KNOWN), (ANONYMOUS, KNOWN)]


async def test_an_answer_is_looked_at_once_and_a_new_one_anew() -> None:
    store, answers = Store(), Answers()
    async with joining(store, answers) as (it, _):
        await resolve(it)
        await resolve(it)
        assert len(store.asked) == 2
        answers.answer = Resolution(KNOWN, earlier=(PHONE, ANONYMOUS))
        await resolve(it)
        assert len(store.asked) == 4
        assert len({token for _, _, token in store.asked}) == 4


async def test_a_glance_joins_nothing() -> None:
    store = Store()
    async with joining(store) as (it, _):
        await it.resolve_cached(CALLER, session="CA1")
    assert store.asked == []


async def test_a_busy_lane_is_tried_again_with_the_same_token() -> None:
    store = Store(troubles=[LeaseLost(), LeaseLost(), StoreUnavailable()])
    async with joining(store) as (it, moved):
        await resolve(it)
        assert await told(moved) == [(PHONE, KNOWN)]
    assert len({token for old, _, token in store.asked if old == PHONE}) == 1


async def test_a_lane_that_stays_busy_waits_for_the_next_answer() -> None:
    store, answers = Store(troubles=[LeaseLost()] * 8), Answers()
    async with joining(store, answers) as (it, moved):
        await resolve(it)
        assert await told(moved) == []
        answers.answer = Resolution(KNOWN, earlier=(PHONE,))
        await resolve(it)
        assert await told(moved) == [(PHONE, KNOWN)]


async def test_a_message_does_not_wait_long() -> None:
    store = Store(gate=asyncio.Event())
    async with joining(store) as (it, moved):
        async with asyncio.timeout(PATIENCE):
            assert await resolve(it) == KNOWN
        assert await told(moved) == []
        assert store.gate is not None
        store.gate.set()
        await until(lambda: moved)


async def test_a_record_that_cannot_be_moved_is_left() -> None:
    store = Store(troubles=[StoreError()])
    async with joining(store) as (it, moved):
        assert await resolve(it) == KNOWN
    assert await told(moved) == []
    assert len(store.asked) == 2


async def test_leaving_ends_what_is_under_way() -> None:
    store = Store(gate=asyncio.Event())
    async with joining(store) as (it, _):
        await resolve(it)
    assert [task for task in asyncio.all_tasks() if task.get_name() == "joining"] == []
