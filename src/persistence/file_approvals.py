"""Approvals of all lanes, so that staff find them without reading conversations."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from ..errors import UnreadableRecord
from ..model import Approval, ApprovalStatus, SubjectId
from .codec import APPROVAL
from .cursor import read_cursor, write_cursor
from .values import Page

_OF_STATUS = (
    "SELECT approval_id, expires_at, CAST(record AS BLOB) FROM approval"
    " WHERE status = ? AND (expires_at, approval_id) > (?, ?) ORDER BY expires_at, approval_id LIMIT ?"
)
_ALL = (
    "SELECT approval_id, expires_at, CAST(record AS BLOB) FROM approval"
    " WHERE (expires_at, approval_id) > (?, ?) ORDER BY expires_at, approval_id LIMIT ?"
)


def index_approvals(db: sqlite3.Connection, subject: SubjectId, approvals: Sequence[Approval]) -> None:
    """Make the index say what a conversation says.

    What the conversation no longer carries keeps its last state, except that nobody can decide it: pending is void.
    """
    for approval in approvals:
        _store(db, subject, approval)
    carried = {approval.id for approval in approvals}
    pending = db.execute(
        "SELECT approval_id, CAST(record AS BLOB) FROM approval WHERE subject = ? AND status = 'pending'", (subject,)
    )
    for approval_id, record in pending.fetchall():
        if approval_id in carried:
            continue
        try:
            _store(db, subject, replace(APPROVAL.decode(record), status=ApprovalStatus.VOID))
        except UnreadableRecord:
            db.execute("UPDATE approval SET status = 'void' WHERE approval_id = ?", (approval_id,))


def _store(db: sqlite3.Connection, subject: SubjectId, approval: Approval) -> None:
    db.execute(
        "INSERT INTO approval (approval_id, subject, status, expires_at, record) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (approval_id) DO UPDATE SET status = excluded.status, expires_at = excluded.expires_at,"
        " record = excluded.record WHERE record <> excluded.record",
        (approval.id, subject, approval.status, approval.expires_at, APPROVAL.encode(approval)),
    )


def list_approvals(
    db: sqlite3.Connection, status: ApprovalStatus | None, limit: int, cursor: str | None = None
) -> Page[Approval]:
    """Return approvals by expiry; a row that cannot be read is left out."""
    after = read_cursor(cursor) if cursor else (-1.0, "")
    query, values = (_ALL, after) if status is None else (_OF_STATUS, (status, *after))
    rows = db.execute(query, (*values, limit + 1)).fetchall()
    found = []
    for _, _, record in rows[:limit]:
        with suppress(UnreadableRecord):
            found.append(APPROVAL.decode(record))
    following = write_cursor(rows[limit - 1][1], rows[limit - 1][0]) if len(rows) > limit else None
    return Page(tuple(found), following)


def find_approval(db: sqlite3.Connection, approval_id: str) -> Approval | None:
    """Return one approval. Raises UnreadableRecord."""
    row = db.execute("SELECT CAST(record AS BLOB) FROM approval WHERE approval_id = ?", (approval_id,)).fetchone()
    return APPROVAL.decode(row[0]) if row else None
