"""A turn that is begun before the caller has finished is invisible, unless it turns out to be the right one."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.conversation.base import TurnRequest, TurnResult
from tandem.conversation.speech_stream import SpeechStream
from tandem.entries import Entry, SpokenPrompt, TextReceived
from tandem.model import Channel, Route

from ...kit.engine import JOHN, ROUTE, Lab, answer, lab
from ...kit.waiting import PATIENCE, until

VOICE = Route(Channel.VOICE, ROUTE.customer, ROUTE.ours)


@dataclass
class Agent:
    """Says the words of what it was asked one by one, and is told when it may go on."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    async def __call__(self, request: TurnRequest) -> TurnResult:
        said = request.texts[-1]
        self.begun.append(said)
        try:
            if request.steering.speech is not None:
                request.steering.speech.say(f"Of {said}:")
            await self.go.wait()
            if request.steering.speech is not None:
                request.steering.speech.say(" enough.")
        except asyncio.CancelledError:
            self.cancelled.append(said)
            raise
        self.ended.append(said)
        return answer(request, f"Of {said}: enough.")


class Caller:
    """A call as the engine sees it."""

    def __init__(self, it: Lab) -> None:
        self._it = it
        self._number = 0
        self._early: tuple[str, SpeechStream] | None = None
        self.heard: list[str] = []

    def _speech(self) -> SpeechStream:
        return SpeechStream(JOHN, self.heard.append, lambda: None, first_token_timeout=30)

    @property
    def _key(self) -> str:
        return f"CA1:{self._number}"

    def partial(self, text: str) -> None:
        self._early = text, self._speech()
        self._it.engine.begin_early(JOHN, self._key, SpokenPrompt(VOICE, "CA1", text), self._early[1])

    async def final(self, text: str) -> SpeechStream:
        early, self._early = self._early, None
        if early is None or early[0] != text:
            self._it.engine.drop_early(JOHN)
            early = None
        speech = early[1] if early else self._speech()
        self._it.engine.speeches[self._key] = speech
        await self._it.engine.hear(JOHN, [Entry(self._key, SpokenPrompt(VOICE, "CA1", text))])
        self._number += 1
        return speech


async def over(speech: SpeechStream) -> None:
    await asyncio.wait_for(speech.done.wait(), PATIENCE)


async def rows(it: Lab) -> list[object]:
    return [row.data.get("preemptive") for row in await it.store.timeline(JOHN) if row.name == "turn"]


async def test_the_same_words_make_it_the_turn_and_what_it_said_leaves_at_once(tmp_path: Path) -> None:
    agent = Agent()
    async with lab(tmp_path, agent) as it:
        caller = Caller(it)
        caller.partial("socks")
        await until(lambda: agent.begun)
        assert (caller.heard, await it.store.conversation(JOHN)) == ([], None)
        speech = await caller.final("socks")
        await until(lambda: caller.heard)
        assert caller.heard == ["Of socks:"]  # the model still thinks
        agent.go.set()
        await over(speech)
        assert "".join(caller.heard) == "Of socks: enough."
        assert agent.begun == ["socks"]
        assert await rows(it) == [{"hit": True, "missed": 0, "tokens_in_vain": 0}]
        found = await it.store.conversation(JOHN)
    assert found is not None
    assert [item["content"] for item in found.history[0].items] == ["socks", "Of socks: enough."]


async def test_other_words_cancel_it_and_nothing_of_it_is_heard_or_stored(tmp_path: Path) -> None:
    agent = Agent()
    async with lab(tmp_path, agent) as it:
        caller = Caller(it)
        for partial in ("so", "socks"):
            caller.partial(partial)
            await until(lambda partial=partial: agent.begun[-1:] == [partial])  # type: ignore[misc]
        agent.go.set()
        await until(lambda: agent.ended)
        await over(await caller.final("socks and shoes"))
        found = await it.store.conversation(JOHN)
        assert await rows(it) == [{"hit": False, "missed": 2, "tokens_in_vain": 3}]
    assert "".join(caller.heard) == "Of socks and shoes: enough."
    assert agent.cancelled == ["so"]
    assert found is not None
    assert found.turns_taken == 1


@pytest.mark.parametrize("between", ["begun", "ended"])
async def test_a_text_between_partial_and_final_is_known_to_the_answer(tmp_path: Path, between: str) -> None:
    agent = Agent()
    agent.go.set()
    async with lab(tmp_path, agent) as it:
        caller = Caller(it)
        caller.partial("socks")
        await until(lambda: getattr(agent, between))
        await it.engine.accept(JOHN, [Entry("SM1", TextReceived(ROUTE, "and shoes"))], token="t")
        await it.sender.texts(1)
        await over(await caller.final("socks"))
        asked = it.runner.requests[-1]
    assert [turn.items[0]["content"] for turn in asked.conversation.history] == ["and shoes"]
    assert "".join(caller.heard) == "Of socks: enough."


WORDS = st.sampled_from(["a", "a b", "a b c", "b"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["partial", "final", "pause"]), WORDS), max_size=10))
def test_no_word_of_a_wrong_answer_is_ever_heard(steps: list[tuple[str, str]]) -> None:
    async def call() -> None:
        agent = Agent()
        agent.go.set()
        with tempfile.TemporaryDirectory() as folder:
            async with lab(Path(folder), agent) as it:
                caller, asked = Caller(it), list[str]()
                for what, text in steps:
                    if what == "partial":
                        caller.partial(text)
                    elif what == "final":
                        asked.append(text)
                        await over(await caller.final(text))
                    else:
                        await asyncio.sleep(0)
                found = await it.store.conversation(JOHN)
        assert "".join(caller.heard) == "".join(f"Of {text}: enough." for text in asked)
        history = found.history if found else ()
        assert [turn.items[0]["content"] for turn in history] == asked

    asyncio.run(call())
