"""Two gateways over one store: what is to be said to a caller is said where their call is, once, and not texted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tandem.conversation import phrases
from tandem.model import Channel, ReplyStatus
from tandem.simulator.call import SimulatedCall

from ..kit.gateway import JOHN, OURS, Running, running, running_beside
from ..kit.model_server import Answer, ModelServer
from ..kit.sources import subject_of
from ..kit.waiting import PATIENCE, until
from .test_approvals import REFUND, STAFF, Desk
from .test_real_number import quiet
from .test_voice import dial

pytestmark = pytest.mark.promise("H12")

ASKED = [
    Answer(calls=[("process_refund", {"order_id": "12345", "amount": 139.97, "reason": "broken"})]),
    Answer("A colleague has to agree."),
]
OUTCOME = "Your refund is on its way."
LONG = "This is what you wanted to know about our returns. " * 10


@asynccontextmanager
async def two(
    folder: Path, here: ModelServer, there: ModelServer, place: dict[str, str]
) -> AsyncIterator[tuple[Running, Running, Desk]]:
    """Two gateways and a colleague who decides at the second; Twilio's requests go to the first.

    The first one is slow to take up what it only hears of, so that the second runs what it accepted.
    """
    env = {"TWILIO_PHONE_NUMBER": OURS, "LANE_LEASE_SECONDS": "2", "COALESCE_MS": "60000", **STAFF, **place}
    async with running(folder, here, **env) as one, running_beside(one, folder, there, COALESCE_MS="0") as other:
        headers = {"Authorization": "Bearer mia-token-123456789"}
        async with aiohttp.ClientSession(other.url, headers=headers) as session:
            yield one, other, Desk(session)


async def present(it: Running) -> None:
    """Wait until a gateway is known to hold John's call."""
    async with asyncio.timeout(PATIENCE):
        while (there := await it.store.present(subject_of())) is None or there.replica != it.gateway.engine.replica:
            await asyncio.sleep(0.005)


async def ways_told(it: Running) -> list[Channel]:
    """The channels on which the outcome left, once no reply waits any more."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = [row for row in await it.store.replies(subject_of()) if row.reply.text == OUTCOME]
            if found and all(row.status is not ReplyStatus.WAITING for row in found):
                return [row.reply.route.channel for row in found if row.status is not ReplyStatus.FAILED]
            await asyncio.sleep(0.01)


def times_told(call: SimulatedCall) -> int:
    return call.heard().count(OUTCOME)


async def test_decided_after_hanging_up_at_another_replica_it_is_texted_once(
    tmp_path: Path, shared_place: dict[str, str]
) -> None:
    there = ModelServer([Answer(OUTCOME)])
    async with two(tmp_path, ModelServer(ASKED), there, shared_place) as (one, other, desk):
        async with dial(one) as call:
            await call.ask(REFUND)
            waiting = await desk.waiting()
        await until(lambda: len(one.gateway.calls) == 0)
        await desk.decide(waiting, approved=True)
        assert await one.hear() == [OUTCOME]
        assert await ways_told(other) == [Channel.SMS]


@pytest.mark.promise("V16")
async def test_what_waited_at_one_replica_is_said_at_the_other_where_the_caller_is_back(
    tmp_path: Path, shared_place: dict[str, str]
) -> None:
    """The first gateway has the outcome in hand and waits for its own long answer to end when the line breaks."""
    here, there = ModelServer([*ASKED, Answer(LONG)]), ModelServer([Answer(OUTCOME)])
    async with two(tmp_path, here, there, shared_place) as (one, other, desk), dial(one, speed=100) as call:
        await call.wait_silent()
        await call.ask(REFUND)
        waiting = await desk.waiting()
        await call.say("tell me about returns")
        await call.wait_heard("about our returns")
        await desk.decide(waiting, approved=True)
        async with asyncio.timeout(PATIENCE):
            while not any(row.tries for row in await other.store.replies(subject_of()) if row.reply.text == OUTCOME):
                await asyncio.sleep(0.01)
        one.twilio.route = lambda: other.url
        await call.drop()
        await call.wait_sessions(2)
        await call.wait_heard(OUTCOME)
        assert await ways_told(other) == [Channel.VOICE]
        assert times_told(call) == 1
        assert one.twilio.sent_to(JOHN) == []
        names = [event.name for event in await other.store.timeline(subject_of())]
        assert "reply_sent_again" not in names


async def test_the_outcome_is_texted_when_nobody_comes_back_to_a_replica_that_died(
    tmp_path: Path, shared_place: dict[str, str]
) -> None:
    there = ModelServer([Answer(OUTCOME)])
    async with two(tmp_path, ModelServer(ASKED), there, shared_place) as (one, other, desk):
        async with dial(one) as call:
            await call.ask(REFUND)
            waiting = await desk.waiting()
        await until(lambda: len(one.gateway.calls) == 0)
        # What a replica leaves behind that is killed with a caller on the line.
        await other.store.presence(subject_of(), call="CA1", replica="killed", seconds=1.0)
        await desk.decide(waiting, approved=True)
        assert await one.hear() == [OUTCOME]
        assert await ways_told(other) == [Channel.SMS]


async def test_what_a_caller_says_is_answered_where_their_call_is(tmp_path: Path, shared_place: dict[str, str]) -> None:
    """The other replica is at work in the lane when they speak, and finds their words when it is done."""
    gate = asyncio.Event()
    here, there = ModelServer([*ASKED, Answer("We are open all day.")]), ModelServer([Answer(OUTCOME, gate=gate)])
    async with two(tmp_path, here, there, shared_place) as (one, other, desk), dial(one) as call:
        await call.ask(REFUND)
        await present(one)
        await desk.decide(await desk.waiting(), approved=True)
        await until(lambda: there.requests)
        await call.say("when are you open")
        async with asyncio.timeout(PATIENCE):
            while not any("when are you open" in str(one.entry) for one in await other.store.waiting(subject_of())):
                await asyncio.sleep(0.005)
        gate.set()
        await call.wait_heard("We are open all day.")
        await call.wait_heard(OUTCOME)
        assert await ways_told(other) == [Channel.VOICE]
        assert times_told(call) == 1
        assert len(there.requests) == 1
        assert one.twilio.sent_to(JOHN) == []


@pytest.mark.promise("F2", "S11")
async def test_a_stop_that_another_replica_takes_holds_the_answer_back(
    tmp_path: Path, shared_place: dict[str, str]
) -> None:
    gate, here = asyncio.Event(), ModelServer(())
    there = ModelServer([Answer(calls=[("order_status", {"order_id": "12345"})]), Answer(LONG, gate=gate)])
    async with two(tmp_path, here, there, shared_place) as (one, other, _):
        one.twilio.route = lambda: other.url
        await one.say("where is my order?")
        await until(lambda: len(there.requests) == 2)
        one.twilio.route = lambda: one.url
        await one.say("stop texting me")
        gate.set()
        await quiet(one)
        assert [message.body for message in one.twilio.sent_to(JOHN)] == [phrases.OPTED_OUT]
        items = (await one.conversation()).history[0].items
        assert [item.get("type") for item in items][1:3] == ["function_call", "function_call_output"]
    assert here.requests == []
