"""Lets the agent answer, and writes into the draft everything that came of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import structlog

from ..errors import CostCapReached, GuardrailTripped, TooManySteps
from ..events import EventName
from ..model import (
    Approval,
    ApprovalStatus,
    Item,
    Priority,
    Route,
    Source,
    TicketStep,
    Tone,
)
from ..telemetry.logs import subject_label
from ..telemetry.traces import Span, failed, quote, span
from . import approvals, outages, phrases
from .base import PendingWrites, Picture, RunTurn, Steering, TurnRequest, TurnResult
from .bounds import MILLION, Bound, allowance, pay
from .change_draft import Draft, approval_event
from .history import with_state
from .markup import EMOJI_ONLY
from .notes import Note, words
from .plain_speech import plain_speech
from .ticket_history import REPLY_TO_TICKET, with_step

log = structlog.get_logger(__name__)

CAP_TICKET: Final = "cost_cap_ticket"
"""Key in the conversation's context: the ticket that holds what was asked past the cap."""
CAP_TITLE: Final = "The cap on the agent's cost is reached"


async def run_agent(
    run: RunTurn,
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
    pictures: tuple[Picture, ...] = (),
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
        allowance=allowance(draft.conversation, draft.limits.bounds, now=draft.now),
        pictures=pictures,
    )
    with span("invoke_agent", {"gen_ai.operation.name": "invoke_agent"}) as one:
        result = await run(request)
        if one.is_recording():
            _trace(one, request, result)
    answer = result.text if result.error is None else ""
    if result.keeper is not None or result.context is not None:
        draft.conversation = with_state(draft.conversation, result)
    items: list[Item] = list(result.items)
    if quiet:
        items = [item for item in items if item.get("role") != "assistant"]
    elif not result.interrupted and (fixed := await _fixed(draft, request, result, otherwise)):
        if (speech := steering.speech) is None:
            fixed = draft.words(route, fixed)
        else:
            fixed = speech.words(fixed)
            # Marks that nothing was said between may be held back still: they do not begin the sentence's line.
            apart = " " if speech.said.strip() else "\n"
            speech.say(f"{apart}{fixed}" if speech.begun else fixed)
        items.append({"role": "assistant", "content": fixed})
        answer = fixed
    elif texts and outages.TICKET in draft.conversation.context:
        await outages.answered(draft, route.channel)
    draft.remember(route, items)
    await _record(draft, request, result, covers, said="\n".join(texts) or about)
    if quiet:
        draft.media = ()
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
    nodded = speech is not None and EMOJI_ONLY.search(result.text) and not any(map(str.isalnum, text))
    if nodded and result.error is None and not result.gated:
        return otherwise or phrases.ANYTHING_ELSE
    told = result.error is None and text.strip() and draft.composer.compose[request.route.channel](text)
    return "" if told and not nodded else otherwise or await _instead(draft, request, result)


async def _instead(draft: Draft, request: TurnRequest, result: TurnResult) -> str:
    """Return what to tell a customer for whom the agent found no answer."""
    if result.gated:
        return phrases.WAITING
    if isinstance(result.error, GuardrailTripped):
        return phrases.REFUSED
    if isinstance(result.error, CostCapReached):
        await outages.passed_on(draft, request.route.channel, request.texts, key=CAP_TICKET, title=CAP_TITLE)
        draft.note_limit(Bound.COST)
        return phrases.TOO_MANY_STEPS
    if not isinstance(result.error, TooManySteps):
        await outages.unanswered(draft, request.route.channel, request.texts)
        return phrases.FAILURE
    if len(result.requested.tickets) >= request.allowance.tickets:
        draft.note_limit(Bound.TICKETS)
        return phrases.FAILURE
    asked = "\n".join(request.texts) or "\n".join(map(words, request.notes))
    draft.open_ticket(request.route.channel, "The agent could not finish a request", asked, Priority.MEDIUM)
    draft.spend(Bound.TICKETS, 1)
    return phrases.TOO_MANY_STEPS


async def _record(draft: Draft, request: TurnRequest, result: TurnResult, covers: Sequence[str], *, said: str) -> None:
    """Add to the draft what a turn left behind besides its answer."""
    conversation, channel = draft.conversation, request.route.channel
    waiting = [
        approvals.requested(call, conversation, said=said, channel=channel, now=draft.now, limits=draft.limits)
        for call in result.gated
    ]
    unknown = [
        approvals.unknown(
            effect, f"apr_{uuid.uuid4().hex[:20]}", conversation, said=said, channel=channel, now=draft.now
        )
        for effect in result.unknown
    ]
    new = [*waiting, *unknown]
    if new:
        draft.conversation = approvals.put(conversation, *new)
    _note_turn(draft, request, result, covers)
    _note_requested(draft, result.requested, new, request)
    if result.requested != PendingWrites():
        draft.grant(result.requested)
    if result.cost:
        meter = pay(draft.conversation.meter, now=draft.now, cost=result.cost)
        draft.conversation = replace(draft.conversation, meter=meter)
    for approval in waiting:
        if approval.tool == REPLY_TO_TICKET:
            await _note_proposal(draft, approval)


