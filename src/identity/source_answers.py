"""Which answers of a source are believed, and how long they are kept. Pure."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from ..errors import IdentityUnreadable
from ..model import SubjectId
from .base import Resolution
from .customer_facts import capped

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
"""Beginnings of ids that only the gateway itself gives: a source cannot name somebody else's lane with them."""
NOBODY = frozenset(
    {"", "0", "-", "null", "none", "nil", "undefined", "unknown", "anonymous", "n/a", "na", "nan", "false", "true"}
)
"""What programs write where an id is missing. Taken for an id, it would make one person of many."""
LONGEST_ID = 128
LONGEST_SUBJECT = 200
MOST_EARLIER = 8

K = TypeVar("K")
V = TypeVar("V")


def customer_id(value: Any) -> str | None:
    """Read an id as a source writes it: a text or a whole number. None for what can be nobody's."""
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
        answer, phone=base.phone, facts=capped(answer.facts), earlier=tuple(map(SubjectId, earlier))[:MOST_EARLIER]
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer: ``fresh`` until then it is used without asking, ``stale`` until then when the source cannot say."""

    resolution: Resolution
    fresh: float
    stale: float = -math.inf


class Lately(Generic[K, V]):
    """A mapping of bounded size that forgets what was not used for the longest time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return what was put under a key, and keep it longer."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: K, value: V) -> None:
        """Keep a value, in place of an earlier one."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a key, if it is known."""
        self._kept.pop(key, None)

    def __len__(self) -> int:
        return len(self._kept)
