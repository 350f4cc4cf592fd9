"""Writing first, writing later and coming back, as a partner system and the agent ask for it over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ..kit.colleague import JOHNS_ID, entries, names, staffed
from ..kit.gateway import JOHN, OURS
from ..kit.model_server import Answer, ModelServer
from .test_people import asks
from .test_text import echo

pytestmark = pytest.mark.promise("X6")

ANNE, ANNES_ID = "+12125550100", "phone_12125550100"
ALWAYS = {"CONTACT_HOURS": "Mon-Sun 00:00-24:00"}


def first(**more: Any) -> dict[str, Any]:
    consent = {"how": "ticked the box at checkout", "at": "2026-01-05T10:00:00Z"}
    return {"to": "(212) 555-0100", "text": "Hello Anne, your chair is ready.", "consent": consent, **more}


def ahead(**time: float) -> str:
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


async def test_a_partner_writes_first_once_and_the_answer_finds_the_conversation(tmp_path: Path) -> None:
    async with staffed(tmp_path, ModelServer([Answer("Until six.")]), **ALWAYS) as (it, mia):
        told = await mia.post("/conversations", first(), key="order-4711")
        again = await mia.post("/conversations", first(), key="order-4711")
        assert await it.hear(1, number=ANNE) == ["Hello Anne, your chair is ready."]
        assert await it.ask("How long are you open?", sender=ANNE) == "Until six."
        shown = await mia.shown(ANNES_ID)
    assert told == {"success": True, "subjectId": ANNES_ID, "repeated": False, "channel": "sms"}
    assert again["repeated"] is True
    began = shown["timeline"][0]
    assert (began["name"], began["data"]["actor"]) == ("contact_begun", "mia")
    assert began["data"]["consent"] == "ticked the box at checkout"
    assert [one["kind"] for one in entries(shown)] == ["staff", "customer", "agent"]


async def test_words_for_later_wait_where_everybody_sees_them(tmp_path: Path) -> None:
    async with staffed(tmp_path, ModelServer(echo), **ALWAYS) as (it, mia):
        await it.ask("hello")
        await mia.post("/conversations/phone_15551234567/messages", {"text": "Is it there?", "at": ahead(hours=2)})
        shown = await mia.until(lambda one: one["followUps"])
        assert len(it.twilio.sent_to(JOHN)) == 1
        it.store.clock_offset += 7201  # type: ignore[attr-defined]
        assert (await it.hear(2))[1] == "Is it there?"
        after = await mia.until(lambda one: not one["followUps"])
    assert [(one["text"], one["actor"]) for one in shown["followUps"]] == [("Is it there?", "mia")]
    assert names(after)[-2:] == ["follow_up_planned", "staff_message"]


async def test_the_agent_is_reminded_of_what_it_promised(tmp_path: Path) -> None:
    promise = asks("schedule_follow_up", minutes=60, about="whether the parcel has come")
    model = ModelServer([promise, Answer("I will text you in an hour."), Answer("It has come.")])
    async with staffed(tmp_path, model, **ALWAYS) as (it, mia):
        assert await it.ask("Tell me when it is there") == "I will text you in an hour."
        shown = await mia.until(lambda one: one["followUps"])
        it.store.clock_offset += 3601  # type: ignore[attr-defined]
        assert (await it.hear(2))[1] == "It has come."
    assert [(one["text"], one["actor"]) for one in shown["followUps"]] == [("whether the parcel has come", None)]
    assert "come back to the customer, as you wanted" in str(model.requests[-1])


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (first(to="somebody"), 400, "to must be a telephone number."),
        ({"to": ANNE, "text": "Hello"}, 400, "consent is missing."),
        (first(consent={"how": "", "at": "2026-01-05T10:00:00Z"}), 400, "consent.how must be a text of 1 to 300"),
        (first(consent={"how": "box", "at": ahead(days=1)}), 400, "consent.at must be a time that has been"),
        (first(at="2026-01-05T10:00:00Z"), 400, "at must be a time within the next year"),
        (first(text=" "), 400, "text must be a text of 1 to"),
        (first(to=JOHN), 409, "There is no way"),
    ],
)
async def test_what_cannot_be_sent_is_refused_with_its_reason(
    tmp_path: Path, body: dict[str, Any], status: int, said: str
) -> None:
    async with staffed(tmp_path, ModelServer(echo), **ALWAYS) as (it, mia):
        await it.say("STOP")
        await mia.until(lambda one: one["optedOut"])
        told = await mia.ask("POST", "/conversations", json=body)
        assert it.twilio.sent_to(ANNE) == []
    assert (told.status, said in told.body["error"]) == (status, True), told


async def test_a_token_that_may_only_read_begins_nothing(tmp_path: Path) -> None:
    tokens = {"STAFF_TOKENS": "mia:mia-token-123456789:read"}
    async with staffed(tmp_path, ModelServer(echo), **(ALWAYS | tokens)) as (_, mia):
        assert (await mia.ask("POST", "/conversations", json=first())).status == 403


# --- calling back -------------------------------------------------------------------------------------------

COLLEAGUE = {"HUMAN_TRANSFER_NUMBER": "+15557770000"}
TICKET = {"subjectId": JOHNS_ID, "subject": "Wants a call", "description": "The box arrived open.", "priority": "high"}


@pytest.mark.parametrize(("key", "rings"), [("1", ["+15557770000", JOHN]), ("", ["+15557770000"])])
async def test_a_call_back_rings_the_colleague_and_only_with_a_key_the_customer(
    tmp_path: Path, key: str, rings: list[str]
) -> None:
    async with staffed(tmp_path, ModelServer(echo), **COLLEAGUE) as (it, mia):
        await it.ask("hello")
        it.twilio.key = key
        ticket = await mia.post("/tickets", TICKET, status=201)
        for _ in range(2):
            assert (await mia.post(f"/tickets/{ticket['id']}/call", key="once"))["subjectId"] == JOHNS_ID
        shown = await mia.until(lambda one: "called_back" in names(one))
        await it.twilio.settle()
        rung = it.twilio.rung
    assert [one.number for one in rung] == rings
    assert "The box arrived open." in rung[0].heard[0]
    assert [one.caller_id for one in rung[1:]] == [OURS] * (len(rings) - 1)
    assert names(shown).count("called_back") == 1


@pytest.mark.parametrize(("days", "warned"), [(range(7), False), (range(3, 4), True)])
async def test_a_colleague_hears_before_the_key_that_the_customers_hours_are_over(
    tmp_path: Path, days: range, warned: bool
) -> None:
    named = [(datetime.now(UTC) + timedelta(days=one)).strftime("%a") for one in days]
    hours = {"CONTACT_HOURS": ", ".join(f"{day} 00:00-24:00" for day in named)}
    async with staffed(tmp_path, ModelServer(echo), **COLLEAGUE, **hours) as (it, mia):
        await it.ask("hello")
        ticket = await mia.post("/tickets", TICKET, status=201)
        await mia.post(f"/tickets/{ticket['id']}/call")
        await it.twilio.settle()
        (heard,) = it.twilio.rung[0].heard
    assert ("not an hour to contact customers" in heard) is warned
    assert heard.endswith("Press any key to call the customer.")


async def test_a_call_back_that_cannot_be_is_told(tmp_path: Path) -> None:
    async with staffed(tmp_path, ModelServer(echo)) as (it, mia):
        await it.ask("hello")
        ticket = await mia.post("/tickets", TICKET, status=201)
        without = await mia.ask("POST", f"/tickets/{ticket['id']}/call")
        unknown = await mia.ask("POST", "/tickets/TKT_0/call")
        answer = await it.twilio.post("/voice/call-back?ticket=TKT_0", {"CallSid": "CA1", "Digits": "1"})
        forged = await it.twilio.post("/voice/call-back?ticket=TKT_0", {"CallSid": "CA1"}, signature="")
    assert (without.status, without.body["code"], unknown.status) == (409, "no_way", 404)
    assert (answer.status, "cannot be called" in answer.body, forged.status) == (200, True, 403)


async def test_a_call_that_twilio_does_not_take_is_told(tmp_path: Path) -> None:
    async with staffed(tmp_path, ModelServer(echo), **COLLEAGUE) as (it, mia):
        await it.ask("hello")
        it.twilio.refused["+15557770000"] = 21215
        ticket = await mia.post("/tickets", TICKET, status=201)
        told = await mia.ask("POST", f"/tickets/{ticket['id']}/call")
    assert (told.status, told.body["code"]) == (502, "delivery_refused")
