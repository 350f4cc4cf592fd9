"""Decides what follows a ConversationRelay session: reconnect, transfer, or the call's end. Pure.

Twilio posts how it ended to the action URL (twilio.com/docs/voice/twiml/connect/conversationrelay, "action").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

TRANSFER = "transfer"
"""The reason in HandoffData that makes the action URL dial a colleague."""
MOVED = "moved"
"""The reason that makes it connect the call again, wherever it is asked."""
MAX_ATTEMPTS = 3
"""Lost sockets in a row after which a call is not reconnected any more."""
STEADY_SECONDS = 60.0
"""A session that held this long is no sign of a bad line: attempts are counted anew."""


class Next(StrEnum):
    """Next step of a call whose session ended."""

    RECONNECT = "reconnect"
    TRANSFER = "transfer"
    GIVE_UP = "give_up"
    HANG_UP = "hang_up"


@dataclass(frozen=True, slots=True)
class Ending:
    """End of a session. ``attempt`` numbers the next one, ``ticket`` is that of a caller to be transferred.

    ``moved``: the replica that held the session ended it on purpose, so that another one takes the call over.
    """

    next: Next
    attempt: int = 0
    ticket: str = ""
    moved: bool = False


def read_ending(form: Mapping[str, str], *, attempt: int) -> Ending:
    """Decide from the action callback; ``attempt`` counts the lost sockets before this session."""
    if form.get("CallStatus", "") != "in-progress":
        return Ending(Next.HANG_UP)
    handoff = _handoff(form.get("HandoffData", ""))
    if handoff.get("reason") == TRANSFER:
        return Ending(Next.TRANSFER, ticket=str(handoff.get("ticket", "")))
    if handoff.get("reason") == MOVED:
        return Ending(Next.RECONNECT, attempt=attempt, moved=True)
    if form.get("SessionStatus") != "failed":
        return Ending(Next.HANG_UP)
    lost = 1 if _seconds(form.get("SessionDuration", "")) >= STEADY_SECONDS else attempt + 1
    return Ending(Next.RECONNECT if lost <= MAX_ATTEMPTS else Next.GIVE_UP, attempt=lost)


def _handoff(text: str) -> Mapping[str, object]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
