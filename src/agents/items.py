"""Items of a run: what it is shown, and what it produced as the plain items that are stored. Pure.

A plain item has one of these shapes and nothing else, so that any later turn, on any model, can be given it
(docs/persistence.md)::

    {"role": "user" | "assistant" | "system" | "developer", "content": text}
    {"type": "function_call", "call_id": …, "name": …, "arguments": JSON text}
    {"type": "function_call_output", "call_id": …, "output": text}
    {"type": "note", "kind": …, …}    which a model is given in words, see conversation/notes

No reasoning items and no provider ids: the API refuses a reasoning item whose partner was cut or corrected, and
since history is stored, it would refuse every later turn too.

:func:`briefing` shows the model memory in front of the window and the profile behind it, as system messages that exist
in the request alone: neither history nor the state of a paused run ever holds them. What changes least comes first, so
that a provider's prompt cache keeps what precedes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from agents import (
    HandoffCallItem,
    HandoffOutputItem,
    ItemHelpers,
    MessageOutputItem,
    ModelRefusalError,
    RunErrorHandlerInput,
    RunErrorHandlerResult,
    RunErrorHandlers,
    RunItem,
    ToolCallItem,
    TResponseInputItem,
)
from agents.items import InputItem, ToolCallOutputItem
from agents.run_config import CallModelData, ModelInputData

from ..conversation.base import Requested, TurnRequest
from ..conversation.notes import TicketAssigned, read_note
from ..conversation.summary import digest_of, shown
from ..errors import TurnError
from ..model import Conversation, Item
from .caller_context import PendingWrites
from .model_words import refused

_ROLES = frozenset({"user", "assistant", "system", "developer"})
_SHAPES = {
    "message": {"role", "content"},
    "function_call": {"type", "call_id", "name", "arguments"},
    "function_call_output": {"type", "call_id", "output"},
}


def plain_items(new_items: Iterable[RunItem], *, keep_dangling: bool = False) -> tuple[Item, ...]:
    """Turn a run's new items into plain ones, in order.

    Left out: reasoning, approval requests, hosted tools' items, empty messages; outputs without their call; and calls
    without an output, which the API refuses, unless ``keep_dangling`` (for whoever adds the outputs itself).
    """
    items = [plain for item in new_items if (plain := _plain(item)) is not None]
    return _paired(items, keep_dangling=keep_dangling)


def check_plain(items: Sequence[Item]) -> None:
    """Raise ValueError with the first reason why the items cannot be stored, or made a model's input."""
    json.dumps([dict(item) for item in items], allow_nan=False)
    for item in items:
        if read_note(item) is not None:
            continue
        kind = str(item.get("type", "message"))
        if set(item) != _SHAPES.get(kind) or not all(isinstance(value, str) for value in item.values()):
            raise ValueError(f"not a plain item: {item!r}")
        if kind == "message" and item["role"] not in _ROLES:
            raise ValueError(f"unknown role: {item!r}")
    if len(_paired(items, keep_dangling=False)) != len(items):
        raise ValueError("a call without an output, or an output without its call")


def _plain(item: RunItem) -> Item | None:
    if isinstance(item, MessageOutputItem):
        refusal = ItemHelpers.extract_refusal(item.raw_item)
        text = refused(refusal) if refusal else ItemHelpers.text_message_output(item)
        return {"role": "assistant", "content": text} if text else None
    if isinstance(item, InputItem | ToolCallItem | ToolCallOutputItem | HandoffCallItem | HandoffOutputItem):
        return _plain_input(item.to_input_item())
    return None


def _plain_input(raw: Mapping[str, Any] | Any) -> Item | None:
    kind = raw.get("type", "message")
    if kind == "message":
        text = _text(raw.get("content"))
        return {"role": str(raw["role"]), "content": text} if text else None
    if kind == "function_call":
        return {"type": kind, "call_id": raw["call_id"], "name": raw["name"], "arguments": raw["arguments"]}
    if kind == "function_call_output":
        return {"type": kind, "call_id": raw["call_id"], "output": _text(raw["output"])}
    return None


