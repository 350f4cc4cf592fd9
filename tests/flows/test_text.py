"""A signed text becomes one durable turn and one answer, over real HTTP on every side."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tandem.conversation import phrases
from tandem.simulator.wire import new_sid

from ..kit.gateway import JANE, JOHN, OURS, TOKEN, running
from ..kit.model_server import Answer, ModelServer
from ..kit.sources import everywhere

pytestmark = [pytest.mark.usefixtures("known"), pytest.mark.promise("S2", "A10", "A14")]


def last_words(request: dict[str, Any]) -> str:
    """What the customer said last in a model request."""
    return str([item["content"] for item in request["input"] if item.get("role") == "user"][-1])


def echo(request: dict[str, Any]) -> Answer:
    """Answer with what was said last."""
    return Answer(f"You said: {last_words(request)}")


@pytest.mark.promise("S1")
async def test_a_text_is_answered_from_the_number_that_was_texted(tmp_path: Path) -> None:
    model = ModelServer([Answer("Hello John.")])
    async with running(tmp_path, model) as it:
        assert await it.ask("hello") == "Hello John."
        (message,) = it.twilio.sent_to(JOHN)
    assert message.from_ == OURS
    assert model.refused == []


@pytest.mark.promise("S3")
async def test_a_text_is_acknowledged_while_the_model_still_thinks(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with running(tmp_path, ModelServer([Answer("done", gate=gate)])) as it:
        assert await it.say("hello") == 200
        assert it.twilio.sent_to(JOHN) == []
        gate.set()
        assert await it.hear() == ["done"]


@pytest.mark.promise("S4", "S6")
async def test_a_model_that_fails_is_apologised_for_without_internals(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer([Answer(status=400), Answer("Back again.")])) as it:
        assert await it.ask("hello") == phrases.FAILURE
        assert await it.ask("and now?") == "Back again."
        conversation = await it.conversation()
    assert conversation.history[0].items[-1] == {"role": "assistant", "content": phrases.FAILURE}


async def test_a_model_that_hangs_is_cut_off_and_apologised_for(tmp_path: Path) -> None:
    model = ModelServer(lambda _: Answer("too late", gate=asyncio.Event()))
    async with running(tmp_path, model, STREAM_TIMEOUT_MS="50") as it:
        assert await it.ask("hello") == phrases.FAILURE


@pytest.mark.promise("S5")
async def test_blank_and_too_long_texts_get_their_sentence_and_no_model_call(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it:
        assert await it.ask("   ") == phrases.EMPTY
        assert await it.ask("x" * 1001) == "That message is too long for me. Please keep it under 1,000 characters."
        assert model.requests == []
        assert (await it.conversation()).history == ()
        assert (await it.ask("y" * 1000)).startswith("You said: yyy")


@pytest.mark.promise("S5")
async def test_a_too_long_text_in_a_burst_does_not_spoil_the_others(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model, COALESCE_MS="1500") as it:
        await asyncio.gather(it.say("first"), it.say("x" * 1001))
        heard = await it.hear(2)
    assert sorted(heard) == [
        "That message is too long for me. Please keep it under 1,000 characters.",
        "You said: first",
    ]
    assert len(model.requests) == 1


@pytest.mark.promise("S8")
async def test_a_message_delivered_many_times_is_one_turn_and_one_reply(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it:
        sid = new_sid("SM")
        answers = await it.twilio.text(JOHN, "once", to=OURS, sid=sid, deliveries=5)
        assert [answer.status for answer in answers] == [200] * 5
        await it.hear()
        assert await it.say("once", sid=sid) == 200
        assert await it.ask("twice") == "You said: twice"
    assert [last_words(request) for request in model.requests] == ["once", "twice"]
    assert it.twilio.creates == 2


@pytest.mark.promise("S10")
async def test_a_burst_is_one_turn_and_one_answer(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model, COALESCE_MS="2000") as it:
        for number in range(5):
            await it.say(f"part {number}")
        assert await it.hear() == ["You said: part 4"]
    (request,) = model.requests
    said = [item["content"] for item in request["input"] if item.get("role") == "user"]
    assert said == [f"part {number}" for number in range(5)]


@pytest.mark.promise("S10")
async def test_without_coalescing_each_text_is_one_turn_in_order(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it:
        for number in range(5):
            await it.say(f"part {number}")
        assert await it.hear(5) == [f"You said: part {number}" for number in range(5)]
    assert [last_words(request) for request in model.requests] == [f"part {number}" for number in range(5)]


async def test_customers_never_mix(tmp_path: Path) -> None:
    model = ModelServer(echo)
    customers = [f"+1555000{number:04d}" for number in range(20)]
    async with running(tmp_path, model) as it:
        await asyncio.gather(*(it.say(f"{c} says {n}", sender=c) for n in range(3) for c in customers))
        for customer in customers:
            heard = await it.hear(3, number=customer)
            assert all(customer in text for text in heard)
    assert len(model.requests) == 60
    for request in model.requests:
        said = [item["content"] for item in request["input"] if item.get("role") == "user"]
        assert len({text.split(" ")[0] for text in said}) == 1


@pytest.mark.promise("P3")
async def test_a_restart_keeps_the_conversation(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it:
        await it.ask("my dog is called Rex")
        await it.twilio.settle()  # else the first reply is in hand, for a lease of a minute
    async with running(tmp_path, model, twilio=it.twilio) as again:
        await again.ask("what is my dog called?")
    assert "Rex" in str(model.requests[-1]["input"])


@pytest.mark.promise("P10")
async def test_the_window_keeps_model_input_bounded(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model, HISTORY_MAX_ITEMS="12") as it:
        for number in range(20):
            await it.ask(f"turn {number}")
    # The window and the new text, with what came before in short and the customer's profile.
    assert max(len(request["input"]) for request in model.requests) <= 12 + 1 + 2


async def test_the_offline_model_serves_its_own_customer_only(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        assert "shipped" in (await it.ask("where is my order 12345?")).lower()
        assert "TRK_ABC123" in await it.ask("and the tracking number?")
        stranger = await it.ask("where is order 12345?", sender=JANE)
    assert "shipped" not in stranger.lower()
    assert "TRK_ABC123" not in stranger


@pytest.mark.promise("S7")
async def test_a_long_answer_leaves_as_messages_that_join_to_it_exactly(tmp_path: Path) -> None:
    link = "https://shop.example/returns?order=ORD_12345&" + "x" * 60
    words = [f"This is sentence number {number} of a long answer." for number in range(33)]
    answer = " ".join([*words, f"See {link} for the rest.", *words])[:1700].rsplit(".", 1)[0] + "."
    assert len(answer) > 1600
    async with running(tmp_path, ModelServer([Answer(answer), Answer("Short.")])) as it:
        await it.ask("tell me everything")
        parts = await it.hear(2)
        assert await it.ask("thanks") == "Short."
        assert it.twilio.creates == 3
    assert "".join(parts) == answer
    assert all(len(part) <= 1600 for part in parts)
    assert parts[0].endswith(". ")
    assert sum(link in part for part in parts) == 1


@pytest.mark.promise("O1")
async def test_status_says_exactly_this(tmp_path: Path) -> None:
    async with (
        running(tmp_path, ModelServer(echo), TWILIO_PHONE_NUMBER=OURS) as it,
        aiohttp.ClientSession(it.url) as session,
        session.get("/status") as response,
    ):
        status = await response.json()
    assert set(status) == {
        "status",
        "agents",
        "configuration",
        "conversations",
        "pendingApprovals",
        "oldestPendingEntrySeconds",
        "oldestUnsettledReplySeconds",
        "setAside",
        "eventsWaiting",
        "eventsUntold",
        "largestRecordCharacters",
        "refusedSignatures",
        "droppedConnections",
        "openCalls",
        "cost",
        "timestamp",
    }
    assert status["configuration"] == {
        "company": None,
        "companyProblem": None,
        "twilioConfigured": True,
        "openaiConfigured": True,
        "phoneNumber": "…1111",
        "subjectResolver": everywhere.get() or "phone",
        "segmentConfigured": False,
        "segmentProfileApiConfigured": everywhere.get() == "segment",
        "persistenceAdapter": "file",
        "model": "default",
    }


@pytest.mark.promise("O1")
async def test_health_and_status_tell_the_truth(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it, aiohttp.ClientSession(it.url) as session:
        await it.ask("hello")
        async with session.get("/health") as response:
            assert (await response.json())["status"] == "ok"
        async with session.get("/health/ready") as response:
            assert response.status == 200
        async with session.get("/health/data") as response:
            assert (await response.json())["counts"]["customers"] == 3
        async with session.get("/status") as response:
            status = await response.json()
        await it.gateway.drain(1.0)
        async with session.get("/health/ready") as response:
            assert response.status == 503
    assert status["conversations"] == 1
    assert status["configuration"]["openaiConfigured"] is True
    assert status["refusedSignatures"] == 0
    assert TOKEN not in str(status)
