"""Reading in the file store: one subject's records, the list of conversations, due work, figures."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

from ..errors import UnreadableRecord
from ..model import Channel, Conversation, ReplyStatus, StoredReply, SubjectId
from .codec import CONVERSATION, REPLY
from .cursor import read_cursor, write_cursor
from .heads import read_head
from .values import ConversationHead, Counts, Due, Page


def conversation(db: sqlite3.Connection, subject: SubjectId) -> Conversation | None:
    """See :meth:`LaneStore.conversation`."""
    row = db.execute("SELECT CAST(record AS BLOB) FROM conversation WHERE subject = ?", (subject,)).fetchone()
    return CONVERSATION.decode(row[0]) if row else None


def replies(db: sqlite3.Connection, subject: SubjectId, limit: int = 200) -> tuple[StoredReply, ...]:
    """See :meth:`LaneStore.replies`; a row that cannot be read is left out."""
    rows = db.execute(
        "SELECT CAST(record AS BLOB), status, provider_id, error_code, tries FROM reply"
        " WHERE subject = ? ORDER BY id DESC LIMIT ?",
        (subject, limit),
    ).fetchall()
    found = []
    for record, status, provider_id, error_code, tries in reversed(rows):
        with suppress(UnreadableRecord):
            found.append(StoredReply(REPLY.decode(record), ReplyStatus(status), provider_id, error_code, tries))
    return tuple(found)


def recent(db: sqlite3.Connection, limit: int, cursor: str | None = None) -> Page[ConversationHead]:
    """See :meth:`LaneStore.recent`."""
    before = read_cursor(cursor) if cursor else (9e99, "")
    rows = db.execute(
        "SELECT subject, version, updated_at, last_channel, head FROM conversation"
        " WHERE (updated_at, subject) < (?, ?) ORDER BY updated_at DESC, subject DESC LIMIT ?",
        (*before, limit + 1),
    ).fetchall()
    heads = tuple(read_head(SubjectId(subject), *columns) for subject, *columns in rows[:limit])
    following = write_cursor(heads[-1].updated_at, heads[-1].subject) if len(rows) > limit else None
    return Page(heads, following)


def due(db: sqlite3.Connection, now: float, limit: int, replica: str = "") -> Due:
    """See :meth:`LaneStore.due`; the indexes hold only lanes and lines that have work."""
    lanes = db.execute(
        "SELECT subject FROM lane WHERE due_at <= ? AND lease_until <= ? ORDER BY due_at LIMIT ?", (now, now, limit)
    ).fetchall()
    lines = db.execute(
        "SELECT subject, channel FROM line WHERE due_at <= ?1 AND lease_until <= ?1"
        " AND NOT (channel = 'voice' AND EXISTS"
        " (SELECT 1 FROM presence WHERE presence.subject = line.subject AND until > ?1 AND replica <> ?3))"
        " ORDER BY due_at LIMIT ?2",
        (now, limit, replica),
    ).fetchall()
    return Due(
        tuple(SubjectId(subject) for (subject,) in lanes),
        tuple((SubjectId(subject), Channel(channel)) for subject, channel in lines),
    )


def counts(db: sqlite3.Connection, now: float) -> Counts:
    """See :meth:`LaneStore.counts`."""
    row = db.execute(
        "SELECT (SELECT count(*) FROM conversation), (SELECT count(*) FROM approval WHERE status = 'pending'),"
        " (SELECT min(accepted_at) FROM entry WHERE waiting = 1),"
        " (SELECT min(queued_at) FROM reply WHERE status = 'waiting'), (SELECT count(*) FROM set_aside)"
    ).fetchone()
    conversations, pending, entry_at, reply_at, aside = row
    return Counts(
        conversations=conversations,
        pending_approvals=pending,
        oldest_pending_entry_seconds=max(0.0, now - entry_at) if entry_at is not None else 0.0,
        oldest_unsettled_reply_seconds=max(0.0, now - reply_at) if reply_at is not None else 0.0,
        set_aside=aside,
    )


def ping(db: sqlite3.Connection) -> None:
    """Read something."""
    db.execute("SELECT last FROM fence").fetchone()
