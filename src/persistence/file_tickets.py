"""Tickets in the file store: work for people, found by its own id or by its customer."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from ..errors import UnreadableRecord
from ..model import SubjectId, Ticket
from .codec import TICKET


def store_tickets(db: sqlite3.Connection, subject: SubjectId, tickets: Sequence[Ticket]) -> None:
    """Store tickets under their ids, new or changed; an id that another customer has is left alone."""
    db.executemany(
        "INSERT INTO ticket (ticket_id, subject, status, record) VALUES (?, ?, ?, ?) ON CONFLICT (ticket_id)"
        " DO UPDATE SET status = excluded.status, record = excluded.record WHERE subject = excluded.subject",
        [(ticket.id, subject, ticket.status, TICKET.encode(ticket)) for ticket in tickets],
    )


def find_ticket(db: sqlite3.Connection, ticket_id: str) -> Ticket | None:
    """Return one ticket. Raises UnreadableRecord."""
    row = db.execute("SELECT CAST(record AS BLOB) FROM ticket WHERE ticket_id = ?", (ticket_id,)).fetchone()
    return TICKET.decode(row[0]) if row else None


def newest_tickets(db: sqlite3.Connection, subject: SubjectId, limit: int = 50) -> tuple[Ticket, ...]:
    """See :meth:`LaneStore.tickets`; a row that cannot be read is left out."""
    rows = db.execute(
        "SELECT CAST(record AS BLOB) FROM ticket WHERE subject = ? ORDER BY id DESC LIMIT ?", (subject, limit)
    ).fetchall()
    found = []
    for (record,) in rows:
        with suppress(UnreadableRecord):
            found.append(TICKET.decode(record))
    return tuple(found)