def _text(content: Any) -> str:
    """Give content as text: parts are joined, and a part that is no text leaves a word in its place."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return json.dumps(content, ensure_ascii=False, default=str)
    return "\n".join(
        part.get("text") or f"[{str(part.get('type', 'part')).removeprefix('input_')}]" for part in content
    )


def _paired(items: Sequence[Item], *, keep_dangling: bool) -> tuple[Item, ...]:
    """Keep calls that are answered later, and answers whose call came before; each call id pairs one to one."""
    open_calls: dict[str, int] = {}
    dropped: set[int] = set()
    for index, item in enumerate(items):
        if item.get("type") == "function_call":
            earlier = open_calls.get(item["call_id"])
            if earlier is not None:
                dropped.add(earlier)
            open_calls[item["call_id"]] = index
        elif item.get("type") == "function_call_output" and open_calls.pop(item["call_id"], None) is None:
            dropped.add(index)
    if not keep_dangling:
        dropped.update(open_calls.values())
    return tuple(item for index, item in enumerate(items) if index not in dropped)


def answer(request: TurnRequest, text: str, error: TurnError | None) -> str:
    """Return the answer of a turn: ``text``, or what was heard of it; nothing when the turn failed."""
    if error is not None:
        return ""
    speech = request.steering.speech
    return (speech.heard or "") if speech and interrupted(request) else text


def interrupted(request: TurnRequest) -> bool:
    """Tell whether the caller spoke over the answer."""
    speech = request.steering.speech
    return speech is not None and speech.interrupted.is_set()


def spoken(request: TurnRequest) -> list[Item]:
    """Return what the caller heard before they spoke over it, as the agent's words."""
    speech = request.steering.speech
    heard = speech.heard if speech else None
    return [{"role": "assistant", "content": heard}] if heard and heard.strip() else []


def requested(deeds: PendingWrites) -> Requested:
    """Return what tools asked for, as the commit takes it."""
    return Requested(
        tuple(deeds.tickets), tuple(deeds.messages), deeds.escalation, tuple(deeds.refused), deeds.transfer
    )


def _refusal(given: RunErrorHandlerInput[Any]) -> RunErrorHandlerResult:
    """Make a model's refusal the answer; history has it as the model's own message."""
    words = given.error.refusal if isinstance(given.error, ModelRefusalError) else ""
    return RunErrorHandlerResult(refused(words), include_in_history=False)


REFUSALS: RunErrorHandlers[Any] = {"model_refusal": _refusal}
"""Lets a run whose model refuses end with an answer."""


def about_ticket(request: TurnRequest) -> bool:
    """Tell whether a turn is for a ticket, and not a word of the customer's."""
    return any(isinstance(note, TicketAssigned) for note in request.notes)


def waited(request: TurnRequest, started: float) -> float | None:
    """Return after how long a spoken turn said its first words, None where it said none."""
    speech = request.steering.speech
    return speech.began_at - started if speech is not None and speech.began_at is not None else None


Filter = Callable[[CallModelData[Any]], ModelInputData]


def briefing(conversation: Conversation, window: Sequence[Any], profile: str) -> Filter | None:
    """Return the SDK's ``call_model_input_filter`` of one turn; ``window`` are the items that its runs begin with."""
    memory = shown(digest_of(conversation))
    if not (memory or profile):
        return None
    behind = len(window)

    def brief(call: CallModelData[Any]) -> ModelInputData:
        items = list(call.model_data.input)
        if profile:
            items.insert(_place(items, behind), _system(profile))
        if memory:
            items.insert(0, _system(memory))
        return ModelInputData(input=items, instructions=call.model_data.instructions)

    return brief


def _place(items: Sequence[Any], behind: int) -> int:
    """Return where the profile goes: behind the window. An agent that rewrites its input gets it in front."""
    fits = behind <= len(items) and (behind == len(items) or items[behind].get("type") != "function_call_output")
    return behind if fits else 0


def _system(text: str) -> TResponseInputItem:
    return {"role": "system", "content": text}
