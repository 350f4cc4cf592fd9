"""Builders for what the store suite stores, and the few steps that most of its tests begin with."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tandem.entries import Entry, TextReceived
from tandem.model import (
    Address,
    Approval,
    ApprovalStatus,
    Channel,
    Conversation,
    Priority,
    Reply,
    Route,
    Source,
    SubjectId,
    Ticket,
    TicketStatus,
    TimelineEvent,
    Turn,
)
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Change, Claim, Committed

JANE = SubjectId("phone_14155550100")
JOHN = SubjectId("phone_14155550101")
SMS = Route(Channel.SMS, Address.parse("+14155550100"), Address.parse("+14155550199"))
WHATSAPP = Route(Channel.WHATSAPP, Address.parse("whatsapp:+14155550100"), Address.parse("whatsapp:+14155550199"))
LEASE = 5.0
DAY = 86400.0

_numbers = itertools.count(1)


def fresh(prefix: str = "token") -> str:
    """A token that was never used."""
    return f"{prefix}-{next(_numbers)}"


def text(key: str, words: str = "Where is my order?") -> Entry:
    return Entry(key, TextReceived(SMS, words))


def texts(*keys: str) -> tuple[Entry, ...]:
    return tuple(text(key) for key in keys)


def conversation(subject: SubjectId = JANE, **fields: Any) -> Conversation:
    return Conversation(subject=subject, created_at=1.0, updated_at=1.0, **fields)


def talked(subject: SubjectId = JANE) -> Conversation:
    """A conversation in which every field says something."""
    call = {"type": "function_call", "call_id": "call_1", "name": "lookup_order", "arguments": '{"order_id": "A1"}'}
    items = ({"role": "user", "content": "Où est ma commande? 📦"}, call, {"deep": [{"x": [1, 2.5, None, True]}]})
    return conversation(
        subject,
        turns_taken=7,
        routes={Channel.SMS: SMS, Channel.WHATSAPP: WHATSAPP},
        last_channel=Channel.WHATSAPP,
        history=(Turn(6, Channel.SMS, 5.0, items), Turn(7, Channel.WHATSAPP, 6.5, ({"role": "user", "content": ""},))),
        unfolded=(Turn(5, Channel.VOICE, 4.0, items),),
        summary="Asked about an order.",
        context={"name": "Jane", "plan": {"tier": "gold"}},
        approvals=(approval("apr_talked", subject),),
    )


def approval(
    id: str, subject: SubjectId = JANE, *, expires_at: float = 5e9, status: ApprovalStatus = ApprovalStatus.PENDING
) -> Approval:
    return Approval(
        id=id,
        subject=subject,
        call_id="call_" + id,
        tool="process_refund",
        arguments={"order_id": "A1", "amount": 250},
        customer_text="I want my money back",
        channel=Channel.SMS,
        requested_at=2.0,
        expires_at=expires_at,
        snapshot='{"$schemaVersion": "1.0"}',
        status=status,
    )


def reply(id: str, route: Route = SMS, words: str = "Hello") -> Reply:
    return Reply(id, route, words, turn=1, created_at=1.0)


def ticket(id: str, subject: SubjectId = JANE, *, status: TicketStatus = TicketStatus.OPEN) -> Ticket:
    return Ticket(
        id=id,
        subject=subject,
        title="Refund",
        description="The customer wants a person. 🙋",
        priority=Priority.HIGH,
        created_at=3.0,
        respond_by=4.0,
        escalation=True,
        status=status,
    )


def event(name: str = "turn", **data: Any) -> TimelineEvent:
    return TimelineEvent(name, Source.AGENT, data=data)


def names(events: Sequence[TimelineEvent]) -> list[str]:
    return [event.name for event in events]


async def take(store: LaneStore, subject: SubjectId = JANE, *, accept: Sequence[Entry] = ()) -> Claim:
    """Claim a lane that is free."""
    claim = await store.claim(subject, holder=fresh("holder"), seconds=LEASE, accept=accept)
    assert claim is not None
    return claim


async def write(
    store: LaneStore, subject: SubjectId = JANE, *, deliver: float | None = None, **fields: Any
) -> Committed:
    """Take a lane, commit a change over its present conversation and give the lane back."""
    claim = await take(store, subject)
    change = Change(**{"conversation": claim.conversation or conversation(subject), **fields})
    committed = await store.commit(claim, change, token=fresh(), deliver=deliver)
    await store.release(claim, forgive=True)
    return committed


async def write_approvals(store: LaneStore, *approvals: Approval, subject: SubjectId = JANE) -> None:
    """Commit a conversation that carries these approvals."""
    await write(store, subject, conversation=conversation(subject, approvals=approvals))


def same_but_stamped(stored: Conversation | None, written: Conversation) -> bool:
    """Whether a stored conversation is the written one, but for what the store sets."""
    return stored == replace(written, version=stored.version, updated_at=stored.updated_at) if stored else False
