"""Tickets of the gateway's own, ticket ids, and the steps of a ticket's history. Pure but for random ids."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace

from ..model import Priority, SubjectId, Ticket, TicketStep

REPLY_TO_TICKET = "reply_to_ticket"
"""The gated tool by which the agent proposes an answer to a ticket."""
RESPONSE_SECONDS = {Priority.URGENT: 900.0, Priority.HIGH: 1800.0, Priority.MEDIUM: 7200.0, Priority.LOW: 86_400.0}
"""When a colleague answers a ticket."""
STEPS_KEPT = 50
"""Steps that a ticket carries: how it was opened, and the newest others."""


def new_ticket(
    subject: SubjectId,
    title: str,
    description: str,
    priority: Priority,
    *,
    now: float,
    begins: float | None = None,
    escalation: bool = False,
    id: str = "",
) -> Ticket:
    """Return a ticket, to be answered as its priority says; that time ``begins`` now, or when people are there."""
    return Ticket(
        id=id or f"TKT_{uuid.uuid4().hex[:12].upper()}",
        subject=subject,
        title=title,
        description=description,
        priority=priority,
        created_at=now,
        respond_by=(now if begins is None else begins) + RESPONSE_SECONDS[priority],
        escalation=escalation,
    )


def id_of_external(external: str) -> str:
    """Return the id of the ticket that a partner system calls ``external``: always the same one."""
    return f"TKT_{hashlib.sha256(external.encode('utf-8', 'surrogatepass')).hexdigest()[:12].upper()}"


def ids_of(name: str) -> tuple[str, ...]:
    """Return the ids under which a ticket called ``name`` may be: its own, in any case, or that of its external one."""
    said = name.strip()
    return tuple(dict.fromkeys((said, said.upper(), id_of_external(said))))


def with_step(ticket: Ticket, step: TicketStep) -> Ticket:
    """Return a ticket with one more step of its history."""
    steps = (*ticket.history, step)
    kept = steps if len(steps) <= STEPS_KEPT else (steps[0], *steps[-(STEPS_KEPT - 1) :])
    return replace(ticket, history=kept)
