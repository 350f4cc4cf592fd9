"""A Redis server that is stopped, restarted, frozen, full or read-only: a clear error, then recovery by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tandem.errors import StoreUnavailable
from tandem.persistence.base import LaneStore
from tandem.persistence.redis import open_redis_store
from tandem.persistence.redis.link import RedisLink
from tandem.persistence.redis.storage import RedisStorage
from tandem.persistence.rows import Writes
from tandem.persistence.store import Store
from tandem.persistence.values import Change, Outcome

from ...contracts.records import JANE, JOHN, LEASE, conversation, fresh, take, talked, texts, write
from ...kit.redis_server import RedisServer, redis_server
from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("P2", "P3", "P8")

ANSWER_SECONDS = 0.6
ENOUGH = 15.0
"""Within this many seconds a webhook must have its answer; a frozen server never gives one."""
"""Shorter than in service, so that the tests need not wait."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of this test's own that keeps everything."""
    with redis_server(tmp_path, "--save", "", "--appendonly", "yes", "--appendfsync", "always") as server:
        yield server


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[Store]:
    async with open_redis_store(server.url, answer_seconds=ANSWER_SECONDS) as store:
        yield store


async def ask(server: RedisServer, *command: Any) -> None:
    async with Redis.from_url(server.url, protocol=2) as redis:
        await redis.execute_command(*command)


async def works(store: LaneStore) -> bool:
    try:
        await store.ping()
    except StoreUnavailable:
        return False
    return True


async def recovers(store: LaneStore) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await works(store):
            await asyncio.sleep(0.02)


async def test_a_stopped_server_is_unavailable_at_once(server: RedisServer, store: LaneStore) -> None:
    server.stop()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await store.accept(JANE, texts("a"), token=fresh())
    assert time.monotonic() - began < ENOUGH


async def test_what_was_accepted_survives_a_killed_server(server: RedisServer, store: LaneStore) -> None:
    await store.accept(JANE, texts("a"), token=fresh())
    await write(store, JOHN, conversation=talked(JOHN))
    server.stop()
    server.start()
    await recovers(store)
    assert [waiting.entry.key for waiting in await store.waiting(JANE)] == ["a"]
    assert await store.conversation(JOHN) is not None


async def test_a_lease_survives_a_killed_server(server: RedisServer, store: LaneStore) -> None:
    claim = await store.claim(JANE, holder=fresh(), seconds=300.0, accept=texts("a"))
    assert claim is not None
    server.stop()
    server.start()
    await recovers(store)
    assert await store.claim(JANE, holder=fresh(), seconds=LEASE) is None
    assert (await store.commit(claim, Change(conversation(), consumed=("a",)), token=fresh())).waiting == ()


async def test_a_commit_that_met_a_stopped_server_may_be_repeated(server: RedisServer, store: LaneStore) -> None:
    claim = await store.claim(JANE, holder=fresh(), seconds=300.0, accept=texts("a"))
    assert claim is not None
    change = Change(conversation(), consumed=("a",))
    server.stop()
    with pytest.raises(StoreUnavailable):
        await store.commit(claim, change, token="t")
    server.start()
    await recovers(store)
    assert (await store.commit(claim, change, token="t")).version == 1


async def test_a_frozen_server_is_unavailable_in_time(server: RedisServer, store: LaneStore) -> None:
    server.freeze()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await store.accept(JANE, texts("a"), token=fresh())
    assert time.monotonic() - began < ENOUGH
    server.thaw()
    await recovers(store)


class Halting(RedisStorage):
    """Freezes its server between what it loads and what it applies."""

    def __init__(self, link: RedisLink, server: RedisServer) -> None:
        super().__init__(link)
        self._server = server

    async def apply(self, changes: Sequence[Writes]) -> bool:
        self._server.freeze()
        return await super().apply(changes)


async def test_a_server_that_freezes_between_load_and_apply(server: RedisServer, store: Store) -> None:
    assert isinstance(store.storage, RedisStorage)
    halting = Store(Halting(store.storage.link, server))
    with pytest.raises(StoreUnavailable):
        await halting.accept(JANE, texts("a"), token="t")
    server.thaw()
    await recovers(store)
    (receipt,) = await store.accept(JANE, texts("a"), token="t")
    assert receipt.outcome is Outcome.ACCEPTED
    assert [one.entry.key for one in (await take(store)).waiting] == ["a"]


async def test_many_callers_of_a_frozen_server_are_told_and_get_no_wrong_answers(
    server: RedisServer, store: LaneStore
) -> None:
    server.freeze()
    calls = (store.accept(JANE, texts(f"k{number}"), token=f"t{number}") for number in range(60))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    server.thaw()
    await recovers(store)
    for number in range(60):
        (receipt,) = await store.accept(JANE, texts(f"k{number}"), token=f"t{number}")
        assert (receipt.key, receipt.outcome) == (f"k{number}", Outcome.ACCEPTED)
    assert len(await store.waiting(JANE)) == 60


async def test_a_call_that_was_given_up_leaves_no_wrong_answer_behind(server: RedisServer, store: LaneStore) -> None:
    claim = await take(store, accept=texts("a"))
    server.freeze()
    task = asyncio.ensure_future(store.waiting(JANE))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    server.thaw()
    await recovers(store)
    await store.renew(claim, seconds=LEASE)
    assert [waiting.entry.key for waiting in await store.waiting(JANE)] == ["a"]


async def test_a_listener_of_a_stopped_server_is_told_and_may_listen_again(
    server: RedisServer, store: LaneStore
) -> None:
    await store.accept(JANE, texts("a"), token=fresh())
    hints = store.listen()
    assert await anext(hints) == JANE
    server.stop()
    with pytest.raises(StoreUnavailable):
        async with asyncio.timeout(PATIENCE):
            await anext(hints)
    server.start()
    await recovers(store)
    again = store.listen()
    assert await anext(again) == JANE
    await again.aclose()  # type: ignore[attr-defined]


async def test_a_listener_of_a_frozen_server_is_told(server: RedisServer, store: LaneStore) -> None:
    messages = store.storage.link.messages("quiet", quiet_seconds=0.01)  # type: ignore[attr-defined]
    assert await anext(messages) is None
    server.freeze()
    with pytest.raises(StoreUnavailable):
        await anext(messages)
    server.thaw()


async def test_a_full_server_is_unavailable_until_there_is_room(server: RedisServer, store: LaneStore) -> None:
    await ask(server, "CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreUnavailable):
        await store.accept(JANE, texts("a"), token=fresh())
    with pytest.raises(StoreUnavailable):
        await store.ping()
    await ask(server, "CONFIG", "SET", "maxmemory", "0")
    (receipt,) = await store.accept(JANE, texts("a"), token=fresh())
    assert receipt.outcome is Outcome.ACCEPTED


async def test_a_server_that_became_a_replica_is_unavailable(server: RedisServer, store: LaneStore) -> None:
    await ask(server, "REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreUnavailable):
        await store.accept(JANE, texts("a"), token=fresh())
    await ask(server, "REPLICAOF", "NO", "ONE")
    await store.accept(JANE, texts("a"), token=fresh())


async def test_a_server_that_lost_everything_hands_out_no_fence_again(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        async with open_redis_store(server.url, answer_seconds=ANSWER_SECONDS) as store:
            before = await take(store)
            server.stop()
            server.start()
            await recovers(store)
            assert (await take(store)).fence > before.fence


async def test_a_purge_that_meets_a_stopped_server_says_that_it_failed(server: RedisServer, store: LaneStore) -> None:
    server.stop()
    assert (await store.purge(older_than=0.0)).failed == 1
