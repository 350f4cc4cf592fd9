"""Turns through the real client against a scripted Responses API that is as strict as the real one.

Their history is plain (docs/persistence.md), and what tools did survives a model that fails afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, function_tool

from tandem.agents.agent_choice import only
from tandem.agents.caller_context import CallerContexts
from tandem.agents.models import Models, open_client
from tandem.agents.runner import RunLimits, SdkRunner
from tandem.agents.support import build_support_agent
from tandem.conversation.base import Steering, TurnRequest, TurnResult
from tandem.conversation.speech_stream import SpeechStream
from tandem.model import Address, Channel, Conversation, Route, SubjectId, Turn
from tandem.persistence.file import open_file_store
from tandem.shop.embedded import open_embedded_shop

from ...kit.model_server import Answer, ModelServer
from ...kit.plain import check_plain
from ...kit.serving import serve
from ...kit.waiting import PATIENCE

JOHN = Route(Channel.SMS, Address("tel", "+15551234567"), Address("tel", "+15550001111"))


@asynccontextmanager
async def runner_on(
    server: ModelServer,
    folder: Path,
    *,
    agent: Agent | None = None,
    call_timeout: float = 5.0,
    turn_timeout: float = 10.0,
) -> AsyncIterator[SdkRunner]:
    async with (
        serve(server.app) as url,
        open_client("test-key", f"{url}/v1") as client,
        open_embedded_shop(folder / "shop.sqlite3") as shop,
        open_file_store(folder / "state") as store,
    ):
        yield SdkRunner(
            only(agent or build_support_agent("test-model")),
            models=Models(client, mode="responses", default=None, call_timeout=call_timeout),
            callers=CallerContexts(shop, store, region="US"),
            ledger=store,
            limits=RunLimits(turn_timeout=turn_timeout),
            workflow_name="test",
            tracing=False,
        )


def request(*texts: str, history: Sequence[Turn] = ()) -> TurnRequest:
    conversation = Conversation(SubjectId("phone_15551234567"), created_at=0, updated_at=0, history=tuple(history))
    return TurnRequest(conversation, JOHN, texts, number=len(history) + 1, now=0, key="SM1")


def remember(*results: TurnResult) -> list[Turn]:
    return [Turn(n + 1, Channel.SMS, 0.0, result.items) for n, result in enumerate(results)]


async def test_a_tool_call_and_a_second_turn_are_accepted_by_the_api(tmp_path: Path) -> None:
    server = ModelServer([
        Answer(calls=[("order_status", {"order_id": "12345"})], reasoning=True),
        Answer("Your order has shipped."),
        Answer("You are welcome."),
    ])  # fmt: skip
    async with runner_on(server, tmp_path) as runner:
        first = await runner.run(request("where is order 12345?"))
        second = await runner.run(request("thanks", history=remember(first)))
    assert server.refused == []
    assert (first.text, second.text) == ("Your order has shipped.", "You are welcome.")
    check_plain([*first.items, *second.items])
    assert [use.name for use in first.tools] == ["order_status"]
    assert "ORD_12345" in str(server.inputs[2])


async def test_streamed_and_plain_runs_store_the_same(tmp_path: Path) -> None:
    answers = [Answer(calls=[("order_status", {"order_id": "12345"})]), Answer("It has shipped, John.")]
    heard: list[str] = []
    speech = SpeechStream(SubjectId("phone_1"), heard.append, lambda: None, first_token_timeout=5)
    async with runner_on(ModelServer(answers), tmp_path) as runner:
        plain = await runner.run(request("status?"))
    async with runner_on(ModelServer(answers), tmp_path) as runner:
        streamed = await runner.run(replace(request("status?"), steering=Steering(speech=speech)))
    assert heard == ["It", " has", " shipped,", " John."]
    assert without_ids(streamed) == without_ids(plain)


def without_ids(result: TurnResult) -> list[dict[str, Any]]:
    """Return a turn's items but for the ids of calls, which are new each time."""
    return [{name: value for name, value in item.items() if name != "call_id"} for item in result.items]


