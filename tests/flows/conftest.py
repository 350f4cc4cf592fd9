"""What flows are run over: stores (the file, and the two real servers), and places where customers are known."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from zlib import crc32

import pytest

from ..kit.colleague import STAFF, Colleague, signed_by_token
from ..kit.gateway import Running, running
from ..kit.model_server import ModelServer
from ..kit.postgres_server import shared_postgres
from ..kit.postgres_tables import empty_tables
from ..kit.redis_server import shared_redis
from ..kit.sources import everywhere

_prefixes = (f"flow-{number}:" for number in itertools.count(1))


@pytest.fixture
async def place(request: pytest.FixtureRequest) -> AsyncIterator[dict[str, str]]:
    """Settings that name an empty store."""
    async for env in _places(request.param):
        yield env


@pytest.fixture
async def shared_place(request: pytest.FixtureRequest) -> AsyncIterator[dict[str, str]]:
    """Settings that name an empty store that several machines can share."""
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


PLACES = ("", "crm", "segment")
"""Where customers are known: by their number alone, in a CRM, at Segment."""
WORLDS = {"known": PLACES, "place": ("file", "postgres", "redis"), "shared_place": ("postgres", "redis")}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a flow in one world of customers, and over one store, by turns.

    What it shows does not depend on them: tests/contracts compares the stores, tests/replicas has both shared ones.
    """
    for name in sorted(WORLDS.keys() & metafunc.fixturenames):  # in the order of every worker
        turn = WORLDS[name][crc32(metafunc.function.__name__.encode()) % len(WORLDS[name])]
        metafunc.parametrize(name, [turn], ids=[turn or "number"], indirect=True)


@pytest.fixture
def known(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where John and Jane are known in this test."""
    token = everywhere.set(request.param)
    yield
    everywhere.reset(token)


@pytest.fixture
async def it(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    """A gateway for all rows of a table, each of them ``another`` customer; settings by indirect parametrisation."""
    settings = STAFF | {"RATE_LIMIT_PER_MINUTE": "1000"} | getattr(request, "param", {})
    async with running(tmp_path, ModelServer(()), **settings) as gateway:
        yield gateway


@pytest.fixture
async def mia(it: Running) -> AsyncIterator[Colleague]:
    """Mia at the desk of that gateway."""
    async with signed_by_token(it) as colleague:
        yield colleague
