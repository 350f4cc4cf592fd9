"""Tickets as work: the agent proposes an answer, staff decide about it, and the customer is told by text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..entries import TicketClosed, TicketOpened
from ..events import EventName
from ..model import Approval, ApprovalStatus, Priority, Source, Ticket, TicketStatus, TicketStep, Tone
from ..persistence.values import Change
from . import agent_pause, phrases
from .agent_turn import run_agent
from .base import RunTurn
from .change_draft import Draft
from .notes import Note, TicketAssigned, TicketEnded, TicketReplySettled, note_item
from .ticket_history import REPLY_TO_TICKET, with_step

_RISING = tuple(Priority)
"""The priorities, lowest first."""
_UNSENT = frozenset({ApprovalStatus.FAILED, ApprovalStatus.UNKNOWN, ApprovalStatus.VOID})
"""What an answer is that staff agreed to, and that was not sent."""


async def opened(run: RunTurn, draft: Draft, key: str, body: TicketOpened) -> Change:
    """Store a ticket, and in a second commit let the agent work on it."""
    ticket = body.ticket
    known = await draft.ticket(ticket.id)
    if known is None:
        # Committed first, so that everybody sees it while the agent works; the entry stays.
        draft.reachable_by(body.route)
        draft.put_ticket(ticket)
        told: dict[str, Any] = {"ticket": ticket.id, "priority": ticket.priority.value, "title": ticket.title}
        draft.note_staff(EventName.TICKET_OPENED, body.actor, **told)
        return draft.change()
    if known.subject != draft.conversation.subject:
        # Somebody else's ticket got the same external id in the same moment.
        draft.note(EventName.TICKET_IGNORED, draft.conversation.last_channel, tone=Tone.WARNING, ticket=ticket.id)
    elif draft.conversation.paused:
        agent_pause.keep_ticket(draft, ticket.id)
    else:
        await work(run, draft, ticket.id, key)
    return draft.change(consumed=[key])


async def work(run: RunTurn, draft: Draft, ticket_id: str, key: str) -> None:
    """Let the agent propose an answer to an open ticket. Nobody hears its words: they are for the proposal."""
    ticket = await draft.ticket(ticket_id)
    route = draft.text_route() or next(iter(draft.conversation.routes.values()), None)
    if ticket is None or ticket.status is not TicketStatus.OPEN or route is None:
        return
    before = {approval.id for approval in draft.conversation.approvals}
    about = f"{ticket.title}\n{ticket.description}"
    note = TicketAssigned(ticket.id, ticket.priority, ticket.title, ticket.description)
    await run_agent(run, draft, route, [key], notes=[note], quiet=True, about=about)
    new = [one for one in draft.conversation.approvals if one.id not in before and one.tool == REPLY_TO_TICKET]
    if not new:
        draft.note(EventName.TICKET_UNANSWERED, route.channel, tone=Tone.WARNING, source=Source.AGENT, ticket=ticket.id)


async def closed(draft: Draft, body: TicketClosed) -> None:
    """End the work on a ticket; the agent knows, the customer is not told."""
    ticket = await draft.ticket(body.ticket_id)
    if ticket is None or ticket.subject != draft.conversation.subject or ticket.status is body.status:
        return
    step = TicketStep(draft.now, body.status.value, body.actor, body.note)
    draft.put_ticket(with_step(replace(ticket, status=body.status), step))
    told: dict[str, Any] = {"ticket": ticket.id, "status": body.status.value, "note": body.note}
    draft.note_staff(EventName.TICKET_CLOSED, body.actor, **told)
    _remember(draft, TicketEnded(ticket.id, body.status))


async def decided(draft: Draft, approval: Approval) -> None:
    """Draw the conclusions from what became of a proposed answer; see docs/staff-api.md."""
    arguments = approval.edited_arguments or approval.arguments
    ticket = await draft.own_ticket(str(arguments.get("ticket_id", "")))
    if ticket is None:
        return
    by = approval.decided_by or "clock"
    if approval.status is ApprovalStatus.EXECUTED:
        _replied(draft, ticket, approval.final_message or str(arguments.get("message", "")), by)
    elif approval.status is ApprovalStatus.REJECTED:
        reason = approval.reason or ""
        draft.put_ticket(with_step(ticket, TicketStep(draft.now, "reply_rejected", by, reason)))
        _remember(draft, TicketReplySettled(ticket.id, "rejected", reason))
    elif ticket.status is TicketStatus.OPEN:
        _under_review(draft, ticket, approval)
    elif approval.status in _UNSENT:
        # Somebody wanted the customer to hear something, and they did not: there is work again.
        ticket = with_step(replace(ticket, status=TicketStatus.OPEN), TicketStep(draft.now, "reopened", by))
        draft.put_ticket(ticket)
        _under_review(draft, ticket, approval)


def _replied(draft: Draft, ticket: Ticket, message: str, by: str) -> None:
    told = phrases.ticket_answer(ticket.id, message)
    route = draft.text_route()
    draft.put_ticket(with_step(ticket, TicketStep(draft.now, "replied", by, message)))
    _remember(draft, TicketReplySettled(ticket.id, "sent"), told)
    draft.note_staff(EventName.TICKET_REPLIED, by, tone=Tone.SUCCESS, ticket=ticket.id)
    if route is not None:
        draft.reply(route, told)


def _under_review(draft: Draft, ticket: Ticket, approval: Approval) -> None:
    """Keep a ticket open whose answer was not sent, and say so; one that nobody decided about becomes more urgent."""
    if approval.status is ApprovalStatus.EXPIRED:
        raised = _RISING[min(_RISING.index(ticket.priority) + 1, len(_RISING) - 1)]
        ticket = with_step(ticket, TicketStep(draft.now, "reply_expired", "clock"))
        if raised is not ticket.priority:
            ticket = with_step(
                replace(ticket, priority=raised), TicketStep(draft.now, "priority_raised", "clock", raised.value)
            )
        draft.put_ticket(ticket)
        draft.note(
            EventName.TICKET_PRIORITY_RAISED,
            draft.conversation.last_channel,
            tone=Tone.WARNING,
            ticket=ticket.id,
            priority=raised.value,
        )
    told = phrases.ticket_under_review(ticket.id)
    _remember(draft, TicketReplySettled(ticket.id, "unsent"), told)
    if (route := draft.text_route()) is not None:
        draft.reply(route, told)


def _remember(draft: Draft, note: Note, told: str = "") -> None:
    """Let the agent know, and what the customer is told with it."""
    route = draft.text_route() or next(iter(draft.conversation.routes.values()), None)
    if route is None:
        return
    said = [{"role": "assistant", "content": told}] if told else []
    draft.remember(route, [note_item(note), *said])
