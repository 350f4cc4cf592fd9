"""The schema in the database: made and lifted by whoever comes first, and only looked at by everybody else."""

from __future__ import annotations

from typing import Final

import structlog

from ...errors import ConfigurationError, StoreMissing
from .database import Database
from .names import Names, script
from .upgrade import carry_over

log = structlog.get_logger(__name__)

SCHEMA_VERSION: Final = 3
"""Versions 1 and 2 had a table for each kind of record."""
_LOCK: Final = 0x74616E64656D
"""The advisory lock of everybody who makes a schema in this database; held until the end of the transaction."""


async def put_in_place(database: Database, names: Names, *, create: bool) -> None:
    """Make or lift the schema where that is needed; without ``create``, raise StoreMissing when there is none.

    Raises ConfigurationError when a newer version made it, or when this login may not.
    """
    version = await _version(database)
    if version == 0 and not create:
        raise StoreMissing(f"({database.address.place}: there is no table {names.table})")
    if 0 < version < SCHEMA_VERSION and not create:
        raise ConfigurationError(
            [f"{database.address.place}: the tables {names.table}… are of an older version; the server upgrades them."]
        )
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
        for name in ("lanes.sql", "apply.sql"):
            await connection.execute(names.fill(script(name)))
        if version > 0:
            await carry_over(connection, names)
        await connection.execute(names.fill("DELETE FROM conversation_states_schema"))
        await connection.execute(names.fill("INSERT INTO conversation_states_schema VALUES ($1)"), SCHEMA_VERSION)
    log.info("schema_made", table=names.table, version=SCHEMA_VERSION)


async def _warn_if_volatile(database: Database) -> None:
    (row,) = await database.fetch("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
    if "off" in tuple(row):
        log.warning("store_may_lose_acknowledged_texts", fsync=row[0], synchronous_commit=row[1])
