"""Met in the field, "Models": a reasoning model keeps its thoughts between the tools of a turn, and no longer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..flows.test_voice import dial
from ..kit.colleague import staffed
from ..kit.gateway import running
from ..kit.model_server import ENCRYPTED, Answer, ModelServer

pytestmark = pytest.mark.promise("F4")
ORDER = ("order_status", {"order_id": "12345"})


def thoughts(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the thoughts that a request brought back."""
    return [item for item in request["input"] if item.get("type") == "reasoning"]


async def test_thoughts_come_back_within_a_turn_and_not_in_the_next(tmp_path: Path) -> None:
    model = ModelServer([Answer(calls=[ORDER], reasoning=True), Answer("Shipped.", reasoning=True), Answer("Yes.")])
    async with running(tmp_path, model, AGENT_MODEL="o4-mini") as it:
        assert await it.ask("where is order 12345?") == "Shipped."
        assert await it.ask("sure?") == "Yes."
        stored = str(await it.conversation())
    first, second, third = model.requests
    assert [request["include"] for request in model.requests] == [[ENCRYPTED]] * 3
    assert not any(request["store"] for request in model.requests)
    (thought,) = thoughts(second)
    assert (thought["summary"], thought["encrypted_content"].startswith("sealed-")) == ([], True)
    kinds = [item.get("type", item.get("role")) for item in second["input"]]
    assert kinds[kinds.index("reasoning") :] == ["reasoning", "function_call", "function_call_output"]
    assert thoughts(first) == thoughts(third) == []
    assert "sealed-" not in stored


async def test_thoughts_come_back_in_a_call(tmp_path: Path) -> None:
    model = ModelServer([Answer(calls=[ORDER], reasoning=True), Answer("Shipped.")])
    async with running(tmp_path, model, AGENT_MODEL="gpt-5") as it, dial(it) as call:
        assert await call.ask("where is order one two three four five") == "Shipped."
    assert [len(thoughts(request)) for request in model.requests] == [0, 1]


@pytest.mark.parametrize("name", ["gpt-4.1", "gpt-5-chat-latest", "llama-3"])
async def test_a_model_that_does_not_reason_is_not_asked_for_thoughts(tmp_path: Path, name: str) -> None:
    """OpenAI refuses such a request, and servers of other makers may."""
    model = ModelServer([Answer(calls=[ORDER], reasoning=True), Answer("Shipped.")])
    async with running(tmp_path, model, AGENT_MODEL=name) as it:
        assert await it.ask("where is order 12345?") == "Shipped."
    assert [request.get("include") for request in model.requests] == [[], []]
    assert thoughts(model.requests[1]) == []


async def test_behind_a_request_that_waits_a_turn_goes_on_without_them(tmp_path: Path) -> None:
    refund = ("process_refund", {"order_id": "12345", "amount": 139.97, "reason": "broken"})
    model = ModelServer([Answer(calls=[refund], reasoning=True), Answer("A colleague decides."), Answer("Paid.")])
    async with staffed(tmp_path, model, AGENT_MODEL="o3") as (it, mia):
        assert await it.ask("refund order 12345") == "A colleague decides."
        await mia.decide(await mia.waiting_approval("process_refund"), approved=True)
        assert (await it.hear(2))[1] == "Paid."
    assert [len(thoughts(request)) for request in model.requests] == [0, 0, 0]
    assert model.refused == []
