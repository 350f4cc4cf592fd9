"""History of a conversation: a bounded window of whole turns, and which agent has it. Pure.

Turns lose no item, so a call always keeps its output and an answer its question. Trimming drops a block of turns at
once (60 items to 40 by default), not one turn each time: the model provider's prompt cache keeps its prefix. An item
whose text is cut stays a plain item: arguments stay a JSON object, and the cut shows as an ellipsis.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ..model import Conversation, Item, SubjectId, Turn
from .base import EngineLimits, TurnRequest, TurnResult
from .notes import StaffWrote, note_item, read_note
from .prompt_blocks import REMEMBERED
from .summary import digest, digest_of

_BETWEEN = re.compile(r"\A[\s.,;:!?…)\]\"'*_]+")
"""Marks that end what was heard, rather than begin the rest."""
KEEP = 2 / 3
"""The part of the window that a trim leaves."""


@dataclass(frozen=True, slots=True)
class Window:
    """Bounds of the history that a model is shown: items, and their characters."""

    items: int
    chars: int

    def holds(self, items: int, chars: int) -> bool:
        """Tell whether so much fits in."""
        return items <= self.items and chars <= self.chars


def trim(history: Sequence[Turn], window: Window) -> tuple[Turn, ...]:
    """Return the history, or its newest whole turns of at most two thirds of the window once it is larger.

    The newest turn always stays. One that is larger by itself has its long texts cut.
    """
    turns = tuple(history)
    sizes = [(len(turn.items), size(turn.items)) for turn in turns]
    if window.holds(sum(items for items, _ in sizes), sum(chars for _, chars in sizes)):
        return turns
    room = Window(int(window.items * KEEP), int(window.chars * KEEP))
    kept, items, chars = len(turns) - 1, *sizes[-1]
    while kept > 0 and room.holds(items := items + sizes[kept - 1][0], chars := chars + sizes[kept - 1][1]):
        kept -= 1
    newest = turns[-1]
    return (*turns[kept:-1], replace(newest, items=fitted(newest.items, room.chars)))


def beginning(request: TurnRequest) -> tuple[Item, ...]:
    """Return the items that a turn begins with."""
    words = ({"role": "user", "content": text} for text in request.texts)
    return (*request.before, *map(note_item, request.notes), *words)


def rest_of(told: str, heard: str) -> str:
    """Return what followed the heard part of an answer; all of it when that part cannot be found in it.

    Letters and digits count alone: what was heard comes without the blanks and marks of what was written.
    """
    wanted, letters, ends = _letters(heard), "", list[int]()
    for place, letter in enumerate(told, 1):
        folded = _letters(letter)
        letters += folded
        ends += [place] * len(folded)
    at = letters.find(wanted) if wanted else -1
    return _BETWEEN.sub("", told[ends[at + len(wanted) - 1] :]).strip() if at >= 0 else told.strip()


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def hear(conversation: Conversation, turn: int, texts: Sequence[str], *, last: bool = False) -> Conversation:
    """Return a conversation with the agent's words of one turn, or the ``last`` of them, replaced by what was heard.

    A turn that is folded in already stays as the summary has it.
    """
    return _with_turn(conversation, turn, lambda items: _heard(items, texts, last))


def hear_colleague(conversation: Conversation, turn: int, text: str) -> Conversation:
    """Return a conversation with what a colleague said aloud in one turn replaced by what was heard of it."""

    def heard(item: Item) -> Item:
        note = read_note(item)
        return note_item(replace(note, text=text)) if isinstance(note, StaffWrote) and note.spoken else item

    return _with_turn(conversation, turn, lambda items: tuple(map(heard, items)))


def _with_turn(
    conversation: Conversation, turn: int, change: Callable[[tuple[Item, ...]], tuple[Item, ...]]
) -> Conversation:
    history, unfolded = (
        tuple(replace(one, items=change(one.items)) if one.number == turn else one for one in turns)
        for turns in (conversation.history, conversation.unfolded)
    )
    digest = conversation.digest if unfolded == conversation.unfolded else ""
    return replace(conversation, history=history, unfolded=unfolded, digest=digest)


def _heard(items: Sequence[Item], texts: Sequence[str], last: bool) -> tuple[Item, ...]:
    words = agents_words(items)
    gone = words[-1:] if last else words
    others = [item for index, item in enumerate(items) if index not in gone]
    return (*others, *({"role": "assistant", "content": text} for text in texts if text.strip()))


def agents_words(items: Sequence[Item]) -> list[int]:
    """Return where the agent's words of a turn are; what precedes the customer's, a greeting, is none of them."""
    said = [index for index, item in enumerate(items) if item.get("role") == "user"]
    first = said[0] if said else 0
    return [index for index, item in enumerate(items) if index >= first and item.get("role") == "assistant"]


def begin(conversation: Conversation | None, subject: SubjectId, limits: EngineLimits, *, now: float) -> Conversation:
    """Return what the next turn starts from: what it may still know of a conversation, or a new one."""
    if conversation is None:
        return Conversation(subject, created_at=now, updated_at=now)
    return fresh(conversation, limits, now=now)


def fresh(conversation: Conversation, limits: EngineLimits, *, now: float) -> Conversation:
    """Return what the next turn may still know: ages are seconds since the last commit.

    Past ``state_max_age`` the history leaves the window as a whole, for the summary; past ``context_max_age`` summary
    and context go too. Approvals stay.
    """
    age = now - conversation.updated_at
    if age > limits.state_max_age and (conversation.history or conversation.unfolded):
        forgotten = without_keeper(replace(conversation, history=()))
        conversation = _fold(forgotten, conversation.history, limits)
    if age > limits.context_max_age:
        conversation = replace(conversation, unfolded=(), summary="", digest="", context={})
    return conversation


def remember(conversation: Conversation, turn: Turn, limits: EngineLimits) -> Conversation:
    """Return a conversation with one turn more.

    Turns that leave the window wait to be folded into the summary by a model; more than ``unfolded_max_items`` items
    do not wait, but are folded in by rules at once.
    """
    turns = (*conversation.history, turn)
    history = trim(turns, Window(limits.history_max_items, limits.history_max_chars))
    conversation = replace(conversation, history=history, turns_taken=turn.number)
    leaving = turns[: len(turns) - len(history)]
    return _fold(conversation, leaving, limits) if leaving else conversation


def _fold(conversation: Conversation, leaving: tuple[Turn, ...], limits: EngineLimits) -> Conversation:
    """Return a conversation in which turns that leave the window wait for a model, or are in the summary by rules."""
    unfolded, now = (*conversation.unfolded, *leaving), digest(digest_of(conversation), leaving)
    if sum(len(one.items) for one in unfolded) > limits.unfolded_max_items:
        return replace(conversation, unfolded=(), summary=now, digest="")
    return replace(conversation, unfolded=unfolded, digest=now)


# --- sizes --------------------------------------------------------------------------------------------------

SHORTEST = 200
"""Characters that every text keeps, however many share the room."""
CUT = "…"
_CUTTABLE = ("content", "output")


def size(items: Iterable[Item]) -> int:
    """Return how many characters the items hold."""
    return sum(_length(value) for item in items for value in item.values())


def fitted(items: Sequence[Item], room: int) -> tuple[Item, ...]:
    """Return the items, their long texts cut when they hold more than ``room`` characters together."""
    if size(items) <= room:
        return tuple(items)
    longest = max(SHORTEST, room // len(items))
    return tuple(_cut(item, longest) for item in items)


def _cut(item: Item, longest: int) -> Item:
    cut = {name: _text(item[name], longest) for name in _CUTTABLE if isinstance(item.get(name), str)}
    if isinstance(item.get("arguments"), str) and len(item["arguments"]) > longest:
        cut["arguments"] = _arguments(item["arguments"], longest)
    return {**item, **cut}


def _text(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}{CUT}"


def _arguments(text: str, longest: int) -> str:
    """Return arguments with their long texts cut; none at all where they are long in another way."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        return "{}"
    each = max(1, longest // (2 * len(value)))
    kept = {name: _text(inner, each) if isinstance(inner, str) else inner for name, inner in value.items()}
    shorter = json.dumps(kept, ensure_ascii=False)
    return shorter if len(shorter) <= longest else "{}"


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(json.dumps(value, default=str))


# --- what a run leaves for the next turn --------------------------------------------------------------------

KEEPER: Final = "agent"
"""Key in the conversation's context: the name of the agent that was handed the conversation."""
OWN_CONTEXT: Final = "agent_context"
"""Key of the values of the agent's own context object."""


def with_state(conversation: Conversation, result: TurnResult) -> Conversation:
    """Return a conversation with what a run left; one that broke off leaves everything as it was."""
    conversation = _put(conversation, KEEPER, result.keeper)
    return _put(conversation, OWN_CONTEXT, None if result.context is None else dict(result.context))


def with_remembered(conversation: Conversation, changes: Mapping[str, Any]) -> Conversation:
    """Return a conversation with what tools remember of the customer now; what became None is forgotten."""
    values = {**conversation.context.get(REMEMBERED, {}), **changes}
    return _put(conversation, REMEMBERED, {name: value for name, value in values.items() if value is not None})


def without_keeper(conversation: Conversation) -> Conversation:
    """Return a conversation that the first agent begins anew."""
    return _put(conversation, KEEPER, "")


def _put(conversation: Conversation, key: str, value: Any) -> Conversation:
    """Return a conversation with a value in its context; None leaves what is there, an empty one takes it out."""
    if value is None or (not value and key not in conversation.context):
        return conversation
    context = {name: known for name, known in conversation.context.items() if name != key}
    return replace(conversation, context={**context, key: value} if value else context)
