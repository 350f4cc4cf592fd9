"""Work for people: asking for one at once, and opening a ticket. Tickets are written with the turn's commit."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from agents import RunContextWrapper, function_tool

from ...model import Priority, Ticket
from ..context import Caller
from .customer import no_account, own_account, same_id
from .effects import in_commit
from .outputs import BAD_ARGUMENTS, as_json, clipped, refusal

RESPONSE = {
    Priority.URGENT: (900, "within 15 minutes"),
    Priority.HIGH: (1800, "within 30 minutes"),
    Priority.MEDIUM: (7200, "within 2 hours"),
    Priority.LOW: (86_400, "within 24 hours"),
}
"""When a person answers, in seconds and in words."""
MAX_TITLE, MAX_DESCRIPTION = 120, 2000
"""Characters that are kept; nobody who needs a person is turned away for writing too much."""
PERSON_WANTED = "The customer asks for a person."

PriorityName = Literal["low", "medium", "high", "urgent"]
CustomerId = Annotated[str, 'Their customer id, from lookup_customer; "me" when they have none.']
Title = Annotated[str, "What it is about, in a few words."]
Why = Annotated[str, "Why a person is needed, in a few words."]
Summary = Annotated[str, "What the colleague has to know: what was asked, what was tried, what is open."]

_NOT_OURS = "No account with that customer id belongs to the number this customer is calling or writing from."
_RISING = tuple(Priority)
"""The priorities, lowest first."""


@in_commit
@function_tool
async def escalate_to_human(
    context: RunContextWrapper[Caller], reason: Why, priority: PriorityName, summary: Summary
) -> str:
    """Ask a colleague to take over, at once. Needs nobody's consent.

    Urgent is for danger and emergencies, high for upset customers, fraud and law.
    """
    level = Priority(priority)
    deeds = context.context.deeds
    deeds.escalation = max(deeds.escalation or level, level, key=_RISING.index)
    title = reason if reason.strip() else PERSON_WANTED
    return _told(_opened(context.context, title, summary, level, escalation=True))


@in_commit
@function_tool
async def create_ticket(
    context: RunContextWrapper[Caller],
    customer_id: CustomerId,
    subject: Title,
    description: Summary,
    priority: PriorityName,
) -> str:
    """Open a ticket for the customer you are talking to, for what can wait and needs no conversation now."""
    caller = context.context
    account = await own_account(caller)
    own_id = account.id if account else str(caller.subject)
    if customer_id.strip().casefold() != "me" and not same_id(customer_id, own_id):
        return no_account(caller, _NOT_OURS)
    if not (subject.strip() and description.strip()):
        return refusal(BAD_ARGUMENTS, "A ticket needs a subject and a description. Ask the customer what it is about.")
    return _told(_opened(caller, subject, description, Priority(priority), escalation=False))


def _opened(caller: Caller, title: str, description: str, priority: Priority, *, escalation: bool) -> Ticket:
    """Put a ticket among the turn's deeds. It is the subject's, whatever the model said about whose it is."""
    seconds, _ = RESPONSE[priority]
    ticket = Ticket(
        id=f"TKT_{uuid.uuid4().hex[:12].upper()}",
        subject=caller.subject,
        title=clipped(title, MAX_TITLE),
        description=clipped(description, MAX_DESCRIPTION),
        priority=priority,
        created_at=caller.now,
        respond_by=caller.now + seconds,
        escalation=escalation,
    )
    caller.deeds.tickets.append(ticket)
    return ticket


def _told(ticket: Ticket) -> str:
    _, in_words = RESPONSE[ticket.priority]
    return as_json({"ticket_id": ticket.id, "priority": ticket.priority.value, "response": in_words})
