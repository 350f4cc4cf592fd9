"""The Redis store for the store suite: a real server, a key prefix per test, and a relay that loses answers."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from tandem.model import SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.redis import open_redis_store
from tandem.persistence.redis.storage import encode_subject

from ..kit.cutting_proxy import CuttingProxy, cutting_proxy
from ..kit.redis_server import shared_redis
from .server_kit import ServerKit

_prefixes = (f"test-{number}:" for number in itertools.count(1))


class RedisKit(ServerKit):
    """The Redis store behind a relay."""

    written = b"EVALSHA"
    asked = b"*"

    def __init__(self, url: str, prefix: str, store: LaneStore, proxy: CuttingProxy, stack: AsyncExitStack) -> None:
        super().__init__(store, proxy, stack, lambda offset: open_redis_store(url, prefix=prefix, clock_offset=offset))
        self._url = url
        self.prefix = prefix

    async def corrupt(self, subject: SubjectId, kind: str = "conversation", key: str = "") -> None:
        self._forget()
        assert await self._ask("HSET", f"{self.prefix}rows:{encode_subject(subject)}:{kind}", key, b"\xff") == 0

    async def corrupt_head(self, subject: SubjectId) -> None:
        self._forget()
        assert await self._ask("HSET", f"{self.prefix}head:{encode_subject(subject)}", "head", b"\xff") == 0

    async def stray(self, index: str, subject: SubjectId, key: str, sort: float) -> None:
        member = f"{encode_subject(subject)} {key}"
        assert await self._ask("ZADD", f"{self.prefix}index:{index}", sort, member) == 1

    def _forget(self) -> None:
        for handle in self._handles:
            handle.storage.forget()  # as a replica that never saw the lane

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
