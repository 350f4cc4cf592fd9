"""Texts and calls of customers who are known at Segment or in a CRM, and outages there, which they do not notice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tandem.model import ReplyStatus
from tandem.simulator.wire import new_sid

from ..kit.customers import by_number, committed, knowing, known_at
from ..kit.faults import Trouble
from ..kit.gateway import JANE, JOHN, OURS, running
from ..kit.model_server import ModelServer
from ..kit.waiting import PATIENCE
from .test_approvals import REFUND, STAFF, Desk
from .test_text import echo, last_words
from .test_voice import dial

pytestmark = pytest.mark.promise("I1", "I3", "I5", "I6", "E3")

SOURCES = pytest.mark.parametrize("kind", ["segment", "crm"])


def said(model: ModelServer, number: int = -1) -> str:
    return str(model.inputs[number])


# --- everything is as with the telephone number ---------------------------------------------------------------


@SOURCES
async def test_a_text_is_answered_in_the_known_customer_s_lane(tmp_path: Path, kind: str) -> None:
    async with knowing(kind, tmp_path, ModelServer(echo)) as (it, known):
        assert await it.ask("hello") == "You said: hello"
        assert await it.ask("hello", sender=JANE) == "You said: hello"
        assert (await committed(it, known.subject(), 1)).turns_taken == 1
        assert (await committed(it, known.subject(JANE), 1)).turns_taken == 1
        assert await it.store.conversation(by_number()) is None


@pytest.mark.promise("I1a")
@SOURCES
async def test_text_and_call_are_one_conversation(tmp_path: Path, kind: str) -> None:
    model = ModelServer(echo)
    async with knowing(kind, tmp_path, model) as (it, known):
        await it.ask("this is written")
        async with dial(it) as call:
            assert await call.ask("this is spoken") == "You said: this is spoken"
        await committed(it, known.subject(), 2)
        await it.ask("written again")
    assert "this is written" in said(model, 1)
    assert "this is spoken" in said(model, 2)


@SOURCES
async def test_a_caller_is_greeted_at_once_and_known_when_they_speak(tmp_path: Path, kind: str) -> None:
    model = ModelServer(echo)
    async with knowing(kind, tmp_path, model, RESOLVER_TIMEOUT_MS="5000") as (it, known):
        known.source.trouble = Trouble.SLOW
        async with dial(it) as call:
            await call.wait_heard("Hello John!")
            known.source.release.set()
            assert await call.ask("hi") == "You said: hi"
            assert call.violations == []
        assert (await committed(it, known.subject(), 1)).turns_taken == 1
    assert "Hello John!" in said(model)


@SOURCES
async def test_what_becomes_of_a_reply_finds_its_lane(tmp_path: Path, kind: str) -> None:
    async with knowing(kind, tmp_path, ModelServer(echo)) as (it, known):
        await it.ask("hello")
        async with asyncio.timeout(PATIENCE):
            while [row.status for row in await it.store.replies(known.subject())] != [ReplyStatus.DELIVERED]:
                await asyncio.sleep(0.005)


@SOURCES
async def test_a_refund_waits_and_its_outcome_comes_by_text(tmp_path: Path, kind: str) -> None:
    async with knowing(kind, tmp_path, **STAFF) as (it, known), aiohttp.ClientSession(it.url, headers=mia()) as session:
        desk = Desk(session)
        await it.ask(REFUND)
        waiting = await desk.waiting()
        assert waiting["subjectId"] == known.subject()
        assert (await desk.decide(waiting, approved=True))[0] == 200
        assert "REF_" in (await it.hear(2))[1]


@SOURCES
async def test_a_lost_socket_comes_back_to_the_same_conversation(tmp_path: Path, kind: str) -> None:
    model = ModelServer(echo)
    async with knowing(kind, tmp_path, model) as (it, known), dial(it) as call:
        await call.ask("before")
        known.source.trouble = Trouble.FAILING
        await call.drop()
        await call.wait_sessions(2)
        await call.say("after")
        await call.wait_heard("You said: after")
        assert (await committed(it, known.subject(), 2)).turns_taken == 2
    assert "before" in said(model)


def mia() -> dict[str, str]:
    return {"Authorization": "Bearer mia-token-123456789"}


# --- the source is down ---------------------------------------------------------------------------------------


@pytest.mark.promise("I3a")
@SOURCES
@pytest.mark.parametrize("trouble", [Trouble.FAILING, Trouble.GARBAGE, Trouble.HALF_OPEN])
async def test_whatever_is_wrong_with_the_source_a_text_is_answered(
    tmp_path: Path, kind: str, trouble: Trouble
) -> None:
    async with knowing(kind, tmp_path, ModelServer(echo), RESOLVER_TIMEOUT_MS="50") as (it, known):
        known.source.trouble = trouble
        assert await it.ask("hello") == "You said: hello"
        assert await it.ask("hello", sender=JANE) == "You said: hello"
        known.source.release.set()


@pytest.mark.promise("I5b")
@SOURCES
async def test_an_outage_from_the_start_ends_in_one_conversation(tmp_path: Path, kind: str) -> None:
    """Served under the number first; joined with the first text after the source, or the gateway, is back."""
    model = ModelServer(echo)
    async with known_at(kind) as known:
        known.source.trouble = Trouble.FAILING
        async with running(tmp_path, model, **known.env) as it:
            await it.ask("during the outage")
            await committed(it, by_number(), 1)
            await settled(it)
        known.source.trouble = None
        async with running(tmp_path, model, **known.env) as it:
            await it.ask("afterwards")
            joined = await committed(it, known.subject(), 2)
            rows = [row.name for row in await it.store.timeline(known.subject())]
            left = await it.store.conversation(by_number())
    assert "during the outage" in said(model)
    assert [turn.number for turn in joined.history] == [1, 2]
    assert "joined" in rows
    assert left is None


async def settled(it: Any) -> None:
    """Wait until every reply of the number's lane was settled: an unsettled one keeps its lane where it is."""
    async with asyncio.timeout(PATIENCE):
        while any(row.status is ReplyStatus.WAITING for row in await it.store.replies(by_number())):
            await asyncio.sleep(0.005)


