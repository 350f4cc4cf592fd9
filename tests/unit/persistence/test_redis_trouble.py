"""A Redis server that is full, read-only or lost everything; test_server_trouble.py has what befalls any server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tandem.errors import StoreUnavailable
from tandem.persistence.base import LaneStore
from tandem.persistence.redis import open_redis_store
from tandem.persistence.values import Outcome

from ...contracts.records import JANE, fresh, take, texts
from ...kit.redis_server import RedisServer, redis_server
from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("P2", "P3", "P8")

ANSWER_SECONDS = 0.6
"""Shorter than in service, so that the tests need not wait."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of this test's own that keeps everything."""
    with redis_server(tmp_path, "--save", "", "--appendonly", "yes", "--appendfsync", "always") as server:
        yield server


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[LaneStore]:
    async with open_redis_store(server.url, answer_seconds=ANSWER_SECONDS) as store:
        yield store


async def ask(server: RedisServer, *command: Any) -> None:
    async with Redis.from_url(server.url, protocol=2) as redis:
        await redis.execute_command(*command)


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
            async with asyncio.timeout(PATIENCE):
                while await asyncio.gather(store.ping(), return_exceptions=True) != [None]:
                    await asyncio.sleep(0.02)
            assert (await take(store)).fence > before.fence