async def _note_proposal(draft: Draft, approval: Approval) -> None:
    """Let a ticket's history tell that the agent proposed an answer."""
    ticket = await draft.own_ticket(str(approval.arguments.get("ticket_id", "")))
    if ticket is not None:
        message = str(approval.arguments.get("message", ""))
        draft.put_ticket(with_step(ticket, TicketStep(draft.now, "reply_proposed", "agent", message)))


def _trace(one: Span, request: TurnRequest, result: TurnResult) -> None:
    """Put into the span of a turn's run what came of it."""
    one.update_name(f"invoke_agent {result.agent}")
    one.set_attributes({
        "gen_ai.agent.name": result.agent,
        "gen_ai.usage.input_tokens": result.input_tokens,
        "gen_ai.usage.output_tokens": result.output_tokens,
        "tandem.turn": request.number,
        "tandem.channel": request.route.channel.value,
        "tandem.interrupted": result.interrupted,
    })  # fmt: skip
    if result.error is not None:
        failed(result.error.code, one)
    quote(
        one,
        input_messages=[{"role": "user", "parts": [{"type": "text", "content": text}]} for text in request.texts],
        output_messages=[{"role": "assistant", "parts": [{"type": "text", "content": result.text}]}],
    )


# --- rows of the timeline -------------------------------------------------------------------------------------


def _note_turn(draft: Draft, request: TurnRequest, result: TurnResult, covers: Sequence[str]) -> None:
    """Add the rows of a turn: one per tool that ran, one per handoff, and one for the turn."""
    note = partial(draft.note, channel=request.route.channel, source=Source.AGENT, turn=request.number)
    for use in result.tools:
        told: dict[str, Any] = {"tool": use.name, "call_id": use.call_id, "arguments": dict(use.arguments)}
        told |= {"result": use.output} if use.known else {"result": use.output, "unknown": True}
        note(EventName.TOOL, tone=Tone.ERROR if use.failed else Tone.SUCCESS, **told)
    for before, after in result.handoffs:
        sides: dict[str, Any] = {"from": before, "to": after}
        note(EventName.HANDOFF, **sides)
    code = result.error.code if result.error else None
    data: dict[str, Any] = {
        "agent": result.agent,
        "covers": list(covers),
        "seconds": round(result.seconds, 3),
        "model_seconds": round(result.model_seconds, 5),
        "tool_seconds": round(result.tool_seconds, 5),
        "first_words_seconds": None if result.first_words_seconds is None else round(result.first_words_seconds, 3),
        "interrupted": result.interrupted,
        "input_tokens": result.input_tokens,
        "output_tokens": result.output_tokens,
        "error": code,
    }
    if result.models:
        data["models"] = {name: [one.input, one.cached, one.output] for name, one in result.models.items()}
    if result.cost is not None:
        data["cost"] = result.cost / MILLION
    if result.unpriced:
        data["unpriced"] = list(result.unpriced)
    if (early := result.preempted) is not None:
        data["preemptive"] = {"hit": early.hit, "missed": early.missed, "tokens_in_vain": early.tokens}
    note(EventName.TURN, tone=Tone.ERROR if result.error else Tone.INFO, **data)
    log.info(
        "turn_ended",
        subject=subject_label(request.conversation.subject),
        channel=request.route.channel.value,
        turn=request.number,
        seconds=round(result.seconds, 3),
        tools=len(result.tools),
        error=code,
    )


def _note_requested(draft: Draft, requested: PendingWrites, new: Sequence[Approval], about: TurnRequest) -> None:
    """Add the rows for what a turn asked of people: approvals, tickets, an escalation."""
    for approval in new:
        waits = approval.status is ApprovalStatus.PENDING
        name = EventName.APPROVAL_REQUESTED if waits else EventName.EFFECT_UNKNOWN
        draft.events.append(approval_event(name, approval))
    for ticket in requested.tickets:
        draft.note(
            EventName.ESCALATION if ticket.escalation else EventName.TICKET_CREATED,
            about.route.channel,
            tone=Tone.WARNING,
            source=Source.AGENT,
            turn=about.number,
            ticket=ticket.id,
            priority=ticket.priority.value,
            title=ticket.title,
        )
