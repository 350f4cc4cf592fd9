"""The Postgres store: lanes in three tables of one database, for any number of gateways."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..base import LaneStore
from .address import PostgresAddress
from .database import CONNECTIONS, open_database
from .names import DEFAULT_TABLE, Names
from .schema import put_in_place
from .storage import PostgresStorage


@asynccontextmanager
async def open_postgres_store(
    address: PostgresAddress | str,
    *,
    table: str = DEFAULT_TABLE,
    pooler: bool = False,
    create: bool = True,
    clock_offset: float = 0.0,
    poll_seconds: float = 1.0,
    connections: int = CONNECTIONS,
) -> AsyncIterator[LaneStore]:
    """Open the store at an address or URL, and make its tables, whose names begin with ``table``.

    * Without ``create`` the tables must be there (StoreMissing).
    * ``pooler``: connections are shared per transaction on the way; then hints are polled for, every ``poll_seconds``.
    * ``connections`` is the most that are opened, besides the one that listens. ``clock_offset`` is for tests.
    * Raises StoreUnavailable when the server does not answer, ConfigurationError when it refuses us or the tables are
      of a newer version.
    """
    where = PostgresAddress.of_url(address) if isinstance(address, str) else address
    names = Names(table)
    async with open_database(where, names, pooler=pooler, connections=connections) as database:
        await put_in_place(database, names, create=create)
        store = LaneStore(PostgresStorage(database, clock_offset=clock_offset), poll_seconds=poll_seconds)
        try:
            yield store
        finally:
            await store.tidy()
