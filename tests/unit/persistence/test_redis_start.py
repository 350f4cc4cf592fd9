"""Opening the Redis store: what it warns of, what it refuses, and that it says so without a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from tandem.errors import ConfigurationError, StoreMissing, StoreUnavailable
from tandem.persistence.factory import open_store, store_place
from tandem.persistence.redis import open_redis_store
from tandem.settings import Settings, load_settings

from ...contracts.records import JANE, fresh, texts
from ...kit.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.promise("O6")

SECRET = "p@ss:word/4711"
KEEPS = ("--save", "", "--appendonly", "yes")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that keeps nothing on disk."""
    with redis_server(tmp_path) as server:
        yield server


async def ask(server: RedisServer, *command: Any) -> Any:
    async with Redis.from_url(server.url, protocol=2) as redis:
        return await redis.execute_command(*command)


async def opened(url: str, **options: Any) -> list[str]:
    """Open and close a store; return the names of the events that it logged."""
    with capture_logs() as logs:
        async with open_redis_store(url, answer_seconds=0.6, **options):
            pass
    return [str(entry["event"]) for entry in logs]


def settings(server: RedisServer, **more: str) -> Settings:
    env = {"PERSISTENCE_ADAPTER": "redis", "REDIS_PORT": str(server.port), "REDIS_HOST": "127.0.0.1", **more}
    return load_settings(env, env_file=None)


@pytest.mark.promise("P9")
@pytest.mark.parametrize(
    ("options", "events"),
    [
        ((), ["redis_keeps_nothing"]),
        (("--save", "60", "1000"), ["redis_keeps_snapshots_only"]),
        (KEEPS, []),
        ((*KEEPS, "--maxmemory-policy", "allkeys-lru"), ["redis_may_evict"]),
        ((*KEEPS, "--maxmemory-policy", "allkeys-random"), ["redis_may_evict"]),
        ((*KEEPS, "--maxmemory-policy", "noeviction"), []),
        ((*KEEPS, "--maxmemory-policy", "volatile-lru"), []),  # nothing of ours expires
    ],
    ids=str,
)
async def test_a_server_that_does_not_keep_everything_is_warned_of(
    tmp_path: Path, options: tuple[str, ...], events: list[str]
) -> None:
    with redis_server(tmp_path, *options) as server:
        assert await opened(server.url, production=bool(options)) == events


@pytest.mark.promise("P9")
async def test_a_server_that_keeps_nothing_is_refused_in_production_unless_that_is_allowed(server: RedisServer) -> None:
    with pytest.raises(ConfigurationError, match="REDIS_ALLOW_VOLATILE"):
        await opened(server.url, production=True)
    assert await opened(server.url, production=True, allow_volatile=True) == ["redis_keeps_nothing"]


@pytest.mark.parametrize(
    ("forbidden", "event"),
    [(("-config",), "redis_keeps_snapshots_only"), (("-config", "-info"), "redis_durability_unknown")],
)
async def test_a_server_that_does_not_tell_is_asked_otherwise(
    server: RedisServer, forbidden: tuple[str, ...], event: str
) -> None:
    await ask(server, "ACL", "SETUSER", "guest", "on", ">guess", "~*", "&*", "+@all", *forbidden)
    url = f"redis://guest:guess@127.0.0.1:{server.port}/0"
    assert await opened(url, production=True) == [event]


async def test_an_absent_server_is_named(server: RedisServer) -> None:
    server.stop()
    with pytest.raises(StoreUnavailable, match=rf"Redis at 127\.0\.0\.1:{server.port}, database 0"):
        await opened(f"redis://:{'very-secret'}@127.0.0.1:{server.port}/0")


async def test_a_frozen_server_is_named(server: RedisServer) -> None:
    server.freeze()
    with pytest.raises(StoreUnavailable, match=rf"Redis at 127\.0\.0\.1:{server.port}"):
        await opened(server.url)
    server.thaw()


@pytest.mark.parametrize("password", ["", "very-secret"])
async def test_a_refused_password_is_a_wrong_setting(server: RedisServer, password: str) -> None:
    await ask(server, "CONFIG", "SET", "requirepass", "another")
    with pytest.raises(ConfigurationError, match="refuses the password") as raised:
        await opened(f"redis://:{password}@127.0.0.1:{server.port}/0")
    assert "very-secret" not in str(raised.value)


async def test_a_missing_database_is_a_wrong_setting(server: RedisServer) -> None:
    with pytest.raises(ConfigurationError, match="REDIS_DB"):
        await opened(f"redis://127.0.0.1:{server.port}/99")


async def test_a_store_of_a_newer_version_is_refused(server: RedisServer) -> None:
    await ask(server, "SET", "runstate:layout", 99)
    with pytest.raises(ConfigurationError, match="newer version"):
        await opened(server.url)


async def test_a_command_that_makes_no_store_finds_none_and_makes_none(server: RedisServer) -> None:
    with pytest.raises(StoreMissing):
        await opened(server.url, create=False)
    assert await ask(server, "DBSIZE") == 0


async def test_a_command_finds_the_store_that_is_there(server: RedisServer) -> None:
    await opened(server.url)
    assert await opened(server.url, create=False) == ["redis_keeps_nothing"]


async def test_the_settings_choose_the_store(server: RedisServer) -> None:
    async with AsyncExitStack() as stack:
        with capture_logs():
            store = await stack.enter_async_context(
                open_store(settings(server, REDIS_KEY_PREFIX="mine:", REDIS_DB="3"))
            )
        await store.accept(JANE, texts("a"), token=fresh())
    assert await ask(server, "DBSIZE") == 0
    assert store_place(settings(server)) == f"Redis at 127.0.0.1:{server.port}, database 0, keys runstate:…"


async def test_a_password_with_signs_in_it_arrives(server: RedisServer) -> None:
    await ask(server, "CONFIG", "SET", "requirepass", SECRET)
    with capture_logs():
        async with open_store(settings(server, REDIS_PASSWORD=SECRET)) as store:
            await store.ping()


async def test_production_is_told_to_the_store(server: RedisServer) -> None:
    served = {
        "APP_ENV": "production",
        "ALLOW_SAMPLE_DATA": "true",
        "TWILIO_AUTH_TOKEN": "t",
        "PUBLIC_BASE_URL": "https://a.example",
        "STAFF_TOKENS": "a:a-token-that-is-long-enough",
    }
    with capture_logs(), pytest.raises(ConfigurationError, match="keeps nothing"):
        async with open_store(settings(server, **served)):
            pass
