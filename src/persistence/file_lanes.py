"""Lanes in the file store: the lease and what its holder commits. Each function is one step of the writer thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from ..entries import Entry, Waiting
from ..errors import LeaseLost, UnreadableRecord
from ..model import Channel, Conversation, Outgoing, SubjectId
from . import file_timeline
from .codec import COMMITTED, CONVERSATION
from .file_approvals import index_approvals
from .file_entries import accept as accept_entries
from .file_entries import read_waiting, set_aside
from .file_outbox import block_lines, queue_replies, take_line
from .file_tickets import store_tickets
from .heads import write_head
from .values import Change, Claim, Committed

ANSWER_SECONDS = 3600.0
"""How long the answer of a commit is kept for a caller that did not get it."""


def claim(
    db: sqlite3.Connection, now: float, subject: SubjectId, holder: str, seconds: float, accept: Sequence[Entry] = ()
) -> Claim | None:
    """See :meth:`LaneStore.claim`."""
    if accept:
        accept_entries(db, now, subject, accept, holder)
    row = db.execute("SELECT fence, holder, lease_until, unreadable FROM lane WHERE subject = ?", (subject,)).fetchone()
    repeated = row is not None and row[1] == holder
    if row is not None and not repeated and row[2] > now:
        return None
    if repeated:
        fence = row[0]
        db.execute(
            "UPDATE lane SET seconds = ?, lease_until = ?, touched_at = ? WHERE subject = ?",
            (seconds, now + seconds, now, subject),
        )
    else:
        fence = _grant(db, now, subject, holder, seconds)
    conversation, unreadable = _read_or_set_aside(db, now, subject)
    unreadable = unreadable or (repeated and bool(row[3]))
    waiting = _take_up(db, now, subject, raise_tries=not repeated)
    return Claim(subject, holder, fence, now, conversation, waiting, unreadable)


def _grant(db: sqlite3.Connection, now: float, subject: SubjectId, holder: str, seconds: float) -> int:
    (fence,) = db.execute("UPDATE fence SET last = last + 1 RETURNING last").fetchone()
    db.execute(
        "INSERT INTO lane (subject, fence, holder, seconds, lease_until, touched_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        " ON CONFLICT (subject) DO UPDATE SET"
        " fence = ?2, holder = ?3, seconds = ?4, lease_until = ?5, touched_at = ?6, tried = NULL, unreadable = 0",
        (subject, fence, holder, seconds, now + seconds, now),
    )
    return int(fence)


def _read_or_set_aside(db: sqlite3.Connection, now: float, subject: SubjectId) -> tuple[Conversation | None, bool]:
    row = db.execute("SELECT CAST(record AS BLOB) FROM conversation WHERE subject = ?", (subject,)).fetchone()
    if row is None:
        return _only_opted_out(db, now, subject), False
    try:
        return CONVERSATION.decode(row[0]), False
    except UnreadableRecord as error:
        db.execute(
            "INSERT INTO set_aside (subject, kind, key, reason, at, record)"
            " SELECT subject, 'conversation', '', ?, ?, record FROM conversation WHERE subject = ?",
            (error.detail, now, subject),
        )
        db.execute("DELETE FROM conversation WHERE subject = ?", (subject,))
        db.execute("UPDATE lane SET unreadable = 1 WHERE subject = ?", (subject,))
        return _only_opted_out(db, now, subject), True


def _only_opted_out(db: sqlite3.Connection, now: float, subject: SubjectId) -> Conversation | None:
    """Return a conversation that knows of nothing but opt-outs, None where there are none."""
    rows = db.execute("SELECT channel FROM opt_out WHERE subject = ? ORDER BY id", (subject,)).fetchall()
    if not rows:
        return None
    return Conversation(subject, created_at=now, updated_at=now, opted_out=tuple(Channel(row[0]) for row in rows))


def _take_up(db: sqlite3.Connection, now: float, subject: SubjectId, *, raise_tries: bool) -> tuple[Waiting, ...]:
    """Return what waits, unreadable entries set aside, the first entry's tries raised."""
    readable, unreadable = read_waiting(db, subject)
    for entry_id in unreadable:
        set_aside(db, now, entry_id, "unreadable")
    if unreadable and not readable:
        _settle_due(db, subject)
    waiting = [entry for _, entry in readable]
    if raise_tries and readable:
        db.execute("UPDATE entry SET tries = tries + 1 WHERE id = ?", (readable[0][0],))
        db.execute("UPDATE lane SET tried = ? WHERE subject = ?", (readable[0][0], subject))
        waiting[0] = replace(waiting[0], tries=waiting[0].tries + 1)
    return tuple(waiting)


def _settle_due(db: sqlite3.Connection, subject: SubjectId) -> None:
    """Work out anew since when the lane has work."""
    db.execute(
        "UPDATE lane SET due_at = (SELECT min(at) FROM (SELECT wake_at AS at UNION ALL SELECT min(accepted_at)"
        " FROM entry WHERE entry.subject = ?1 AND waiting = 1)) WHERE subject = ?1",
        (subject,),
    )


