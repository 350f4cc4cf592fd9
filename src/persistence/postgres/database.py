"""The connections to the PostgreSQL server: bounded waits, broken connections replaced, the driver's errors translated.

Nothing is kept in a session, so that a pooler may hand every statement to another one: each call is one statement
and one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from ...errors import ConfigurationError, StoreUnavailable
from .address import PostgresAddress
from .names import Names

WAIT_SECONDS: Final = 4.0
"""How long a call may take, waiting for a connection included."""
SCHEMA_SECONDS: Final = 3600.0
"""An upgrade carries every lane over."""
CLOSE_SECONDS: Final = 2.0
CONNECTIONS: Final = 10
WARM: Final = 2
"""Connections that are opened at the start: the first statements on a new one are slow."""

_BROKEN: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # the server stops, or starts
    asyncpg.ReadOnlySQLTransactionError,  # it became a standby: its successor is behind the same name
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""The connection is of no use any more; the statement may or may not have been executed."""
_COLLIDED: Final = (asyncpg.TransactionRollbackError,)
"""The server undid the statement, because it stood in the way of another."""
_REFUSED: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.SyntaxOrAccessError,
    asyncpg.ClientConfigurationError,
)
"""The settings do not fit."""

FAILED: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""All that the driver raises; a wait that was too long is an OSError too."""

Record = asyncpg.Record


class Connection(asyncpg.Connection):
    """A connection that leaves no state behind and so needs no statement to clean up."""

    def get_reset_query(self) -> str:
        """See asyncpg."""
        return ""


class Database:
    """The tables of one store."""

    def __init__(self, pool: asyncpg.Pool[Record], address: PostgresAddress, names: Names, *, pooler: bool) -> None:
        self._pool = pool
        self.names = names
        self.address = address
        self.pooler = pooler

    async def fetch(
        self, statement: str, *values: Any, once: bool = False, seconds: float = WAIT_SECONDS
    ) -> list[Record]:
        """Run a statement in which ``conversation_states`` begins the names of tables; return its rows.

        When its connection breaks, it is repeated on another one, unless it must not run more than ``once``. Raises
        StoreUnavailable, and ValueError for a value that the database cannot hold.
        """
        filled = self.names.fill(statement)
        try:
            async with asyncio.timeout(seconds):
                try:
                    return await self._run(filled, values)
                except _COLLIDED:
                    if once:
                        raise
                except _BROKEN:
                    # What broke one connection broke the others too, although they may not have noticed.
                    await self._pool.expire_connections()
                    if once:
                        raise
                return await self._run(filled, values)
        except asyncpg.DataError as error:
            raise ValueError(sentence(error)) from error
        except FAILED as error:
            raise unavailable(self.address, error) from error

    async def _run(self, statement: str, values: tuple[Any, ...]) -> list[Record]:
        async with self._pool.acquire() as connection:
            try:
                return await connection.fetch(statement, *values)
            except (*_BROKEN, asyncio.CancelledError):
                # A frozen server would not answer a request to cancel either: the connection is given up at once.
                connection.terminate()
                raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PoolConnectionProxy[Record]]:
        """Give a connection in a transaction, for the schema. Raises ConfigurationError, StoreUnavailable."""
        with refusals(self.address):
            async with asyncio.timeout(SCHEMA_SECONDS), self._pool.acquire() as connection, connection.transaction():
                yield connection


@asynccontextmanager
async def open_database(
    address: PostgresAddress,
    names: Names,
    *,
    pooler: bool = False,
    connections: int = CONNECTIONS,
) -> AsyncIterator[Database]:
    """Connect. Raises ConfigurationError when the server refuses us, StoreUnavailable when it does not answer."""
    options = {
        **address.options(),
        "init_size": min(WARM, connections),
        "min_size": 0,  # what breaks is replaced when it is needed
        "max_size": connections,
        "timeout": WAIT_SECONDS,
        "connection_class": Connection,
    }
    if pooler:
        options["statement_cache_size"] = 0  # prepared statements live in a session, and a pooler changes it unasked
    with refusals(address):
        async with asyncio.timeout(WAIT_SECONDS):
            pool = await asyncpg.create_pool(**options)
    try:
        yield Database(pool, address, names, pooler=pooler)
    finally:
        await _close(pool)


async def _close(pool: asyncpg.Pool[Record]) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await pool.close()
    except FAILED:
        pool.terminate()
    except asyncio.CancelledError:
        pool.terminate()
        raise


@contextmanager
def refusals(address: PostgresAddress) -> Iterator[None]:
    """Translate what can go wrong at the start: ConfigurationError when the server refuses us."""
    try:
        yield
    except (*_REFUSED, ValueError) as error:
        raise ConfigurationError([f"{address.place}: {sentence(error)}."]) from error
    except FAILED as error:
        raise unavailable(address, error) from error


def unavailable(address: PostgresAddress, error: BaseException) -> StoreUnavailable:
    """Return our error for the driver's."""
    return StoreUnavailable(f"({address.place}: {type(error).__name__}: {sentence(error)})")


def sentence(error: BaseException) -> str:
    """Return what the server or the driver says, without the details, which may quote a record."""
    said = str(error.args[0]) if isinstance(error, asyncpg.PostgresError) and error.args else str(error)
    return said.splitlines()[0].rstrip(".") if said else "no answer in time"
