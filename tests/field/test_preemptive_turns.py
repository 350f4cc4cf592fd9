"""Before the caller has finished: an early run is invisible, and right ones save the model's time.

Over the real socket: partial prompts every few words, as recogniser and line would send them.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tandem.simulator.call import SimulatedCall

from ..flows.test_voice import committed, dial, load_agent
from ..kit.gateway import Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.waiting import PATIENCE, until

pytestmark = pytest.mark.promise("V27")

EARLY = {"PREEMPTIVE_TURNS": "true", "VOICE_PARTIAL_PROMPTS": "true", "VOICE_SPEECH_MODEL": "flux"}


def last_words(request: dict[str, Any]) -> str:
    return str([item["content"] for item in request["input"] if item.get("role") == "user"][-1])


def echo(request: dict[str, Any]) -> Answer:
    return Answer(f"You said: {last_words(request)}.")


def words_sent(call: SimulatedCall) -> str:
    """All that the gateway sent to be spoken."""
    return "".join(str(frame.get("token", "")) for frame in call.received)


async def outcomes(it: Running) -> list[Any]:
    (subject,) = [head.subject for head in (await it.store.recent(limit=2)).items]
    return [row.data.get("preemptive") for row in await it.store.timeline(subject) if row.name == "turn"]


async def test_the_answer_is_there_when_the_caller_has_finished(tmp_path: Path) -> None:
    """The model takes 300 ms and the final prompt comes 400 ms after the last partial: nobody waits for the model."""
    waits: list[float] = []

    def answer(request: dict[str, Any]) -> Answer:
        gate = asyncio.Event()
        asyncio.get_running_loop().call_later(0.3, gate.set)
        return Answer(f"You said: {last_words(request)}.", gate=gate)

    model = ModelServer(answer)
    async with running(tmp_path, model, **EARLY) as it, dial(it) as call:
        await call.wait_silent()
        for number in range(5):
            question = f"question number {number}"
            await call.utter(question, last=False)
            await asyncio.sleep(0.4)  # as long as the recogniser takes to be sure
            assert f"number {number}" not in words_sent(call)
            began = time.perf_counter()
            await call.utter(question, last=True)
            await call.wait_for(lambda number=number: f"number {number}." in words_sent(call))  # type: ignore[misc]
            waits.append(time.perf_counter() - began)
            await committed(it, number + 1)
        told = await outcomes(it)
    assert len(model.requests) == 5
    assert [row["hit"] for row in told] == [True] * 5
    assert median(waits) < 0.3


async def test_a_final_prompt_with_other_words_lets_no_word_of_the_wrong_answer_out(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model, **EARLY) as it, dial(it) as call:
        await call.wait_silent()
        for partial in ("please refund", "please refund my order"):
            await call.utter(partial, last=False)
            await until(lambda partial=partial: last_words(model.requests[-1]) == partial if model.requests else False)
        await call.utter("please do not refund my order", last=True)
        await call.wait_heard("You said: please do not refund my order.")
        conversation = await committed(it, 1)
        told = await outcomes(it)
    assert words_sent(call).count("You said") == 1
    assert [item["content"] for item in conversation.history[0].items if item.get("role") == "user"] == [
        "please do not refund my order"
    ]
    assert told[0]["hit"] is False
    assert told[0]["missed"] == 2


async def test_no_tool_begins_before_the_caller_has_finished_and_none_runs_twice(tmp_path: Path) -> None:
    module = load_agent(tmp_path, "early_agents")
    module.gate.set()

    def answer(request: dict[str, Any]) -> Answer:
        done = any(item.get("type") == "function_call_output" for item in request["input"])
        return Answer("It is done.") if done else Answer(calls=[("slow", {})])

    model = ModelServer(answer)
    async with running(tmp_path, model, AGENT_PATH="early_agents:agent", **EARLY) as it, dial(it) as call:
        await call.wait_silent()
        await call.utter("please do it", last=False)
        await until(lambda: model.requests)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await module.started.wait()
        await call.utter("please do it", last=True)
        await asyncio.wait_for(module.started.wait(), PATIENCE)
        await call.wait_heard("It is done.")
        await committed(it, 1)
        told = await outcomes(it)
    assert module.ran == [1]
    assert [row["hit"] for row in told] == [True]
    assert len(model.requests) == 2


async def test_without_the_setting_a_partial_prompt_asks_nobody(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model, **{**EARLY, "PREEMPTIVE_TURNS": "false"}) as it, dial(it) as call:
        await call.wait_silent()
        await call.utter("where is", last=False)
        await call.utter("where is it", last=True)
        await call.wait_heard("You said: where is it.")
        await committed(it, 1)
        assert await outcomes(it) == [None]
    assert len(model.requests) == 1
