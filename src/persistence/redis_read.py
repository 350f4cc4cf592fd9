"""Reading in the Redis store: one subject's records, listings over all partitions, due work, figures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..errors import UnreadableRecord
from ..model import Approval, ApprovalStatus, Channel, Conversation, SubjectId, Ticket, TimelineEvent
from .codec import APPROVAL, TICKET, TIMELINE
from .cursor import read_cursor, write_cursor
from .heads import read_head
from .redis_keys import decode_subject
from .redis_lanes import read_conversation
from .redis_link import RedisLink
from .redis_merge import Ranked, first_of_all
from .values import ConversationHead, Counts, Due, Page


async def conversation(link: RedisLink, subject: SubjectId) -> Conversation | None:
    """See :meth:`LaneStore.conversation`."""
    return read_conversation(
        *await link.ask("HMGET", f"{link.lane(subject).lane}:conversation", "record", "version", "at")
    )


async def timeline(link: RedisLink, subject: SubjectId, limit: int = 200) -> tuple[TimelineEvent, ...]:
    """See :meth:`LaneStore.timeline`; a row that cannot be read is left out."""
    found: list[TimelineEvent] = []
    if limit < 1:
        return ()
    for row in await link.ask("LRANGE", f"{link.lane(subject).lane}:timeline", -limit, -1):
        at, _, record = row.partition(b" ")
        with suppress(UnreadableRecord, ValueError):
            found.append(replace(TIMELINE.decode(record), at=float(at)))
    return tuple(found)


async def recent(link: RedisLink, limit: int, cursor: str | None = None) -> Page[ConversationHead]:
    """See :meth:`LaneStore.recent`."""
    rows = await first_of_all(link, "recent", after=_after(cursor), limit=limit + 1, descending=True)
    shown = rows[:limit]
    answers = await link.ask_many(
        [
            ("HMGET", f"{row.partition}lane:{row.member.decode()}:conversation", "version", "at", "channel", "head")
            for row in shown
        ]
    )
    heads = [_head(row, *answer) for row, answer in zip(shown, answers, strict=True) if answer[0] is not None]
    return Page(tuple(heads), _next(rows, limit))


def _head(row: Ranked, version: bytes, at: bytes, channel: bytes, head: bytes | None) -> ConversationHead:
    return read_head(decode_subject(row.member), int(version), float(at), channel.decode(), head)


async def approvals(
    link: RedisLink, status: ApprovalStatus | None, limit: int, cursor: str | None = None
) -> Page[Approval]:
    """See :meth:`LaneStore.approvals`; a row that cannot be read is left out."""
    index = f"approvals:{status or 'all'}"
    rows = await first_of_all(link, index, after=_after(cursor), limit=limit + 1)
    shown = rows[:limit]
    answers = await link.ask_many([("HGET", f"{row.partition}approvals", row.member) for row in shown])
    found = []
    for stored in answers:
        with suppress(UnreadableRecord):
            found.append(_approval(stored or b""))
    return Page(tuple(found), _next(rows, limit))


def _approval(stored: bytes) -> Approval:
    """Return an approval in the state that the index says: a dropped one is void whatever its record says."""
    status, _, record = stored.partition(b" ")
    approval = APPROVAL.decode(record)
    return replace(approval, status=ApprovalStatus(status.decode()))


async def find_approval(link: RedisLink, approval_id: str) -> Approval | None:
    """Return one approval. Raises UnreadableRecord."""
    found = await _in_all(link, "approvals", approval_id)
    return _approval(found[0]) if found else None


async def find_ticket(link: RedisLink, ticket_id: str) -> Ticket | None:
    """Return one ticket, the oldest one that has the id. Raises UnreadableRecord."""
    found = await _in_all(link, "tickets", ticket_id)
    return min((_ticket(stored) for stored in found), key=lambda ticket: ticket.created_at, default=None)


def _ticket(stored: bytes) -> Ticket:
    return TICKET.decode(stored.partition(b" ")[2])


async def tickets(link: RedisLink, subject: SubjectId, limit: int = 50) -> tuple[Ticket, ...]:
    """See :meth:`LaneStore.tickets`; a row that cannot be read is left out."""
    lane = link.lane(subject)
    ids = await link.ask("LRANGE", f"{lane.lane}:tickets", -limit, -1) if limit > 0 else []
    if not ids:
        return ()
    found = []
    for stored in await link.ask("HMGET", f"{lane.partition}tickets", *reversed(ids)):
        with suppress(UnreadableRecord):
            found.append(_ticket(stored or b""))
    return tuple(found)


async def _in_all(link: RedisLink, hash: str, field: str) -> list[bytes]:
    """Look for a field in the same hash of every partition: an id does not say whose it is."""
    answers = await link.ask_many([("HGET", partition + hash, field) for partition in link.partitions()])
    return [answer for answer in answers if answer is not None]


async def due(link: RedisLink, limit: int, replica: str = "") -> Due:
    """See :meth:`LaneStore.due`."""
    answers = await link.run_partitions("due", limit, replica)
    lanes = _oldest((row for answer in answers for row in answer[0]), limit)
    lines = (member.partition(b":") for member in _oldest((row for answer in answers for row in answer[1]), limit))
    return Due(
        tuple(decode_subject(member) for member in lanes),
        tuple((decode_subject(member), Channel(channel.decode())) for channel, _, member in lines),
    )


def _oldest(rows: Any, limit: int) -> list[bytes]:
    return [member for _, member in sorted((float(at), member) for at, member in rows)[:limit]]


async def counts(link: RedisLink) -> Counts:
    """See :meth:`LaneStore.counts`."""
    answers = await link.run_partitions("counts")
    return Counts(
        conversations=sum(answer[0] for answer in answers),
        pending_approvals=sum(answer[1] for answer in answers),
        oldest_pending_entry_seconds=max(float(answer[2] or 0) for answer in answers),
        oldest_unsettled_reply_seconds=max(float(answer[3] or 0) for answer in answers),
        set_aside=sum(answer[4] for answer in answers),
    )


def _after(cursor: str | None) -> Ranked | None:
    if not cursor:
        return None
    number, text = read_cursor(cursor)
    return Ranked(number, text.encode())


def _next(rows: Sequence[Ranked], limit: int) -> str | None:
    """Return the cursor behind the last row shown, if any row follows it."""
    return write_cursor(rows[limit - 1].number, rows[limit - 1].member.decode()) if len(rows) > limit else None
