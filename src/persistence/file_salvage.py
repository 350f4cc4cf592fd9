"""Copying what can be read of a damaged database file into a new one."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ..errors import UnreadableRecord
from .codec import CONVERSATION
from .file_approvals import index_approvals
from .file_schema import statements

TABLES: Final = (
    "lane", "entry", "conversation", "answer", "approval", "timeline", "effect", "reply", "line", "ticket", "set_aside",
    "audit_key", "audit",
)  # fmt: skip
_LAST_ID: Final = 2**62
_ALL: Final = -1


def salvage(damaged: Path, target: sqlite3.Connection) -> int:
    """Copy every readable row and return their number; ``target`` is a new database with the schema in it.

    Times by which work is found are rebuilt from the rows themselves, so that nothing that survived is forgotten.
    """
    source = sqlite3.connect(f"{damaged.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    source.text_factory = lambda raw: raw.decode(errors="replace")
    copied = 0
    try:
        target.execute("BEGIN")
        for table in TABLES:
            columns = _columns(source, table)
            for row in _readable(source, table):
                copied += _copy(target, table, columns, row)
        _rebuild(target)
        target.execute("COMMIT")
    finally:
        source.close()
    return copied


def _readable(source: sqlite3.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    """Yield what can be read from both ends; behind a damaged page go on where rows can be read again."""
    # Table names are our own constants, never data.
    ascending = f"SELECT * FROM {table} WHERE id >= ? ORDER BY id LIMIT ?"  # noqa: S608
    descending = f"SELECT * FROM {table} WHERE id <= ? ORDER BY id DESC LIMIT ?"  # noqa: S608
    for query, position, sign in ((ascending, 0, 1), (descending, _LAST_ID, -1)):
        step, limit = 1, _ALL
        while 0 <= position <= _LAST_ID:
            try:
                rows = 0
                for row in source.execute(query, (position, limit)):
                    yield row
                    position, step, rows = row[0] + sign, 1, rows + 1
                if rows < limit or limit == _ALL:
                    break
                limit = _ALL
            except sqlite3.Error:
                # The driver reads one row ahead, so the last good row fails with the next: take it by itself.
                if limit == 1:
                    position, step = position + sign * step, step * 2
                limit = 1


def _columns(source: sqlite3.Connection, table: str) -> str:
    """Name a table's columns in the damaged file, which an older version may have made."""
    with contextlib.suppress(sqlite3.Error):
        found = source.execute(f"SELECT * FROM {table} LIMIT 0").description  # noqa: S608
        return ", ".join(name for name, *_ in found)
    return ""


def _copy(target: sqlite3.Connection, table: str, columns: str, row: tuple[Any, ...]) -> int:
    places = ",".join("?" * len(row))
    with contextlib.suppress(sqlite3.Error):  # a row of damaged values need not fit
        statement = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})"  # noqa: S608
        return target.execute(statement, row).rowcount
    return 0


def _rebuild(target: sqlite3.Connection) -> None:
    for subject, record in target.execute("SELECT subject, CAST(record AS BLOB) FROM conversation").fetchall():
        with contextlib.suppress(UnreadableRecord):
            index_approvals(target, subject, CONVERSATION.decode(record).approvals)
    for statement in statements("file_rebuild.sql"):
        target.execute(statement, {"now": time.time()} if ":now" in statement else {})
