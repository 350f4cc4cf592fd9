"""Checks a source's answers and says how long they are kept. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import IdentityUnreadable
from ..model import SubjectId
from .base import Resolution

OURS = (
    "phone_",
    "short_",
    "withheld_",
    "rcs_",
    "sip_",
    "sips_",
    "client_",
    "messenger_",
    "whatsapp_",
    "socket_",
    "message_",
)
"""Beginnings of ids that only the gateway itself gives: a source cannot name another customer's lane with them."""
NOBODY = frozenset(
    {"", "0", "-", "null", "none", "nil", "undefined", "unknown", "anonymous", "n/a", "na", "nan", "false", "true"}
)
"""What programs write where an id is missing. Taken for an id, it would make one person of many."""
LONGEST_ID = 128
LONGEST_SUBJECT = 200
MOST_EARLIER = 8


def customer_id(value: Any) -> str | None:
    """Read an id as a source writes it: a text or a whole number. None for what can be no customer's."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    if text.casefold() in NOBODY or len(text) > LONGEST_ID or not text.isprintable() or any(map(str.isspace, text)):
        return None
    return text


def checked(answer: object, base: Resolution) -> Resolution:
    """Return a source's answer with its facts cut to size. Raises IdentityUnreadable for one that is not believed.

    ``base`` is what the telephone number alone says.
    """
    if not isinstance(answer, Resolution) or not isinstance(answer.facts, Mapping):
        raise IdentityUnreadable(f"(a {type(answer).__name__})")
    subject = answer.subject
    if not isinstance(subject, str) or not subject.strip() or len(subject) > LONGEST_SUBJECT:
        raise IdentityUnreadable("(no subject)")
    if not subject.isprintable() or (subject != base.subject and subject.startswith(OURS)):
        raise IdentityUnreadable("(a subject that no source may give)")
    earlier = dict.fromkeys(one for one in answer.earlier if isinstance(one, str) and one and one != subject)
    return replace(
        answer,
        phone=base.phone,
        facts=capped(answer.facts),
        earlier=tuple(map(SubjectId, earlier))[:MOST_EARLIER],
        nobody=base.nobody,
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer: ``fresh`` until then it is used without asking, ``stale`` until then when the source cannot say."""

    resolution: Resolution
    fresh: float
    stale: float = -math.inf


# --- facts, cut to a size that a model can be shown ---------------------------------------------------------

LONGEST = 4_000
"""Bytes of all facts of a customer, written as JSON."""
_LONGEST_TEXT, _LONGEST_NAME, _MOST_ITEMS, _DEEPEST = 300, 64, 20, 4

FIRST = (
    "doNotTrack", "do_not_track",  # a wish that must not get lost among the rest
    "name", "firstName", "first_name", "lastName", "last_name", "tier", "plan", "language", "preferences",
    "purchaseHistory", "purchase_history", "purchases", "orders", "tickets", "supportTickets", "support_tickets",
)  # fmt: skip
"""What is kept before anything else, when there is too much."""


def capped(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that fit, the useful names first; long texts and lists are cut, what is no JSON is left out."""
    kept: dict[str, Any] = {}
    left = LONGEST
    for name in _in_order(facts):
        value = _cut(facts[name], 0)
        size = len(json.dumps({name: value}, ensure_ascii=False).encode())
        if value is not None and size <= left:
            kept[name] = value
            left -= size
    return kept


def _in_order(facts: Mapping[str, Any]) -> Iterable[str]:
    names = [name for name in facts if isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and _writable(name)]
    return [name for name in FIRST if name in names] + [name for name in names if name not in FIRST]


def _cut(value: Any, depth: int) -> Any:
    """Return a value as JSON knows it, None for what it does not know or what lies too deep."""
    if isinstance(value, str):
        return value[:_LONGEST_TEXT] if _writable(value) else None
    if isinstance(value, bool | int) and abs(value) < 10**18:
        return value
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    if depth == _DEEPEST:
        return None
    if isinstance(value, Mapping):
        pairs = (
            (str(name)[:_LONGEST_NAME], _cut(inner, depth + 1)) for name, inner in list(value.items())[:_MOST_ITEMS]
        )
        return {name: inner for name, inner in pairs if inner is not None and _writable(name)}
    if isinstance(value, list | tuple):
        items = (_cut(inner, depth + 1) for inner in value[:_MOST_ITEMS])
        return [inner for inner in items if inner is not None]
    return None


def _writable(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: a lone surrogate cannot."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
