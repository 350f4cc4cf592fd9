"""Callers who want a person, or were left without an agent: their ticket, and what may be promised of it.

A call has one ticket, whatever its caller presses and however often its line breaks. A call back is promised only when
the ticket is stored and there is a number to call.
"""

from __future__ import annotations

import hashlib

import structlog

from ...conversation import phrases
from ...conversation.engine import TurnEngine
from ...entries import Entry, PersonWanted
from ...errors import StoreUnavailable
from ...model import Route, SubjectId

log = structlog.get_logger(__name__)


def ticket_of(call: str) -> str:
    """Return the id of a call's ticket, which every replica knows from its CallSid."""
    return f"TKT_{hashlib.sha256(call.encode()).hexdigest()[:12].upper()}"


async def want_person(engine: TurnEngine, subject: SubjectId, route: Route, call: str) -> str | None:
    """Open a call's ticket, once; return its id when that is durable, None when the store is away."""
    ticket = ticket_of(call)
    try:
        await engine.accept(subject, [Entry(f"person:{call}", PersonWanted(route, ticket))])
    except StoreUnavailable:
        log.warning("ticket_lost")
        return None
    return ticket


def nobody_free(ticket: str | None, *, reachable: bool, is_open: bool = True) -> str:
    """Return what is said where nobody answers; ``ticket`` is stored, a ``reachable`` caller's number is known."""
    if ticket is None:
        return phrases.NOBODY_FREE
    if not reachable:
        return phrases.ASK_NUMBER
    return phrases.CALL_BACK if is_open else phrases.CLOSED


def line_lost(ticket: str | None) -> tuple[str, ...]:
    """Return what is said on a line that keeps breaking; ``ticket`` is stored, of a caller who can be called back."""
    return phrases.LINE_LOST, phrases.CALL_AGAIN if ticket is None else phrases.TICKET_OPENED
