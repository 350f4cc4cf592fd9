"""What the model is shown besides instructions and the conversation's window: memory before it, the profile after.

Both are system messages that exist in the request alone. Neither history nor the state of a paused run ever holds
them. What changes least comes first (instructions, summary, window) and the profile, which changes with every turn,
behind all of it, so that a provider's prompt cache keeps what precedes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agents import TResponseInputItem
from agents.run_config import CallModelData, ModelInputData

from ..conversation.summary import shown
from ..model import Conversation

Filter = Callable[[CallModelData[Any]], ModelInputData]


def briefing(conversation: Conversation, window: Sequence[Any], profile: str) -> Filter | None:
    """Return the SDK's ``call_model_input_filter`` of one turn; ``window`` are the items that its runs begin with."""
    memory = shown(conversation.summary, conversation.unfolded)
    if not (memory or profile):
        return None
    behind = len(window)

    def brief(call: CallModelData[Any]) -> ModelInputData:
        items = list(call.model_data.input)
        if profile:
            items.insert(_place(items, behind), _system(profile))
        if memory:
            items.insert(0, _system(memory))
        return ModelInputData(input=items, instructions=call.model_data.instructions)

    return brief


def _place(items: Sequence[Any], behind: int) -> int:
    """Return where the profile goes: behind the window. An agent that rewrites its input gets it in front."""
    fits = behind <= len(items) and (behind == len(items) or items[behind].get("type") != "function_call_output")
    return behind if fits else 0


def _system(text: str) -> TResponseInputItem:
    return {"role": "system", "content": text}