@pytest.mark.promise("I5b")
@SOURCES
async def test_a_message_delivered_again_after_the_outage_is_not_answered_again(tmp_path: Path, kind: str) -> None:
    """The two deliveries name two lanes."""
    model, sid = ModelServer(echo), new_sid("SM")
    async with known_at(kind) as known:
        known.source.trouble = Trouble.FAILING
        async with running(tmp_path, model, **known.env) as it:
            await it.say("once", sid=sid)
            await it.hear()
        known.source.trouble = None
        async with running(tmp_path, model, **known.env) as it:
            assert await it.say("once", sid=sid) == 200
            assert await it.ask("twice") == "You said: twice"
    assert [last_words(request) for request in model.requests] == ["once", "twice"]


@pytest.mark.promise("I5a")
@SOURCES
async def test_an_outage_in_the_middle_of_a_call_is_not_heard_and_the_customer_stays_the_same(
    tmp_path: Path, kind: str
) -> None:
    model = ModelServer(echo)
    async with knowing(kind, tmp_path, model) as (it, known):
        async with dial(it) as call:
            assert await call.ask("one") == "You said: one"
            known.source.trouble = Trouble.HALF_OPEN
            assert await call.ask("two") == "You said: two"
        assert await it.ask("three") == "You said: three"
        assert (await committed(it, known.subject(), 3)).turns_taken == 3
    assert "one" in said(model)


@SOURCES
async def test_a_call_that_began_in_an_outage_is_joined_when_it_is_over(tmp_path: Path, kind: str) -> None:
    model = ModelServer(echo)
    async with known_at(kind) as known:
        known.source.trouble = Trouble.FAILING
        async with running(tmp_path, model, **known.env) as it:
            async with dial(it) as call:
                assert await call.ask("spoken in the outage") == "You said: spoken in the outage"
            await committed(it, by_number(), 1)
        known.source.trouble = None
        async with running(tmp_path, model, **known.env) as it:
            await it.ask("afterwards")
            await committed(it, known.subject(), 2)
    assert "spoken in the outage" in said(model)


