"""Calls in the order and at the pace of recorded ones, ten times as fast, over the real socket.

The pretend Twilio keeps the recorded gaps: a partial prompt every 250 ms, the final one 400 ms after the last, a key's
interrupt after its frame, a lost socket's callback after 1.2 s, events about who speaks and what was played.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tandem.simulator.call import SimulatedCall
from tandem.simulator.playback import CHARS_PER_SECOND

from ..kit.gateway import JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.waiting import until
from .test_voice import committed, dial

pytestmark = pytest.mark.promise("V24")

TIMES = 10
EARLY = {"PREEMPTIVE_TURNS": "true", "VOICE_PARTIAL_PROMPTS": "true", "VOICE_SPEECH_MODEL": "flux"}
REST = "It goes on for a while, and then for a while more, so that there is time to speak over it. "


@dataclass(frozen=True, slots=True)
class Recording:
    """A call. ``acts`` are what the caller did, each (recorded milliseconds after the one before, act, words).

    ``asked`` is what the caller must have been understood to say, in order; ``unheard`` are the questions, by place,
    whose answer the caller did not hear out; ``texts`` is how many texts they get.
    """

    acts: tuple[tuple[int, str, str], ...]
    asked: tuple[str, ...]
    unheard: tuple[int, ...] = ()
    texts: int = 0
    sessions: int = 1


NUMBER = "[The caller entered the number 4211 with the keys.]"
RECORDINGS = {
    "two questions, one after the other": Recording(
        ((300, "say", "where is my parcel please"), (0, "hear", "where is my parcel please"), (900, "say", "and when")),
        ("where is my parcel please", "and when"),
    ),
    "spoken over in the middle of the answer": Recording(
        ((300, "say", "tell me everything"), (4_000, "say", "no only the short version")),
        ("tell me everything", "no only the short version"),
        unheard=(0,),
    ),
    "spoken over twice, the second time at once": Recording(
        ((300, "say", "tell me everything"), (4_000, "say", "shorter"), (700, "say", "even shorter please")),
        ("tell me everything", "shorter", "even shorter please"),
        unheard=(0, 1),
    ),
    "a cough over the answer, then silence": Recording(
        ((300, "say", "tell me everything"), (4_000, "cough", "")), ("tell me everything",), unheard=(0,)
    ),
    "keys while the agent speaks, each before its interrupt": Recording(
        ((300, "say", "what do you need"), (4_000, "press", "4211#")), ("what do you need", NUMBER), unheard=(0,)
    ),
    "keys in silence, ended by a pause": Recording(((300, "press", "4211"),), (NUMBER,)),
    "the socket lost in the middle of an answer": Recording(
        ((300, "say", "one"), (4_000, "lose", ""), (0, "hear", "one"), (900, "say", "are you still there")),
        ("one", "are you still there"),
        sessions=2,
    ),
    "the socket lost twice": Recording(
        (
            (300, "say", "one"), (4_000, "lose", ""), (0, "hear", "one"),
            (900, "say", "two"), (4_000, "lose", ""), (0, "hear", "two"),
            (900, "say", "three"),
        ),
        ("one", "two", "three"),
        sessions=3,
    ),
    "hung up with the last word": Recording(
        ((300, "say", "tell me everything"), (0, "hang up", "")), ("tell me everything",), unheard=(0,), texts=1
    ),
    "hung up with the last key": Recording(
        ((300, "press", "4211"), (0, "hang up", "")), (NUMBER,), unheard=(0,), texts=1
    ),
}  # fmt: skip


def asked(request: dict[str, Any]) -> str:
    return str([item["content"] for item in request["input"] if item.get("role") == "user"][-1])


def answer(request: dict[str, Any]) -> Answer:
    return Answer(f"To {asked(request)!r} I say this. {REST}That is all about {asked(request)!r}.", gap=0.002)


def end_of(question: str) -> str:
    return f"That is all about {question!r}."


async def play(call: SimulatedCall, recording: Recording) -> None:
    """Do what the caller did, after a tenth of the recorded pauses."""
    await call.wait_silent()
    for pause, act, words in recording.acts:
        await asyncio.sleep(pause / 1000 / TIMES)
        match act:
            case "say":
                await call.say(words)
            case "hear":
                await call.wait_heard(end_of(words))
            case "cough":
                await call.interrupt()
            case "press":
                await call.press(words)
            case "lose":
                sessions = len(call.sessions)
                await call.drop()
                await call.wait_sessions(sessions + 1)
            case "hang up":
                await call.hang_up()


async def understood(it: Running, count: int) -> list[str]:
    conversation = await committed(it, count)
    return [str(item["content"]) for turn in conversation.history for item in turn.items if item.get("role") == "user"]


async def faults_of(folder: Path, recording: Recording, extra: dict[str, str]) -> list[str]:
    """Play a recording at a gateway of its own, and return what was not as it must be."""
    model = ModelServer(answer)
    async with running(folder, model, TWILIO_PHONE_NUMBER=OURS, **extra) as it:
        async with dial(it, speed=CHARS_PER_SECOND * TIMES) as call:
            await play(call, recording)
            wanted = [end_of(one) for place, one in enumerate(recording.asked) if place not in recording.unheard]
            for words in wanted:
                await call.wait_heard(words)
            told = await understood(it, len(recording.asked))
            heard = call.heard()
        if recording.texts:
            await it.hear(recording.texts)
        await until(lambda: len(it.gateway.calls) == 0)
        right = {
            "understood": told == list(recording.asked),
            "answered once": all(heard.count(words) == 1 for words in wanted),
            "texts": len(it.twilio.sent_to(JOHN)) == recording.texts,
            "sessions": len(call.sessions) == recording.sessions,
            "protocol": call.violations == [],
            "history": model.refused == [],
        }
    return [what for what, is_right in right.items() if not is_right]


@pytest.mark.parametrize("extra", [{}, EARLY], ids=["finals", "partials"])
async def test_recorded_calls_are_answered_once_and_remembered_as_they_were(
    tmp_path: Path, extra: dict[str, str]
) -> None:
    for place in range(len(RECORDINGS)):
        (tmp_path / str(place)).mkdir()
    found = await asyncio.gather(
        *(faults_of(tmp_path / str(place), one, extra) for place, one in enumerate(RECORDINGS.values()))
    )
    assert {name: faults for name, faults in zip(RECORDINGS, found, strict=True) if faults} == {}
