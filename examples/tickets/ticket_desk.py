"""A ticket desk: the agent drafts each answer, and a colleague reads it before the customer does, a day later perhaps.

A ticket begins with a customer's text, or with your own system's ``POST /tickets`` (docs/staff-api.md). The settings
leave colleagues a weekend. Start it from this folder::

    AGENT_PATH=ticket_desk:agent COMPANY_FILE=company.toml APPROVAL_TIMEOUT_SECONDS=259200 tandem serve
"""

from __future__ import annotations

from typing import Annotated, Any

from agents import Agent, RunContextWrapper, function_tool

from tandem.agents.caller_context import CallerContext
from tandem.agents.tools.effects import in_commit, reads_only
from tandem.agents.tools.ticket import create_ticket, escalate_to_human, reply_to_ticket, ticket_status

REMEDIES = {
    "flickers": "Turn the bulb until it clicks. If it still flickers, we send a new one.",
    "dead": "Hold the switch for ten seconds. If it stays dark, send it back free of charge.",
    "noise": "The fan may hum for the first hour. After that, send it back free of charge.",
}
"""What helps, by the trouble; in your own desk, a search in the repair database."""


@reads_only
@function_tool
async def remedy(
    context: RunContextWrapper[CallerContext],
    trouble: Annotated[str, "What is wrong, in one word: flickers, dead or noise."],
) -> str:
    """Look up what helps against a trouble."""
    if (found := REMEDIES.get(trouble.strip().casefold())) is None:
        raise ValueError(f"Nothing is known of {trouble!r}. Known are {', '.join(REMEDIES)}.")
    return found


@in_commit  # it only remembers
@function_tool
async def note_device(
    context: RunContextWrapper[CallerContext], device: Annotated[str, "Name of the device, as they call it."]
) -> str:
    """Keep which device of ours the customer has."""
    context.context.remember("device", device)
    return "Noted."


def instructions(context: RunContextWrapper[CallerContext], agent: Agent[Any]) -> str:
    """Return the instructions, with the customer's device at their end."""
    return f"""You are the ticket desk of Tandem Lamps. Write short, friendly sentences.
When the staff desk assigns you a ticket: look up a remedy, then propose the answer with `reply_to_ticket`. A colleague
reads it first, so the customer is not told before; do not wait for them.
When the customer writes: open a ticket with `create_ticket` (customer id "me") for a new trouble, and say how an open
one stands with `ticket_status`. Keep the device they speak of with `note_device`.
The customer's device: {context.context.recall("device", "unknown")}."""


agent = Agent[CallerContext](
    name="Ticket desk",
    instructions=instructions,
    tools=[remedy, note_device, create_ticket, ticket_status, reply_to_ticket, escalate_to_human],
)
