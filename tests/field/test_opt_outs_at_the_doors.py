"""Met in the field, "Stopping": each door through which a text is asked for sees an opt-out, whatever cleanup left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandem.model import Channel

from ..flows.test_outreach import ALWAYS, ahead, first
from ..flows.test_people import asks
from ..flows.test_real_number import quiet
from ..flows.test_tickets import DAMAGED
from ..flows.test_voice import committed, dial
from ..kit.colleague import JOHNS_ID, Colleague, names, staffed
from ..kit.gateway import JANE, JOHN, Running
from ..kit.model_server import Answer, ModelServer
from ..kit.sources import subject_of
from ..kit.waiting import until

pytestmark = pytest.mark.promise("F2", "S11", "X6")

TICKET = {key: value for key, value in DAMAGED.items() if key != "customerId"}
MESSAGES = f"/conversations/{JOHNS_ID}/messages"
DOORS: list[tuple[str, dict[str, Any], int, int]] = [
    # The door, what is asked of it, and its answer: with the conversation, and when the opt-out alone is left.
    ("/conversations", first(to=JOHN), 409, 409),
    ("/conversations", first(to=JOHN, at=ahead(days=1)), 409, 409),
    (MESSAGES, {"text": "Is it there?"}, 409, 404),
    (MESSAGES, {"text": "Is it there?", "at": ahead(days=1)}, 409, 404),
    ("/tickets", DAMAGED, 409, 409),
    ("/tickets", {**TICKET, "subjectId": JOHNS_ID}, 409, 409),
    ("/tickets", {**TICKET, "subjectId": JOHN}, 409, 409),
    ("/tickets", {**DAMAGED, "externalId": "ZD-1"}, 409, 409),
]


async def opt_out(it: Running, mia: Colleague, *, cleaned: bool) -> None:
    """Let John opt out, and cleanup take all but that."""

    async def cleaned_up() -> int:
        return (await it.store.purge(older_than=0.0)).deleted["conversations"]

    await it.say("STOP")
    await mia.until(lambda one: one["optedOut"])
    if cleaned:
        await until(cleaned_up)
        assert (await mia.ask("GET", f"/conversations/{JOHNS_ID}")).status == 404


@pytest.mark.parametrize("cleaned", [False, True])
async def test_no_door_takes_a_text_for_a_customer_who_opted_out(tmp_path: Path, cleaned: bool) -> None:
    async with staffed(tmp_path, ModelServer(()), **ALWAYS) as (it, mia):
        await opt_out(it, mia, cleaned=cleaned)
        told = [await mia.ask("POST", path, json=body) for path, body, *_ in DOORS]
        await quiet(it)
        tickets = await it.store.tickets(subject_of(JOHN))
        assert (it.twilio.sent_to(JOHN), tickets) == ([], ())
    assert [one.status for one in told] == [left if cleaned else whole for _, _, whole, left in DOORS]
    assert {one.body["code"] for one in told if one.status == 409} == {"no_way"}


@pytest.mark.parametrize("cleaned", [False, True])
async def test_nor_does_what_another_customer_has_sent_reach_them(tmp_path: Path, cleaned: bool) -> None:
    model = ModelServer([asks("send_sms", to=JOHN, message="Hi John"), Answer("A colleague decides."), Answer("Sent.")])
    async with staffed(tmp_path, model, **ALWAYS) as (it, mia):
        await opt_out(it, mia, cleaned=cleaned)
        assert await it.ask("text John", sender=JANE) == "A colleague decides."
        await mia.decide(await mia.waiting_approval("send_sms"), approved=True)
        shown = await mia.until(lambda one: "reply_withheld" in names(one))
        assert it.twilio.sent_to(JOHN) == []
    assert shown["optedOut"] == [Channel.SMS]


@pytest.mark.parametrize("cleaned", [False, True])
async def test_nor_is_a_caller_promised_one(tmp_path: Path, cleaned: bool) -> None:
    model = ModelServer([asks("send_sms", to="me", message="The link"), Answer("I cannot text you.")])
    async with staffed(tmp_path, model, **ALWAYS) as (it, mia):
        await opt_out(it, mia, cleaned=cleaned)
        async with dial(it) as call:
            assert await call.ask("text me the link") == "I cannot text you."
            await committed(it, 1)
        await quiet(it)
        assert it.twilio.sent_to(JOHN) == []
    assert "Promise no text" in str(model.inputs[0])
    assert "Nothing was sent" in str(model.inputs[1][-1]["output"])