def renew(db: sqlite3.Connection, now: float, claim: Claim, seconds: float) -> None:
    """See :meth:`LaneStore.renew`."""
    renewed = db.execute(
        "UPDATE lane SET seconds = ?, lease_until = ? WHERE subject = ? AND fence = ? AND holder = ?",
        (seconds, now + seconds, claim.subject, claim.fence, claim.holder),
    )
    if not renewed.rowcount:
        raise LeaseLost


def release(db: sqlite3.Connection, now: float, claim: Claim, forgive: bool = False) -> None:
    """See :meth:`LaneStore.release`."""
    row = db.execute(
        "SELECT tried FROM lane WHERE subject = ? AND fence = ? AND holder = ?",
        (claim.subject, claim.fence, claim.holder),
    ).fetchone()
    if row is None:
        return
    if forgive and row[0] is not None:
        db.execute("UPDATE entry SET tries = max(tries - 1, 0) WHERE id = ? AND waiting = 1", (row[0],))
    _free(db, claim.subject)


def _free(db: sqlite3.Connection, subject: SubjectId) -> None:
    db.execute("UPDATE lane SET holder = NULL, lease_until = 0, tried = NULL WHERE subject = ?", (subject,))


def commit(
    db: sqlite3.Connection,
    now: float,
    claim: Claim,
    change: Change,
    token: str,
    deliver: float | None = None,
    replica: str = "",
) -> Committed:
    """See :meth:`LaneStore.commit`."""
    subject = claim.subject
    answer = db.execute(
        "SELECT CAST(record AS BLOB) FROM answer WHERE subject = ? AND token = ?", (subject, token)
    ).fetchone()
    if answer:
        return COMMITTED.decode(answer[0])
    row = db.execute("SELECT fence FROM lane WHERE subject = ?", (subject,)).fetchone()
    if row is None or row[0] != claim.fence:
        raise LeaseLost
    version = _write_conversation(db, now, subject, change.conversation)
    index_approvals(db, subject, change.conversation.approvals)
    _write_entries(db, now, subject, change)
    file_timeline.append(db, now, subject, change.timeline)
    store_tickets(db, subject, change.tickets)
    block_lines(db, now, subject, change.blocked)
    channels = queue_replies(db, now, subject, change.replies)
    db.execute("UPDATE lane SET wake_at = ?, touched_at = ? WHERE subject = ?", (change.wake_at, now, subject))
    _settle_due(db, subject)
    waiting = _take_up(db, now, subject, raise_tries=True)
    if waiting:
        db.execute(
            "UPDATE lane SET holder = ?, lease_until = ? + seconds WHERE subject = ?", (claim.holder, now, subject)
        )
    else:
        _free(db, subject)
    outgoing: tuple[Outgoing, ...] = ()
    if deliver is not None:
        taken = (take_line(db, now, subject, channel, claim.holder, deliver, replica) for channel in channels)
        outgoing = tuple(one for one in taken if one is not None)
    committed = Committed(version, waiting, outgoing)
    _keep_answer(db, now, subject, token, committed)
    return committed


def _write_conversation(db: sqlite3.Connection, now: float, subject: SubjectId, conversation: Conversation) -> int:
    row = db.execute("SELECT version FROM conversation WHERE subject = ?", (subject,)).fetchone()
    version = max(row[0] if row else 0, conversation.version) + 1
    record = CONVERSATION.encode(replace(conversation, version=version, updated_at=now))
    db.execute(
        "INSERT INTO conversation (subject, version, updated_at, last_channel, record, head)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (subject) DO UPDATE"
        " SET version = ?2, updated_at = ?3, last_channel = ?4, record = ?5, head = ?6",
        (subject, version, now, conversation.last_channel, record, write_head(conversation)),
    )
    db.execute("DELETE FROM opt_out WHERE subject = ?", (subject,))
    db.executemany(
        "INSERT INTO opt_out (subject, channel) VALUES (?, ?)", [(subject, one) for one in conversation.opted_out]
    )
    return int(version)


def _write_entries(db: sqlite3.Connection, now: float, subject: SubjectId, change: Change) -> None:
    db.executemany(
        "UPDATE entry SET waiting = 0 WHERE subject = ? AND key = ?", [(subject, k) for k in change.consumed]
    )
    for key in change.set_aside:
        row = db.execute(
            "SELECT id FROM entry WHERE subject = ? AND key = ? AND waiting = 1", (subject, key)
        ).fetchone()
        if row:
            set_aside(db, now, row[0], "failed")


def _keep_answer(db: sqlite3.Connection, now: float, subject: SubjectId, token: str, committed: Committed) -> None:
    db.execute("DELETE FROM answer WHERE subject = ? AND at < ?", (subject, now - ANSWER_SECONDS))
    db.execute(
        "INSERT INTO answer (subject, token, at, record) VALUES (?, ?, ?, ?)",
        (subject, token, now, COMMITTED.encode(committed)),
    )


def ping(db: sqlite3.Connection, now: float) -> None:
    """Write something."""
    db.execute("UPDATE fence SET last = last")
