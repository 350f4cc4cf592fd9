"""What else the staff desk asks of the offline model: a ticket to answer, and to go on after a pause. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...conversation.notes import AgentResumed, words
from ...conversation.phrases import HELD
from ...conversation.ticket_history import REPLY_TO_TICKET
from ...model import Item
from . import phrases as phrases
from .steps import Say, Step, Use

RESUMED = words(AgentResumed())
NOTE = "Note from the staff desk:"
_TICKET = re.compile(r"Note from the staff desk: ticket (?P<id>\S+) was opened .*?\nSubject: \"(?P<title>.*?)\"", re.S)


def after_pause(items: Sequence[Item]) -> Sequence[Item]:
    """Return the items so that what the customer wrote during a pause is what there is to answer now."""
    if not any(_note(item) == RESUMED for item in items):
        return items
    return [
        item
        for item in items
        if _note(item) != RESUMED and not (item.get("role") == "assistant" and item.get("content") == HELD)
    ]


def ticket_step(items: Sequence[Item], tools: frozenset[str]) -> Step | None:
    """Return the next step of work on a ticket, or None when the turn is about something else."""
    place = max((index for index, item in enumerate(items) if _TICKET.match(_note(item))), default=-1)
    after = items[place + 1 :]
    if place < 0 or any(item.get("role") in ("user", "assistant") or _note(item).startswith(NOTE) for item in after):
        return None
    ticket = _TICKET.match(_note(items[place]))
    asked = any(item.get("name") == REPLY_TO_TICKET for item in after)
    if ticket is None or asked or REPLY_TO_TICKET not in tools:
        return Say(phrases.TICKET_SEEN)
    message = phrases.TICKET_ANSWER.format(title=ticket["title"])
    return Use(REPLY_TO_TICKET, {"ticket_id": ticket["id"], "message": message})


def _note(item: Item) -> str:
    content = item.get("content")
    return content if item.get("role") == "system" and isinstance(content, str) else ""
