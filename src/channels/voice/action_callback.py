"""Decides what follows a ConversationRelay session: reconnect, transfer, or the call's end. Pure.

Twilio posts how it ended to the action URL (twilio.com/docs/voice/twiml/connect/conversationrelay, "action").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ...conversation.translations import ENGLISH, primary_tag
from ..twilio import word

TRANSFER = "transfer"
"""The reason in HandoffData that makes the action URL dial a colleague."""
MOVED = "moved"
"""The reason that makes it connect the call again, wherever it is asked."""
UNFIT_OPTIONS = frozenset({64101, 64106})
"""Errors of a session that never began, because an attribute of the TwiML does not fit or the provider lacks it."""
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
    """End of a session. ``attempt`` numbers the next one; ``ticket`` and ``language`` are those of a caller to be
    transferred; ``unfit`` is the error of a session that never began, and ``said`` what Twilio said about it.

    ``moved``: the replica that held the session ended it on purpose, so that another one takes the call over.
    """

    next: Next
    attempt: int = 0
    ticket: str = ""
    language: str = ""
    moved: bool = False
    unfit: int = 0
    said: str = ""


def read_ending(form: Mapping[str, str], *, attempt: int) -> Ending:
    """Decide from the action callback; ``attempt`` counts the lost sockets before this session."""
    if word(form, "CallStatus") != "in-progress":
        return Ending(Next.HANG_UP)
    handoff = _handoff(form.get("HandoffData", ""))
    if handoff.get("reason") == TRANSFER:
        ticket, language = str(handoff.get("ticket", "")), str(handoff.get("language", ""))
        return Ending(Next.TRANSFER, ticket=ticket, language=language)
    if handoff.get("reason") == MOVED:
        return Ending(Next.RECONNECT, attempt=attempt, moved=True)
    if word(form, "SessionStatus") != "failed":
        return Ending(Next.HANG_UP)
    code = form.get("ErrorCode", "")
    if code.isdigit() and int(code) in UNFIT_OPTIONS and attempt < MAX_ATTEMPTS:
        said = form.get("ErrorMessage", "")
        return Ending(Next.RECONNECT, attempt=attempt + 1, unfit=int(code), said=said)
    lost = 1 if _seconds(form.get("SessionDuration", "")) >= STEADY_SECONDS else attempt + 1
    return Ending(Next.RECONNECT if lost <= MAX_ATTEMPTS else Next.GIVE_UP, attempt=lost)


def transferring(ticket: str, language: str) -> Mapping[str, str]:
    """Return the handoff that transfers a caller; ``ticket`` is "" without one, ``language`` what they speak."""
    told = {"ticket": ticket} if ticket else {}
    spoken = {} if primary_tag(language) == ENGLISH else {"language": language}
    return {"reason": TRANSFER, **told, **spoken}


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
