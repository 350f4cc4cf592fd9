"""The Postgres store for the store suite: a real server, tables of one's own, and a relay that loses answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg

from tandem.model import SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.postgres import open_postgres_store
from tandem.persistence.postgres.names import Names, short

from ..kit.cutting_proxy import CuttingProxy, cutting_proxy
from ..kit.postgres_server import shared_postgres
from ..kit.postgres_tables import empty_tables
from .server_kit import ServerKit

EXECUTE = b"E\0\0\0\x09\0\0\0\0\0"
"""The driver's message that runs a statement; what goes before only prepares it."""


class PostgresKit(ServerKit):
    """The Postgres store behind a relay."""

    written = asked = EXECUTE

    def __init__(self, url: str, table: str, store: LaneStore, proxy: CuttingProxy, stack: AsyncExitStack) -> None:
        super().__init__(store, proxy, stack, lambda offset: open_postgres_store(url, table=table, clock_offset=offset))
        self._url = url
        self._table = table

    async def corrupt(self, subject: SubjectId, kind: str = "conversation", key: str = "") -> None:
        where = "WHERE subject = $1 AND kind = $2 AND key = $3"
        statement = f"UPDATE conversation_states_row SET record = E'\\x7f' {where}"
        await self._execute(statement, short(subject), kind, short(key))

    async def corrupt_head(self, subject: SubjectId) -> None:
        await self._execute("UPDATE conversation_states_head SET head = '[' WHERE subject = $1", short(subject))

    async def stray(self, index: str, subject: SubjectId, key: str, sort: float) -> None:
        statement = "INSERT INTO conversation_states_index (subject, name, key, sort) VALUES ($1, $2, $3, $4)"
        await self._execute(statement, short(subject), index, short(key), sort)

    async def _execute(self, statement: str, *values: str | float) -> None:
        for handle in self._handles:
            handle.storage.forget()  # as a replica that never saw the lane
        connection = await asyncpg.connect(self._url)
        done = await connection.execute(Names(self._table).fill(statement), *values)
        await connection.close()
        assert done in ("UPDATE 1", "INSERT 0 1")


@asynccontextmanager
async def postgres_kit(folder: Path) -> AsyncIterator[PostgresKit]:
    """Give a Postgres store with tables of its own."""
    server = shared_postgres()
    async with AsyncExitStack() as stack:
        table = await stack.enter_async_context(empty_tables(server.url))
        proxy = await stack.enter_async_context(cutting_proxy(server.port))
        through = server.url.replace(str(server.port), str(proxy.port))
        store = await stack.enter_async_context(open_postgres_store(through, table=table))
        yield PostgresKit(server.url, table, store, proxy, stack)
