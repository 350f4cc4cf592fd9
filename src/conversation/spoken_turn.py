"""Spoken turns: what a caller says is answered aloud as the answer comes, and history keeps what they heard."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from ..entries import CallEnded, Heard, PersonWanted, SpokenPrompt, Waiting
from ..events import EventName
from ..model import Channel, Conversation, Item, Priority, Ticket, Tone
from ..persistence.values import Change
from . import agent_pause
from .agent_turn import run_agent
from .base import AgentRunner, Requested, Steering
from .change_draft import Draft
from .delivery import CALL_ENDED
from .history import hear, rest_of
from .notes import CallerSpeaks
from .speech_stream import SpeechStream, SpeechStreams
from .spelling import as_written

TRIED = 2
"""Tries of a prompt that another one may take along: by the replica that died, and this one."""
LEFT_OPEN = "left_open"
"""Key in the conversation's context."""
LEFT_OPEN_SECONDS = 600.0
CALL_BACK_SECONDS = 1800.0
"""When a colleague answers a caller who asked for a person: that of an escalation of high priority."""
_SIDES = {"user": "Customer", "assistant": "Agent"}


def left_unspoken(waiting: Sequence[Waiting], body: SpokenPrompt, speeches: SpeechStreams) -> tuple[Waiting, ...]:
    """Return what the caller said earlier in the same call, and what no voice here answers: its replica died.

    One turn answers all of it, so that nothing is told twice. What ended more turns than that is left out.
    """
    return tuple(
        one
        for one in itertools.takewhile(lambda one: one.entry.body is not body, waiting)
        if isinstance(one.entry.body, SpokenPrompt)
        and one.entry.body.call == body.call
        and speeches.get(one.entry.key) is None
        and one.tries <= TRIED
    )


async def answer(runner: AgentRunner, draft: Draft, batch: Sequence[Waiting], steering: Steering) -> Change:
    """Answer what a caller said: aloud while the call is live here, else by whatever way reaches the customer.

    ``batch`` is one prompt, or several of the same call of which only the last has a voice.
    """
    prompts = [(one, one.entry.body) for one in batch if isinstance(one.entry.body, SpokenPrompt)]
    waiting, body = prompts[-1]
    covers = [one.entry.key for one, _ in prompts]
    route = body.route
    routes = {**draft.conversation.routes, route.channel: route}
    draft.conversation = replace(draft.conversation, routes=routes, last_channel=route.channel)
    masked = [kind for _, prompt in prompts for kind in prompt.masked]
    if masked:
        draft.note(EventName.MASKED, route.channel, tone=Tone.WARNING, direction="incoming", kinds=masked)
    draft.begin_session(route.channel)
    greeting = next((prompt.greeting for _, prompt in prompts if prompt.greeting), "")
    before: list[Item] = [{"role": "assistant", "content": greeting}] if greeting else []
    if LEFT_OPEN in draft.conversation.context:
        context = {key: value for key, value in draft.conversation.context.items() if key != LEFT_OPEN}
        draft.conversation = replace(draft.conversation, context=context)
    notes = [CallerSpeaks(body.lang)] if body.lang else []
    # Speech is cut, not refused: nobody can be asked to say the same thing shorter.
    texts = [prompt.text[: draft.limits.max_input_chars] for _, prompt in prompts]
    speech = steering.speech
    if draft.conversation.paused:
        told = agent_pause.hear_out(draft, route, "\n".join(texts), before=before, speech=speech)
    else:
        told = await run_agent(runner, draft, route, covers, texts=texts, notes=notes, steering=steering, before=before)
    if speech is not None:
        _trace(draft, speech)
    if speech is None:
        draft.reply(route, told)
    elif speech.lost:
        told = draft.masked(told, route.channel)
        _left_behind(draft, waiting, body, told, speech, mattered=steering.tools_begun > 0)
    else:
        speech.finish()
        draft.note_filtered(route.channel, speech.filter.found, speech.filter.replaced)
    draft.end_session(route.channel, texts[-1])
    return draft.change(consumed=covers)


