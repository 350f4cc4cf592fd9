"""Who holds a call, in the file store. Short-lived: what ran out counts as absent, and goes with the next purge."""

from __future__ import annotations

import sqlite3
from typing import Final

from ..model import Channel, SubjectId
from .values import Presence

_TAKE: Final = (
    "INSERT INTO presence (subject, call, replica, until) VALUES (?1, ?2, ?3, ?4 + ?5)"
    " ON CONFLICT (subject) DO UPDATE SET call = ?2, replica = ?3, until = ?4 + ?5"
)
_RENEW: Final = f"{_TAKE} WHERE until <= ?5 OR (call = ?2 AND replica = ?3)"


def note(
    db: sqlite3.Connection, now: float, subject: SubjectId, call: str, replica: str, seconds: float, renew: bool = False
) -> None:
    """See :meth:`LaneStore.presence`."""
    if seconds <= 0:
        db.execute("DELETE FROM presence WHERE subject = ? AND call = ? AND replica = ?", (subject, call, replica))
        return
    db.execute(_RENEW if renew else _TAKE, (subject, call, replica, seconds, now))


def present(db: sqlite3.Connection, now: float, subject: SubjectId) -> Presence | None:
    """See :meth:`LaneStore.present`."""
    row = db.execute("SELECT call, replica FROM presence WHERE subject = ? AND until > ?", (subject, now)).fetchone()
    return Presence(*row) if row else None


def elsewhere(db: sqlite3.Connection, now: float, subject: SubjectId, channel: str, replica: str) -> bool:
    """Tell whether what waits in a line can be said at another replica only."""
    if channel != Channel.VOICE:
        return False
    holder = present(db, now, subject)
    return holder is not None and holder.replica != replica
