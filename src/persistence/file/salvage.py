"""Copying what can be read of a damaged database file into a new one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ...model import SubjectId
from ..mending import restore
from ..rows import Want
from ..staff_acts import restore_house
from ..upkeep import NOBODY
from . import primitives
from .schema import FILE_NAME
from .upgrade import FORMER_TABLES, carry_over

TABLES: Final = ("lane_head", "lane_row")
"""LaneIndex entries follow from these."""
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
        former = [table for table in FORMER_TABLES if _columns(source, table)]
        for table in former:
            target.execute(f"CREATE TABLE {table} ({_columns(source, table)})")  # names of a file, quoted
        for table in (*TABLES, *former):
            columns = _columns(source, table)
            for row in _readable(source, table):
                copied += _copy(target, table, columns, row)
        if former:
            carry_over(target)
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
        return ", ".join('"' + name.replace('"', "") + '"' for name, *_ in found)
    return ""


def _copy(target: sqlite3.Connection, table: str, columns: str, row: tuple[Any, ...]) -> int:
    places = ",".join("?" * len(row))
    with contextlib.suppress(sqlite3.Error):  # a row of damaged values need not fit
        statement = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})"  # noqa: S608
        return target.execute(statement, row).rowcount
    return 0


def _rebuild(target: sqlite3.Connection) -> None:
    """Make heads and index entries from the rows that survived."""
    subjects = target.execute("SELECT subject FROM lane_row UNION SELECT subject FROM lane_head").fetchall()
    for (subject,) in subjects:
        rule = restore_house if subject == NOBODY else restore
        primitives.step(target, {SubjectId(subject): Want()}, rule)


def damaged_copies(folder: Path) -> tuple[Path, ...]:
    """Return the files in a folder that were set aside after damage, oldest first, without the logs beside them."""
    found = folder.glob(f"{FILE_NAME}.damaged-*")
    return tuple(sorted(path for path in found if not path.name.endswith(("-wal", "-shm"))))
