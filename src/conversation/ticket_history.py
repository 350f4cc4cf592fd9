"""Ticket ids, and the steps of a ticket's history. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from ..model import Ticket, TicketStep

REPLY_TO_TICKET = "reply_to_ticket"
"""The gated tool by which the agent proposes an answer to a ticket."""
STEPS_KEPT = 50
"""Steps that a ticket carries: how it was opened, and the newest others."""


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
