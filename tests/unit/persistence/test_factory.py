"""The store that the settings name, or a user's own."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import asyncpg
import pytest

from tandem.errors import ConfigurationError, StoreUnavailable
from tandem.persistence.factory import ADAPTERS, open_store, store_place
from tandem.persistence.file.storage import FileStorage
from tandem.persistence.postgres.storage import PostgresStorage
from tandem.settings import Settings, load_settings

from ...contracts.records import JANE, texts, write
from ...kit.postgres_server import shared_postgres

pytestmark = pytest.mark.promise("P1", "O6")

OWN = """
from contextlib import asynccontextmanager
from tandem.persistence.file import open_file_store

class Store:
    def __init__(self, settings):
        self.opened = open_file_store(settings.state_persistence_dir / "own")
    async def __aenter__(self):
        return await self.opened.__aenter__()
    async def __aexit__(self, *error):
        return await self.opened.__aexit__(*error)

@asynccontextmanager
async def store(settings):
    async with open_file_store(settings.state_persistence_dir / "own") as opened:
        yield opened

@asynccontextmanager
async def nothing_in_it(settings):
    yield 5

def nothing(settings):
    return 5

def broken(settings):
    raise RuntimeError("no licence")
"""

_modules = (f"own_store_{number}" for number in itertools.count(1))


def load(tmp_path: Path, **env: str) -> Settings:
    return load_settings({"STATE_PERSISTENCE_DIR": str(tmp_path), **env}, env_file=None)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a user's module in the working folder."""
    name, before = next(_modules), list(sys.path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{name}.py").write_text(OWN, encoding="utf-8")
    yield name
    sys.path[:] = before
    sys.modules.pop(name, None)


async def test_a_file_unless_told_otherwise(tmp_path: Path) -> None:
    settings = load(tmp_path)
    async with open_store(settings) as store:
        assert isinstance(store.storage, FileStorage)
    assert store_place(settings) == str(tmp_path / "tandem.db")


@pytest.mark.parametrize("by", ["url", "parts"])
async def test_postgres(tmp_path: Path, by: str) -> None:
    server = shared_postgres()
    parts = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(server.port), "POSTGRES_DATABASE": "postgres"}
    env = {"DATABASE_URL": server.url} if by == "url" else parts
    settings = load(tmp_path, PERSISTENCE_ADAPTER="postgres", POSTGRES_TABLE_NAME=f"chosen_{by}", **env)
    async with open_store(settings) as store:
        assert isinstance(store.storage, PostgresStorage)
        await write(store)
    async with open_store(settings, create=False) as store:
        assert await store.conversation(JANE) is not None
    assert store_place(settings) == f"PostgreSQL at 127.0.0.1:{server.port}, database postgres"


def parts(tmp_path: Path, table: str, **env: str) -> Settings:
    where = {
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_PORT": str(shared_postgres().port),
        "POSTGRES_DATABASE": "postgres",
    }
    return load(tmp_path, PERSISTENCE_ADAPTER="postgres", POSTGRES_TABLE_NAME=table, **where, **env)


async def test_postgres_username_is_who_logs_in(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match='role "nobody_here" does not exist'):
        async with open_store(parts(tmp_path, "chosen_user", POSTGRES_USERNAME="nobody_here")):
            pass


async def test_postgres_ssl_never_talks_in_the_clear(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="SSL"):
        async with open_store(parts(tmp_path, "chosen_ssl", POSTGRES_SSL="true")):
            pass


LISTENERS = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query LIKE 'SELECT pg_notify%'"


@pytest.mark.parametrize(("pooler", "listeners"), [("true", 0), ("false", 1)])
async def test_behind_a_postgres_pooler_nobody_listens(tmp_path: Path, pooler: str, listeners: int) -> None:
    async with open_store(parts(tmp_path, f"chosen_pooler_{pooler}", POSTGRES_POOLER=pooler)) as store:
        await store.accept(JANE, texts("SM1"), token="t")
        async with aclosing(store.listen()) as hints:
            assert await anext(hints) == JANE
            connection = await asyncpg.connect(shared_postgres().url)
            assert await connection.fetchval(LISTENERS) == listeners
            await connection.close()


@pytest.mark.parametrize("name", ["Store", "store"])
async def test_a_users_own(tmp_path: Path, module: str, name: str) -> None:
    settings = load(tmp_path, PERSISTENCE_ADAPTER=f"{module}:{name}")
    async with open_store(settings) as store:
        await write(store)
        assert await store.conversation(JANE) is not None
    assert store_place(settings) == f"{module}:{name}"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing", "names 'missing', which the module "),
        ("nothing", "gives a int, not an async context manager"),
        ("nothing_in_it", "gives a int, not a LaneStore"),
        ("broken", "fails when it is called (RuntimeError: no licence)."),
    ],
)
async def test_a_users_own_that_does_not_work_is_told(tmp_path: Path, module: str, name: str, sentence: str) -> None:
    settings = load(tmp_path, PERSISTENCE_ADAPTER=f"{module}:{name}")
    with pytest.raises(ConfigurationError) as caught:
        async with open_store(settings):
            pass
    assert f"PERSISTENCE_ADAPTER={module}:{name} {sentence}" in str(caught.value)


async def test_a_users_module_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="names the module 'nowhere_at_all', which cannot be found"):
        async with open_store(load(tmp_path, PERSISTENCE_ADAPTER="nowhere_at_all:Store")):
            pass


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_a_place_never_shows_a_password(tmp_path: Path, name: str) -> None:
    secrets = {"POSTGRES_PASSWORD": "hush-hush", "REDIS_PASSWORD": "hush-hush"}
    assert "hush-hush" not in store_place(load(tmp_path, PERSISTENCE_ADAPTER=name, **secrets))
