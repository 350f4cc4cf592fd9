"""A file of the former format (schemas 1 to 3, a table for each kind of record) becomes one of today's."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from ...errors import ConfigurationError
from ...model import SubjectId
from ..file_permissions import make_file
from ..former_format import COLUMNS, PROOFS, carried_audit, carried_over
from . import primitives

FORMER_TABLES: Final = (
    "lane", "entry", "conversation", "opt_out", "answer", "approval", "timeline", "effect", "reply", "line", "ticket",
    "set_aside", "presence", "fence", "audit_key", "audit",
)  # fmt: skip
COPY_NAME: Final = "tandem.db.before-upgrade"


def keep_copy(connection: sqlite3.Connection, path: Path, before: int) -> None:
    """Keep the file as it was, until the next cleanup or erasure. Several processes may do it at once."""
    building = path.with_name(f"{COPY_NAME}-{os.getpid()}")
    building.unlink(missing_ok=True)
    make_file(building)
    with contextlib.closing(sqlite3.connect(building)) as copy:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE").fetchone()
        (version,) = copy.execute("PRAGMA user_version").fetchone()
    if 0 < version < before:
        building.replace(path.with_name(COPY_NAME))
    else:  # somebody was faster
        building.unlink(missing_ok=True)


def delete_copies(folder: Path) -> None:
    """Delete the copy of the file as it was, and what a start that was broken off left of one."""
    for copy in folder.glob(f"{COPY_NAME}*"):
        copy.unlink(missing_ok=True)


def carry_over(db: sqlite3.Connection) -> int:
    """Write everything that the former tables hold into today's, drop them, and return the number of lanes."""
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    former = [table for table in FORMER_TABLES if table in tables]
    now, subjects = time.time(), _subjects(db, former)
    for subject in subjects:
        primitives.apply(db, carried_over(subject, partial(_rows, db, former, subject), now))
    if "audit_key" in former and (key := db.execute("SELECT key FROM audit_key").fetchone()):
        primitives.apply(db, [carried_audit(key[0], db.execute(PROOFS.format("audit")))])
    for table in former:
        db.execute(f"DROP TABLE {table}")  # our own constants, never data
    return len(subjects)


def _subjects(db: sqlite3.Connection, former: Sequence[str]) -> list[SubjectId]:
    found: dict[Any, None] = {}
    for table in former:
        if table in FORMER_TABLES[:12]:
            found |= dict.fromkeys(one for (one,) in db.execute(f"SELECT DISTINCT subject FROM {table}"))  # noqa: S608
    if any(not isinstance(one, str) for one in found):
        raise ConfigurationError(
            ["tandem.db holds a subject that is no text: it was not upgraded, nothing was changed"]
        )
    return [SubjectId(one) for one in found]


def _rows(db: sqlite3.Connection, former: Sequence[str], subject: SubjectId, table: str) -> Iterator[tuple[Any, ...]]:
    if table not in former:
        return
    columns = "NULL, record" if table == "timeline" else COLUMNS[table]
    columns = columns.replace("record", "CAST(record AS BLOB)")  # also what damage made of a text
    query = f"SELECT {columns} FROM {table} WHERE subject = ? ORDER BY id"  # noqa: S608 (our own constants)
    for row in db.execute(query, (subject,)):
        yield tuple(one.decode(errors="surrogateescape") if isinstance(one, bytes) else one for one in row)
