"""The Postgres store's own side: its schema, its server going away, poolers."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace

import asyncpg
import pytest

from tandem.errors import ConfigurationError, LeaseLost, StoreMissing, StoreUnavailable
from tandem.model import ReplyStatus
from tandem.persistence.base import LaneStore
from tandem.persistence.postgres import open_postgres_store
from tandem.persistence.postgres.database import Database
from tandem.persistence.postgres.names import Names
from tandem.persistence.postgres.storage import PostgresStorage
from tandem.persistence.values import Change, Outcome, Settlement

from ...contracts.records import JANE, LEASE, conversation, fresh, reply, take, texts, write
from ...kit.postgres_server import PostgresServer, postgres_server, shared_postgres

pytestmark = pytest.mark.promise("P8", "O6")

ENOUGH = 15.0
"""Within this many seconds a webhook must have its answer; a frozen server never gives one."""

_tables = (f"own_{number}" for number in itertools.count(1))


@pytest.fixture
def url() -> str:
    return shared_postgres().url


@pytest.fixture
def table() -> str:
    return next(_tables)


@pytest.fixture(scope="module")
def fragile() -> Iterator[PostgresServer]:
    """A server that tests may stop."""
    with postgres_server() as server:
        yield server


@pytest.fixture
async def store(fragile: PostgresServer, table: str) -> AsyncIterator[LaneStore]:
    async with open_postgres_store(fragile.url, table=table) as store:
        await store.accept(JANE, texts("before"), token=fresh())
        yield store


def database(store: LaneStore) -> Database:
    assert isinstance(store.storage, PostgresStorage)
    return store.storage.database


async def run(url: str, table: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(Names(table).fill(statement))
    await connection.close()


# --- the schema -----------------------------------------------------------------------------------------------


async def test_many_who_come_first_make_one_schema(url: str, table: str) -> None:
    async with AsyncExitStack() as stack:
        stores = await asyncio.gather(
            *(stack.enter_async_context(open_postgres_store(url, table=table, connections=2)) for _ in range(6))
        )
        for number, store in enumerate(stores):
            await store.accept(JANE, texts(f"k{number}"), token=fresh())
        assert len(await stores[0].waiting(JANE)) == 6


async def test_a_store_that_must_be_there_is_not_made(url: str, table: str) -> None:
    for _ in range(2):
        with pytest.raises(StoreMissing, match=table):
            async with open_postgres_store(url, table=table, create=False):
                pass


async def test_a_newer_schema_is_refused(url: str, table: str) -> None:
    async with open_postgres_store(url, table=table):
        await run(url, table, "UPDATE conversation_states_schema SET version = 99")
    with pytest.raises(ConfigurationError, match="newer version"):
        async with open_postgres_store(url, table=table):
            pass


@pytest.mark.parametrize("name", ["conversation_states", "conversation_states_eu", "Select", "user", "x" * 40])
async def test_any_name_can_be_a_table_and_is_found_the_next_time(url: str, name: str) -> None:
    async with open_postgres_store(url, table=name) as store:
        committed = await write(store, replies=(reply("r1"),), deliver=LEASE)
        sent = Settlement(ReplyStatus.SENT, provider_id="SM1")
        assert await store.settle(JANE, committed.outgoing[0], sent, seconds=LEASE) is None
    async with open_postgres_store(url, table=name, create=False) as store:
        assert await store.conversation(JANE) is not None
        assert await store.erase(JANE) > 0


async def test_tables_of_another_name_are_another_store(url: str, table: str) -> None:
    async with open_postgres_store(url, table=table) as one, open_postgres_store(url, table=table + "_b") as other:
        await write(one)
        assert await other.conversation(JANE) is None


# --- who is refused, and what it is told ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("/postgres", "/nothing", 'database nothing: database "nothing" does not exist.'),
        ("//postgres@", "//stranger:secret@", 'role "stranger" does not exist.'),
    ],
)
async def test_a_refusal_is_told_in_one_sentence(url: str, old: str, new: str, sentence: str) -> None:
    head, _, tail = url.rpartition(old)
    with pytest.raises(ConfigurationError) as caught:
        async with open_postgres_store(head + new + tail):
            pass
    (problem,) = caught.value.problems
    assert problem.startswith("PostgreSQL at 127.0.0.1:")
    assert problem.endswith(sentence)
    assert "secret" not in problem


async def test_a_server_that_is_not_there_is_told(unused_tcp_port: int) -> None:
    url = f"postgresql://me:secret@127.0.0.1:{unused_tcp_port}/chats"
    with pytest.raises(StoreUnavailable, match=f"PostgreSQL at 127.0.0.1:{unused_tcp_port}, database chats") as caught:
        async with open_postgres_store(url):
            pass
    assert "secret" not in str(caught.value)


async def test_a_login_that_may_not_make_tables_is_told(url: str, table: str) -> None:
    await run(url, table, "CREATE ROLE conversation_states_guest LOGIN")
    with pytest.raises(ConfigurationError, match="permission denied"):
        async with open_postgres_store(url.replace("postgres@", f"{table}_guest@"), table=table):
            pass


# --- a server that goes away ----------------------------------------------------------------------------------


async def test_a_restart_between_two_calls_is_not_noticed(fragile: PostgresServer, store: LaneStore) -> None:
    fragile.stop()
    fragile.start()
    (receipt,) = await store.accept(JANE, texts("after"), token=fresh())
    assert receipt.outcome is Outcome.ACCEPTED


async def test_a_store_closes_while_its_server_is_frozen(fragile: PostgresServer, table: str) -> None:
    async with open_postgres_store(fragile.url, table=table) as store:
        await store.ping()
        fragile.freeze()
        began = time.monotonic()
    fragile.thaw()
    assert time.monotonic() - began < ENOUGH


async def test_a_server_that_cannot_write_answers_no_ping(url: str, table: str) -> None:
    async with open_postgres_store(url, table=table):
        pass
    readonly = url + "?default_transaction_read_only=on"
    async with open_postgres_store(readonly, table=table) as store:
        with pytest.raises(StoreUnavailable, match="read-only"):
            await store.ping()


# --- leases after a crash, poolers ----------------------------------------------------------------------------


async def test_a_fence_that_a_crash_handed_out_twice_is_not_the_first_ones(url: str, table: str) -> None:
    async with open_postgres_store(url, table=table) as store:
        first = await take(store)
        await run(url, table, "DELETE FROM conversation_states_head")
        store.storage.forget()
        second = await take(store)
        for mixed in (first, replace(first, fence=second.fence), replace(second, fence=first.fence)):
            with pytest.raises(LeaseLost):
                await store.commit(mixed, Change(conversation()), token=fresh())


async def test_behind_a_pooler_nothing_is_prepared(url: str, table: str) -> None:
    async with open_postgres_store(url, table=table, pooler=True, connections=1) as store:
        await write(store)
        ((number,),) = await database(store).fetch("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''")
        assert number == 0


async def test_no_call_leaves_anything_in_its_session(url: str, table: str) -> None:
    session = (
        "SELECT current_setting('synchronous_commit'), (SELECT count(*) FROM pg_locks"
        " WHERE pid = pg_backend_pid() AND locktype = 'advisory'), (SELECT count(*) FROM pg_listening_channels())"
    )
    async with open_postgres_store(url, table=table, connections=1) as store:
        await write(store, replies=(reply("r1"),), deliver=LEASE)
        await store.due(limit=10)
        await store.notify(JANE)
        ((synchronous, locks, channels),) = await database(store).fetch(session)
        assert (synchronous, locks, channels) == ("on", 0, 0)
