"""A server that is killed or frozen: a clear error in time, then recovery by itself, with all that it answered."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import StoreUnavailable
from tandem.persistence.base import LaneStore
from tandem.persistence.postgres import open_postgres_store
from tandem.persistence.redis import open_redis_store
from tandem.persistence.rows import Writes
from tandem.persistence.values import Change, Outcome

from ...contracts.records import JANE, JOHN, LEASE, conversation, fresh, take, talked, texts, write
from ...kit.postgres_server import PostgresServer, postgres_server
from ...kit.redis_server import RedisServer, redis_server
from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("P2", "P3", "P8")

ANSWER_SECONDS = 0.6
"""Of Redis; shorter than in service, so that the tests need not wait."""
ENOUGH = 15.0
"""Within this many seconds a webhook must have its answer; a frozen server never gives one."""
CALLERS = 40

_tables = (f"trouble_{number}" for number in itertools.count(1))


@dataclass
class Troubled:
    """A store, and its server, which this test may stop."""

    store: LaneStore
    server: RedisServer | PostgresServer

    def kill(self) -> None:
        if isinstance(self.server, PostgresServer):
            self.server.stop("KILL")
        else:
            self.server.stop()

    async def recovers(self) -> None:
        """Wait until the server answers the store again, without anything being done about it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await self.store.ping()
                    return
                except StoreUnavailable:
                    await asyncio.sleep(0.02)

    async def restart(self) -> None:
        self.kill()
        self.server.start()
        await self.recovers()


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["postgres", "redis"])
async def it(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Troubled]:
    async with AsyncExitStack() as stack:
        if request.param == "postgres":
            server: RedisServer | PostgresServer = request.getfixturevalue("postgres")
            opened = open_postgres_store(server.url, table=next(_tables))
        else:
            keeps = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")
            server = stack.enter_context(redis_server(tmp_path, *keeps))
            opened = open_redis_store(server.url, answer_seconds=ANSWER_SECONDS)
        yield Troubled(await stack.enter_async_context(opened), server)


async def test_a_killed_server_is_unavailable_and_keeps_what_it_answered(it: Troubled) -> None:
    await it.store.accept(JANE, texts("a"), token=fresh())
    await write(it.store, JOHN, conversation=talked(JOHN))
    it.kill()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await it.store.accept(JANE, texts("lost"), token=fresh())
    assert time.monotonic() - began < ENOUGH
    it.server.start()
    await it.recovers()
    assert [waiting.entry.key for waiting in await it.store.waiting(JANE)] == ["a"]
    assert await it.store.conversation(JOHN) is not None


async def test_a_lease_survives_a_killed_server_and_so_does_a_commit_that_met_it(it: Troubled) -> None:
    claim = await it.store.claim(JANE, holder=fresh(), seconds=300.0, accept=texts("a"))
    assert claim is not None
    await it.restart()
    assert await it.store.claim(JANE, holder=fresh(), seconds=LEASE) is None
    change = Change(conversation(), consumed=("a",))
    it.kill()
    with pytest.raises(StoreUnavailable):
        await it.store.commit(claim, change, token="t")
    it.server.start()
    await it.recovers()
    committed = await it.store.commit(claim, change, token="t")
    assert (committed.version, committed.waiting) == (1, ())


async def test_callers_of_a_frozen_server_are_told_in_time_and_get_no_wrong_answers(it: Troubled) -> None:
    began = time.monotonic()
    it.server.freeze()
    try:
        calls = [it.store.accept(JANE, texts(f"k{number}"), token=f"t{number}") for number in range(CALLERS)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
    finally:
        it.server.thaw()
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    assert time.monotonic() - began < ENOUGH
    await it.recovers()
    for number in range(CALLERS):
        (receipt,) = await it.store.accept(JANE, texts(f"k{number}"), token=f"t{number}")
        assert (receipt.key, receipt.outcome) == (f"k{number}", Outcome.ACCEPTED)
    assert len(await it.store.waiting(JANE)) == CALLERS


def halting(it: Troubled) -> LaneStore:
    """Return a store whose server freezes between what it loads and what it applies."""
    storage: Any = it.store.storage

    class Halting(type(storage)):  # type: ignore[misc]
        async def apply(self, changes: Sequence[Writes]) -> bool:
            it.server.freeze()
            return bool(await super().apply(changes))

    return LaneStore(Halting(storage.database if isinstance(it.server, PostgresServer) else storage.link))


async def test_a_server_that_freezes_between_load_and_apply(it: Troubled) -> None:
    try:
        with pytest.raises(StoreUnavailable):
            await halting(it).accept(JANE, texts("a"), token="t")
    finally:
        it.server.thaw()
    await it.recovers()
    (receipt,) = await it.store.accept(JANE, texts("a"), token="t")
    assert receipt.outcome is Outcome.ACCEPTED
    assert [one.entry.key for one in (await take(it.store)).waiting] == ["a"]


async def test_a_call_that_was_given_up_leaves_no_wrong_answer_behind(it: Troubled) -> None:
    claim = await take(it.store, accept=texts("a"))
    it.server.freeze()
    try:
        call = asyncio.ensure_future(it.store.waiting(JANE))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    finally:
        it.server.thaw()
    await it.recovers()
    await it.store.renew(claim, seconds=LEASE)
    assert [waiting.entry.key for waiting in await it.store.waiting(JANE)] == ["a"]


async def test_a_listener_is_told_that_its_server_was_killed_and_may_listen_again(it: Troubled) -> None:
    await it.store.accept(JANE, texts("a"), token=fresh())
    hints = it.store.listen()
    assert await anext(hints) == JANE
    it.kill()
    with pytest.raises(StoreUnavailable):
        async with asyncio.timeout(PATIENCE):
            await anext(hints)
    it.server.start()
    await it.recovers()
    again = it.store.listen()
    assert await anext(again) == JANE
    await again.aclose()  # type: ignore[attr-defined]


async def test_a_purge_that_meets_a_killed_server_says_that_it_failed(it: Troubled) -> None:
    it.kill()
    report = await it.store.purge(older_than=0.0)
    it.server.start()
    assert (report.failed, sum(report.deleted.values())) == (1, 0)
