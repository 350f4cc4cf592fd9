"""What a run came to, in words: what the agent wrote, or what a caller heard of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents import ItemHelpers
from agents.items import RunItem

from ..conversation.base import Requested, TurnRequest
from ..errors import TurnError
from ..model import Item
from .caller_context import PendingWrites


def answer(request: TurnRequest, text: str, error: TurnError | None) -> str:
    """Return the answer of a turn: ``text``, or what was heard of it; nothing when the turn failed."""
    if error is not None:
        return ""
    speech = request.steering.speech
    return (speech.heard or "") if speech and interrupted(request) else text


def interrupted(request: TurnRequest) -> bool:
    """Tell whether the caller spoke over the answer."""
    speech = request.steering.speech
    return speech is not None and speech.interrupted.is_set()


def spoken(request: TurnRequest) -> list[Item]:
    """Return what the caller heard before they spoke over it, as the agent's words."""
    speech = request.steering.speech
    heard = speech.heard if speech else None
    return [{"role": "assistant", "content": heard}] if heard and heard.strip() else []


def requested(deeds: PendingWrites) -> Requested:
    """Return what tools asked for, as the commit takes it."""
    return Requested(tuple(deeds.tickets), tuple(deeds.messages), deeds.escalation)


def written(output: Any, items: Sequence[RunItem]) -> str:
    """Return the answer in words; an agent with a structured output type answers with the messages it wrote."""
    return output if isinstance(output, str) else ItemHelpers.text_message_outputs(list(items))


def waited(request: TurnRequest, started: float) -> float | None:
    """Return after how long a spoken turn said its first words, None where it said none."""
    speech = request.steering.speech
    return speech.began_at - started if speech is not None and speech.began_at is not None else None
