"""A real model behind llama.cpp's own server: what must hold whatever it says. ``make real-model`` runs it.

It is a very small model, so nothing is asked of its answers but that customers can read and hear them.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from agents import Agent, ModelSettings, function_tool
from pydantic import BaseModel, Field
from structlog.testing import capture_logs

from tandem.conversation import phrases
from tandem.model import Conversation
from tandem.simulator.call import SimulatedCall

from ..kit.gateway import JOHN, OURS, Running, running
from ..kit.plain import check_plain
from ..kit.sources import subject_of
from ..kit.waiting import until

pytestmark = [pytest.mark.timeout(600), pytest.mark.promise("F7")]

LONGEST = 240.0
"""Seconds that a turn may take on a machine without anything to compute with."""
MARKUP = re.compile(r"\*\*|^#{1,6} |```|</?think>|<\|", re.MULTILINE)
SETTINGS = ModelSettings(max_tokens=60, temperature=0.0)
SHORT = ModelSettings(max_tokens=120, temperature=0.0)
BRIEF = "You are the support of a small shop. Answer in one short sentence."
LONG = "You are the support of a small shop. Describe the shop at length, in many sentences."


class Reply(BaseModel):
    """What an agent answers."""

    answer: str = Field(min_length=3, max_length=60)


@function_tool
async def opening_hours(day: str) -> str:
    """Say when the shop is open."""
    return f"On {day} the shop is open from 9 to 17."


def _agents() -> dict[str, Agent[Any]]:
    forced = ModelSettings(max_tokens=60, temperature=0.0, tool_choice="required")
    return {
        "brief": Agent("Brief", instructions=BRIEF, model_settings=SETTINGS),
        "long": Agent("Long", instructions=LONG, model_settings=ModelSettings(max_tokens=300, temperature=0.0)),
        "structured": Agent("Structured", instructions=BRIEF, output_type=Reply, model_settings=SHORT),
        "calling": Agent("Calling", instructions=BRIEF, tools=[opening_hours], model_settings=forced),
    }


@pytest.fixture
def agents() -> Iterator[str]:
    """Put the agents where ``AGENT_PATH`` finds them."""
    module = ModuleType("agents_for_a_real_model")
    vars(module).update(_agents())
    sys.modules[module.__name__] = module
    yield module.__name__
    del sys.modules[module.__name__]


def with_model(folder: Path, llama: str, mode: str, agent: str, **extra: str) -> Any:
    own = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{llama}/v1", "OPENAI_API_MODE": mode, "AGENT_MODEL": "small"}
    slow = {"STREAM_TIMEOUT_MS": "110000", "FIRST_TOKEN_TIMEOUT_MS": "110000"}
    return running(folder, **(own | slow | {"AGENT_PATH": agent, "SILENCE_SECONDS": "300"} | extra))


def dial(it: Running, *, speed: float = 1e6) -> SimulatedCall:
    return it.twilio.call(JOHN, to=OURS, chars_per_second=speed)


def check_history(conversation: Conversation, turns: int) -> None:
    """Check that the history is one that any service takes, with a question and an answer in every turn."""
    assert len(conversation.history) == turns
    for turn in conversation.history:
        check_plain(turn.items)
        assert any(item.get("role") == "user" for item in turn.items)
        assert str(turn.items[-1].get("content", "")).strip()
    ids = [
        item["call_id"] for turn in conversation.history for item in turn.items if item.get("type") == "function_call"
    ]
    assert len(ids) == len(set(ids))


def check_words(said: str) -> None:
    assert said.strip()
    assert not MARKUP.search(said), said


def failures(lines: list[Any]) -> list[Any]:
    """Return what the log says of answers that did not come."""
    return [line for line in lines if line["event"] in ("model_failed", "model_input_shortened", "run_raised")]


@pytest.fixture(params=["responses", "chat_completions"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_conversation_by_text(tmp_path: Path, llama: str, agents: str, mode: str) -> None:
    with capture_logs() as lines:
        async with with_model(tmp_path, llama, mode, f"{agents}:brief") as it:
            said = [await ask(it, text) for text in ("Hello", "What do you sell?", "And what did I ask first?")]
            check_history(await it.conversation(), 3)
    for answer in said:
        check_words(answer)
        assert answer != phrases.FAILURE
    assert failures(lines) == []


async def test_a_call(tmp_path: Path, llama: str, agents: str, mode: str) -> None:
    with capture_logs() as lines:
        async with with_model(tmp_path, llama, mode, f"{agents}:brief") as it, dial(it) as call:
            heard = [await call.ask(text, seconds=LONGEST) for text in ("Hello", "What do you sell?", "Thank you")]
            await until(lambda: taken(it, 3))
            check_history(await it.conversation(), 3)
    for answer in heard:
        check_words(answer)
        assert phrases.FAILURE not in answer
    assert failures(lines) == []


async def test_a_caller_who_speaks_over_the_answer(tmp_path: Path, llama: str, agents: str, mode: str) -> None:
    with capture_logs() as lines:
        async with with_model(tmp_path, llama, mode, f"{agents}:long") as it, dial(it, speed=15.0) as call:
            await call.wait_silent()
            greeted = len(call.heard())
            await call.say("Tell me everything about your shop.")
            await call.wait_heard(lambda heard: len(heard) > greeted + 60, LONGEST)
            cut = await call.barge_in("Stop. What are your hours?")
            answer = await call.wait_answer(LONGEST)
            await until(lambda: taken(it, 2))
            conversation = await it.conversation()
    check_history(conversation, 2)
    check_words(answer)
    kept = str(conversation.history[0].items[-1]["content"])
    assert words_of(kept) == words_of(cut.heard)[: len(words_of(kept))]
    assert failures(lines) == []


async def test_an_agent_with_a_tool(tmp_path: Path, llama: str, agents: str, mode: str) -> None:
    """Whether so small a model calls it is its own affair; what it calls is answered, and the next turn accepted."""
    with capture_logs() as lines:
        async with with_model(tmp_path, llama, mode, f"{agents}:calling") as it:
            said = [await ask(it, "When are you open on Monday?"), await ask(it, "And on Tuesday?")]
            check_history(await it.conversation(), 2)
    for answer in said:
        check_words(answer)
    assert failures(lines) == []


async def test_an_answer_by_grammar(tmp_path: Path, llama: str, agents: str) -> None:
    """Of the two protocols, that server keeps a model to a schema in the older one alone."""
    with capture_logs() as lines:
        async with with_model(tmp_path, llama, "chat_completions", f"{agents}:structured") as it:
            said = [await ask(it, "Hello"), await ask(it, "What do you sell?")]
            check_history(await it.conversation(), 2)
    for answer in said:
        check_words(answer)
        assert not answer.lstrip().startswith("{")
    assert failures(lines) == []


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text)


async def taken(it: Running, count: int) -> bool:
    found = await it.store.conversation(subject_of(JOHN))
    return found is not None and len(found.history) == count


async def ask(it: Running, text: str) -> str:
    """Text the gateway and return what comes back, however long the model takes."""
    before = len(it.twilio.sent_to(JOHN))
    assert await it.say(text) == 200
    while len(it.twilio.sent_to(JOHN)) == before:
        await asyncio.sleep(0.05)
    return str(it.twilio.sent_to(JOHN)[before].body)
