"""History of a conversation: a bounded window of whole turns. Pure.

Turns are never cut inside, so a call always keeps its output and an answer its question. Trimming drops a block of
turns at once (60 items to 40 by default), not one turn each time: the model provider's prompt cache keeps its prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..model import Conversation, Item, Turn
from .notes import for_model
from .summary import digest

KEEP = 2 / 3
"""The part of the window that a trim leaves."""


def trim(history: Sequence[Turn], *, max_items: int) -> tuple[Turn, ...]:
    """Return the history, or its newest whole turns of at most two thirds of ``max_items`` once it is larger.

    The newest turn always stays, however large it is.
    """
    turns = tuple(history)
    if sum(len(turn.items) for turn in turns) <= max_items:
        return turns
    room = int(max_items * KEEP)
    for index in range(len(turns) - 1, -1, -1):
        room -= len(turns[index].items)
        if room < 0:
            return turns[min(index + 1, len(turns) - 1) :]
    return turns


def model_input(history: Sequence[Turn]) -> list[Item]:
    """Return the items of all turns, oldest first, as a model is given them."""
    return for_model(item for turn in history for item in turn.items)


def rest_of(told: str, heard: str) -> str:
    """Return what followed the heard part of an answer; all of it when that part cannot be found in it."""
    place = told.find(heard.strip()) if heard.strip() else -1
    return told[place + len(heard.strip()) :].strip() if place >= 0 else told.strip()


def hear(history: Sequence[Turn], *, turn: int, text: str) -> tuple[Turn, ...]:
    """Return the history with the agent's words of one turn replaced by those that the caller heard.

    A turn that left the window already stays as the summary has it.
    """
    return tuple(replace(one, items=_heard(one.items, text)) if one.number == turn else one for one in history)


def _heard(items: Sequence[Item], text: str) -> tuple[Item, ...]:
    said = [index for index, item in enumerate(items) if item.get("role") == "user"]
    first = said[0] if said else 0  # what precedes the customer's words, a greeting, was heard before
    others = [item for index, item in enumerate(items) if index < first or item.get("role") != "assistant"]
    return (*others, {"role": "assistant", "content": text}) if text.strip() else tuple(others)


def fresh(conversation: Conversation, *, now: float, state_max_age: float, context_max_age: float) -> Conversation:
    """Return what the next turn may still know: ages are seconds since the last commit.

    Past ``state_max_age`` the history is forgotten, past ``context_max_age`` summary and context too. Turns that had
    left the window before belong to the summary. Approvals stay.
    """
    age = now - conversation.updated_at
    if age > state_max_age:
        conversation = replace(conversation, history=())
        if conversation.unfolded:
            summary = digest(conversation.summary, conversation.unfolded)
            conversation = replace(conversation, unfolded=(), summary=summary)
    if age > context_max_age:
        conversation = replace(conversation, unfolded=(), summary="", context={})
    return conversation


def remember(conversation: Conversation, turn: Turn, *, max_items: int, unfolded_items: int) -> Conversation:
    """Return a conversation with one turn more.

    Turns that leave the window wait to be folded into the summary by a model; more than ``unfolded_items`` items do
    not wait, but are folded in by rules at once.
    """
    turns = (*conversation.history, turn)
    history = trim(turns, max_items=max_items)
    unfolded = (*conversation.unfolded, *turns[: len(turns) - len(history)])
    summary = conversation.summary
    if sum(len(one.items) for one in unfolded) > unfolded_items:
        summary, unfolded = digest(summary, unfolded), ()
    return replace(conversation, history=history, unfolded=unfolded, summary=summary, turns_taken=turn.number)
