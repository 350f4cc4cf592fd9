"""Preferences of a customer: kept of them, and told to the agent in every later turn."""

from __future__ import annotations

from typing import Annotated, Literal

from agents import RunContextWrapper, function_tool

from ...conversation.prompt_blocks import PREFERENCE
from ..caller_context import CallerContext
from .effects import in_commit
from .outputs import BAD_ARGUMENTS, as_json, refusal

LONGEST = 80
"""Characters of a preference."""

Which = Annotated[
    Literal["language", "name", "contact"],
    "language: of our answers. name: what they want to be called. contact: when or how they want to be reached.",
]
Wish = Annotated[str, "What they want, in a few words; empty to forget it."]


@in_commit
@function_tool
async def remember_preference(context: RunContextWrapper[CallerContext], preference: Which, value: Wish) -> str:
    """Keep how this customer wants to be treated from now on, when they say so themselves."""
    wish = " ".join(value.split())
    if len(wish) > LONGEST:
        return refusal(BAD_ARGUMENTS, f"A preference has at most {LONGEST} characters. Keep what matters of it.")
    if not wish:
        context.context.forget(PREFERENCE + preference)
        return as_json({"preference": preference, "forgotten": True})
    context.context.remember(PREFERENCE + preference, wish)
    return as_json({"preference": preference, "remembered": context.context.recall(PREFERENCE + preference)})
