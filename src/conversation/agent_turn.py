"""Lets the agent answer, and writes into the draft everything that came of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from ..errors import GuardrailTripped, TooManySteps
from ..events import EventName
from ..model import Approval, Item, Priority, Route, Ticket, TicketStep, Tone
from . import approvals, model_outage, phrases
from .agent_state import with_state
from .base import AgentRunner, Steering, TurnRequest, TurnResult
from .bounds import Bound
from .change_draft import Draft, requested_events, turn_events
from .notes import Note, words
from .plain_speech import plain_speech
from .ticket_history import REPLY_TO_TICKET, with_step

FOLLOW_UP_SECONDS = 7200.0
"""When a colleague answers a request that the agent could not finish: that of a ticket of medium priority."""


async def run_agent(
    runner: AgentRunner,
    draft: Draft,
    route: Route,
    covers: Sequence[str],
    *,
    texts: Sequence[str] = (),
    notes: Sequence[Note] = (),
    otherwise: str | None = None,
    steering: Steering | None = None,
    before: Sequence[Item] = (),
    quiet: bool = False,
    about: str = "",
) -> str:
    """Run one turn and return what the customer is to be told.

    ``texts`` are the customer's words, ``notes`` what happened meanwhile, ``covers`` the keys of the entries.
    ``otherwise`` is the answer when the agent has none. ``before`` are items that precede the turn's own (a greeting
    that was spoken). History says what the customer is told, or heard when they spoke over it.

    ``quiet``: the customer is told nothing, so history keeps what the agent did and not what it said. ``about`` is
    what a request to staff is shown to be about, where the customer said nothing.
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
        allowance=draft.allowance,
    )
    result = await runner.run(request)
    answer = result.text if result.error is None else ""
    if result.keeper is not None or result.context is not None:
        draft.conversation = with_state(draft.conversation, result)
    items: list[Item] = list(result.items)
    if quiet:
        items = [item for item in items if item.get("role") != "assistant"]
    elif not result.interrupted and (fixed := await _fixed(draft, request, result, otherwise)):
        if (speech := steering.speech) is not None:
            fixed = speech.words(fixed)
            # Marks that nothing was said between may be held back still: they do not begin the sentence's line.
            apart = " " if speech.said.strip() else "\n"
            speech.say(f"{apart}{fixed}" if speech.begun else fixed)
        items.append({"role": "assistant", "content": fixed})
        answer = fixed
    elif texts and model_outage.TICKET in draft.conversation.context:
        await model_outage.answered(draft, route.channel)
    draft.remember(route, number, items)
    await _record(draft, request, result, covers, said="\n".join(texts) or about)
    return answer


async def _fixed(draft: Draft, request: TurnRequest, result: TurnResult, otherwise: str | None) -> str:
    """Return the fixed sentence that ends the answer, or is all of it; mostly none is needed."""
    speech = request.steering.speech
    if result.requested.transfer and speech is not None:
        if speech.lost:
            return phrases.CALL_BACK
        speech.transfer = result.requested.transfer
        return phrases.TRANSFER
    text = plain_speech(result.text) if speech is not None else result.text
    told = result.error is None and text.strip() and draft.composer.compose(request.channel, text)
    return "" if told else otherwise or await _instead(draft, request, result)


async def _instead(draft: Draft, request: TurnRequest, result: TurnResult) -> str:
    """Return what to tell a customer for whom the agent found no answer."""
    if result.gated:
        return phrases.WAITING
    if isinstance(result.error, GuardrailTripped):
        return phrases.REFUSED
    if not isinstance(result.error, TooManySteps):
        await model_outage.unanswered(draft, request.channel, request.texts)
        return phrases.FAILURE
    if len(result.requested.tickets) >= draft.allowance.tickets:
        draft.note_limit(Bound.TICKETS)
        return phrases.FAILURE
    ticket = Ticket(
        id=f"TKT_{uuid.uuid4().hex[:8].upper()}",
        subject=draft.conversation.subject,
        title="The agent could not finish a request",
        description="\n".join(request.texts) or "\n".join(map(words, request.notes)),
        priority=Priority.MEDIUM,
        created_at=draft.now,
        respond_by=draft.now + FOLLOW_UP_SECONDS,
    )
    draft.put_ticket(ticket)
    draft.spend(Bound.TICKETS, 1)
    level = ticket.priority.value
    draft.note(
        EventName.TICKET_CREATED,
        request.channel,
        tone=Tone.WARNING,
        ticket=ticket.id,
        priority=level,
        title=ticket.title,
    )
    return phrases.TOO_MANY_STEPS


async def _record(draft: Draft, request: TurnRequest, result: TurnResult, covers: Sequence[str], *, said: str) -> None:
    """Add to the draft what a turn left behind besides its answer."""
    conversation, channel = draft.conversation, request.channel
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
    for approval in waiting:
        if approval.tool == REPLY_TO_TICKET:
            await _note_proposal(draft, approval)


async def _note_proposal(draft: Draft, approval: Approval) -> None:
    """Let a ticket's history tell that the agent proposed an answer."""
    ticket = await draft.own_ticket(str(approval.arguments.get("ticket_id", "")))
    if ticket is not None:
        message = str(approval.arguments.get("message", ""))
        draft.put_ticket(with_step(ticket, TicketStep(draft.now, "reply_proposed", "agent", message)))
