"""An engine beside another one that has the caller: it leaves to that one what only that one can say."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.conversation.delivery import CALL_MOVED
from tandem.entries import Entry, SpokenPrompt, TextReceived
from tandem.model import Channel, ReplyStatus, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.persistence.values import Claim, Due

from ...kit.engine import JOHN, ROUTE, SHORT_LEASE, Lab, lab
from ...kit.waiting import PATIENCE, until

pytestmark = pytest.mark.promise("H12")

VOICE = replace(ROUTE, channel=Channel.VOICE)
CALL = "CA1"


async def move(it: Lab, *, seconds: float = 60.0) -> None:
    """Let another replica have the call."""
    await it.store.presence(JOHN, call=CALL, replica="other", seconds=seconds)


async def answered(it: Lab) -> bool:
    return bool(await it.store.replies(JOHN))


async def test_a_reply_for_a_call_elsewhere_is_left_there(tmp_path: Path) -> None:
    async with lab(tmp_path) as it:
        await move(it)
        await it.text("SM1", "tell me on the phone", route=VOICE)
        await until(lambda: answered(it))
        outgoing = await it.store.next_reply(JOHN, Channel.VOICE, holder="h", seconds=5, replica="other")
        assert outgoing is not None
        assert (outgoing.reply.text, outgoing.tries) == ("You said: tell me on the phone", 1)
    assert it.sender.sent == []


async def test_a_reply_that_nobody_came_for_is_delivered_here(tmp_path: Path) -> None:
    async with lab(tmp_path) as it:
        await move(it, seconds=0.3)
        await it.text("SM1", "tell me on the phone", route=VOICE)
        assert await it.sender.texts(1) == ["You said: tell me on the phone"]


async def test_a_reply_in_hand_is_given_back_when_the_caller_is_elsewhere(tmp_path: Path) -> None:
    async with lab(tmp_path, lease=SHORT_LEASE) as it:
        it.sender.gate = asyncio.Event()
        await it.text("SM1", "tell me on the phone", route=VOICE)

        async def in_hand() -> bool:
            return [row.tries for row in await it.store.replies(JOHN)] == [1]

        async def given_back() -> bool:
            return [row.error_code for row in await it.store.replies(JOHN)] == [CALL_MOVED]

        await until(in_hand)
        await move(it)
        await until(given_back)
        it.sender.gate.set()
        outgoing = await it.store.next_reply(JOHN, Channel.VOICE, holder="h", seconds=5, replica="other")
        assert outgoing is not None
        (row,) = await it.store.replies(JOHN)
    assert row.status is ReplyStatus.WAITING
    assert it.sender.sent == []


async def test_what_was_given_back_is_said_without_a_warning_when_the_caller_returns(tmp_path: Path) -> None:
    async with lab(tmp_path, lease=SHORT_LEASE) as it:
        it.sender.gate = asyncio.Event()
        await it.text("SM1", "tell me on the phone", route=VOICE)
        await until(lambda: answered(it))
        await move(it)

        async def given_back() -> bool:
            return [row.error_code for row in await it.store.replies(JOHN)] == [CALL_MOVED]

        await until(given_back)
        it.sender.gate.set()
        await it.store.presence(JOHN, call=CALL, replica=it.engine.replica, seconds=60)
        it.engine.arrived(JOHN)
        await it.sender.texts(1)
        events = await it.store.timeline(JOHN)
    assert "reply_sent_again" not in [event.name for event in events]
    assert len(it.sender.looked_for) == 0


async def say(it: Lab) -> None:
    """Bring what a caller said into the lane, as the replica that has the call does."""
    await it.engine.accept(JOHN, [Entry("prompt", SpokenPrompt(VOICE, CALL, "hello"))], token="t")


class Watched:
    """A store of which is known how often a lane was given back."""

    def __init__(self, store: LaneStore) -> None:
        self._store = store
        self.released = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def release(self, claim: Claim, *, forgive: bool = False) -> None:
        await self._store.release(claim, forgive=forgive)
        self.released.set()


async def test_what_a_caller_elsewhere_says_is_left_to_be_answered_there(tmp_path: Path) -> None:
    watched: list[Watched] = []

    def watch(store: LaneStore) -> Any:
        watched.append(Watched(store))
        return watched[0]

    async with lab(tmp_path, wrap=watch) as it:
        await move(it)
        await say(it)
        await asyncio.wait_for(watched[0].released.wait(), PATIENCE)
        (waiting,) = await it.store.waiting(JOHN)
    assert waiting.tries == 0
    assert it.runner.requests == []


async def test_it_is_answered_here_once_the_other_replica_is_gone(tmp_path: Path) -> None:
    async with lab(tmp_path) as it:
        await move(it, seconds=0.3)
        await say(it)
        assert await it.sender.texts(1) == ["You said: hello"]


class Counted:
    """A store of which is known whose work it was asked for; nothing that others left is found in it."""

    def __init__(self, store: LaneStore) -> None:
        self._store = store
        self.asked: list[SubjectId] = []

    def __getattr__(self, name: str) -> Any:
        if name in ("claim", "next_reply"):
            return self._noted(getattr(self._store, name))
        return getattr(self._store, name)

    def _noted(self, ask: Any) -> Any:
        def noted(subject: SubjectId, *given: Any, **named: Any) -> Any:
            self.asked.append(subject)
            return ask(subject, *given, **named)

        return noted

    async def due(self, **bounds: Any) -> Due:
        return Due((), ())


async def test_what_another_replica_accepts_is_no_work_here(tmp_path: Path) -> None:
    """Else each replica more would make every text of all the others dearer. A hint is for who has the caller."""
    jane, mark = SubjectId("phone_15551230000"), SubjectId("phone_15551230001")
    seen: list[Counted] = []

    def count(store: LaneStore) -> Any:
        seen.append(Counted(store))
        return seen[0]

    async with lab(tmp_path, wrap=count) as it, open_file_store(tmp_path) as other:
        (counted,) = seen

        async def is_heard() -> bool:
            await other.notify(JOHN)
            return counted.asked.count(JOHN) > 1

        it.engine.arrived(JOHN)
        it.engine.arrived(mark)
        await until(lambda: mark in counted.asked)
        await until(is_heard)
        counted.asked.clear()
        await other.accept(jane, [Entry("SM1", TextReceived(ROUTE, "hello"))], token="t")
        await other.notify(jane)
        await other.notify(mark)  # heard after the other hint
        await until(lambda: mark in counted.asked)
    assert jane not in counted.asked
