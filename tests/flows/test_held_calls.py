"""Callers while staff hold the agent, and what staff do during a call."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tandem.conversation import phrases

from ..kit.colleague import JOHNS_ID, Colleague, entries, staffed
from ..kit.model_server import Answer, ModelServer
from ..kit.waiting import PATIENCE
from .test_voice import dial, echo

pytestmark = pytest.mark.promise("E2")


async def test_a_caller_hears_that_a_colleague_has_taken_over(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with staffed(tmp_path, model) as (it, mia):
        async with dial(it) as call:
            assert await call.ask("hello") == "You said: hello"
            await mia.post(f"/conversations/{JOHNS_ID}/pause")
            assert await call.ask("where is my order") == phrases.HELD
            assert await call.ask("anybody there") == phrases.HELD
            live = await mia.until(lambda one: len(one["transcript"]) == 3)
            listed = (await mia.get("/conversations"))["conversations"][0]
            await mia.post(f"/conversations/{JOHNS_ID}/messages", {"text": "I call you back at three."})
            texts = await it.hear(1)
        ended = await mia.until(lambda one: not one["liveCall"])
    assert len(model.inputs) == 1
    assert (live["liveCall"], listed["liveCall"], ended["liveCall"]) == (True, True, False)
    assert texts == ["I call you back at three."]
    (ticket,) = live["tickets"]
    assert (ticket["priority"], ticket["description"]) == ("high", "where is my order")
    said = [one["text"] for one in entries(live) if one["kind"] == "customer"]
    assert said == ["hello", "where is my order", "anybody there"]


@pytest.mark.promise("E5")
async def test_an_answer_that_the_caller_spoke_over_is_marked(tmp_path: Path) -> None:
    long = "red orange yellow green blue indigo violet black white grey brown pink gold silver purple turquoise"
    model = ModelServer([Answer(long, gap=0.4), Answer("Yes?")])
    async with staffed(tmp_path, model) as (it, mia), dial(it, speed=120) as call:
        await call.wait_silent()
        await call.say("name all colours")
        await call.wait_heard("yellow")
        await call.barge_in("stop please")
        assert await call.wait_answer() == "Yes?"
        shown = await mia.until(lambda one: len(one["transcript"]) == 2)
    greeting, cut, whole = [one for one in entries(shown) if one["kind"] == "agent"]
    assert greeting["text"].startswith("Hello")
    assert [one["interrupted"] for one in (greeting, cut, whole)] == [False, True, False]
    assert long.startswith(cut["text"])
    turn = next(row for row in shown["timeline"] if row["name"] == "turn" and row["turn"] == 2)
    assert turn["data"]["first_words_seconds"] > 0
    assert turn["data"]["model_seconds"] > 0


async def test_the_desk_is_told_when_a_call_begins_and_ends(tmp_path: Path) -> None:
    async with staffed(tmp_path, ModelServer(echo)) as (it, mia):
        await it.ask("hello")
        await mia.until(lambda one: one["replies"][-1]["status"] == "delivered")
        headers = {"Authorization": "Bearer mia-token-123456789"}
        async with (
            asyncio.timeout(PATIENCE),
            aiohttp.ClientSession(it.url, headers=headers) as session,
            session.get("/staff/events") as stream,
        ):
            async with dial(it):
                during = await _told_that(stream, mia, live=True)
            after = await _told_that(stream, mia, live=False)
    assert (during, after) == (True, True)


async def _told_that(stream: aiohttp.ClientResponse, mia: Colleague, *, live: bool) -> bool:
    """Look each time something is told, until the call is shown as it is."""
    while line := await stream.content.readline():
        if line.startswith(b"data:") and (await mia.shown())["liveCall"] is live:
            return True
    return False
