"""Moving one lane into another in the file store: one transaction of the writer thread."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Final

from ..errors import LeaseLost, UnreadableRecord
from ..model import SubjectId
from . import file_lanes, file_timeline
from .codec import APPROVAL
from .joining import Joining, moved
from .values import Claim

MOVED: Final = ("entry", "effect", "reply", "timeline", "approval", "ticket", "set_aside")
LEFT_OVER: Final = ("conversation", "opt_out", "answer", "line", "entry", "effect", "reply")
"""What the joined conversation says instead, and keys that both lanes had."""


def absorb(db: sqlite3.Connection, now: float, joining: Joining) -> None:
    """See :data:`~.joining.Absorb`."""
    old, new = joining.left.subject, joining.stays.subject
    for held in (joining.left, joining.stays):
        _require(db, held)
    if _is_busy(db, old):
        raise LeaseLost
    _rewrite_approvals(db, old, new)
    for table in MOVED:
        db.execute(f"UPDATE OR IGNORE {table} SET subject = ? WHERE subject = ?", (new, old))  # noqa: S608 (our names)
    for table in LEFT_OVER:
        db.execute(f"DELETE FROM {table} WHERE subject = ?", (old,))  # noqa: S608
    db.execute(
        "UPDATE lane SET holder = NULL, lease_until = 0, tried = NULL, wake_at = NULL, due_at = NULL, touched_at = ?"
        " WHERE subject = ?",
        (now, old),
    )
    file_timeline.append(db, now, old, (joining.departure,))
    file_lanes.commit(db, now, joining.stays, joining.change, joining.token, None)


def _require(db: sqlite3.Connection, held: Claim) -> None:
    row = db.execute("SELECT fence, holder FROM lane WHERE subject = ?", (held.subject,)).fetchone()
    if row != (held.fence, held.holder):
        raise LeaseLost


def _is_busy(db: sqlite3.Connection, subject: SubjectId) -> bool:
    (busy,) = db.execute(
        "SELECT EXISTS (SELECT 1 FROM entry WHERE subject = ?1 AND waiting = 1)"
        " OR EXISTS (SELECT 1 FROM reply WHERE subject = ?1 AND status = 'waiting')",
        (subject,),
    ).fetchone()
    return bool(busy)


def _rewrite_approvals(db: sqlite3.Connection, old: SubjectId, new: SubjectId) -> None:
    """Let the records say whose they are now, also those that the conversation carries no longer."""
    rows = db.execute("SELECT id, CAST(record AS BLOB) FROM approval WHERE subject = ?", (old,)).fetchall()
    for row_id, record in rows:
        with suppress(UnreadableRecord):
            text = APPROVAL.encode(moved(APPROVAL.decode(record), new))
            db.execute("UPDATE approval SET record = ? WHERE id = ?", (text, row_id))
