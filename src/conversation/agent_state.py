"""Keeps what a run leaves for the next turn: which agent has the conversation, and the agent's own context. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from ..model import Conversation
from .base import TurnResult

KEEPER: Final = "agent"
"""Key in the conversation's context: the name of the agent that was handed the conversation."""
OWN_CONTEXT: Final = "agent_context"
"""Key of the values of the agent's own context object."""


def with_state(conversation: Conversation, result: TurnResult) -> Conversation:
    """Return a conversation with what a run left; one that broke off leaves everything as it was."""
    conversation = _put(conversation, KEEPER, result.keeper)
    return _put(conversation, OWN_CONTEXT, None if result.context is None else dict(result.context))


def without_keeper(conversation: Conversation) -> Conversation:
    """Return a conversation that the first agent begins anew."""
    return _put(conversation, KEEPER, "")


def _put(conversation: Conversation, key: str, value: Any) -> Conversation:
    """Return a conversation with a value in its context; None leaves what is there, an empty one takes it out."""
    if value is None or (not value and key not in conversation.context):
        return conversation
    context = {name: known for name, known in conversation.context.items() if name != key}
    return replace(conversation, context={**context, key: value} if value else context)
