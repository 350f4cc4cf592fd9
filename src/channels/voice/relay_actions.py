"""Actions that a relay session asks of its socket shell, to be performed in order. Values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .relay_messages import Setup


@dataclass(frozen=True, slots=True)
class Send:
    """Send this text frame."""

    frame: str


@dataclass(frozen=True, slots=True)
class CallReady:
    """The call is there: load its conversation. Comes once, first."""

    setup: Setup


@dataclass(frozen=True, slots=True)
class StartTurn:
    """Answer this. ``lang`` is what the caller spoke, empty when unknown."""

    turn: int
    text: str
    lang: str


@dataclass(frozen=True, slots=True)
class PartialPrompt:
    """Words of a caller who may have finished; turn ``turn`` will answer them then."""

    turn: int
    text: str
    lang: str


@dataclass(frozen=True, slots=True)
class CancelTurn:
    """Stop the open turn; ``heard`` is what the caller heard of its answer."""

    turn: int
    heard: str


@dataclass(frozen=True, slots=True)
class CorrectTurn:
    """Of a turn that is over, the caller heard only this."""

    turn: int
    heard: str


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The caller pressed a key."""

    digit: str


@dataclass(frozen=True, slots=True)
class SpeakingChanged:
    """The agent's speech or the caller's began or ended."""

    who: Literal["agent", "client"]
    on: bool


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """Something to log, once per call and kind. Holds no word of the customer."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class MessageRefused:
    """Twilio did not take a message; ``field`` may be an option that does not fit. Comes once per call and code."""

    code: int
    field: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket."""

    code: int
    reason: str


Action = (
    Send
    | CallReady
    | StartTurn
    | PartialPrompt
    | CancelTurn
    | CorrectTurn
    | KeyPressed
    | SpeakingChanged
    | RecordEvent
    | MessageRefused
    | Close
)
Actions = tuple[Action, ...]