async def test_a_request_that_waits_moves_with_its_customer(tmp_path: Path, place: dict[str, str]) -> None:
    async with known_at("crm", **place) as known:
        known.source.trouble = Trouble.FAILING
        async with running(tmp_path, **STAFF, **known.env) as it:
            await it.ask(REFUND)
            await settled(it)
        known.source.trouble = None
        async with (
            running(tmp_path, **STAFF, **known.env) as it,
            aiohttp.ClientSession(it.url, headers=mia()) as session,
        ):
            desk = Desk(session)
            await it.ask("hello again")
            await committed(it, known.subject(), 2)
            (waiting,) = await desk.approvals()
            assert waiting["subjectId"] == known.subject()
            assert (await desk.decide(waiting, approved=True))[0] == 200
            assert "REF_" in (await it.hear(2))[1]


# --- what the source says -------------------------------------------------------------------------------------


@pytest.mark.promise("I6b")
@SOURCES
async def test_what_is_known_reaches_the_model_and_no_log(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    model = ModelServer(echo)
    async with knowing(kind, tmp_path, model) as (it, known):
        await it.ask("hello")
        known.source.trouble = Trouble.GARBAGE
        await it.ask("hello", sender=JANE)
    assert "Platinum-canary" in str(model.requests[0])
    assert "Platinum-canary" not in str(model.requests[1])
    told = "".join(capfd.readouterr())
    assert "turn_ended" in told
    assert "identity_lookup_failed" in told
    for secret in ("canary", "john-1", "5551234567", "Johann"):
        assert secret not in told


@pytest.mark.parametrize("came", ["userId=u7", "user_id=u7"])
async def test_a_user_id_in_the_signed_address_names_the_customer_of_texts_and_calls(tmp_path: Path, came: str) -> None:
    async with knowing("crm", tmp_path, ModelServer(echo)) as (it, known):
        known.source.by["userId"]["u7"] = {"id": "seven"}  # type: ignore[attr-defined]
        form = {"MessageSid": new_sid("SM"), "From": JOHN, "To": OURS, "Body": "hello"}
        assert (await it.twilio.post(f"/sms?{came}", form)).status == 200
        assert await it.hear() == ["You said: hello"]
        assert (await committed(it, "crm_seven", 1)).turns_taken == 1


@SOURCES
async def test_status_says_what_is_configured(tmp_path: Path, kind: str) -> None:
    async with (
        knowing(kind, tmp_path, SEGMENT_WRITE_KEY="key", SEGMENT_API_URL="http://127.0.0.1:9") as (it, _),
        aiohttp.ClientSession(it.url) as session,
        session.get("/status") as response,
    ):
        told = (await response.json())["configuration"]
    assert told["subjectResolver"] == kind
    assert told["segmentConfigured"] is True
    assert told["segmentProfileApiConfigured"] is (kind == "segment")


# --- settings -------------------------------------------------------------------------------------------------


async def test_resolver_timeout_ms_is_how_long_a_text_waits(tmp_path: Path) -> None:
    async with knowing("crm", tmp_path, ModelServer(echo), RESOLVER_TIMEOUT_MS="20") as (it, known):
        known.source.trouble = Trouble.SLOW
        await it.ask("not waited for")
        await committed(it, by_number(), 1)
        known.source.release.set()
    async with knowing("crm", tmp_path / "b", ModelServer(echo), RESOLVER_TIMEOUT_MS="5000") as (it, known):
        known.source.trouble = Trouble.SLOW
        asking = asyncio.create_task(it.ask("waited for"))
        await known.source.wait_asked(1)
        known.source.release.set()
        await asking
        assert (await committed(it, known.subject(), 1)).turns_taken == 1


async def test_crm_api_key_is_what_the_crm_is_asked_with(tmp_path: Path) -> None:
    async with known_at("crm", CRM_API_KEY="wrong") as known, running(tmp_path, ModelServer(echo), **known.env) as it:
        await it.ask("hello")
        assert (await committed(it, by_number(), 1)).turns_taken == 1
        assert known.source.asked[0][1] == "Bearer wrong"


@pytest.mark.parametrize(
    "wrong", [{"SEGMENT_SPACE_ID": "another"}, {"SEGMENT_PROFILE_API_TOKEN": "another"}], ids=["space", "token"]
)
async def test_segment_settings_decide_whom_it_knows(tmp_path: Path, wrong: dict[str, str]) -> None:
    async with knowing("segment", tmp_path, ModelServer(echo), **wrong) as (it, known):
        assert await it.ask("hello") == "You said: hello"
        assert await it.store.conversation(known.subject()) is None