def _trace(draft: Draft, speech: SpeechStream) -> None:
    """Put what happened on the line into the turn's row, from which staff see the call."""
    if call := dict(speech.trace()):
        draft.events = [
            replace(row, data={**row.data, "call": call}) if row.name == EventName.TURN else row for row in draft.events
        ]


def end_call(draft: Draft, key: str, body: CallEnded) -> Change:
    """Note that a call is over, and what happened on the line since its last turn."""
    draft.note(EventName.CALL_ENDED, Channel.VOICE, call=dict(body.call))
    return draft.change(consumed=[key])


def correct(draft: Draft, key: str, body: Heard) -> Change:
    """Let history say what the caller heard of a turn that was committed before they spoke over it.

    What was announced and not heard to its end, because the call was lost, is texted: nobody asks for it again.
    """
    conversation = draft.conversation
    told = [item["content"] for turn in conversation.history if turn.number == body.turn
            for item in turn.items if item.get("role") == "assistant"]  # fmt: skip
    if body.lost and not body.announced:
        _leave_open(draft, rest_of(told[-1], body.text) if told else "")
    elif body.lost and rest_of(body.announced, body.text):
        route = draft.text_route()
        if route is not None:
            draft.note(EventName.SENT_ANOTHER_WAY, route.channel, tone=Tone.WARNING, code=CALL_ENDED)
            draft.reply(route, as_written(body.announced))
    if body.announced and (not told or told[-1] != body.announced):
        return draft.change(consumed=[key])
    conversation = draft.conversation
    draft.conversation = replace(
        conversation,
        history=hear(conversation.history, turn=body.turn, text=body.text),
        unfolded=hear(conversation.unfolded, turn=body.turn, text=body.text),
    )
    draft.note(EventName.HEARD, conversation.last_channel, turn=body.turn)
    return draft.change(consumed=[key])


def _leave_open(draft: Draft, rest: str) -> None:
    """Keep what a caller did not get to hear, for when they are back."""
    if rest:
        context = {**draft.conversation.context, LEFT_OPEN: {"text": rest, "at": draft.now}}
        draft.conversation = replace(draft.conversation, context=context)


def left_open(conversation: Conversation | None, *, now: float) -> str:
    """Return what a caller did not get to hear when the line broke lately, or nothing."""
    left = conversation.context.get(LEFT_OPEN) if conversation else None
    return str(left["text"]) if left and now - float(left["at"]) < LEFT_OPEN_SECONDS else ""


def want_person(draft: Draft, key: str, body: PersonWanted) -> Change:
    """Open a ticket for a caller who wants a person."""
    ticket = Ticket(
        id=body.ticket,
        subject=draft.conversation.subject,
        title="The caller asked for a person",
        description=_summary(draft.conversation),
        priority=Priority.HIGH,
        created_at=draft.now,
        respond_by=draft.limits.hours.opens_after(draft.now) + CALL_BACK_SECONDS,
        escalation=True,
    )
    draft.grant(Requested(tickets=(ticket,), escalation=Priority.HIGH))
    draft.note(
        EventName.ESCALATION, body.route.channel, tone=Tone.WARNING, ticket=ticket.id, priority=ticket.priority.value
    )
    return draft.change(consumed=[key])


def _summary(conversation: Conversation) -> str:
    """Return the last words of both sides, for the colleague who takes over."""
    said = [item for turn in conversation.history[-2:] for item in turn.items if item.get("role") in _SIDES]
    return "\n".join(f"{_SIDES[item['role']]}: {item['content']}" for item in said[-4:])[:800]


def _left_behind(
    draft: Draft, waiting: Waiting, body: SpokenPrompt, told: str, speech: SpeechStream, *, mattered: bool
) -> None:
    """Decide about an answer whose caller is gone: text it when something was done or nothing was heard of it."""
    heard = (speech.heard or "").strip()
    draft.note(EventName.HUNG_UP, body.route.channel, tone=Tone.WARNING, covers=[waiting.entry.key])
    if mattered or not heard:
        draft.reply(body.route, told)
        return
    _leave_open(draft, rest_of(told, heard))
    history = hear(draft.conversation.history, turn=draft.conversation.turns_taken, text=heard)
    draft.conversation = replace(draft.conversation, history=history)
