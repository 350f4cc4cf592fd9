"""What the agent must not say is not said: numbers and words are taken out of the stream, on the phone and in texts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tandem.simulator.call import SimulatedCall

from ..kit.gateway import OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.sources import subject_of
from ..kit.waiting import PATIENCE
from .test_voice import committed, dial, load_agent, words

pytestmark = pytest.mark.usefixtures("known")
CARD = "[card number removed, ends in 1111]"
DICTATED = "four" + " one" * 15
SPELLED = " ".join("4111111111111111")


def frames(call: SimulatedCall) -> list[dict[str, Any]]:
    """What the gateway sent of answers; the greeting is in the TwiML."""
    return [frame for frame in call.received if frame.get("type") == "text"]


async def notes(it: Running, name: str) -> list[dict[str, Any]]:
    """What the timeline says of outgoing answers."""
    events = [event for event in await it.store.timeline(subject_of()) if event.name == name]
    return [dict(event.data) for event in events if event.data["direction"] == "outgoing"]


@pytest.mark.promise("R3")
@pytest.mark.parametrize("number", ["4111 1111 1111 1111", SPELLED, DICTATED])
async def test_a_card_number_said_token_by_token_is_neither_spoken_nor_kept(tmp_path: Path, number: str) -> None:
    model = ModelServer([Answer(f"Sure, your card is {number} and nothing else."), Answer("Bye.")])
    async with running(tmp_path, model) as it, dial(it) as call:
        assert await call.ask("what is my card") == f"Sure, your card is {CARD} and nothing else."
        conversation = await committed(it, 1)
        noted = await notes(it, "masked")
        await call.ask("thanks")
    assert number not in "".join(str(frame.get("token")) for frame in frames(call))
    assert words(conversation, 1) == [f"Sure, your card is {CARD} and nothing else."]
    assert number not in str(model.inputs[1])
    assert [note["kinds"] for note in noted] == [["card"]]


@pytest.mark.promise("R2")
async def test_an_unprofessional_word_is_neither_spoken_nor_kept(tmp_path: Path) -> None:
    model = ModelServer([Answer("Only an idiot packs such a class of damn parcel!")])
    async with running(tmp_path, model) as it, dial(it) as call:
        said = await call.ask("it is broken")
        conversation = await committed(it, 1)
        noted = await notes(it, "language")
    assert said == "Only an individual packs such a class of very parcel!"
    assert words(conversation, 1) == [said]
    assert [note["words"] for note in noted] == [["idiot", "damn"]]


@pytest.mark.promise("R2")
async def test_an_unprofessional_word_is_neither_texted_nor_kept(tmp_path: Path) -> None:
    model = ModelServer([Answer("That damn parcel again.")])
    async with running(tmp_path, model) as it:
        assert await it.ask("where is it") == "That very parcel again."
        assert words(await committed(it, 1), 1) == ["That very parcel again."]
        assert [note["words"] for note in await notes(it, "language")] == [["damn"]]


async def test_what_is_said_before_a_tool_runs_is_not_held_back(tmp_path: Path) -> None:
    agent = load_agent(tmp_path, "agent_that_says_first")
    model = ModelServer([Answer("I will look at order 4567", calls=[("slow", {})]), Answer("Done.")])
    async with running(tmp_path, model, AGENT_PATH="agent_that_says_first:agent") as it, dial(it) as call:
        await call.say("look at my order")
        await call.wait_heard("4567")
        assert not agent.ran
        agent.gate.set()
        await call.wait_heard("Done.")


@pytest.mark.promise("R3")
async def test_a_card_number_is_not_kept_for_a_caller_who_is_gone(tmp_path: Path) -> None:
    long = f"This is what I see here. It goes on. Your card is {SPELLED} and that is the end."
    model = ModelServer([Answer(long, gap=0.03)])
    async with running(tmp_path, model, TWILIO_PHONE_NUMBER=OURS) as it:
        async with dial(it) as call:
            await call.wait_silent()
            await call.say("what is my card")
            await call.wait_heard("what I")
            await call.hang_up()
        conversation = await committed(it, 1)
        async with asyncio.timeout(PATIENCE):
            while not await notes(it, "masked"):
                await asyncio.sleep(0.01)
    assert SPELLED not in str(conversation)
    assert CARD in str(conversation.context)
