"""What the agent knows of a customer and of the past, over a whole gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ..kit.gateway import Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("I7", "P10")

NOTES = "The customer's dog is called Rex."


def system_of(request: dict[str, Any], name: str) -> str:
    """Return the system message of that name in a request to the model; empty when there is none."""
    found = [
        one["content"] for one in request["input"] if one.get("role") == "system" and f"<{name}>" in one["content"]
    ]
    assert len(found) <= 1
    return found[0] if found else ""


def agent(request: dict[str, Any]) -> Answer:
    """Keep notes when asked to, and otherwise answer with what the model was told of the past."""
    if "You keep the notes" in str(request.get("instructions")):
        return Answer(NOTES)
    return Answer("You have a dog." if "Rex" in str(request["input"][:-1]) else "I know of no dog.")


async def folded(it: Running) -> str:
    async with asyncio.timeout(PATIENCE):
        while (now := await it.conversation()).unfolded or not now.summary:
            await asyncio.sleep(0.02)
    return now.summary


async def test_a_model_folds_what_left_the_window_and_the_agent_still_knows_it(tmp_path: Path) -> None:
    model = ModelServer(agent)
    async with running(tmp_path, model, HISTORY_MAX_ITEMS="6") as it:
        await it.ask("my dog is called Rex")
        for number in range(3):
            await it.ask(f"something else {number}")
        assert await folded(it) == f"story: {NOTES}"
        assert await it.ask("what do you know of me?") == "You have a dog."
    assert model.refused == []
    assert "Rex" in system_of(model.requests[-1], "earlier_conversation")
    assert 'name: "John Doe"' in system_of(model.requests[-1], "customer_profile")


async def test_nothing_of_it_is_stored(tmp_path: Path) -> None:
    calls = [("process_refund", {"order_id": "12345", "amount": 120, "reason": "broken"})]
    model = ModelServer([Answer(calls=calls), Answer("A colleague decides."), Answer("Hello.")])
    async with running(tmp_path, model) as it:
        await it.ask("refund 120")
        stored = await it.conversation()
    assert all("customer_profile" in str(request["input"]) for request in model.requests)
    assert "customer_profile" not in str(stored)
    assert "apr_" in str(stored)


@pytest.mark.promise("E5")
async def test_duration_and_tokens_of_a_turn_are_on_the_timeline(tmp_path: Path) -> None:
    model = ModelServer([Answer(calls=[("order_status", {"order_id": "12345"})]), Answer("It has shipped.")])
    async with running(tmp_path, model) as it:
        await it.ask("where is order 12345?")
        rows = await it.store.timeline((await it.conversation()).subject)
    turn = next(row for row in rows if row.name == "turn")
    assert turn.data["seconds"] > 0
    assert turn.data["input_tokens"] == 2 * 10
    assert turn.data["output_tokens"] > 0
