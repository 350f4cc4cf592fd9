"""The support agent with two tools of your own: one that only looks, one that waits for a colleague.

Start it from this folder with ``AGENT_PATH=points:agent tandem serve``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from agents import RunContextWrapper, function_tool

from tandem.agents.caller_context import CallerContext
from tandem.agents.support import build_support_agent
from tandem.agents.tools.checks import checked
from tandem.agents.tools.customer import own_account
from tandem.agents.tools.effects import idempotency_key, idempotent, reads_only

TOO_MANY = "From 1 to 1000 points, with an account."
BOOK = Path("points.jsonl")
"""One line per gift: whose, how many points, and the key that makes it count once."""


@reads_only
@function_tool
async def points_balance(context: RunContextWrapper[CallerContext]) -> str:
    """Tell how many loyalty points the customer has."""
    customer = await own_account(context.context)
    return json.dumps({"points": _balance(customer.id) if customer else 0})


async def cannot_give(caller: CallerContext, arguments: Mapping[str, Any]) -> str | None:
    """Return why a gift cannot be made, or None: staff read it when they approve one, and can change it."""
    customer = await own_account(caller)
    return None if customer and 1 <= arguments["points"] <= 1000 else TOO_MANY


@checked(cannot_give)
@idempotent
@function_tool(needs_approval=True)
async def give_points(
    context: RunContextWrapper[CallerContext],
    points: Annotated[int, "How many, from 1 to 1000."],
    reason: Annotated[str, "Why, in a few words."],
) -> str:
    """Give the customer loyalty points as an apology. Waits for a colleague."""
    customer = await own_account(context.context)
    if customer is None or not 1 <= points <= 1000:
        return json.dumps({"error": "bad_arguments", "message": TOO_MANY})
    gift = {"key": idempotency_key(), "customer": customer.id, "points": points, "reason": reason}
    if gift["key"] not in (row["key"] for row in _rows()):
        _write(gift)
    return json.dumps({"given": points, "points": _balance(customer.id)})


def _rows() -> list[dict[str, object]]:
    return [json.loads(line) for line in BOOK.read_text("utf-8").splitlines()] if BOOK.exists() else []


def _write(row: dict[str, object]) -> None:
    with BOOK.open("a", encoding="utf-8") as book:
        book.write(json.dumps(row) + "\n")


def _balance(customer_id: str) -> int:
    return sum(int(str(row["points"])) for row in _rows() if row["customer"] == customer_id)


agent = build_support_agent(None)
agent.tools += [points_balance, give_points]
