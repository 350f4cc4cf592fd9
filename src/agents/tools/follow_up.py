"""Coming back to a customer later, by text: the conversation keeps the time, so a restart loses nothing."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated

from agents import RunContextWrapper, function_tool

from ...model import FollowUp
from ..caller_context import CallerContext
from .effects import in_commit
from .outputs import BAD_ARGUMENTS, TOO_MANY, as_json, clipped, refusal

LONGEST_MINUTES = 30 * 24 * 60
LONGEST = 300
"""Characters that are kept of what a follow-up is about."""

Minutes = Annotated[int, "In how many minutes from now; a day has 1440."]
About = Annotated[str, "What to come back about, and what to look up then, in a sentence or two."]


@in_commit
@function_tool
async def schedule_follow_up(context: RunContextWrapper[CallerContext], minutes: Minutes, about: About) -> str:
    """Come back to this customer by text at a later time. Only when they want it; needs nobody's consent.

    You are reminded then, and write to them. At night, by their own clock, it waits until the morning.
    """
    caller = context.context
    if not 1 <= minutes <= LONGEST_MINUTES:
        return refusal(BAD_ARGUMENTS, f"The time has to be from 1 to {LONGEST_MINUTES} minutes ahead.")
    if not about.strip():
        return refusal(BAD_ARGUMENTS, "It has to say what it is about.")
    if caller.phone is None:
        return refusal(BAD_ARGUMENTS, "This customer's number is not known, so they cannot be texted later.")
    if not caller.may_follow_up():
        return refusal(TOO_MANY, "Several follow-ups wait for this customer already. Nothing was added.")
    at = caller.now + 60.0 * minutes
    caller.deeds.follow_ups.append(FollowUp(f"flw_{uuid.uuid4().hex[:20]}", at, clipped(about, LONGEST)))
    return as_json({"status": "scheduled", "at": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")})
