"""Reading in the Postgres store. A row of a listing that cannot be read is left out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from ..errors import UnreadableRecord
from ..model import (
    Approval,
    ApprovalStatus,
    Channel,
    Conversation,
    ReplyStatus,
    StoredReply,
    SubjectId,
    Ticket,
    TimelineEvent,
)
from .codec import APPROVAL, REPLY, TICKET, TIMELINE
from .cursor import read_cursor, write_cursor
from .heads import read_head
from .postgres_database import Database
from .postgres_lanes import stamped
from .postgres_names import short
from .values import ConversationHead, Counts, Due, Erasure, Page

_APPROVALS = """
    SELECT approval_id, expires_at, status, record FROM conversation_states_approval
    WHERE (expires_at, approval_id) > ($1, $2) ORDER BY expires_at, approval_id LIMIT $3"""
# The words of the partial index; the planner would not recognise them in a parameter.
_PENDING = _APPROVALS.replace("WHERE", "WHERE status = 'pending' AND")
_OF_STATUS = _APPROVALS.replace("WHERE", "WHERE status = $4 AND")


async def conversation(db: Database, subject: SubjectId) -> Conversation | None:
    """See :meth:`LaneStore.conversation`."""
    rows = await db.fetch(
        "SELECT record, version, updated_at FROM conversation_states WHERE subject = $1", short(subject)
    )
    return stamped(*rows[0]) if rows else None


async def timeline(db: Database, subject: SubjectId, limit: int = 200) -> tuple[TimelineEvent, ...]:
    """See :meth:`LaneStore.timeline`."""
    rows = await db.fetch(
        "SELECT at, record FROM conversation_states_timeline WHERE subject = $1 ORDER BY id DESC LIMIT $2",
        short(subject),
        limit,
    )
    events = []
    for at, record in reversed(rows):
        with suppress(UnreadableRecord):
            events.append(replace(TIMELINE.decode(record), at=at))
    return tuple(events)


async def replies(db: Database, subject: SubjectId, limit: int = 200) -> tuple[StoredReply, ...]:
    """See :meth:`LaneStore.replies`."""
    rows = await db.fetch(
        "SELECT record, status, provider_id, error_code, tries FROM conversation_states_reply"
        " WHERE subject = $1 ORDER BY id DESC LIMIT $2",
        short(subject),
        limit,
    )
    found = []
    for record, status, provider_id, error_code, tries in reversed(rows):
        with suppress(UnreadableRecord):
            found.append(StoredReply(REPLY.decode(record), ReplyStatus(status), provider_id, error_code, tries))
    return tuple(found)


async def recent(db: Database, limit: int, cursor: str | None = None) -> Page[ConversationHead]:
    """See :meth:`LaneStore.recent`."""
    before = read_cursor(cursor) if cursor else (9e99, "")
    rows = await db.fetch(
        "SELECT coalesce(lane.spelled, it.subject), it.version, it.updated_at, it.last_channel, it.head, it.subject"
        " FROM conversation_states AS it LEFT JOIN conversation_states_lane AS lane USING (subject)"
        " WHERE (it.updated_at, it.subject) < ($1, $2) ORDER BY it.updated_at DESC, it.subject DESC LIMIT $3",
        *before,
        limit + 1,
    )
    heads = tuple(read_head(SubjectId(subject), *columns) for subject, *columns, _ in rows[:limit])
    following = write_cursor(rows[limit - 1][2], rows[limit - 1][5]) if len(rows) > limit else None
    return Page(heads, following)


async def approvals(
    db: Database, status: ApprovalStatus | None, limit: int, cursor: str | None = None
) -> Page[Approval]:
    """See :meth:`LaneStore.approvals`."""
    after = read_cursor(cursor) if cursor else (-1.0, "")
    if status is None or status is ApprovalStatus.PENDING:
        rows = await db.fetch(_APPROVALS if status is None else _PENDING, *after, limit + 1)
    else:
        rows = await db.fetch(_OF_STATUS, *after, limit + 1, status)
    found = []
    for _, _, stored, record in rows[:limit]:
        with suppress(UnreadableRecord):
            found.append(_approval(record, stored))
    following = write_cursor(rows[limit - 1][1], rows[limit - 1][0]) if len(rows) > limit else None
    return Page(tuple(found), following)


async def approval(db: Database, approval_id: str) -> Approval | None:
    """See :meth:`LaneStore.approval`. Raises UnreadableRecord."""
    rows = await db.fetch(
        "SELECT record, status FROM conversation_states_approval WHERE approval_id = $1", short(approval_id)
    )
    return _approval(*rows[0]) if rows else None


def _approval(record: str, status: str) -> Approval:
    return replace(APPROVAL.decode(record), status=ApprovalStatus(status))


async def ticket(db: Database, ticket_id: str) -> Ticket | None:
    """See :meth:`LaneStore.ticket`. Raises UnreadableRecord."""
    rows = await db.fetch("SELECT record FROM conversation_states_ticket WHERE ticket_id = $1", short(ticket_id))
    return TICKET.decode(rows[0][0]) if rows else None


async def tickets(db: Database, subject: SubjectId, limit: int = 50) -> tuple[Ticket, ...]:
    """See :meth:`LaneStore.tickets`."""
    rows = await db.fetch(
        "SELECT record FROM conversation_states_ticket WHERE subject = $1 ORDER BY id DESC LIMIT $2",
        short(subject),
        limit,
    )
    found = []
    for (record,) in rows:
        with suppress(UnreadableRecord):
            found.append(TICKET.decode(record))
    return tuple(found)


async def due(db: Database, limit: int, replica: str = "") -> Due:
    """See :meth:`LaneStore.due`."""
    rows = await db.call("find_due", {"limit": limit, "replica": replica})
    return Due(
        tuple(SubjectId(subject) for subject, channel in rows if channel is None),
        tuple((SubjectId(subject), Channel(channel)) for subject, channel in rows if channel is not None),
    )


async def counts(db: Database) -> Counts:
    """See :meth:`LaneStore.counts`."""
    ((now, conversations, pending, entry_at, reply_at, aside),) = await db.fetch(
        "SELECT conversation_states_now($1), (SELECT count(*) FROM conversation_states),"
        " (SELECT count(*) FROM conversation_states_approval WHERE status = 'pending'),"
        " (SELECT min(accepted_at) FROM conversation_states_entry WHERE waiting),"
        " (SELECT min(queued_at) FROM conversation_states_reply WHERE status = 'waiting'),"
        " (SELECT count(*) FROM conversation_states_set_aside)",
        db.clock_offset,
    )
    return Counts(
        conversations=conversations,
        pending_approvals=pending,
        oldest_pending_entry_seconds=max(0.0, now - entry_at) if entry_at is not None else 0.0,
        oldest_unsettled_reply_seconds=max(0.0, now - reply_at) if reply_at is not None else 0.0,
        set_aside=aside,
    )


async def erasures(db: Database, subject: SubjectId) -> tuple[Erasure, ...]:
    """See :meth:`LaneStore.erasures`."""
    rows = await db.fetch(
        "SELECT at, actor, deleted FROM conversation_states_audit"
        " WHERE subject_hash = conversation_states_hash($1) ORDER BY id",
        short(subject),
    )
    return tuple(Erasure(*row) for row in rows)
