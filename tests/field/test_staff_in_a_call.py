"""Met in the field, "Staff and the call": a colleague speaks in it, whispers to the agent, takes it over."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tandem.conversation import phrases

from ..flows.test_voice import SLOW, committed, dial, echo
from ..kit.colleague import JOHNS_ID, entries, names, staffed
from ..kit.gateway import JOHN
from ..kit.model_server import Answer, ModelServer
from ..kit.waiting import until

pytestmark = pytest.mark.promise("V28")

SAY, WHISPER = f"/conversations/{JOHNS_ID}/say", f"/conversations/{JOHNS_ID}/whisper"
WORDS = "This is Mia. I have found your parcel, and it is on its way to you now."


def told(model: ModelServer) -> str:
    """Return what the model was told besides the caller's words, in the latest request."""
    return "\n".join(str(item["content"]) for item in model.inputs[-1] if item.get("role") == "system")


async def test_a_colleagues_words_are_spoken_between_turns_once_and_are_theirs_in_history(tmp_path: Path) -> None:
    gate = asyncio.Event()
    answers = iter([Answer("Let me see."), Answer("It is blue.", gate=gate), Answer("Goodbye.")])
    model = ModelServer(lambda _: next(answers))
    async with staffed(tmp_path, model) as (it, mia), dial(it) as call:
        await call.ask("where is it")
        await call.say("and which colour")
        await until(lambda: len(model.requests) == 2)
        first, again = [await mia.post(SAY, {"text": WORDS}, key="once") for _ in range(2)]
        gate.set()
        heard = await call.wait_heard("to you now.")
        shown = await mia.until(lambda one: "staff_said" in names(one))
        assert await call.ask("thank you") == "Goodbye."
        assert call.violations == []
        assert it.twilio.sent_to(JOHN) == []
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert heard.index("It is blue.") < heard.index(WORDS)
    assert call.heard().count("This is Mia.") == 1
    assert entries(shown)[-1] | {"delivery": None} == {
        "kind": "staff", "actor": "mia", "text": WORDS, "delivery": None
    }  # fmt: skip
    assert f"mia, a colleague, said to the customer: {WORDS}" in told(model)


async def test_who_speaks_over_a_colleague_has_heard_the_beginning_alone(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with staffed(tmp_path, model) as (it, mia), dial(it, speed=SLOW) as call:
        await call.wait_silent()
        await call.ask("hello")
        await mia.post(SAY, {"text": WORDS})
        await call.wait_heard("I have found")
        await call.barge_in("found what")
        await committed(it, 3)
        shown = await mia.shown()
    (said,) = [entry["text"] for entry in entries(shown) if entry["kind"] == "staff"]
    assert WORDS.startswith(said.strip())
    assert len(said) < len(WORDS)
    assert "on its way to you now" not in told(model)


async def test_words_for_a_call_that_ended_meanwhile_follow_by_text(tmp_path: Path) -> None:
    async with staffed(tmp_path, ModelServer([Answer(f"Well. {'It goes on and on. ' * 20}")])) as (it, mia):
        async with dial(it, speed=SLOW) as call:
            await call.wait_silent()
            await call.say("hello")
            await call.wait_heard("goes on and on")
            await mia.post(SAY, {"text": WORDS})
            await mia.until(lambda one: "staff_said" in names(one))
            await call.hang_up()
        assert await it.hear() == [WORDS]
        refused = await mia.ask("POST", SAY, json={"text": WORDS})
    assert (refused.status, refused.body["code"]) == (409, "no_call")


async def test_what_is_whispered_reaches_the_agent_of_a_live_call_and_no_customer(tmp_path: Path) -> None:
    secret = "He is a key account. Offer free shipping"
    model = ModelServer(echo)
    async with staffed(tmp_path, model) as (it, mia), dial(it) as call:
        await call.ask("hello")
        assert "key account" not in told(model)
        await mia.post(WHISPER, {"text": secret})
        shown = await mia.until(lambda one: "staff_whisper" in names(one))
        await call.ask("what does shipping cost")
        heard = call.heard()
    assert f"mia, a colleague, says to you alone: {secret}. Heed it from now on." in told(model)
    assert {"kind": "whisper", "actor": "mia", "text": secret} in entries(shown)
    assert "key account" not in heard
    assert it.twilio.sent_to(JOHN) == []


async def test_a_held_agents_call_is_taken_over_by_text_into_speech(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with staffed(tmp_path, model) as (it, mia), dial(it) as call:
        await call.ask("hello")
        await mia.post(f"/conversations/{JOHNS_ID}/pause")
        await mia.post(SAY, {"text": WORDS})
        await call.wait_heard("to you now.")
        assert await call.ask("when does it come") == phrases.ONE_MOMENT
        await mia.post(SAY, {"text": "Tomorrow before noon."})
        await call.wait_heard("before noon.")
        shown = await mia.until(lambda one: names(one).count("staff_said") == 2)
        await mia.post(f"/conversations/{JOHNS_ID}/resume")
        await mia.until(lambda one: not one["paused"])
        await call.ask("thank you")
    said = [(entry["kind"], entry["text"]) for entry in entries(shown)][-4:]
    assert said == [
        ("staff", WORDS),
        ("customer", "when does it come"),
        ("agent", phrases.ONE_MOMENT),
        ("staff", "Tomorrow before noon."),
    ]
    assert shown["tickets"] == []
    assert len(model.requests) == 2


async def test_card_numbers_that_staff_say_are_stored_nowhere(tmp_path: Path) -> None:
    async with staffed(tmp_path, ModelServer(echo)) as (it, mia), dial(it) as call:
        await call.ask("hello")
        for path in (SAY, WHISPER):
            await mia.post(path, {"text": "The card 4111 1111 1111 1111 works."})
        shown = await mia.until(lambda one: {"staff_said", "staff_whisper"} <= set(names(one)))
        await call.wait_heard("works.")
    assert "4111" not in str(shown) + call.heard()


@pytest.mark.parametrize("body", [{}, {"text": " "}, {"text": 3}, {"text": "x" * 6401}])
async def test_words_that_are_none_are_refused(tmp_path: Path, body: dict[str, Any]) -> None:
    async with staffed(tmp_path, ModelServer(echo)) as (it, mia):
        await it.ask("hello")
        statuses = {(await mia.ask("POST", path, json=body)).status for path in (SAY, WHISPER)}
    assert statuses == {400}


async def test_words_for_nobody_are_refused(tmp_path: Path) -> None:
    async with staffed(tmp_path, ModelServer(echo)) as (_, mia):
        statuses = [(await mia.ask("POST", path, json={"text": "x"})).status for path in (SAY, WHISPER)]
    assert statuses == [404, 404]
