"""The staff desk's notes, read and told to the customer by the offline model. Pure.

:func:`tandem.conversation.notes.words` writes them; a note in any other words is told in general terms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...model import ApprovalStatus
from ...shop.order_number import parse_order_number, spoken_order_number
from . import phrases as phrases

_START = re.compile(r"Note from the staff desk: request (?P<id>\S+) \((?P<tool>\S+) ")
_END = " Tell the customer now, briefly; call no tool for it."
_CHANGED = " with changed arguments "
_REASON = " Reason: "
_HAPPENED = {
    " and carried out. Result: ": ApprovalStatus.EXECUTED,
    ", but could not be carried out: ": ApprovalStatus.FAILED,
    "; whether it was carried out is not known": ApprovalStatus.UNKNOWN,
    "can no longer be carried out": ApprovalStatus.VOID,
    "was rejected": ApprovalStatus.REJECTED,
    "was not decided in time": ApprovalStatus.EXPIRED,
}
_TOLD = {
    ApprovalStatus.EXECUTED: "Good news{name}: a colleague approved your {what}{change}. {done}",
    ApprovalStatus.FAILED: "I am sorry{name}. Your {what} was approved, but it could not be carried out. {trouble}",
    ApprovalStatus.UNKNOWN: "Your {what} was approved, but it is not certain yet that it went through. A colleague "
    "checks it, and you will hear from us.",
    ApprovalStatus.VOID: "I am sorry{name}. Your {what} can no longer be carried out as you asked for it. Please ask "
    "again if you still want it.",
    ApprovalStatus.REJECTED: "I am sorry{name}. A colleague looked at your {what} and did not approve it.",
    ApprovalStatus.EXPIRED: "I am sorry{name}. Nobody decided about your {what} in time, so it was not carried out. "
    "Please ask again if you still want it.",
}
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Note:
    """What became of a request. ``changed`` are arguments that staff put in place of ``arguments``."""

    request: str
    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    happened: ApprovalStatus | None = None
    changed: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


def read_note(text: str) -> Note | None:
    """Read a system message; None when it is no note of the staff desk."""
    start = _START.match(text)
    if start is None:
        return None
    arguments, end = _object(text, start.end())
    rest = text[end:].removeprefix(") ").removesuffix(_END)
    changed: Mapping[str, Any] = {}
    if rest.startswith(f"was approved{_CHANGED}"):
        changed, end = _object(rest, len(f"was approved{_CHANGED}"))
        rest = rest[end:]
    rest = rest.removeprefix("was approved")
    words = next((words for words in _HAPPENED if rest.startswith(words)), None)
    result, end = _object(rest, len(words)) if words else ({}, 0)
    _, _, reason = rest[end:].partition(_REASON)
    happened = _HAPPENED[words] if words else None
    return Note(start["id"], start["tool"], arguments, happened, changed, result, reason)


def tell(note: Note, customer: str) -> str:
    """Tell the customer the outcome; ``customer`` is their name, empty when it is not known."""
    if note.happened is None:
        return phrases.DECIDED
    sentence = _TOLD[note.happened].format(
        name=f", {customer}" if customer else "",
        what=describe(note.tool, note.arguments),
        change=_change(note),
        done=_done(note),
        trouble=phrases.passed_on(note.result),
    )
    reason = f" The reason: {note.reason}" if note.reason else ""
    return sentence.strip() + reason


def describe(tool: str, arguments: Mapping[str, Any]) -> str:
    """Name what a call asks for, as it is said after "your" or "the"."""
    if tool == "process_refund" and isinstance(arguments.get("amount"), int | float):
        return f"refund of {phrases.money(arguments['amount'])} for order {_order(arguments)}"
    if tool == "send_sms" and arguments.get("to"):
        return f"text to {phrases.number(arguments['to'])}"
    return "request"


def _change(note: Note) -> str:
    if note.tool == "process_refund" and note.changed.get("amount") not in (None, note.arguments.get("amount")):
        return f", with {phrases.money(note.changed['amount'])} instead"
    return ", with changes" if note.changed else ""


def _done(note: Note) -> str:
    """Say what was done, as the tool's answer tells it."""
    if note.tool == "process_refund" and note.result.get("refund_id"):
        return phrases.refunded(note.result)
    return "The text is on its way." if note.tool == "send_sms" else "It has been carried out."


def _order(arguments: Mapping[str, Any]) -> str:
    said = str(arguments.get("order_id"))
    return spoken_order_number(parse_order_number(said) or said)


def _object(text: str, start: int) -> tuple[Mapping[str, Any], int]:
    """Read the JSON object at ``start``; return it and where it ends, or nothing and ``start``."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except ValueError:
        return {}, start
    return (value, end) if isinstance(value, dict) else ({}, start)
