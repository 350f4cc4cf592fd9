"""Lanes in the Postgres store: the lease and what its holder commits. Each step is one call of a function.

What the holder cannot read is set aside with a second call, under the lease that the first one gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic_core import from_json, to_json

from ..entries import Entry, Waiting
from ..errors import LeaseLost, UnreadableRecord
from ..model import Channel, Conversation, SubjectId
from .codec import APPROVAL, CONVERSATION, ENTRY, REPLY, TICKET, TIMELINE
from .heads import write_head
from .postgres_database import Database, Row
from .postgres_entries import Found, read_waiting
from .postgres_names import short, spelled
from .postgres_outbox import Line, read_taken
from .values import Change, Claim, Committed

ANSWER_SECONDS = 3600.0
"""How long the answer of a commit is kept for a caller that did not get it."""


async def claim(
    db: Database, subject: SubjectId, holder: str, seconds: float, accept: Sequence[Entry] = ()
) -> Claim | None:
    """See :meth:`LaneStore.claim`."""
    rows = await db.call(
        "claim",
        {
            "subject": short(subject),
            "spelled": spelled(subject),
            "holder": holder,
            "seconds": seconds,
            "keys": [short(entry.key) for entry in accept],
            "records": [ENTRY.encode(entry) for entry in accept],
        },
    )
    if not rows:
        return None
    (row,) = rows
    conversation, reason = _read_conversation(subject, row)
    granted = Claim(subject, holder, row["fence"], row["at"], conversation, (), row["unreadable"] or reason is not None)
    waiting = await _pass_over(db, granted, read_waiting(from_json(row["waiting"])), conversation=reason)
    return None if waiting is None else replace(granted, waiting=waiting)


def _read_conversation(subject: SubjectId, row: Row) -> tuple[Conversation | None, str | None]:
    """Return the conversation of a claim, or why it cannot be read; one of only opt-outs where nothing else is left."""
    opted_out = tuple(Channel(channel) for channel in row["opted_out"] or ())
    only = Conversation(subject, created_at=row["at"], updated_at=row["at"], opted_out=opted_out) if opted_out else None
    if row["conversation"] is None:
        return only, None
    try:
        return stamped(row["conversation"], row["version"], row["updated_at"]), None
    except UnreadableRecord as error:
        return only, error.detail


def stamped(record: str, version: int, updated_at: float) -> Conversation:
    """Return a stored conversation with what the store set. Raises UnreadableRecord."""
    return replace(CONVERSATION.decode(record), version=version, updated_at=updated_at)


async def _pass_over(
    db: Database, held: Claim, found: Found, *, conversation: str | None = None, free: bool = False
) -> tuple[Waiting, ...] | None:
    """Set aside what could not be read and return what waits then; None when the lease was lost meanwhile."""
    if not found.unreadable and conversation is None:
        return found.waiting
    (row,) = await db.call(
        "skip", {**_named(held), "ids": found.unreadable, "conversation": conversation, "free": free}
    )
    return None if row[0] is None else read_waiting(from_json(row[0])).waiting


async def renew(db: Database, claim: Claim, seconds: float) -> None:
    """See :meth:`LaneStore.renew`."""
    (row,) = await db.call("renew", {**_named(claim), "seconds": seconds})
    if not row[0]:
        raise LeaseLost


async def release(db: Database, claim: Claim, forgive: bool = False) -> None:
    """See :meth:`LaneStore.release`."""
    await db.call("release", {**_named(claim), "forgive": forgive})


def _named(held: Claim) -> dict[str, Any]:
    return {"subject": short(held.subject), "holder": held.holder, "fence": held.fence}


async def commit(
    db: Database, claim: Claim, change: Change, token: str, deliver: float | None = None, replica: str = ""
) -> Committed:
    """See :meth:`LaneStore.commit`."""
    (row,) = await db.call(
        "commit_turn",
        {
            **_named(claim),
            "token": short(token),
            **_written(change),
            "deliver": deliver,
            "replica": replica,
            "keep_answers": ANSWER_SECONDS,
        },
    )
    if row[0] is None:
        raise LeaseLost
    answer = from_json(row[0])
    found = read_waiting(answer["waiting"])
    waiting = await _pass_over(db, claim, found, free=True)
    taken = [
        await read_taken(db, Line(claim.subject, one["channel"], claim.holder, deliver or 0.0), [one])
        for one in answer["outgoing"]
    ]
    outgoing = tuple(one.outgoing for one in taken if one.outgoing is not None)
    committed = Committed(answer["version"], found.waiting if waiting is None else waiting, outgoing)
    if found.unreadable or any(one.set_aside for one in taken):
        await _correct_answer(db, claim.subject, token, committed)
    return committed


def _written(change: Change) -> dict[str, Any]:
    """Return the parameters that say what a commit writes; of a ticket or approval named twice, the last."""
    conversation = change.conversation
    approvals = {short(one.id): one for one in conversation.approvals}
    tickets = {short(one.id): one for one in change.tickets}
    return {
        "version": conversation.version,
        "last_channel": conversation.last_channel,
        "record": CONVERSATION.encode(conversation),
        "head": write_head(conversation),
        "opted_out": conversation.opted_out,
        "approval_ids": list(approvals),
        "approval_statuses": [one.status for one in approvals.values()],
        "approval_expiries": [one.expires_at for one in approvals.values()],
        "approvals": [APPROVAL.encode(one) for one in approvals.values()],
        "consumed": [short(key) for key in change.consumed],
        "set_aside": [short(key) for key in change.set_aside],
        "timeline": [TIMELINE.encode(event) for event in change.timeline],
        "ticket_ids": list(tickets),
        "ticket_statuses": [one.status for one in tickets.values()],
        "tickets": [TICKET.encode(one) for one in tickets.values()],
        "blocked": change.blocked,
        "reply_ids": [short(one.id) for one in change.replies],
        "reply_channels": [one.route.channel for one in change.replies],
        "replies": [REPLY.encode(one) for one in change.replies],
        "wake_at": change.wake_at,
    }


async def _correct_answer(db: Database, subject: SubjectId, token: str, committed: Committed) -> None:
    """Keep the answer that was given, for whoever repeats the commit: without what had to be set aside."""
    answer = {
        "version": committed.version,
        "waiting": [
            {"id": 0, "at": one.accepted_at, "tries": one.tries, "record": ENTRY.encode(one.entry)}
            for one in committed.waiting
        ],
        "outgoing": [
            {"channel": one.reply.route.channel, "reply": 0, "tries": one.tries, "record": REPLY.encode(one.reply)}
            for one in committed.outgoing
        ],
    }
    await db.fetch(
        "UPDATE conversation_states_answer SET record = $3 WHERE subject = $1 AND token = $2",
        short(subject),
        short(token),
        to_json(answer).decode(),
    )
