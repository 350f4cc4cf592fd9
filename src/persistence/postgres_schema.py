"""The schema in the database: made and lifted by whoever comes first, and only looked at by everybody else."""

from __future__ import annotations

from typing import Final

import structlog

from ..errors import ConfigurationError, StoreMissing
from .postgres_database import Database
from .postgres_names import Names

log = structlog.get_logger(__name__)

VERSIONS: Final = (("postgres.sql",), ("postgres_presence.sql",))
"""The scripts that make each version's tables from the ones before; none, where only functions changed."""
FUNCTIONS: Final = (
    "postgres_entries.sql",
    "postgres_calls.sql",
    "postgres_outbox.sql",
    "postgres_lanes.sql",
    "postgres_purge.sql",
)
"""Made anew with every version. One that takes other parameters gets another name: older gateways may still call it."""
SCHEMA_VERSION: Final = len(VERSIONS)
_LOCK: Final = 0x74616E64656D
"""The advisory lock of everybody who makes a schema in this database; held until the end of the transaction."""


async def put_in_place(database: Database, names: Names, *, create: bool) -> None:
    """Make or lift the schema where that is needed; without ``create``, raise StoreMissing when there is none.

    Raises ConfigurationError when a newer version made it, or when this login may not.
    """
    version = await _version(database)
    if version == 0 and not create:
        raise StoreMissing(f"({database.address.place}: there is no table {names.table})")
    if version != SCHEMA_VERSION:
        await _lift(database, names)
    if create:  # by a server; commands only look
        await _warn_if_volatile(database)


async def _version(database: Database) -> int:
    (row,) = await database.fetch("SELECT to_regclass('conversation_states_schema') IS NOT NULL")
    if not row[0]:
        return 0
    (row,) = await database.fetch("SELECT version FROM conversation_states_schema")
    return int(row[0])


async def _lift(database: Database, names: Names) -> None:
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        # to_regclass would not do: it may answer from this session's memory, from before the lock.
        await connection.execute(names.fill("CREATE TABLE IF NOT EXISTS conversation_states_schema (version int)"))
        version = await connection.fetchval(names.fill("SELECT version FROM conversation_states_schema")) or 0
        if version > SCHEMA_VERSION:
            raise ConfigurationError(
                [f"{database.address.place}: the tables {names.table}… are of a newer version (schema {version})."]
            )
        if version == SCHEMA_VERSION:  # somebody else was first
            return
        for scripts in (*VERSIONS[version:], FUNCTIONS):
            for script in scripts:
                await connection.execute(names.script(script))
        await connection.execute(names.fill("DELETE FROM conversation_states_schema"))
        await connection.execute(names.fill("INSERT INTO conversation_states_schema VALUES ($1)"), SCHEMA_VERSION)
    log.info("schema_made", table=names.table, version=SCHEMA_VERSION)


async def _warn_if_volatile(database: Database) -> None:
    (row,) = await database.fetch("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
    if "off" in tuple(row):
        log.warning("store_may_lose_acknowledged_texts", fsync=row[0], synchronous_commit=row[1])