async def test_what_a_tool_did_survives_a_model_that_fails_afterwards(tmp_path: Path) -> None:
    server = ModelServer([Answer(calls=[("order_status", {"order_id": "12345"})]), Answer(status=400)])
    async with runner_on(server, tmp_path) as runner:
        result = await runner.run(request("status?"))
    assert result.error is not None
    assert result.error.code == "model_unavailable"
    assert [item.get("type", "message") for item in result.items] == [
        "message",
        "function_call",
        "function_call_output",
    ]
    check_plain(result.items)


async def test_passing_trouble_is_retried_and_permanent_trouble_is_not(tmp_path: Path) -> None:
    passing = ModelServer([Answer(status=500), Answer(status=429, headers={"retry-after": "0"}), Answer("Hello!")])
    async with runner_on(passing, tmp_path) as runner:
        assert (await runner.run(request("hi"))).text == "Hello!"
    permanent = ModelServer([Answer(status=401), Answer("never asked")])
    async with runner_on(permanent, tmp_path) as runner:
        result = await runner.run(request("hi"))
    assert result.error is not None
    assert len(permanent.requests) == 1


async def test_the_deadline_of_a_model_call_ends_the_run(tmp_path: Path) -> None:
    server = ModelServer(lambda _: Answer("too late", gate=asyncio.Event()))
    async with runner_on(server, tmp_path, call_timeout=0.05) as runner:
        result = await runner.run(request("hi"))
    assert result.error is not None
    assert result.error.code == "turn_timed_out"
    assert result.text == ""


@pytest.mark.promise("A14")
async def test_the_deadline_of_a_turn_cancels_a_tool_and_nothing_runs_later(tmp_path: Path) -> None:
    ran: list[str] = []
    cancelled = asyncio.Event()

    @function_tool
    async def slow() -> str:
        """Take for ever."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        ran.append("slow")
        return "done"

    server = ModelServer([Answer(calls=[("slow", {})]), Answer("never")])
    agent = Agent(name="a", tools=[slow], model="test-model")
    async with runner_on(server, tmp_path, agent=agent, turn_timeout=1.0) as runner:
        result = await runner.run(request("hi"))
        await asyncio.wait_for(cancelled.wait(), PATIENCE)
    assert result.error is not None
    assert result.error.code == "turn_timed_out"
    assert len(server.requests) == 1
    assert ran == []


async def test_a_failing_tool_is_seen_by_the_model_without_internals(tmp_path: Path) -> None:
    @function_tool
    def broken() -> str:
        """Break."""
        raise RuntimeError("password=hunter2 at db.internal")

    server = ModelServer([Answer(calls=[("broken", {})]), Answer("Sorry, that did not work.")])
    agent = Agent(name="a", tools=[broken], model="test-model")
    async with runner_on(server, tmp_path, agent=agent) as runner:
        result = await runner.run(request("hi"))
    assert result.text == "Sorry, that did not work."
    assert [use.failed for use in result.tools] == [True]
    assert "hunter2" not in str(server.inputs)
    assert "did not" in str(server.inputs[1])


async def test_an_unknown_tool_does_not_end_the_turn(tmp_path: Path) -> None:
    server = ModelServer([Answer(calls=[("no_such_tool", {})]), Answer("I cannot do that.")])
    async with runner_on(server, tmp_path) as runner:
        result = await runner.run(request("hi"))
    assert result.text == "I cannot do that."
    assert server.refused == []


async def test_endless_tool_calls_end_in_too_many_steps(tmp_path: Path) -> None:
    server = ModelServer(lambda _: Answer(calls=[("order_status", {"order_id": "12345"})]))
    async with runner_on(server, tmp_path) as runner:
        result = await runner.run(request("hi"))
    assert result.error is not None
    assert result.error.code == "too_many_steps"
    check_plain(result.items)


@pytest.mark.parametrize("number", ["+15559876543", "anonymous"])
async def test_tools_get_their_identity_from_the_route_not_from_the_model(tmp_path: Path, number: str) -> None:
    server = ModelServer([Answer(calls=[("lookup_order", {"order_id": "12345"})]), Answer("No such order.")])
    asked = replace(request("my order 12345"), route=replace(JOHN, customer=Address("tel", number)))
    async with runner_on(server, tmp_path) as runner:
        result = await runner.run(asked)
    assert "Headphones" not in str(result.items)
