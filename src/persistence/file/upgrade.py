"""A file of the former format (schemas 1 to 3, a table for each kind of record) becomes one of today's."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ...errors import ConfigurationError
from ...model import SubjectId
from ..file_permissions import make_file
from ..former import Former, carried_audit, carried_over
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
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    now, count = time.time(), 0
    for subject in _subjects(db, tables):
        primitives.apply(db, carried_over(_read(db, tables, subject), now))
        count += 1
    _carry_audit(db, tables)
    for table in FORMER_TABLES:
        if table in tables:
            db.execute(f"DROP TABLE {table}")  # our own constants, never data
    return count


def _subjects(db: sqlite3.Connection, tables: set[str]) -> list[SubjectId]:
    found: dict[str, None] = {}
    for table in FORMER_TABLES[:12]:
        if table in tables:
            found |= dict.fromkeys(one for (one,) in db.execute(f"SELECT DISTINCT subject FROM {table}"))  # noqa: S608
    if any(not isinstance(one, str) for one in found):
        raise ConfigurationError(
            ["tandem.db holds a subject that is no text: it was not upgraded, nothing was changed"]
        )
    return [SubjectId(one) for one in found]


def _read(db: sqlite3.Connection, tables: set[str], subject: SubjectId) -> Former:
    def rows(table: str, columns: str) -> Iterator[tuple[Any, ...]]:
        if table not in tables:
            return
        query = f"SELECT {columns} FROM {table} WHERE subject = ? ORDER BY id"  # noqa: S608 (our own constants)
        for row in db.execute(query, (subject,)):
            yield tuple(one.decode(errors="surrogateescape") if isinstance(one, bytes) else one for one in row)

    record = "CAST(record AS BLOB)"
    touched_at, wake_at = next(rows("lane", "touched_at, wake_at"), (0.0, None))
    return Former(
        subject,
        touched_at=touched_at,
        wake_at=wake_at,
        conversation=next(rows("conversation", f"version, updated_at, {record}"), None),
        opted_out=[channel for (channel,) in rows("opt_out", "channel")],
        entries=[
            (*row[:4], bool(row[4]), row[5])
            for row in rows("entry", f"key, token, accepted_at, tries, waiting, {record}")
        ],
        replies=list(rows("reply", f"reply_id, queued_at, status, tries, provider_id, error_code, {record}")),
        approvals=list(rows("approval", f"approval_id, status, {record}")),
        tickets=list(rows("ticket", f"ticket_id, {record}")),
        timeline=list(rows("timeline", f"NULL, {record}")),
        effects=list(rows("effect", "key, token, at, result")),
        aside=list(rows("set_aside", f"kind, key, reason, at, {record}")),
    )


def _carry_audit(db: sqlite3.Connection, tables: set[str]) -> None:
    """Carry over the proofs of erasures."""
    if "audit_key" not in tables:
        return
    key = db.execute("SELECT key FROM audit_key").fetchone()
    if key is None:
        return
    proofs = db.execute("SELECT subject_hash, id, at, actor, deleted FROM audit").fetchall()
    primitives.apply(db, [carried_audit(key[0], proofs)])
