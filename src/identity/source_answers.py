"""Checks a source's answers and says how long they are kept. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

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
