"""Entries of a lane in the file store: accepting them, reading those that wait, setting unreadable ones aside."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ..entries import Entry, Waiting
from ..errors import UnreadableRecord
from ..model import SubjectId
from .codec import ENTRY
from .values import Outcome, Receipt


def accept(
    db: sqlite3.Connection,
    now: float,
    subject: SubjectId,
    entries: Sequence[Entry],
    token: str,
    not_after: float | None = None,
) -> tuple[Receipt, ...]:
    """See :meth:`LaneStore.accept`."""
    receipts: list[Receipt] = []
    seen: set[str] = set()
    stored = False
    for entry in entries:
        receipt = _earlier(db, subject, entry, None if entry.key in seen else token)
        if receipt is None and not_after is not None and now > not_after:
            receipt = Receipt(entry.key, Outcome.LATE)
        elif receipt is None:
            db.execute(
                "INSERT INTO entry (subject, key, token, accepted_at, record) VALUES (?, ?, ?, ?, ?)",
                (subject, entry.key, token, now, ENTRY.encode(entry)),
            )
            receipt = Receipt(entry.key, Outcome.ACCEPTED)
            stored = True
        seen.add(entry.key)
        receipts.append(receipt)
    if stored:
        db.execute(
            "INSERT INTO lane (subject, due_at, touched_at) VALUES (?1, ?2, ?2) ON CONFLICT (subject)"
            " DO UPDATE SET due_at = min(coalesce(due_at, ?2), ?2), touched_at = ?2",
            (subject, now),
        )
    return tuple(receipts)


def _earlier(db: sqlite3.Connection, subject: SubjectId, entry: Entry, token: str | None) -> Receipt | None:
    """Return the receipt for a key that the lane holds already; ``token`` is None for a key met twice in one call."""
    row = db.execute(
        "SELECT token, CAST(record AS BLOB) FROM entry WHERE subject = ? AND key = ?", (subject, entry.key)
    ).fetchone()
    if row is None:
        return None
    if row[0] == token:
        return Receipt(entry.key, Outcome.ACCEPTED)
    try:
        return Receipt(entry.key, Outcome.DUPLICATE, ENTRY.decode(row[1]))
    except UnreadableRecord:
        return Receipt(entry.key, Outcome.DUPLICATE)


def read_waiting(db: sqlite3.Connection, subject: SubjectId) -> tuple[list[tuple[int, Waiting]], list[int]]:
    """Return the waiting entries in their order, each with its row's id, and the ids of unreadable ones."""
    rows = db.execute(
        "SELECT id, accepted_at, tries, CAST(record AS BLOB) FROM entry WHERE subject = ? AND waiting = 1 ORDER BY id",
        (subject,),
    ).fetchall()
    readable: list[tuple[int, Waiting]] = []
    unreadable: list[int] = []
    for number, accepted_at, tries, record in rows:
        try:
            readable.append((number, Waiting(ENTRY.decode(record), accepted_at, tries)))
        except UnreadableRecord:
            unreadable.append(number)
    return readable, unreadable


def set_aside(db: sqlite3.Connection, now: float, entry_id: int, reason: str) -> None:
    """Keep a waiting entry for people and let the lane go on; its key stays a duplicate."""
    db.execute(
        "INSERT INTO set_aside (subject, kind, key, reason, at, record)"
        " SELECT subject, 'entry', key, ?, ?, record FROM entry WHERE id = ? AND waiting = 1",
        (reason, now, entry_id),
    )
    db.execute("UPDATE entry SET waiting = 0 WHERE id = ?", (entry_id,))


def waiting(db: sqlite3.Connection, subject: SubjectId) -> tuple[Waiting, ...]:
    """See :meth:`LaneStore.waiting`."""
    readable, _ = read_waiting(db, subject)
    return tuple(entry for _, entry in readable)
