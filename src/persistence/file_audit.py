"""The audit of erasures: rows that prove that somebody was erased, and name nobody."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3

from ..model import SubjectId
from .values import Erasure

_KEY_BYTES = 32


def note(db: sqlite3.Connection, now: float, subject: SubjectId, actor: str, deleted: int) -> None:
    """Add the row of one erasure."""
    # Made with the first row, not with the file: a salvage copies rows into a new file, and a key there would win.
    db.execute("INSERT OR IGNORE INTO audit_key (id, key) VALUES (1, ?)", (secrets.token_bytes(_KEY_BYTES),))
    db.execute(
        "INSERT INTO audit (subject_hash, at, actor, deleted) VALUES (?, ?, ?, ?)",
        (_hash(db, subject), now, actor, deleted),
    )


def erasures(db: sqlite3.Connection, subject: SubjectId) -> tuple[Erasure, ...]:
    """See :meth:`LaneStore.erasures`."""
    rows = db.execute(
        "SELECT at, actor, deleted FROM audit WHERE subject_hash = ? ORDER BY id", (_hash(db, subject),)
    ).fetchall()
    return tuple(Erasure(*row) for row in rows)


def _hash(db: sqlite3.Connection, subject: SubjectId) -> str:
    row = db.execute("SELECT key FROM audit_key").fetchone()
    # Without a key there is no row either, so any hash finds nothing.
    return hmac.new(row[0], subject.encode(), hashlib.sha256).hexdigest() if row else ""
