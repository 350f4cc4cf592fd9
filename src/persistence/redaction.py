"""Takes an erased person out of somebody else's lane: their number, and what was written to it. Pure.

Of a call or a reply that goes to the number, every text goes; elsewhere, the number alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import phonenumbers
from pydantic_core import from_json

from ..errors import LeaseLost, UnreadableRecord
from . import conversations, kinds
from .rows import Want
from .state import Lane

MARK: Final = "[erased]"
_BETWEEN: Final = r"[\s().\-/\u00a0]*"
"""What people write between the digits of a number."""
_ROWS: Final = (
    kinds.TIMELINE,
    kinds.REPLY,
    kinds.UNSETTLED,
    kinds.APPROVAL,
    kinds.TICKET,
    kinds.SNAPSHOT,
    kinds.ANNOUNCEMENT,
)
WANTS_REDACT: Final = Want(rows=frozenset({(kinds.CONVERSATION, "")}), kinds=frozenset({*_ROWS, kinds.ANSWER}))


def pattern_of(number: str) -> re.Pattern[str]:
    """Return what finds a number (E.164) in any spelling, with its country or without."""
    try:
        parsed = phonenumbers.parse(number)
        ways = [f"{parsed.country_code}{parsed.national_number}", str(parsed.national_number)]
    except phonenumbers.NumberParseException:
        ways = [number.removeprefix("+")]
    spelled = "|".join(_BETWEEN.join(way) for way in ways)
    return re.compile(rf"(?<!\d)\+?\(?(?:0{_BETWEEN})?(?:{spelled})(?!\d)", re.ASCII)


def mentions(value: object, number: re.Pattern[str]) -> bool:
    """Tell whether a JSON value holds a number."""
    return number.search(json.dumps(value, ensure_ascii=False, default=str)) is not None


def redacted(value: Any, number: re.Pattern[str]) -> Any:
    """Return a JSON value without a number, and without the texts that went to it."""
    if isinstance(value, Mapping):
        if any(_names(inner, number) for inner in value.values()):
            return {key: _emptied(key, inner, number) for key, inner in value.items()}
        return {key: redacted(inner, number) for key, inner in value.items()}
    if isinstance(value, list):
        return [redacted(inner, number) for inner in value]
    return _without(value, number) if isinstance(value, str) else value


def redact(lane: Lane, number: re.Pattern[str]) -> int:
    """Redact every row of a lane; return how many changed. Raises LeaseLost while somebody holds it."""
    if lane.head.taken(lane.now):
        raise LeaseLost
    changed = 0
    for kind in _ROWS:
        for row in lane.all(kind):
            text = _record(row.record, number)
            if text != row.record:
                changed += 1
                lane.put(kind, row.key, text, sequence=row.sequence)
    for row in lane.all(kinds.ANSWER):
        lane.delete(kinds.ANSWER, row.key)  # answers of commits that are over
    return changed + _conversation(lane, number)


def _conversation(lane: Lane, number: re.Pattern[str]) -> int:
    row = lane.row(kinds.CONVERSATION, "")
    if row is None or (text := _record(row.record, number)) == row.record:
        return 0
    lane.put(kinds.CONVERSATION, "", text)
    with suppress(UnreadableRecord):
        conversation = conversations.read_conversation(lane)
        if conversation is not None:
            conversations.store_conversation(lane, conversation, lane.head.version + 1, conversation.updated_at)
    return 1


def _record(text: str, number: re.Pattern[str]) -> str:
    """Return a stored record without the number; one that cannot be read loses the number alone."""
    if number.search(text) is None:
        return text
    try:
        return json.dumps(redacted(from_json(text), number), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return number.sub(MARK, text)


def _names(value: Any, number: re.Pattern[str]) -> bool:
    """Tell whether a value is the number as where something goes to: the ``to`` of a call, a reply's route."""
    if isinstance(value, Mapping):
        customer = value.get("customer")
        return isinstance(customer, Mapping) and _names(customer.get("value"), number)
    return isinstance(value, str) and number.fullmatch(value.strip()) is not None


_WORDS: Final = frozenset({"text", "message", "reason", "summary", "description", "body", "subject", "title"})


def _emptied(key: str, value: Any, number: re.Pattern[str]) -> Any:
    """Return what stays of a field beside the number."""
    return MARK if key in _WORDS and isinstance(value, str) else redacted(value, number)


def _without(text: str, number: re.Pattern[str]) -> str:
    """Return a text without the number; a text that is JSON, as a call's arguments are, is read as such."""
    if text.startswith(("{", "[")):
        with suppress(ValueError):
            value = from_json(text)
            if isinstance(value, dict | list):
                return json.dumps(redacted(value, number), ensure_ascii=False)
    return number.sub(MARK, text)
