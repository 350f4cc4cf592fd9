"""Lets the agent answer, and writes into the draft everything that came of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from ..errors import TooManySteps
from ..model import Item, Priority, Route, Ticket, Tone
from . import approvals, phrases
from .base import AgentRunner, Steering, TurnRequest, TurnResult
from .draft import Draft
from .narrate import requested_events, turn_events

FOLLOW_UP_SECONDS = 7200.0
"""When a colleague answers a request that the agent could not finish: that of a ticket of medium priority."""


async def run_agent(
    runner: AgentRunner,
    draft: Draft,
    route: Route,
    covers: Sequence[str],
    *,
    texts: Sequence[str] = (),
    notes: Sequence[str] = (),
    otherwise: str | None = None,
    steering: Steering | None = None,
    before: Sequence[Item] = (),
) -> str:
    """Run one turn and return what the customer is to be told.

    ``texts`` are the customer's words, ``notes`` what happened meanwhile, ``covers`` the keys of the entries.
    ``otherwise`` is the answer when the agent has none. ``before`` are items that precede the turn's own (a greeting
    that was spoken). History says what the customer is told, or heard when they spoke over it.
    """
    number = draft.conversation.turns_taken + 1
    steering = steering or Steering()
    if steering.speech is not None:
        steering.speech.number = number
    request = TurnRequest(
        draft.conversation,
        route,
        tuple(texts),
        number,
        draft.now,
        key=covers[0],
        notes=tuple(notes),
        before=tuple(before),
        steering=steering,
    )
    result = await runner.run(request)
    answer = result.text if result.error is None else ""
    items: list[Item] = list(result.items)
    if not answer.strip() and not result.interrupted:
        answer = otherwise or _instead(draft, request, result)
        if steering.speech is not None:
            steering.speech.say(f" {answer}" if steering.speech.begun else answer)
        items.append({"role": "assistant", "content": answer})
    draft.remember(route, number, items)
    _record(draft, request, result, covers)
    return answer


def _instead(draft: Draft, request: TurnRequest, result: TurnResult) -> str:
    """Return what to tell a customer for whom the agent found no answer."""
    if result.gated:
        return phrases.WAITING
    if not isinstance(result.error, TooManySteps):
        return phrases.FAILURE
    ticket = Ticket(
        id=f"TKT_{uuid.uuid4().hex[:8].upper()}",
        subject=draft.conversation.subject,
        title="The agent could not finish a request",
        description="\n".join(request.texts) or "\n".join(request.notes),
        priority=Priority.MEDIUM,
        created_at=draft.now,
        respond_by=draft.now + FOLLOW_UP_SECONDS,
    )
    draft.tickets.append(ticket)
    draft.note("ticket_created", request.channel, tone=Tone.WARNING, ticket=ticket.id, title=ticket.title)
    return phrases.TOO_MANY_STEPS


def _record(draft: Draft, request: TurnRequest, result: TurnResult, covers: Sequence[str]) -> None:
    """Add to the draft what a turn left behind besides its answer."""
    conversation, channel = draft.conversation, request.channel
    said = "\n".join(request.texts)
    waiting = [
        approvals.requested(
            call, conversation, said=said, channel=channel, now=draft.now, seconds=draft.limits.approval_timeout
        )
        for call in result.gated
    ]
    unknown = [
        approvals.unknown(
            effect, f"apr_{uuid.uuid4().hex[:20]}", conversation, said=said, channel=channel, now=draft.now
        )
        for effect in result.unknown
    ]
    new = [*waiting, *unknown]
    draft.conversation = approvals.put(conversation, *new)
    draft.events += turn_events(request, result, covers)
    draft.events += requested_events(result.requested, new, channel, request.number)
    draft.grant(result.requested)
