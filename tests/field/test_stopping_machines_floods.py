"""Met in the field, "Stopping, machines, floods": people are answered, machines and floods are not."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tandem.conversation import phrases
from tandem.events import EventName
from tandem.model import ApprovalStatus, Channel, Conversation
from tandem.simulator.wire import new_sid

from ..flows.test_real_number import quiet
from ..flows.test_voice import committed, dial, echo
from ..kit.colleague import names, staffed
from ..kit.gateway import JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer, Script
from ..kit.sources import subject_of
from ..kit.tables import each
from ..kit.waiting import until

pytestmark = pytest.mark.promise("F2", "F6")
FAST = {"RATE_LIMIT_PER_MINUTE": "1000"}
"""So that nothing but the machine's own words gives it away."""


def numbered(words: str) -> Script:
    """A model whose answers are all different."""
    number = itertools.count(1)
    return lambda _: Answer(words.format(next(number)))


async def exchange(it: Running, texts: Sequence[str], sender: str | None = None, ours: str = OURS) -> list[str]:
    """Text one after the other, each once the one before is done with; return what came back."""
    sender = sender or it.who
    for text in texts:
        await it.twilio.text(sender, text, to=ours)
        await quiet(it)
    return [message.body for message in it.twilio.sent_to(sender)]


# --- people are answered, machines are not ----------------------------------------------------------------------


@each("text", ["Yes", "no", "OK", "Yes please", "no thank you", "1", "Sí", "👍", "Thanks a lot!"])
async def test_short_answers_to_one_question_after_the_other_are_all_answered(it: Running, text: str) -> None:
    it.another(numbered("Question {}: shall I go on?"))
    heard = await exchange(it, [text] * 8)
    assert heard == [f"Question {n}: shall I go on?" for n in range(1, 9)]


async def test_whoever_repeats_themselves_while_they_wait_is_answered(tmp_path: Path) -> None:
    gate = asyncio.Event()
    answers = iter([Answer("One moment.", gate=gate)])
    model = ModelServer(lambda _: next(answers, Answer("Your order has shipped.")))
    async with running(tmp_path, model, **FAST) as it:
        for _ in range(9):
            await it.say("where is my order 12345, please?")
        await until(lambda: model.requests)
        gate.set()
        heard = await it.hear(9)
    assert phrases.REPEATED not in heard


@each(
    ("cycle", "most"),
    [
        (["I am out of office until Monday."], 5),
        (["I am out of office until Monday.", "Thank you for contacting Acme, we are closed."], 10),
        (["We are closed now.", "Our hours are nine to five.", "This mailbox is not read."], 15),
        (["OK", "I am out of office until Monday."], 12),
        (["Received.", "Noted."], 20),
    ],
)
async def test_machines_are_stopped_by_what_they_repeat_after_being_answered(
    it: Running, cycle: list[str], most: int
) -> None:
    model = it.another(numbered("Thank you for message number {}."))
    heard = await exchange(it, list(itertools.islice(itertools.cycle(cycle), 41)))
    assert len(model.requests) <= most
    assert heard.count(phrases.REPEATED) == 1
    assert len(heard) == len(model.requests) + 1
    assert "Thank you" in await it.ask("Hello, a person again: where is my parcel?")


@each("form", ["{}", "You wrote: {}", "> {}\n\nThis mailbox is not read.", "RE: {} [sent automatically]", "{}."])
async def test_a_machine_that_sends_back_what_it_reads_is_stopped(it: Running, form: str) -> None:
    """Found by trying: each of its texts is another one, as each of our answers is."""
    model = it.another(numbered("Thank **you** for message number {}."))
    heard = await exchange(it, ["Hello"])
    for _ in range(20):
        heard = await exchange(it, [form.format(heard[-1])])
    assert len(model.requests) <= 7
    assert heard.count(phrases.REPEATED) == 1
    assert "Thank" in await it.ask("A person again: where is my parcel?")


@each("form", ["Liked “{}”", 'Loved "{}"', "👍 to “ {} ”", "Reacted 😂 to “{}”", "Emphasised “{}”"])
async def test_a_person_who_touches_each_answer_is_answered(it: Running, form: str) -> None:
    """Telephones send a touch as a text that holds ours."""
    it.another(numbered("Parcel number {} is on its way to you."))
    heard = await exchange(it, ["Hello"])
    for _ in range(7):
        heard = await exchange(it, [form.format(heard[-1])])
    assert heard == [f"Parcel number {n} is on its way to you." for n in range(1, 9)]


@each("text", ["OK", "Is it 5?", "Thank you for message number", "you said it is on its way?"])
async def test_a_person_who_quotes_the_agent_is_answered(it: Running, text: str) -> None:
    it.another(lambda _: Answer("It is on its way."))
    assert await exchange(it, ["where is it?", text, "and now?", text]) == ["It is on its way."] * 4


