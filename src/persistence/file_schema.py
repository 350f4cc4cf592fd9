"""Opening the database with its schema in place."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final

from ..errors import ConfigurationError

SCRIPTS: Final = ("file.sql", "file_audit.sql")
"""The script that makes each version of the schema from the one before."""
SCHEMA_VERSION: Final = len(SCRIPTS)
BUSY_SECONDS: Final = 4.0
"""How long another process's commit is waited for."""


def connect(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open the database, with its schema in place and every commit durable."""
    connection = sqlite3.connect(
        path, timeout=busy_seconds, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted or replaced is overwritten
        if _version(connection) != SCHEMA_VERSION:
            _lift_schema(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _lift_schema(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    version = _version(connection)
    if version > SCHEMA_VERSION:
        raise ConfigurationError([f"tandem.db was written by a newer version (schema {version})"])
    for script in SCRIPTS[version:]:  # none, when somebody else was first
        for statement in statements(script):
            connection.execute(statement)
    if version == 0:
        connection.execute("INSERT INTO fence (id, last) VALUES (1, ?)", (time.time_ns() // 1_000_000,))
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("COMMIT")


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
