"""The Redis store for the store suite: a real server, a key prefix per test, and a relay that loses answers."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from redis.asyncio import Redis

from tandem.model import SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.redis import RedisStore, open_redis_store
from tandem.persistence.redis_keys import lane_key

from ..kit.cutting_proxy import CuttingProxy, cutting_proxy
from ..kit.redis_server import shared_redis

T = TypeVar("T")

SPOIL = """
local packed = redis.call('HGET', KEYS[1], ARGV[1])
if not packed then return 0 end
local value = cmsgpack.unpack(packed)
value.record = ARGV[2]
redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack(value))
return 1
"""

_prefixes = (f"test-{number}:" for number in itertools.count(1))


class RedisKit:
    """The Redis store behind a relay; other handles reach the server directly."""

    def __init__(self, url: str, prefix: str, store: RedisStore, proxy: CuttingProxy, stack: AsyncExitStack) -> None:
        self.store: LaneStore = store
        self._url = url
        self.prefix = prefix
        self._proxy = proxy
        self._stack = stack
        self._handles = [store]

    async def second(self) -> LaneStore:
        offset = self._handles[0].clock_offset
        store = await self._stack.enter_async_context(
            open_redis_store(self._url, prefix=self.prefix, clock_offset=offset)
        )
        self._handles.append(store)
        return store

    def advance(self, seconds: float) -> None:
        for handle in self._handles:
            handle.clock_offset += seconds

    async def repeat(self, write: Callable[[], Awaitable[T]]) -> T:
        before = self._proxy.cuts
        self._proxy.cut_after(b"EVALSHA")
        answer = await write()  # the driver repeats by itself
        assert self._proxy.cuts == before + 1
        return answer

    def cut_after(self, request: str) -> None:
        """Lose the answer of the next command that holds ``request``."""
        self._proxy.cut_after(request.encode())

    async def corrupt(self, subject: SubjectId) -> None:
        key = f"{lane_key(self.prefix, subject).lane}:conversation"
        assert await self._ask("HSET", key, "record", '{"format":') == 0

    async def corrupt_entry(self, subject: SubjectId, key: str) -> None:
        await self._spoil(f"{lane_key(self.prefix, subject).lane}:entries", key, b"\xff")

    async def corrupt_reply(self, subject: SubjectId, reply_id: str) -> None:
        await self._spoil(f"{lane_key(self.prefix, subject).lane}:replies", reply_id, b"[]")

    async def _spoil(self, hash: str, field: str, record: bytes) -> None:
        assert await self._ask("EVAL", SPOIL, 1, hash, field, record) == 1

    async def _ask(self, *command: Any) -> Any:
        async with Redis.from_url(self._url, protocol=2) as redis:
            return await redis.execute_command(*command)


@asynccontextmanager
async def redis_kit(folder: Path) -> AsyncIterator[RedisKit]:
    """Give a Redis store under a prefix of its own."""
    url, prefix = shared_redis().url, next(_prefixes)
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(cutting_proxy(shared_redis().port))
        through = url.replace(str(shared_redis().port), str(proxy.port))
        store = await stack.enter_async_context(open_redis_store(through, prefix=prefix))
        yield RedisKit(url, prefix, store, proxy, stack)
