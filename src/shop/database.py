"""The file of the sample shop: opened in its newest version, its errors told in our words."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from importlib import resources
from pathlib import Path

from ..errors import ConfigurationError, StoreUnavailable
from ..persistence.private import close_database, make_file

_TRIES, _PAUSE = 100, 0.05
"""How often another process that opens the file is waited for, and how long each time, in seconds."""
_VERSIONS = ("shop.sql", "shop_refunds.sql")
"""The script that makes each version of the file from the one before."""


@asynccontextmanager
async def open_file(path: Path) -> AsyncIterator[sqlite3.Connection]:
    """Open the file, made and filled when there is none. Raises ConfigurationError when that cannot be done."""
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        make_file(path)
        close_database(path)
        connection = sqlite3.connect(path, isolation_level=None)
    with closing(connection):
        with _explained(path):
            await _write_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")  # a refund that was answered has been made
            _upgrade(connection, path)
        yield connection


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailable(f"(sample shop: {error})") from error


async def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; for this one lock SQLite does not wait when two processes start at once."""
    for tries_left in reversed(range(_TRIES)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or not tries_left:
                raise
            await asyncio.sleep(_PAUSE)


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a file of any earlier version up to date; version 0 is an empty one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_VERSIONS):
        raise ConfigurationError([f"the sample shop {path} was written by a newer version of this program"])
    for script in _VERSIONS[version:]:
        connection.executescript(resources.files(__package__).joinpath(script).read_text("utf-8"))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what goes wrong while opening into the operator's sentence."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise ConfigurationError([f"the sample shop {path} cannot be opened ({error})"]) from error
