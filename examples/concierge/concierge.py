"""A concierge for an airline's travellers: one agent that knows them, and cancels nothing without a colleague.

It shows a profile that lasts, tools that refuse, a question that is answered by a number, and an approval. Start it
from this folder::

    AGENT_PATH=concierge:agent COMPANY_FILE=company.toml tandem serve
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from agents import Agent, RunContextWrapper, StopAtTools, function_tool

from tandem.agents.caller_context import CallerContext
from tandem.agents.tools.checks import checked
from tandem.agents.tools.effects import idempotent, in_commit, reads_only
from tandem.agents.tools.ticket import escalate_to_human

Context = RunContextWrapper[CallerContext]
Trip = dict[str, Any]

# --- trips: in your own airline, a call of your reservation system --------------------------------------------

BOOKED: Mapping[str, Trip] = {
    "+15551234567": {"flight": "TA 118 to Lisbon", "seat": "12C", "bags": 1, "meal": None, "status": "booked"},
}
"""By the telephone number that they were booked with."""
TRIPS = Path("trips.json")
MEALS = ("Pasta with vegetables", "Chicken with rice", "A plate of fruit")
FREE_SEATS = frozenset({"3A", "3C", "14F"})
NO_TRIP = "No trip was booked with the number that they use."


def _trip(caller: CallerContext) -> Trip:
    """Return the caller's own trip; the channel proved whose number it is. Raises ValueError, which the model reads."""
    trips = {**BOOKED, **(json.loads(TRIPS.read_text("utf-8")) if TRIPS.exists() else {})}
    if caller.phone is None or (trip := trips.get(caller.phone)) is None:
        raise ValueError(NO_TRIP)
    return dict(trip)


def _change(caller: CallerContext, **changes: Any) -> str:
    """Change the caller's trip, and return it. The same change twice is one."""
    trip = _trip(caller)
    if trip["status"] == "cancelled":
        raise ValueError("This trip is cancelled.")
    trips = json.loads(TRIPS.read_text("utf-8")) if TRIPS.exists() else {}
    TRIPS.write_text(json.dumps({**trips, str(caller.phone): {**trip, **changes}}), "utf-8")
    return json.dumps(_trip(caller))


# --- tools ----------------------------------------------------------------------------------------------------


@reads_only
@function_tool
async def my_trip(context: Context) -> str:
    """Look up the customer's trip: flight, seat, bags, meal, and whether it is cancelled."""
    return json.dumps(_trip(context.context))


@idempotent
@function_tool
async def change_seat(context: Context, seat: Annotated[str, "Row and letter, such as 14F."]) -> str:
    """Move the customer to another seat."""
    wanted = seat.strip().upper()
    if wanted not in {*FREE_SEATS, _trip(context.context)["seat"]}:
        raise ValueError(f"Seat {wanted} is not free. Free are {', '.join(sorted(FREE_SEATS))}.")
    return _change(context.context, seat=wanted)


@idempotent
@function_tool
async def set_bags(context: Context, bags: Annotated[int, "How many in all, from 0 to 3."]) -> str:
    """Set how many checked bags the customer brings, in all."""
    if not 0 <= bags <= 3:
        raise ValueError("A traveller may check in up to 3 bags.")
    return _change(context.context, bags=bags)


@reads_only
@function_tool
async def offer_meals(context: Context) -> str:
    """Ask the customer which meal they want. This is the whole answer; they reply with a number."""
    choices = [f"{number}. {meal}" for number, meal in enumerate(MEALS, 1)]
    return "\n".join(("Which meal would you like? Answer with its number.", *choices))


@idempotent
@function_tool
async def choose_meal(context: Context, number: Annotated[int, "The number of a meal that was offered."]) -> str:
    """Order a meal by the number that the customer chose."""
    if not 1 <= number <= len(MEALS):
        raise ValueError(f"There are {len(MEALS)} meals. Offer them again.")
    return _change(context.context, meal=MEALS[number - 1])


@in_commit  # it only remembers, so a turn that is run again may do it again
@function_tool
async def keep_in_profile(
    context: Context,
    what: Literal["seat", "meal", "bags", "name"],
    wish: Annotated[str, "What they always want, in a few words."],
) -> str:
    """Keep what this customer always wants, when they say so."""
    context.context.remember("profile", {**context.context.recall("profile", {}), what: wish})
    return "Kept."


async def cannot_cancel(caller: CallerContext, arguments: Mapping[str, Any]) -> str | None:
    """Return why a trip cannot be cancelled, or None: a colleague reads it before they approve."""
    try:
        return "This trip is cancelled already." if _trip(caller)["status"] == "cancelled" else None
    except ValueError as refusal:
        return str(refusal)


@checked(cannot_cancel)
@idempotent
@function_tool(needs_approval=True)
async def cancel_trip(context: Context, reason: Annotated[str, "Why, in the customer's words."]) -> str:
    """Cancel the whole trip. Waits for a colleague."""
    return _change(context.context, status="cancelled")


# --- the agent ------------------------------------------------------------------------------------------------


def instructions(context: Context, agent: Agent[Any]) -> str:
    """Return the instructions, with what is known of this customer at their end."""
    profile = context.context.recall("profile", {})
    known = "; ".join(f"{what}: {wish}" for what, wish in profile.items()) or "nothing yet"
    return f"""You are the concierge of Tandem Air. Answer in one or two short sentences.
Change what the customer asks you to change. For meals, call `offer_meals`; a number in return is their choice.
Never say that a trip is cancelled before `cancel_trip` says so.
What this customer always wants, from their profile: {known}."""


agent = Agent[CallerContext](
    name="Concierge",
    instructions=instructions,
    tools=[my_trip, change_seat, set_bags, offer_meals, choose_meal, keep_in_profile, cancel_trip, escalate_to_human],
    tool_use_behavior=StopAtTools(stop_at_tool_names=[offer_meals.name]),  # the customer reads its list as it stands
)
