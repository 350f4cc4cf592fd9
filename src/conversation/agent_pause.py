"""While staff hold the agent: what customers say is kept and answered with one sentence, and what came of it is told
to the agent when it may go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..events import EventName
from ..model import Conversation, Item, Priority, Route, Tone
from . import phrases
from .change_draft import Draft
from .speech_stream import SpeechStream

HOLD = "hold"
"""Key in the conversation's context; what is under it lasts from a pause to its resume."""
TOLD, UNANSWERED, CALLED, TICKETS, ALOUD = "told", "unanswered", "called", "tickets", "aloud"


def begin(conversation: Conversation) -> Conversation:
    """Return a conversation whose agent is held."""
    return _put(replace(conversation, paused=True), {})


def end(conversation: Conversation) -> tuple[Conversation, Mapping[str, Any]]:
    """Return a conversation whose agent may go on, and what came up meanwhile."""
    found = conversation.context.get(HOLD, {})
    context = {name: value for name, value in conversation.context.items() if name != HOLD}
    return replace(conversation, paused=False, context=context), found


def answered(draft: Draft, *, aloud: bool = False) -> None:
    """Note that a person wrote to the customer: what they said until now needs no answer of the agent's.

    One who speaks to them ``aloud`` has taken the call over, and is there for the next words too.
    """
    if draft.conversation.paused:
        _note(draft, **{UNANSWERED: False}, **({ALOUD: True} if aloud else {}))


def keep_ticket(draft: Draft, ticket_id: str) -> None:
    """Note a ticket that the agent is to work on later."""
    known = draft.conversation.context.get(HOLD, {}).get(TICKETS, [])
    _note(draft, **{TICKETS: [*known, ticket_id]})


def keep_texts(draft: Draft, route: Route, texts: Sequence[str]) -> None:
    """Keep texts as the customer's words; the first of a pause is answered."""
    items: list[Item] = [{"role": "user", "content": text} for text in texts]
    if not draft.conversation.context.get(HOLD, {}).get(TOLD):
        items.append({"role": "assistant", "content": phrases.HELD})
        draft.reply(route, phrases.HELD)
    number = draft.remember(route, items)
    draft.note(EventName.KEPT_WHILE_PAUSED, route.channel, tone=Tone.WARNING, turn=number)
    _note(draft, **{TOLD: True, UNANSWERED: True})


def hear_out(draft: Draft, route: Route, said: str, *, before: Sequence[Item], speech: SpeechStream | None) -> str:
    """Keep what a caller said and return what they are told; the first words of a pause open a ticket.

    Where a colleague speaks to them in the call, they are asked for a moment instead, and no ticket is needed.
    """
    state = draft.conversation.context.get(HOLD, {})
    taken_over = bool(state.get(ALOUD)) and speech is not None
    sentence = phrases.ONE_MOMENT if taken_over else phrases.HELD
    number, told = draft.conversation.turns_taken + 1, draft.words(route, sentence)
    if speech is not None:
        speech.number, told = number, speech.words(sentence)
        speech.say(told)
    items = [*before, {"role": "user", "content": said}, {"role": "assistant", "content": told}]
    draft.remember(route, items)
    draft.note(EventName.KEPT_WHILE_PAUSED, route.channel, tone=Tone.WARNING, turn=number)
    if not (taken_over or state.get(CALLED)):
        draft.open_ticket(route.channel, "A call came in while the agent was held", said, Priority.HIGH)
    _note(draft, **{UNANSWERED: True}, **({} if taken_over else {CALLED: True}))
    return told


def _note(draft: Draft, **changes: Any) -> None:
    draft.conversation = _put(draft.conversation, {**draft.conversation.context.get(HOLD, {}), **changes})


def _put(conversation: Conversation, state: Mapping[str, Any]) -> Conversation:
    return replace(conversation, context={**conversation.context, HOLD: dict(state)})