async def test_machines_that_number_what_they_say_in_turns_are_stopped_too(tmp_path: Path) -> None:
    texts = [f"Ticket #{n} was received." if n % 2 else f"Your case REF_{n:02x}{n}b is now closed." for n in range(80)]
    model = ModelServer(numbered("Thank you, {}."))
    async with running(tmp_path, model, **FAST) as it:
        heard = await exchange(it, texts)
    assert len(model.requests) <= 62
    assert heard[-1] == phrases.REPEATED


# --- words of carriers, and words ------------------------------------------------------------------------------


@each("word", ["Cancel", "End", "Quit", "Revoke", "Start", "START", "Unstop", "Yes"])
async def test_on_whatsapp_a_carriers_word_is_a_word(it: Running, word: str) -> None:
    it.another(echo)
    heard = await exchange(it, ["I have a question", word, "still there?"], f"whatsapp:{it.who}", f"whatsapp:{OURS}")
    assert heard == ["You said: I have a question", f"You said: {word}", "You said: still there?"]
    assert (await it.conversation()).opted_out == ()


@each(("text", "kind"), [("Start", ""), ("START", "START"), ("unstop", ""), ("Yes", "START")])
async def test_a_first_start_begins_a_conversation(it: Running, text: str, kind: str) -> None:
    it.another(echo)
    form = {"MessageSid": new_sid("SM"), "From": it.who, "To": OURS, "Body": text, "OptOutType": kind}
    assert (await it.twilio.post("/sms", form)).status == 200
    assert await it.hear() == [f"You said: {text}"]


@each("word", ["STOP", "stopall", "Unsubscribe", "cancel", "END", "quit", "optout", "revoke"])
async def test_a_carriers_word_by_sms_is_confirmed_by_the_carrier_alone(it: Running, word: str) -> None:
    model = it.another(echo)
    assert await exchange(it, [word, "hello?"]) == []
    assert (await it.conversation()).opted_out == (Channel.SMS,)
    assert await exchange(it, ["START", "hello"]) == ["You said: hello"]
    assert len(model.requests) == 1


@each("text", ["stop", "STOP", "unsubscribe", "stop texting me"])
async def test_on_whatsapp_a_plain_wish_is_confirmed_and_so_is_the_way_back(it: Running, text: str) -> None:
    it.another(echo)
    heard = await exchange(it, [text, "hm?", "start", "hello"], f"whatsapp:{it.who}", f"whatsapp:{OURS}")
    assert heard == [phrases.OPTED_OUT, phrases.OPTED_IN, "You said: hello"]


# --- keys --------------------------------------------------------------------------------------------------------


@each("keys", [["0#", "0#", "0#", "0#"], ["0000"]])
async def test_key_zero_again_and_again_opens_one_ticket_per_call(it: Running, keys: list[str]) -> None:
    it.another(echo)
    for calls in (1, 2):
        async with dial(it) as call:
            await call.wait_silent()
            for number, pressed in enumerate(keys, 1):
                await call.press(pressed)
                await until(lambda count=number, call=call: call.heard().count(phrases.CALL_BACK) == count)
            assert await call.ask("and now?") == "You said: and now?"
        assert len(await it.store.tickets(subject_of(it.who))) == calls


@each("keys", ["012345#", "0123#", "00#", "*12#", "10*0#"])
async def test_a_number_is_read_to_its_end_before_any_key_of_it_acts(it: Running, keys: str) -> None:
    model = it.another(echo)
    async with dial(it) as call:
        await call.wait_silent()
        await call.press(keys)
        await committed(it, 1)
        assert f"number {keys[:-1]} with" in str(model.inputs[0])
        assert await it.store.tickets(subject_of(it.who)) == ()
        assert phrases.CALL_BACK not in call.heard()


# --- floods -----------------------------------------------------------------------------------------------------


def asking(*calls: tuple[str, dict[str, Any]]) -> ModelServer:
    """A model that does all of these at once on each text, and then says that it did."""

    def script(request: dict[str, Any]) -> Answer:
        last = request["input"][-1]
        return Answer(calls=calls) if last.get("role") == "user" else Answer("Done.")

    return ModelServer(script)


def limits(conversation_rows: Sequence[Any]) -> set[str]:
    """Return the bounds that were reached, as the timeline has them."""
    return {row.data["bound"] for row in conversation_rows if row.name == "limit_reached"}


def pending(conversation: Conversation) -> int:
    return sum(one.status is ApprovalStatus.PENDING for one in conversation.approvals)


