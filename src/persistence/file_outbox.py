"""The outbox in the file store: lines (subject and channel) of replies, sent in order, each by one holder."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from ..errors import UnreadableRecord
from ..model import Channel, Outgoing, Reply, ReplyStatus, SubjectId, TimelineEvent
from . import file_timeline
from .codec import REPLY
from .file_presence import elsewhere
from .values import Settlement

RANK: Final = {
    ReplyStatus.WAITING: 0,
    ReplyStatus.FAILED: 1,
    ReplyStatus.BLOCKED: 1,
    ReplyStatus.SENT: 1,
    ReplyStatus.UNDELIVERED: 2,
    ReplyStatus.DELIVERED: 3,
    ReplyStatus.READ: 4,
}
_FIRST: Final = (
    "SELECT id, tries, queued_at, CAST(record AS BLOB) FROM reply"
    " WHERE subject = ? AND channel = ? AND status = 'waiting' ORDER BY id LIMIT 1"
)


def queue_replies(
    db: sqlite3.Connection, now: float, subject: SubjectId, replies: Sequence[Reply]
) -> tuple[Channel, ...]:
    """Put replies at the ends of their lines; return the channels that got any, in order of appearance."""
    db.executemany(
        "INSERT OR IGNORE INTO reply (subject, channel, reply_id, queued_at, record) VALUES (?, ?, ?, ?, ?)",
        [(subject, reply.route.channel, reply.id, now, REPLY.encode(reply)) for reply in replies],
    )
    channels = tuple(dict.fromkeys(reply.route.channel for reply in replies))
    db.executemany(
        "INSERT INTO line (subject, channel, due_at) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (subject, channel) DO UPDATE SET due_at = coalesce(due_at, ?3)",
        [(subject, channel, now) for channel in channels],
    )
    return channels


def block_lines(db: sqlite3.Connection, now: float, subject: SubjectId, channels: Sequence[Channel]) -> None:
    """Settle every waiting reply of these lines as blocked."""
    for channel in channels:
        db.execute(
            "UPDATE reply SET status = 'blocked' WHERE subject = ? AND channel = ? AND status = 'waiting'",
            (subject, channel),
        )
        _pass_over(db, now, subject, channel, 0)


def next_reply(
    db: sqlite3.Connection,
    now: float,
    subject: SubjectId,
    channel: Channel,
    holder: str,
    seconds: float,
    replica: str = "",
) -> Outgoing | None:
    """See :meth:`LaneStore.next_reply`."""
    if elsewhere(db, now, subject, channel, replica):
        return None
    row = db.execute("SELECT holder, reply FROM line WHERE subject = ? AND channel = ?", (subject, channel)).fetchone()
    if row is not None and row[0] == holder and row[1] is not None:
        again = _repeat(db, now, subject, channel, row[1], holder, seconds)
        if again is not None:
            return again
    if row is not None and row[0] == holder:
        _free(db, subject, channel)  # what it held is settled; take the next
    return take_line(db, now, subject, channel, holder, seconds, replica)


def _repeat(
    db: sqlite3.Connection,
    now: float,
    subject: SubjectId,
    channel: Channel,
    number: int,
    holder: str,
    seconds: float,
) -> Outgoing | None:
    """Return the reply that the holder sends already, its lease extended, unless it is settled."""
    row = db.execute(
        "SELECT tries, CAST(record AS BLOB) FROM reply WHERE id = ? AND status = 'waiting'", (number,)
    ).fetchone()
    if row is None:
        return None
    try:
        reply = REPLY.decode(row[1])
    except UnreadableRecord:
        return None
    db.execute("UPDATE line SET lease_until = ? WHERE subject = ? AND channel = ?", (now + seconds, subject, channel))
    return Outgoing(reply, row[0], holder)


def take_line(
    db: sqlite3.Connection, now: float, subject: SubjectId, channel: Channel, holder: str, seconds: float, replica: str
) -> Outgoing | None:
    """Claim a line that nobody holds and its oldest waiting reply; None when there is nothing to take here."""
    if elsewhere(db, now, subject, channel, replica):
        return None
    free = db.execute(
        "SELECT 1 FROM line WHERE subject = ? AND channel = ? AND lease_until <= ? AND due_at <= ?",
        (subject, channel, now, now),
    ).fetchone()
    return _take_first(db, now, subject, channel, holder, seconds) if free else None


def _take_first(
    db: sqlite3.Connection, now: float, subject: SubjectId, channel: Channel, holder: str, seconds: float
) -> Outgoing | None:
    while row := db.execute(_FIRST, (subject, channel)).fetchone():
        number, tries, queued_at, record = row
        try:
            reply = REPLY.decode(record)
        except UnreadableRecord:
            _set_aside(db, now, number)
            continue
        db.execute("UPDATE reply SET tries = tries + 1 WHERE id = ?", (number,))
        db.execute(
            "UPDATE line SET holder = ?, lease_until = ?, reply = ?, due_at = ? WHERE subject = ? AND channel = ?",
            (holder, now + seconds, number, queued_at, subject, channel),
        )
        return Outgoing(reply, tries + 1, holder)
    db.execute(
        "UPDATE line SET holder = NULL, lease_until = 0, reply = NULL, due_at = NULL WHERE subject = ? AND channel = ?",
        (subject, channel),
    )
    return None


def _set_aside(db: sqlite3.Connection, now: float, number: int) -> None:
    """Keep an unreadable reply for people, so that those behind it are sent."""
    db.execute(
        "INSERT INTO set_aside (subject, kind, key, reason, at, record)"
        " SELECT subject, 'reply', reply_id, 'unreadable', ?, record FROM reply WHERE id = ?",
        (now, number),
    )
    db.execute("DELETE FROM reply WHERE id = ?", (number,))


def _free(db: sqlite3.Connection, subject: SubjectId, channel: Channel) -> None:
    db.execute(
        "UPDATE line SET holder = NULL, lease_until = 0, reply = NULL WHERE subject = ? AND channel = ?",
        (subject, channel),
    )


def _go_on(
    db: sqlite3.Connection, now: float, subject: SubjectId, channel: Channel, holder: str, seconds: float, replica: str
) -> Outgoing | None:
    """Give a holder its line's next reply, or free the line for the replica that has the call."""
    if not elsewhere(db, now, subject, channel, replica):
        return _take_first(db, now, subject, channel, holder, seconds)
    _free(db, subject, channel)
    db.execute(
        "UPDATE line SET due_at = (SELECT min(queued_at) FROM reply WHERE reply.subject = ?1 AND reply.channel = ?2"
        " AND status = 'waiting') WHERE subject = ?1 AND channel = ?2",
        (subject, channel),
    )
    return None


