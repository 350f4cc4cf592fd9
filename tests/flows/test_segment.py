"""A gateway and Segment: what it is told of conversations, and somebody anonymous who becomes known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tandem.model import SubjectId
from tandem.simulator.wire import new_sid

from ..kit.customers import by_number, committed, knowing, known_at
from ..kit.faults import Trouble
from ..kit.gateway import JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.segment_server import WRITE_KEY, Person, SegmentServer
from ..kit.waiting import PATIENCE
from .test_approvals import REFUND, STAFF, Desk
from .test_text import echo
from .test_voice import dial

pytestmark = pytest.mark.promise("I6", "E1")

STRANGER = "+14155550123"


@asynccontextmanager
async def telling(folder: Path, *args: Any, **extra: str) -> AsyncIterator[tuple[Running, SegmentServer]]:
    """Run a gateway that knows its customers from Segment, and tells it what happens."""
    async with known_at("segment") as known:
        env = known.env | {"SEGMENT_WRITE_KEY": WRITE_KEY, "SEGMENT_API_URL": known.env["SEGMENT_PROFILE_API_URL"]}
        async with running(folder, *args, **env, **extra) as it:
            assert isinstance(known.source, SegmentServer)
            yield it, known.source


def names(server: SegmentServer) -> list[str]:
    return [one.get("event", one["type"]) for one in server.events]


async def test_a_conversation_is_told_from_start_to_end(tmp_path: Path) -> None:
    model = ModelServer([
        Answer(calls=[("order_status", {"order_id": "12345"})]),
        Answer("It has shipped."),
        Answer("Yes."),
        Answer("Goodbye."),
    ])  # fmt: skip
    async with telling(tmp_path, model) as (it, server):
        await it.ask("where is order 12345? canary")
        async with dial(it) as call:
            await call.ask("really")
        await committed(it, SubjectId("segment_user_john-1"), 2)
        await it.ask("thanks, bye")
    assert names(server) == [
        "identify", "Conversation Started", "Tool Used", "Conversation Ended",
    ]  # fmt: skip
    assert {one["userId"] for one in server.events} == {"john-1"}
    assert server.of("identify")[0]["traits"] == {"phone": JOHN}
    assert "canary" not in str([{**one, "context": {}} for one in server.events])


async def test_what_waits_for_people_is_told(tmp_path: Path) -> None:
    async with telling(tmp_path, **STAFF) as (it, server):
        headers = {"Authorization": "Bearer mia-token-123456789"}
        async with aiohttp.ClientSession(it.url, headers=headers) as session:
            desk = Desk(session)
            await it.ask(REFUND)
            await desk.decide(await desk.waiting(), approved=True)
            await it.hear(2)
            await it.ask("I want to talk to a person")
    told = names(server)
    assert told.count("Approval Requested") == told.count("Approval Decided") == 1
    assert told.count("Conversation Escalated") == 1
    assert told.count("identify") == 1


async def test_without_a_write_key_nothing_is_told(tmp_path: Path) -> None:
    async with knowing("segment", tmp_path, ModelServer(echo)) as (it, known):
        await it.ask("hello")
    assert isinstance(known.source, SegmentServer)
    assert known.source.batches == 0


async def test_whoever_does_not_want_to_be_tracked_is_not(tmp_path: Path) -> None:
    async with telling(tmp_path, ModelServer(echo)) as (it, server):
        server.people = [Person({"doNotTrack": True}, (("phone", JOHN), ("user_id", "john-1")))]
        await it.ask("hello")
        assert (await committed(it, SubjectId("segment_user_john-1"), 1)).turns_taken == 1
    assert server.events == []


async def test_an_outage_of_segment_tells_nothing_and_costs_nothing(tmp_path: Path) -> None:
    async with telling(tmp_path, ModelServer(echo), RESOLVER_TIMEOUT_MS="50") as (it, server):
        server.trouble = Trouble.FAILING
        assert await it.ask("hello") == "You said: hello"
        assert (await committed(it, by_number(), 1)).turns_taken == 1
        server.trouble = None
    assert server.events == []


async def write(it: Running, query: str, text: str) -> None:
    """Text the gateway at an address with a query, as a flow at the provider does."""
    before = len(it.twilio.sent_to(STRANGER))
    form = {"MessageSid": new_sid("SM"), "From": STRANGER, "To": OURS, "Body": text}
    assert (await it.twilio.post(f"/sms?{query}", form)).status == 200
    await it.twilio.wait_for(STRANGER, before + 1)


@pytest.mark.promise("I6a")
async def test_somebody_anonymous_becomes_known_by_a_user_id_and_the_conversation_moves(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with telling(tmp_path, model) as (it, server):
        server.people.append(Person({"tier": "gold"}, (("user_id", "ada"),)))
        await write(it, "anonymousId=web-1", "as a visitor")
        await committed(it, SubjectId("segment_web-1"), 1)
        await write(it, "anonymousId=web-1&userId=ada", "as a customer")
        await committed(it, SubjectId("segment_user_ada"), 2)
        assert await it.store.conversation(SubjectId("segment_web-1")) is None
    (alias,) = server.of("alias")
    assert (alias["previousId"], alias["userId"]) == ("web-1", "ada")
    assert "as a visitor" in str(model.inputs[1])
    assert [one["anonymousId"] for one in server.of("track", "Conversation Started")] == ["web-1"]


@pytest.mark.promise("I6a")
async def test_somebody_unknown_becomes_known_by_a_later_profile(tmp_path: Path) -> None:
    """After the five minutes of the cache; here, after a restart."""
    model = ModelServer(echo)
    async with known_at("segment") as known:
        env = known.env | {"SEGMENT_WRITE_KEY": WRITE_KEY, "SEGMENT_API_URL": known.env["SEGMENT_PROFILE_API_URL"]}
        server = known.source
        assert isinstance(server, SegmentServer)
        async with running(tmp_path, model, **env) as it:
            await it.ask("before", sender=STRANGER)
            (head,) = (await it.store.recent(limit=5)).items
            async with asyncio.timeout(PATIENCE):
                while (await it.store.counts()).oldest_unsettled_reply_seconds:
                    await asyncio.sleep(0.005)
        server.people.append(Person({}, (("phone", STRANGER), ("user_id", "ada"))))
        async with running(tmp_path, model, **env) as it:
            await it.ask("afterwards", sender=STRANGER)
            await committed(it, SubjectId("segment_user_ada"), 2)
    (alias,) = server.of("alias")
    assert f"segment_{alias['previousId']}" == head.subject
    assert "before" in str(model.inputs[1])


@pytest.mark.parametrize("came", ["userId=ada", "user_id=ada&campaign=spring"])
async def test_a_user_id_reaches_a_call_by_its_parameter_and_survives_a_lost_socket(tmp_path: Path, came: str) -> None:
    async with telling(tmp_path, ModelServer(echo)) as (it, server):
        server.people.append(Person({}, (("user_id", "ada"),)))
        async with dial(it, STRANGER, voice=f"/voice?{came}") as call:
            assert await call.ask("one") == "You said: one"
            await call.drop()
            await call.wait_sessions(2)
            await call.say("two")
            await call.wait_heard("You said: two")
        assert (await committed(it, SubjectId("segment_user_ada"), 2)).turns_taken == 2