@pytest.mark.promise("L4")
async def test_requests_that_wait_are_bounded_per_turn_and_customer(tmp_path: Path) -> None:
    number = itertools.count(1000)

    def script(request: dict[str, Any]) -> Answer:
        if request["input"][-1].get("role") != "user":
            return Answer("Done.")
        calls = [("send_sms", {"to": f"+1555777{next(number)}", "message": "hello"}) for _ in range(22)]
        return Answer(calls=calls)

    model = ModelServer(script)
    async with staffed(tmp_path, model, **FAST) as (it, mia), aiohttp.ClientSession(it.url) as session:
        await exchange(it, ["text them all"])
        after_one = pending(await it.conversation())
        heard = await exchange(it, [f"and those of list {n}" for n in range(17)])
        conversation, rows = await it.conversation(), await it.store.timeline(subject_of(JOHN))
        listed = (await mia.get("/approvals", limit="100"))["approvals"]
        async with session.get("/metrics") as response:
            figures = await response.text()
    size = sum(file.stat().st_size for file in (tmp_path / "state").glob("tandem.db*"))
    assert size < 5_000_000
    assert (after_one, pending(conversation), len(listed)) == (5, 20, 20)
    assert heard == ["Done."] * 18
    assert limits(rows) == {"waiting_requests"}
    assert 'tandem_events_total{name="limit_reached"} 18.0' in figures
    refused = [str(one["output"]) for one in model.inputs[-1] if one.get("type") == "function_call_output"]
    assert "Nothing was asked for" in refused[-1]


async def test_texts_and_tickets_are_bounded_per_hour_and_the_customer_still_gets_answers(tmp_path: Path) -> None:
    texts = [("send_sms", {"to": "me", "message": f"Copy {n}"}) for n in range(15)]
    tickets = [
        ("escalate_to_human", {"reason": f"Reason {n}", "priority": "urgent", "summary": "all"}) for n in range(4)
    ]
    tickets += [
        ("create_ticket", {"customer_id": "me", "subject": f"S {n}", "description": "d", "priority": "urgent"})
        for n in range(4)
    ]  # fmt: skip
    async with staffed(tmp_path, asking(*texts, *tickets), **FAST) as (it, mia):
        assert await it.say("do all of that") == 200
        first = await it.hear(11)
        heard = await exchange(it, ["and again"])
        stored = await it.store.tickets(subject_of(JOHN))
        shown = await mia.until(lambda one: names(one).count("limit_reached") == 4)
        it.store.clock_offset = 3700.0
        later = await exchange(it, ["an hour later"])
    assert sorted(first) == sorted([f"Copy {n}" for n in range(10)] + ["Done."])
    assert heard[11:] == ["Done."]
    assert len(stored) == 5
    assert {row["data"]["bound"] for row in shown["timeline"] if row["name"] == "limit_reached"} == {"texts", "tickets"}
    assert later.count("Copy 0") == 2


async def test_bounds_are_settings(tmp_path: Path) -> None:
    texts = [("send_sms", {"to": "me", "message": f"Copy {n}"}) for n in range(4)]
    ticket = ("escalate_to_human", {"reason": "Reason", "priority": "low", "summary": "all"})
    others = [("send_sms", {"to": f"+155577710{n:02}", "message": "hello"}) for n in range(6)]
    bounds = {
        "MAX_TEXTS_PER_HOUR": "2", "MAX_TICKETS_PER_HOUR": "1", "MAX_REQUESTS_PER_TURN": "3",
        "MAX_WAITING_REQUESTS": "4",
    }  # fmt: skip
    async with running(tmp_path, asking(*texts, ticket, ticket, *others), **bounds) as it:
        await exchange(it, ["once"])
        assert pending(await it.conversation()) == 3
        heard = await exchange(it, ["twice"])
        conversation, tickets = await it.conversation(), await it.store.tickets(subject_of(JOHN))
        assert (pending(conversation), len(tickets)) == (4, 1)
    assert sorted(heard) == ["Copy 0", "Copy 1", "Done.", "Done."]


async def test_a_flood_of_spoken_prompts_is_answered_by_a_sentence_and_not_by_the_model(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model, MAX_SPOKEN_TURNS_PER_HOUR="100") as it, dial(it) as call:
        for number in range(10):
            assert await call.ask(f"question {number}") == f"You said: question {number}"
        for _ in range(3):
            assert await call.ask("one more") == phrases.SPEAK_LATER
        assert limits(await it.store.timeline(subject_of())) == {"spoken_turns"}
        it.store.clock_offset = 61.0
        assert await call.ask("a minute later") == "You said: a minute later"
    assert len(model.requests) == 11


async def test_forty_five_prompts_at_once_do_not_all_reach_the_model(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it, dial(it) as call:
        for number in range(45):
            assert await call.ask(f"question {number}")
        assert limits(await it.store.timeline(subject_of())) == {"spoken_turns"}
    assert sum("You keep the notes" not in str(one["instructions"]) for one in model.requests) == 30


async def test_more_prompts_at_once_than_are_kept_break_no_turn(tmp_path: Path) -> None:
    gate = asyncio.Event()
    answers = iter([Answer("The first answer.", gate=gate)])
    model = ModelServer(lambda _: next(answers, Answer("The last answer.")))
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.wait_silent()
        for number in range(40):
            await call.utter(f"word {number}", last=True)
        gate.set()
        assert await call.ask("and now?")
        rows = await it.store.timeline(subject_of())
    assert [row for row in rows if row.name == EventName.ENTRY_SET_ASIDE] == []