def settle(
    db: sqlite3.Connection,
    now: float,
    subject: SubjectId,
    outgoing: Outgoing,
    settlement: Settlement,
    seconds: float,
    replica: str = "",
) -> Outgoing | None:
    """See :meth:`LaneStore.settle`."""
    channel = outgoing.reply.route.channel
    row = db.execute(
        "SELECT line.holder, line.reply = reply.id, reply.id, reply.status, reply.tries"
        " FROM line JOIN reply USING (subject, channel) WHERE subject = ? AND channel = ? AND reply_id = ?",
        (subject, channel, outgoing.reply.id),
    ).fetchone()
    if row is None or row[0] != outgoing.holder:
        return None
    _, sent_now, number, status, tries = row
    if not sent_now:  # this call was answered before: the holder is further on
        return next_reply(db, now, subject, channel, outgoing.holder, seconds, replica)
    if tries != outgoing.tries:  # the attempt took too long, and its holder has begun another one
        return None
    if status != ReplyStatus.WAITING:  # a status callback was faster
        return _go_on(db, now, subject, channel, outgoing.holder, seconds, replica)
    db.execute(
        "UPDATE reply SET status = ?, provider_id = coalesce(?, provider_id), error_code = ? WHERE id = ?",
        (settlement.status, settlement.provider_id, settlement.error_code, number),
    )
    file_timeline.append(db, now, subject, settlement.timeline)
    _touch(db, now, subject)
    if settlement.status is ReplyStatus.WAITING:
        _free(db, subject, channel)
        db.execute(
            "UPDATE line SET due_at = ? WHERE subject = ? AND channel = ?",
            (now + (settlement.retry_in or 0.0), subject, channel),
        )
        return None
    return _go_on(db, now, subject, channel, outgoing.holder, seconds, replica)


def delivery_status(
    db: sqlite3.Connection,
    now: float,
    subject: SubjectId,
    reply_id: str,
    status: ReplyStatus,
    provider_id: str,
    error_code: int | None = None,
    timeline: Sequence[TimelineEvent] = (),
) -> bool:
    """See :meth:`LaneStore.delivery_status`."""
    row = db.execute(
        "SELECT id, status, channel FROM reply WHERE subject = ? AND reply_id = ?", (subject, reply_id)
    ).fetchone()
    if row is None or RANK[status] <= RANK[ReplyStatus(row[1])]:
        return False
    number, before, channel = row
    db.execute(
        "UPDATE reply SET status = ?, provider_id = ?, error_code = ? WHERE id = ?",
        (status, provider_id, error_code, number),
    )
    file_timeline.append(db, now, subject, timeline)
    _touch(db, now, subject)
    if before == ReplyStatus.WAITING:
        _pass_over(db, now, subject, channel, number)
    return True


def _pass_over(db: sqlite3.Connection, now: float, subject: SubjectId, channel: str, number: int) -> None:
    """Take a reply out of its line: behind the head nothing changes, at the head the next one need not rest."""
    row = db.execute(
        "SELECT id FROM reply WHERE subject = ? AND channel = ? AND status = 'waiting' ORDER BY id LIMIT 1",
        (subject, channel),
    ).fetchone()
    if row is None or row[0] > number:
        db.execute(
            "UPDATE line SET due_at = ? WHERE subject = ? AND channel = ?",
            (now if row else None, subject, channel),
        )


def _touch(db: sqlite3.Connection, now: float, subject: SubjectId) -> None:
    db.execute("UPDATE lane SET touched_at = ? WHERE subject = ?", (now, subject))
