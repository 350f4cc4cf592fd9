"""Stores for the flows whose outcome depends on one: the file, and the two real servers."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest

from ..kit.postgres_server import shared_postgres
from ..kit.postgres_tables import empty_tables
from ..kit.redis_server import shared_redis

_prefixes = (f"flow-{number}:" for number in itertools.count(1))


@pytest.fixture(params=["file", "postgres", "redis"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[dict[str, str]]:
    """Settings that name an empty store of each kind."""
    async for env in _places(request.param):
        yield env


@pytest.fixture(params=["postgres", "redis"])
async def shared_place(request: pytest.FixtureRequest) -> AsyncIterator[dict[str, str]]:
    """Settings that name an empty store of each kind that several machines can share."""
    async for env in _places(request.param):
        yield env


async def _places(kind: str) -> AsyncIterator[dict[str, str]]:
    if kind == "postgres":
        url = shared_postgres().url
        async with empty_tables(url) as table:
            yield {"PERSISTENCE_ADAPTER": kind, "DATABASE_URL": url, "POSTGRES_TABLE_NAME": table}
    elif kind == "redis":
        yield {"PERSISTENCE_ADAPTER": kind, "REDIS_URL": shared_redis().url, "REDIS_KEY_PREFIX": next(_prefixes)}
    else:
        yield {"PERSISTENCE_ADAPTER": kind}
