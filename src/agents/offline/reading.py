"""A model's input items, read for the offline scenarios. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...conversation.phrases import HELD
from ...model import Item
from ...shop.order_number import find_order_number
from ..tools.ticket import find_ticket_number

NOTE = "Note from the staff desk: "
Told = Mapping[str, Any]
_NAMED = re.compile(r"\[[^\]]*\]")
"""What came along with a text: "[2 pictures]" behind a number is no part of it."""


@dataclass(frozen=True, slots=True)
class ModelInput:
    """Model input, read for the canned rules.

    ``said``: the customer's words; ``notes``: those of the staff desk, where they are newer. ``calls``: arguments and
    outputs since, by tool; ``outputs``: all, newest first. ``order`` and ``ticket``: named now, else last told of.
    """

    said: str
    notes: Sequence[str]
    calls: Mapping[str, tuple[Told, str]]
    outputs: Sequence[str]
    tools: frozenset[str]
    order: str | None
    ticket: str | None


def read(items: Sequence[Item], tools: frozenset[str]) -> ModelInput:
    """Read a model's input: the turn begins with the newest burst of messages, or of notes."""
    items = [item for item in items if not _passed_over(item)]
    roles = [item.get("role") for item in items]
    by = "system" if next(filter(None, reversed(roles)), None) == "system" else "user"
    end = start = len(roles) - roles[::-1].index(by) if by in roles else 0
    while start and roles[start - 1] == by:
        start -= 1
    newest = [_text(item.get("content")) for item in items[start:end]]
    said = "\n".join(newest if by == "user" else ()).replace("\u2019", "'")
    outputs = [output for _, _, output in reversed(_calls(items))]
    return ModelInput(
        said=said,
        notes=newest if by == "system" else (),
        calls={tool: (arguments, output) for tool, arguments, output in _calls(items[end:])},
        outputs=outputs,
        tools=tools,
        order=find_order_number(_NAMED.sub(" ", said)) or _last(outputs, "order_id"),
        ticket=find_ticket_number(said) or _last(outputs, "ticket_id"),
    )


def read_object(text: str) -> tuple[Told, str]:
    """Read the JSON object that a text begins with; return it and the rest, or nothing and the text."""
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return {}, text
    return (value, text[end:]) if isinstance(value, dict) else ({}, text)


def _passed_over(item: Item) -> bool:
    """Tell whether an item is no part of the talk: a briefing, or about a pause during which the customer wrote."""
    role, text = item.get("role"), _text(item.get("content"))
    if role == "system":
        return not text.startswith(NOTE) or text.startswith(f"{NOTE}you may go on.")
    return role == "assistant" and text == HELD


def _calls(items: Sequence[Item]) -> list[tuple[str, Told, str]]:
    made = {item["call_id"]: item for item in items if item.get("type") == "function_call"}
    answered = [item for item in items if item.get("type") == "function_call_output" and item["call_id"] in made]
    calls = [(made[item["call_id"]], _text(item["output"])) for item in answered]
    return [(call["name"], read_object(call["arguments"])[0], output) for call, output in calls]


def _last(outputs: Sequence[str], name: str) -> str | None:
    told = (read_object(output)[0].get(name) for output in outputs)
    return next((value for value in told if isinstance(value, str)), None)


def _text(content: Any) -> str:
    """Return a message's or an output's text, whichever of the API's two forms it has."""
    return content if isinstance(content, str) else "\n".join(str(part.get("text") or "") for part in content or ())
