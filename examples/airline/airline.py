"""An airline with three agents that hand the conversation to one another: triage, FAQ and seats.

``agents.toml`` beside this file says who may hand over to whom, ``company.toml`` what callers hear, ``articles`` what
the FAQ agent knows. Start it from this folder::

    AGENTS_FILE=agents.toml COMPANY_FILE=company.toml KNOWLEDGE_DIR=articles tandem serve
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypedDict

from agents import Agent, RunContextWrapper, function_tool

from tandem.agents.caller_context import CallerContext
from tandem.agents.tools.effects import idempotent, reads_only
from tandem.agents.tools.knowledge import search_knowledge_base
from tandem.agents.tools.ticket import escalate_to_human

# --- the reservations: in your own airline, a call of your reservation system ---------------------------------


class Booking(TypedDict):
    """A seat on a flight."""

    confirmation: str
    flight: str
    seat: str


BOOKINGS: Mapping[str, Booking] = {
    "+15551234567": {"confirmation": "LX4Q7P", "flight": "TA 118 to Lisbon", "seat": "12C"},
    "+15559876543": {"confirmation": "LX9B2M", "flight": "TA 118 to Lisbon", "seat": "14E"},
}
"""By the telephone number that they were made with."""
ROWS, LETTERS = range(1, 31), "ABCDEF"
CHANGES = Path("seats.json")
"""Seats that were changed, by confirmation number."""


def _change(confirmation: str, seat: str) -> None:
    CHANGES.write_text(json.dumps({**_changed(), confirmation: seat}), "utf-8")


def _changed() -> dict[str, str]:
    return dict(json.loads(CHANGES.read_text("utf-8"))) if CHANGES.exists() else {}


def _booking_of(phone: str | None) -> Booking | None:
    """Return the booking of a number. The channel proved the number, so customers reach their own booking alone."""
    booking = BOOKINGS.get(phone or "")
    return {**booking, "seat": _changed().get(booking["confirmation"], booking["seat"])} if booking else None


def _taken() -> set[str]:
    return {booking["seat"] for phone in BOOKINGS if (booking := _booking_of(phone))}


# --- what the agents can do -----------------------------------------------------------------------------------


@reads_only
@function_tool
async def my_booking(context: RunContextWrapper[CallerContext]) -> str:
    """Look up the customer's booking: confirmation number, flight and seat."""
    booking = _booking_of(context.context.phone)
    return json.dumps(booking) if booking else "No booking was made with the number that they use."


@idempotent  # choosing the same seat again changes nothing, so a turn that is run again may do it again
@function_tool
async def change_seat(
    context: RunContextWrapper[CallerContext], seat: Annotated[str, "Row and letter, such as 14F."]
) -> str:
    """Move the customer to another seat of their flight."""
    booking, wanted = _booking_of(context.context.phone), seat.strip().upper()
    if booking is None:
        raise ValueError("No booking was made with the number that they use.")
    if not (wanted[:-1].isdigit() and int(wanted[:-1]) in ROWS and wanted[-1] in LETTERS):
        raise ValueError(f"There is no seat {seat}: rows are 1 to 30, seats A to F; A and F are at the window.")
    if wanted != booking["seat"] and wanted in _taken():
        raise ValueError(f"Seat {wanted} is taken.")
    _change(booking["confirmation"], wanted)
    return json.dumps({**booking, "seat": wanted})


# --- the agents -----------------------------------------------------------------------------------------------

STYLE = "Answer in one or two short sentences. Never speak of handing over, or of other agents."

triage = Agent[CallerContext](
    name="Triage",
    instructions=f"""You receive the customers of Tandem Air. Find out what they want, and hand over at once: questions
about flying to the FAQ agent, their booking or seat to the seat agent. Ask, when you cannot tell. {STYLE}""",
    tools=[escalate_to_human],
)

faq = Agent[CallerContext](
    name="FAQ",
    instructions=f"""You answer questions about flying with Tandem Air. Always look into `search_knowledge_base`, and
say so when it holds nothing. Hand back to triage for everything else. {STYLE}""",
    tools=[search_knowledge_base],
)


def _seat_instructions(context: RunContextWrapper[CallerContext], agent: Agent[Any]) -> str:
    booking = _booking_of(context.context.phone)
    known = f"They fly {booking['flight']}, in seat {booking['seat']}." if booking else "They have no booking."
    return f"You change seats for Tandem Air. {known} Hand back to triage for everything else. {STYLE}"


seats = Agent[CallerContext](name="Seats", instructions=_seat_instructions, tools=[my_booking, change_seat])
