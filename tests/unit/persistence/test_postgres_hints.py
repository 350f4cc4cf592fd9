"""Hints over LISTEN and NOTIFY, and what is done when they cannot be heard."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

import asyncpg
import pytest

from tandem.errors import StoreUnavailable
from tandem.model import SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.postgres import open_postgres_store

from ...contracts.records import JANE, JOHN, fresh, texts
from ...kit.postgres_server import postgres_server, shared_postgres
from ...kit.waiting import PATIENCE

NEVER = 3600.0
"""Between two polls: what is heard in time was heard as a hint."""

_tables = (f"hints_{number}" for number in itertools.count(1))


@pytest.fixture
def table() -> str:
    return next(_tables)


@pytest.fixture
async def teller(table: str) -> AsyncIterator[LaneStore]:
    async with open_postgres_store(shared_postgres().url, table=table) as store:
        yield store


@pytest.fixture
async def hearer(table: str, teller: LaneStore) -> AsyncIterator[LaneStore]:
    async with open_postgres_store(shared_postgres().url, table=table, poll_seconds=NEVER) as store:
        yield store


async def hear(hints: AsyncIterator[SubjectId]) -> SubjectId:
    async with asyncio.timeout(PATIENCE):
        return await anext(hints)


async def listening(hearer: LaneStore, teller: LaneStore) -> AsyncGenerator[SubjectId, None]:
    """Give hints of a listener that is known to listen: it found what was due when it began."""
    await teller.accept(JANE, texts(fresh("due")), token=fresh())
    hints = cast(AsyncGenerator[SubjectId, None], hearer.listen())
    assert await hear(hints) == JANE
    return hints


async def test_a_hint_arrives_without_polling(teller: LaneStore, hearer: LaneStore) -> None:
    hints = await listening(hearer, teller)
    await teller.notify(JOHN)
    assert await hear(hints) == JOHN


async def test_own_hints_are_not_heard(teller: LaneStore, hearer: LaneStore) -> None:
    hints = await listening(hearer, teller)
    await hearer.notify(SubjectId("mine"))
    await teller.notify(JOHN)
    assert await hear(hints) == JOHN


async def test_a_hint_whose_subject_is_too_long_makes_look(teller: LaneStore, hearer: LaneStore) -> None:
    hints = await listening(hearer, teller)
    await teller.notify(SubjectId("é" * 5000))
    assert await hear(hints) == JANE


async def test_a_listener_whose_connection_was_ended_is_told_and_may_listen_again(
    teller: LaneStore, hearer: LaneStore
) -> None:
    hints = await listening(hearer, teller)
    heard = asyncio.create_task(hear(hints))
    assert await end_listener(shared_postgres().url) == 1
    with pytest.raises(StoreUnavailable):
        await heard
    async with aclosing(await listening(hearer, teller)) as again:
        await teller.notify(JOHN)
        assert await hear(again) == JOHN


async def test_a_listener_of_a_frozen_server_is_told() -> None:
    with postgres_server() as server:
        async with open_postgres_store(server.url) as store:
            hints = await listening(store, store)
            heard = asyncio.create_task(anext(hints))
            server.freeze()
            with pytest.raises(StoreUnavailable):
                await heard
            server.thaw()


async def test_a_listener_in_a_long_silence_goes_on_listening(teller: LaneStore, hearer: LaneStore, table: str) -> None:
    hints = await listening(hearer, teller)
    heard = asyncio.create_task(hear(hints))
    await said(shared_postgres().url, table, "beat:")
    await teller.notify(JOHN)
    assert await heard == JOHN


async def test_a_listener_that_hears_nothing_polls(teller: LaneStore, table: str) -> None:
    async with open_postgres_store(shared_postgres().url, table=table, pooler=True, poll_seconds=0.05) as hearer:
        await teller.accept(JANE, texts("a"), token=fresh())
        hints = cast(AsyncGenerator[SubjectId, None], hearer.listen())
        assert [await hear(hints) for _ in range(3)] == [JANE] * 3


async def end_listener(url: str) -> int:
    connection = await asyncpg.connect(url)
    ended = await connection.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()"
    )
    await connection.close()
    return len(ended)


async def said(url: str, table: str, beginning: str) -> None:
    """Wait for a notification that begins so."""
    heard = asyncio.Event()
    connection = await asyncpg.connect(url)
    await connection.add_listener(table, lambda *told: str(told[-1]).startswith(beginning) and heard.set())
    async with asyncio.timeout(PATIENCE):
        await heard.wait()
    await connection.close()
