"""The Redis store: lanes on a server that many replicas share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..base import LaneStore
from .link import ANSWER_SECONDS, RedisLink
from .server import prepare
from .storage import RedisStorage


@asynccontextmanager
async def open_redis_store(
    url: str,
    *,
    prefix: str = "runstate:",
    create: bool = True,
    production: bool = False,
    allow_volatile: bool = False,
    clock_offset: float = 0.0,
    answer_seconds: float = ANSWER_SECONDS,
) -> AsyncIterator[LaneStore]:
    """Open, or create, the store under ``prefix`` on the server at ``url``. Without ``create`` it must be there.

    ``clock_offset`` is for tests; after ``answer_seconds`` without answer a call fails. A server that keeps nothing on
    disk is refused in production unless ``allow_volatile``. Raises StoreUnavailable, StoreMissing and
    ConfigurationError, which name the server, never a password.
    """
    link = RedisLink(url, prefix=prefix, answer_seconds=answer_seconds)
    try:
        await prepare(link, create=create, production=production, allow_volatile=allow_volatile)
        store = LaneStore(RedisStorage(link, clock_offset=clock_offset))
        try:
            yield store
        finally:
            await store.tidy()
    finally:
        await link.close()
