"""The conversation, and what is found by itself of it: opt-outs, approvals, their snapshots. Pure, like lane.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..errors import UnreadableRecord
from ..model import Approval, ApprovalStatus, Conversation, Ticket, TicketStatus
from . import codec, kinds
from .conversation_heads import write_head
from .draft import Lane
from .head import Carried
from .rows import Loaded

_REFERENCE: Final = "snapshot:"
"""How a stored approval names its snapshot, which is a row of its own."""


def write_conversation(lane: Lane, conversation: Conversation) -> int:
    """Write the conversation, with the next version, and what is found by itself of it; return the version."""
    return store_conversation(lane, conversation, max(lane.head.version, conversation.version) + 1, lane.now)


def store_conversation(lane: Lane, conversation: Conversation, version: int, updated_at: float) -> int:
    """Write the conversation under a version and time; return the version."""
    head = lane.head
    head.version, head.updated_at = version, updated_at
    stored = replace(_apart(lane, conversation), version=version, updated_at=updated_at)
    lane.put(kinds.CONVERSATION, "", codec.CONVERSATION.encode(stored))
    lane.put(kinds.GLANCE, "", write_head(stored))
    index_approvals(lane, stored.approvals)
    if (opted_out := list(conversation.opted_out)) != head.opted_out:
        head.opted_out = opted_out
        lane.delete(kinds.OPT_OUT, "")
        if opted_out:
            lane.put(kinds.OPT_OUT, "", json.dumps(opted_out))
    return version


def index_approvals(lane: Lane, approvals: Sequence[Approval]) -> None:
    """Make the rows say what the conversation says; what it carries no longer keeps its state, but pending is void."""
    before = {one.id: one for one in lane.head.approvals}
    lane.head.approvals = []
    for approval in {one.id: one for one in approvals}.values():
        record = codec.APPROVAL.encode(approval)
        carried = Carried(approval.id, approval.status, approval.expires_at, _digest(record)[:12])
        if before.pop(approval.id, None) != carried:
            write_approval(lane, approval, record)
        lane.head.approvals.append(carried)
    for dropped in before.values():
        if dropped.status is ApprovalStatus.PENDING and (row := lane.row(kinds.APPROVAL, dropped.id)):
            try:
                void = replace(codec.APPROVAL.decode(row.record), status=ApprovalStatus.VOID, snapshot="")
            except UnreadableRecord:
                unindex_approval(lane, dropped.id)
                continue
            write_approval(lane, void)


def write_approval(lane: Lane, approval: Approval, record: str = "") -> None:
    """Write an approval's row, and the entries that list it."""
    record = record or codec.APPROVAL.encode(approval)
    lane.put(kinds.APPROVAL, approval.id, record)
    unindex_approval(lane, approval.id)
    lane.index(kinds.APPROVALS, approval.id, approval.expires_at)
    lane.index(f"{kinds.APPROVALS}:{approval.status}", approval.id, approval.expires_at)


def unindex_approval(lane: Lane, approval_id: str) -> None:
    """Take an approval out of every list."""
    for index in (kinds.APPROVALS, *(f"{kinds.APPROVALS}:{status}" for status in ApprovalStatus)):
        lane.index(index, approval_id, None)


def write_ticket(lane: Lane, ticket: Ticket, *, sequence: int | None = None, keep: bool = False) -> None:
    """Write a ticket's row, and the entries that list it."""
    lane.put(kinds.TICKET, ticket.id, codec.TICKET.encode(ticket), sequence=sequence, keep=keep)
    unindex_ticket(lane, ticket.id)
    lane.index(kinds.TICKETS, ticket.id, ticket.respond_by)
    lane.index(f"{kinds.TICKETS}:{ticket.status}", ticket.id, ticket.respond_by)


def unindex_ticket(lane: Lane, ticket_id: str) -> None:
    """Take a ticket out of every list."""
    for index in (kinds.TICKETS, *(f"{kinds.TICKETS}:{status}" for status in TicketStatus)):
        lane.index(index, ticket_id, None)


def _apart(lane: Lane, conversation: Conversation) -> Conversation:
    """Return a conversation whose approvals name their snapshots; each of these becomes a row, once per run."""
    named: dict[str, str] = {}
    approvals = []
    for approval in conversation.approvals:
        if approval.snapshot:
            digest = _digest(approval.snapshot)
            named[digest] = approval.snapshot
            approval = replace(approval, snapshot=_REFERENCE + digest)
        approvals.append(approval)
    for digest in set(lane.head.snapshots) - set(named):
        lane.delete(kinds.SNAPSHOT, digest)
    for digest in set(named) - set(lane.head.snapshots):
        lane.put(kinds.SNAPSHOT, digest, named[digest])
    lane.head.snapshots = sorted(named)
    return replace(conversation, approvals=tuple(approvals)) if conversation.approvals else conversation


def whole(lane: Lane | Loaded, conversation: Conversation) -> Conversation:
    """Return a stored conversation with the snapshots that its approvals name."""
    approvals = tuple(whole_approval(lane, one) for one in conversation.approvals)
    return replace(conversation, approvals=approvals) if approvals else conversation


def whole_approval(lane: Lane | Loaded, approval: Approval) -> Approval:
    """Return an approval with the snapshot that it names; a lost one is empty, as of a call that cannot go on."""
    if not approval.snapshot.startswith(_REFERENCE):
        return approval
    row = lane.row(kinds.SNAPSHOT, approval.snapshot.removeprefix(_REFERENCE))
    return replace(approval, snapshot=row.record if row else "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
