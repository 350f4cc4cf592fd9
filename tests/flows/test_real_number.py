"""What a real number meets: STOP and START, pictures, WhatsApp, floods, refusals, masking."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tandem.conversation import phrases
from tandem.model import Channel, ReplyStatus, SubjectId
from tandem.simulator.wire import Fault

from ..kit.canaries import found
from ..kit.gateway import JANE, JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.sources import subject_of
from ..kit.waiting import PATIENCE
from .test_approvals import STAFF, Desk

SUBJECT = SubjectId("phone_15551234567")


def echo(request: dict[str, Any]) -> Answer:
    return Answer("You said: " + [item["content"] for item in request["input"] if item.get("role") == "user"][-1])


async def quiet(it: Running) -> None:
    """Wait until nothing waits in the customer's lane and no reply is on its way."""
    async with asyncio.timeout(PATIENCE):
        while await it.store.waiting(subject_of(it.who)) or (await it.store.counts()).oldest_unsettled_reply_seconds:
            await asyncio.sleep(0.005)
    await it.twilio.settle()


async def names(it: Running) -> list[str]:
    return [event.name for event in await it.store.timeline(SUBJECT)]


@pytest.mark.promise("S11")
async def test_stop_silences_the_agent_and_start_lets_it_speak_again(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it:
        await it.ask("hello")
        await it.say("STOP")
        await it.say("are you there?")
        await quiet(it)
        assert (await it.conversation()).opted_out == (Channel.SMS,)
        await it.say("START")
        await quiet(it)
        assert await it.ask("and now?") == "You said: and now?"
    assert len(it.twilio.sent_to(JOHN)) == 2
    assert len(model.requests) == 2


@pytest.mark.promise("S15")
async def test_a_refusal_with_21610_is_stored_as_an_opt_out(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it:
        it.twilio.faults.append(Fault(status=400, code=21610))
        await it.say("hello")
        await quiet(it)
        (reply,) = await it.store.replies(SUBJECT)
        async with asyncio.timeout(PATIENCE):
            while not (await it.conversation()).opted_out:
                await asyncio.sleep(0.005)
    assert (reply.status, reply.error_code) == (ReplyStatus.BLOCKED, 21610)


@pytest.mark.promise("S14")
async def test_whatsapp_is_the_same_customer_answered_on_whatsapp(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it:
        await it.ask("my dog is called Rex")
        await it.twilio.text(f"whatsapp:{JOHN}", "what is my dog called?", to=f"whatsapp:{OURS}")
        (message,) = await it.twilio.wait_for(f"whatsapp:{JOHN}")
    assert message.from_ == f"whatsapp:{OURS}"
    assert "Rex" in str(model.inputs[1])


@pytest.mark.promise("S14")
async def test_rcs_is_the_same_customer_answered_on_rcs(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it:
        await it.ask("my dog is called Rex")
        await it.twilio.text(f"rcs:{JOHN}", "what is my dog called?", to="rcs:acme_agent")
        (message,) = await it.twilio.wait_for(f"rcs:{JOHN}")
        assert len(it.twilio.sent_to(JOHN)) == 1
    assert (message.from_, message.body) == ("rcs:acme_agent", "You said: what is my dog called?")
    assert "Rex" in str(model.inputs[1])


@pytest.mark.promise("S14")
async def test_a_closed_whatsapp_window_falls_back_to_sms(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it:
        it.twilio.faults.append(Fault(status=400, code=63016))
        await it.twilio.text(f"whatsapp:{JOHN}", "hello", to=f"whatsapp:{OURS}")
        assert await it.hear() == ["You said: hello"]


@pytest.mark.promise("S14", "X6")
async def test_where_a_template_is_approved_it_carries_the_text_on_whatsapp(tmp_path: Path) -> None:
    template = "HX" + "a" * 32
    async with running(tmp_path, ModelServer(echo), WHATSAPP_TEMPLATE_SID=template) as it:
        it.twilio.faults += [Fault(status=400, code=63016), Fault(status=503, created=True)]
        await it.twilio.text(f"whatsapp:{JOHN}", "hello\nthere", to=f"whatsapp:{OURS}")
        (message,) = await it.twilio.wait_for(f"whatsapp:{JOHN}")
        async with asyncio.timeout(PATIENCE):
            while (await it.store.counts()).oldest_unsettled_reply_seconds:
                await asyncio.sleep(0.01)
        assert (it.twilio.sent_to(JOHN), len(it.twilio.sent_to(f"whatsapp:{JOHN}"))) == ([], 1)
    assert message.body == f'[template {template}] {{"1": "You said: hello there"}}'


@pytest.mark.promise("S15")
async def test_throttled_and_unclear_creates_are_repeated_in_order_and_once(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it:
        it.twilio.statuses = ()
        it.twilio.faults += [Fault(status=429, code=20429), Fault(status=503, created=True)]
        await it.say("one")
        await it.say("two")
        async with asyncio.timeout(PATIENCE):
            heard = await it.hear(2)
            while (await it.store.counts()).oldest_unsettled_reply_seconds:
                await asyncio.sleep(0.01)
    assert heard == ["You said: one", "You said: two"]


@pytest.mark.promise("S16")
async def test_delivery_status_is_stored_and_a_message_that_never_arrived_shows(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it:
        it.twilio.statuses = ("queued", "sent", "undelivered")
        await it.ask("hello")
        await quiet(it)
        async with asyncio.timeout(PATIENCE):
            while (await it.store.replies(SUBJECT))[0].status is not ReplyStatus.UNDELIVERED:
                await asyncio.sleep(0.01)
        assert "reply_undelivered" in await names(it)


@pytest.mark.promise("R4")
async def test_a_flood_gets_one_polite_notice_and_no_model_call(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model, RATE_LIMIT_PER_MINUTE="3") as it:
        for number in range(8):
            await it.say(f"text {number}")
        await quiet(it)
        heard = [message.body for message in it.twilio.sent_to(JOHN)]
    assert heard.count(phrases.SLOWER) == 1
    assert len(heard) == 4
    assert len(model.requests) == 3


@pytest.mark.promise("R1", "R3")
async def test_card_and_social_security_numbers_never_reach_model_store_or_customer(tmp_path: Path) -> None:
    card, ssn = "4111 1111 1111 1111", "123-45-6789"
    model = ModelServer(lambda _: Answer(f"I read {card} and {ssn} to you."))
    async with running(tmp_path, model) as it:
        answer = await it.ask(f"my card is {card} and my ssn is {ssn}, mail john@example.com")
        record = (
            str(await it.conversation()) + str(await it.store.timeline(SUBJECT)) + str(await it.store.replies(SUBJECT))
        )
        events = await names(it)
    sent = str(model.requests)
    assert found((card, ssn, "4111 1111", "411111111111", "123456789"), sent + record + answer) == []
    assert "john@example.com" in sent
    assert events.count("masked") == 2


@pytest.mark.promise("S13")
async def test_a_session_begins_once_and_ends_with_a_real_goodbye(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it:
        await it.ask("hello")
        await it.ask("I'm good with a replacement")
        await it.ask("ok, bye")
        await it.ask("hello again")
        events = await names(it)
    assert events.count("conversation_start") == 2
    assert events.count("conversation_end") == 1


@pytest.mark.promise("A13")
async def test_a_model_that_never_comes_to_an_end_means_a_polite_text_and_a_ticket(tmp_path: Path) -> None:
    model = ModelServer(lambda _: Answer(calls=[("order_status", {"order_id": "12345"})]))
    async with running(tmp_path, model, MAX_TURNS="3") as it:
        assert await it.ask("hello") == phrases.TOO_MANY_STEPS
        (ticket,) = await it.store.tickets(SUBJECT)
    assert ticket.description == "hello"
    assert len(model.requests) == 3


async def test_a_text_to_somebody_else_leaves_from_their_lane_under_their_opt_out(tmp_path: Path) -> None:
    wanted = [("send_sms", {"to": JANE, "message": "John says hello"})]
    model = ModelServer(
        lambda request: Answer(calls=wanted) if "text Jane" in str(request["input"][-1]) else Answer("Ok.")
    )
    jane = SubjectId("phone_" + JANE.removeprefix("+"))
    headers = {"Authorization": "Bearer mia-token-123456789"}
    async with running(tmp_path, model, **STAFF) as it, aiohttp.ClientSession(it.url, headers=headers) as session:
        desk = Desk(session)
        await it.ask("text Jane hello")
        await desk.decide(await desk.waiting(), approved=True)
        assert await it.hear(1, number=JANE) == ["John says hello"]
        await it.say("STOP", sender=JANE)
        await it.ask("text Jane hello again: text Jane")
        await desk.decide(await desk.waiting(), approved=True)
        async with asyncio.timeout(PATIENCE):
            while "reply_withheld" not in [event.name for event in await it.store.timeline(jane)]:
                await asyncio.sleep(0.01)
        assert (await it.conversation()).opted_out == ()
    assert len(it.twilio.sent_to(JANE)) == 1


async def test_a_refused_text_to_somebody_else_does_not_opt_out_whoever_asked(tmp_path: Path) -> None:
    wanted = [("send_sms", {"to": JANE, "message": "John says hello"})]
    model = ModelServer(
        lambda request: Answer(calls=wanted) if "text Jane" in str(request["input"][-1]) else Answer("Ok.")
    )
    jane = SubjectId("phone_" + JANE.removeprefix("+"))
    headers = {"Authorization": "Bearer mia-token-123456789"}
    async with running(tmp_path, model, **STAFF) as it, aiohttp.ClientSession(it.url, headers=headers) as session:
        desk = Desk(session)
        await it.ask("text Jane hello")
        waiting = await desk.waiting()
        it.twilio.refused[JANE] = 21610
        await desk.decide(waiting, approved=True)
        async with asyncio.timeout(PATIENCE):
            while not ((found := await it.store.conversation(jane)) and found.opted_out):
                await asyncio.sleep(0.01)
        assert await it.ask("are you there?") == "Ok."
        assert (await it.conversation()).opted_out == ()
