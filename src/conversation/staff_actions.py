"""Staff actions in a lane besides deciding: write, hold the agent, reveal a number, work on tickets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ..entries import (
    Assigned,
    CalledBack,
    Handled,
    Handling,
    Hold,
    Revealed,
    StaffAct,
    StaffMessage,
    StaffNote,
    StaffWhisper,
    TicketClosed,
    TicketOpened,
    Waiting,
)
from ..events import EventName
from ..model import Channel, Conversation, Source, Tone
from ..persistence.values import Change
from . import agent_pause, phrases, rating, ticket_work
from .agent_turn import run_agent
from .base import RunTurn
from .change_draft import Draft
from .notes import AgentResumed, StaffWhispered, StaffWrote, note_item

MAX_TRIES = 6
"""Claims that may find an act first in line; opening a ticket takes two commits."""


async def act(run: RunTurn, draft: Draft, waiting: Waiting, body: StaffAct) -> Change:
    """Carry out what staff did."""
    key = waiting.entry.key
    if waiting.tries > MAX_TRIES:
        draft.note(EventName.ENTRY_SET_ASIDE, draft.conversation.last_channel, tone=Tone.ERROR, covers=[key])
        return draft.change(set_aside=[key])
    _looked(draft, body.actor)
    if isinstance(body, TicketOpened):
        return await ticket_work.opened(run, draft, key, body)
    if isinstance(body, TicketClosed):
        await ticket_work.closed(draft, body)
    elif isinstance(body, StaffMessage):
        write(draft, body)
    elif isinstance(body, StaffWhisper):
        _whisper(draft, body)
    elif isinstance(body, StaffNote):
        # On the timeline alone: what is in history reaches the model, and from there the customer.
        draft.note_staff(EventName.STAFF_NOTE, body.actor, text=body.text)
        _call(draft, dict.fromkeys(body.mentions, draft.now))
    elif isinstance(body, Assigned):
        _assign(draft, body)
    elif isinstance(body, Handled):
        _handle(draft, body)
    elif isinstance(body, Hold):
        await _hold(run, draft, key, body)
    elif isinstance(body, CalledBack):
        draft.note_staff(EventName.CALLED_BACK, body.actor, ticket=body.ticket)
    elif isinstance(body, Revealed):
        draft.note_staff(EventName.EXPORTED if body.copied else EventName.CONTACT_REVEALED, body.actor)
    return draft.change(consumed=[key])


def paused_as_seen(conversation: Conversation, waiting: tuple[Waiting, ...]) -> bool:
    """Tell whether the agent is held, also when the act that says so has not been carried out yet."""
    acts = [one.entry.body.on for one in waiting if isinstance(one.entry.body, Hold)]
    return acts[-1] if acts else conversation.paused


def write(draft: Draft, body: StaffMessage) -> None:
    """Send a person's words by text, or say them in the customer's call; the agent reads them as a note.

    Where that call has just ended, they follow by text as all does that was to be said in it.
    """
    spoken = draft.conversation.routes.get(Channel.VOICE) if body.spoken else None
    route = spoken or draft.text_route()
    if route is None:
        draft.note_staff(EventName.STAFF_MESSAGE_UNSENT, body.actor, tone=Tone.ERROR)
        return
    aloud = spoken is not None
    number = draft.remember(route, [note_item(StaffWrote(body.actor, body.text, spoken=aloud))])
    draft.note(
        EventName.STAFF_SAID if aloud else EventName.STAFF_MESSAGE,
        route.channel,
        source=Source.STAFF,
        turn=number,
        actor=body.actor,
        text=body.text,
    )
    draft.reply(route, body.text)
    agent_pause.answered(draft, aloud=aloud)


def _whisper(draft: Draft, body: StaffWhisper) -> None:
    """Let the agent know what a person says to it; its next turn heeds it."""
    conversation = draft.conversation
    route = conversation.routes.get(conversation.last_channel) or next(iter(conversation.routes.values()), None)
    if route is not None:
        draft.remember(route, [note_item(StaffWhispered(body.actor, body.text))])
    draft.note_staff(EventName.STAFF_WHISPER, body.actor, text=body.text)


def _assign(draft: Draft, body: Assigned) -> None:
    """Give the conversation to somebody; what is so already stays as it is."""
    if draft.conversation.assignee != body.to:
        draft.conversation = replace(draft.conversation, assignee=body.to)
        draft.note_staff(EventName.ASSIGNED, body.actor, to=body.to)


_HANDLED: Final[Mapping[Handling, EventName]] = {
    "open": EventName.REOPENED,
    "resolved": EventName.RESOLVED,
    "snoozed": EventName.SNOOZED,
}


def _handle(draft: Draft, body: Handled) -> None:
    """Resolve, open again or let rest; what is so already stays as it is."""
    conversation = draft.conversation
    if (conversation.handling, conversation.snoozed_until) == (body.state, body.until):
        return
    begun = {who: at for who, at in conversation.reminders.items() if at <= draft.now}
    reminders = {} if body.state == "resolved" else begun
    draft.conversation = replace(conversation, handling=body.state, snoozed_until=body.until, reminders=reminders)
    until: dict[str, Any] = {} if body.until is None else {"until": body.until}
    draft.note_staff(_HANDLED[body.state], body.actor, **until)
    if body.until is not None:
        _call(draft, {conversation.assignee or body.actor: body.until})
    if body.state == "resolved":
        rating.ask(draft)


def _call(draft: Draft, colleagues: Mapping[str, float]) -> None:
    """Ask colleagues to look, each from a time on: the conversation is in their queue until they act in it."""
    draft.conversation = replace(draft.conversation, reminders={**draft.conversation.reminders, **colleagues})


def _looked(draft: Draft, actor: str) -> None:
    """Ask a colleague no more to look, once they act; a snooze of theirs goes on."""
    reminders = {who: at for who, at in draft.conversation.reminders.items() if who != actor or at > draft.now}
    if reminders != draft.conversation.reminders:
        draft.conversation = replace(draft.conversation, reminders=reminders)


async def _hold(run: RunTurn, draft: Draft, key: str, body: Hold) -> None:
    """Hold the agent or let it go on; what is so already stays as it is."""
    conversation = draft.conversation
    if conversation.paused is body.on:
        return
    name = EventName.AGENT_PAUSED if body.on else EventName.AGENT_RESUMED
    draft.note_staff(name, body.actor, tone=Tone.WARNING)
    if body.on:
        draft.conversation = agent_pause.begin(conversation)
        return
    draft.conversation, state = agent_pause.end(conversation)
    route = conversation.routes.get(conversation.last_channel)
    if state.get(agent_pause.UNANSWERED) and route is not None:
        answer = await run_agent(run, draft, route, [key], notes=[AgentResumed()], otherwise=phrases.FAILURE)
        draft.reply(route, answer)
    for ticket_id in state.get(agent_pause.TICKETS, ()):
        await ticket_work.work(run, draft, str(ticket_id), f"{key}:{ticket_id}")
