"""The timeline in the file store: append-only rows of who did what."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from ..errors import UnreadableRecord
from ..model import SubjectId, TimelineEvent
from .codec import TIMELINE


def append(db: sqlite3.Connection, now: float, subject: SubjectId, events: Sequence[TimelineEvent]) -> None:
    """Append rows, with the store's time."""
    db.executemany(
        "INSERT INTO timeline (subject, record) VALUES (?, ?)",
        [(subject, TIMELINE.encode(replace(event, at=now))) for event in events],
    )


def newest(db: sqlite3.Connection, subject: SubjectId, limit: int = 200) -> tuple[TimelineEvent, ...]:
    """See :meth:`LaneStore.timeline`; a row that cannot be read is left out."""
    rows = db.execute(
        "SELECT CAST(record AS BLOB) FROM timeline WHERE subject = ? ORDER BY id DESC LIMIT ?", (subject, limit)
    ).fetchall()
    events = []
    for (record,) in reversed(rows):
        with suppress(UnreadableRecord):
            events.append(TIMELINE.decode(record))
    return tuple(events)
