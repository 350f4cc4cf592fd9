"""Opening the database with its schema in place."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final

import structlog

from ...errors import ConfigurationError
from ..file_permissions import make_file
from .upgrade import carry_over, keep_copy

log = structlog.get_logger(__name__)

FILE_NAME: Final = "tandem.db"
SCHEMA_VERSION: Final = 4
"""Versions 1 to 3 had a table for each kind of record."""
BUSY_SECONDS: Final = 4.0
"""How long another process's commit is waited for."""


def connect(
    path: Path, *, busy_seconds: float = BUSY_SECONDS, lift: bool = True, read_only: bool = False
) -> sqlite3.Connection:
    """Open the database, with its schema in place and every commit durable.

    Without ``lift`` a schema of another version is a ConfigurationError. ``read_only`` leaves the write-ahead log
    where it is, which the last connection that closes the database would otherwise carry over into it.
    """
    if not read_only:
        make_file(path)
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted or replaced is overwritten
        if (version := _version(connection)) != SCHEMA_VERSION:
            if version < SCHEMA_VERSION and not lift:
                raise ConfigurationError([f"{path} is of an older version (schema {version}); the server upgrades it"])
            _lift_schema(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _lift_schema(connection: sqlite3.Connection, path: Path) -> None:
    if 0 < _version(connection) < SCHEMA_VERSION:
        keep_copy(connection, path, SCHEMA_VERSION)
    connection.execute("BEGIN IMMEDIATE")
    version = _version(connection)
    if version > SCHEMA_VERSION:
        raise ConfigurationError([f"tandem.db was written by a newer version (schema {version})"])
    carried = None
    if version < SCHEMA_VERSION:  # else another process was first
        for statement in statements("lanes.sql"):
            connection.execute(statement)
        if version > 0:
            carried = carry_over(connection)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("COMMIT")
    if carried is not None:
        log.info("lanes_carried_over", done=carried)


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script of this package. ``executescript`` would commit before it begins."""
    statement = ""
    for line in resources.files(__package__).joinpath(script).read_text(encoding="utf-8").splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def is_damage(error: BaseException) -> bool:
    """Say whether an error means that the file itself is broken."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, sqlite3.DatabaseError) and code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_lock(folder: Path, *, create: bool) -> int:
    """Open the lock file. Where there is none and none may be made, no server is there either: any lock will do."""
    path = folder / "tandem.lock"
    if not create and not path.exists():
        return os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
