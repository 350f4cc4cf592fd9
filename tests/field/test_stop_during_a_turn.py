"""Met in the field, "Stopping": once STOP is accepted nothing more leaves, also of a turn that had begun before."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tandem.conversation import phrases
from tandem.conversation.translations import load_translations
from tandem.entries import SpokenPrompt
from tandem.model import Channel, ReplyStatus
from tandem.simulator.wire import new_sid

from ..flows.test_real_number import quiet
from ..flows.test_voice import committed, dial
from ..kit.gateway import OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.sources import subject_of
from ..kit.tables import each
from ..kit.waiting import until

pytestmark = pytest.mark.promise("F2", "S11")
STATUS = ("order_status", {"order_id": "12345"})
ANSWER = "It has shipped. " * 20
ONCE = [phrases.OPTED_OUT]
WAYS = [
    # The way they text, what they say, the provider's word for it, what they are told.
    ("", "stop texting me", "", ONCE),
    ("", "STOP", "", []),
    ("", "Basta", "STOP", []),
    ("", "unsubscribe me from these texts please", "", ONCE),
    ("", "S.T.O.P.", "", ONCE),
    ("", "baja", "", [load_translations().say(phrases.OPTED_OUT, "es").text]),
    ("whatsapp:", "stop", "", ONCE),
    ("whatsapp:", "Please opt me out", "", ONCE),
    ("whatsapp:", "Basta", "STOP", []),
    ("rcs:", "stop texting me", "", ONCE),
]


async def text(it: Running, way: str, words: str, opt_out: str = "") -> None:
    """Text the gateway over a channel; it is accepted when this returns."""
    form = {"MessageSid": new_sid("SM"), "From": f"{way}{it.who}", "To": f"{way}{OURS}", "Body": words}
    answer = await it.twilio.post("/sms", form | ({"OptOutType": opt_out} if opt_out else {}))
    assert answer.status == 200


def got(it: Running) -> list[str]:
    ways = ("", "whatsapp:", "rcs:")
    return [message.body for way in ways for message in it.twilio.sent_to(f"{way}{it.who}")]


@pytest.mark.parametrize("calls", [[], [STATUS]], ids=["before a tool", "behind a tool"])
@each(("way", "words", "opt_out", "told"), WAYS)
async def test_the_answer_of_a_turn_that_runs_is_held_back(
    it: Running, calls: list[tuple[str, dict[str, object]]], way: str, words: str, opt_out: str, told: list[str]
) -> None:
    gate = asyncio.Event()
    model = it.another([*([Answer(calls=calls)] if calls else []), Answer(ANSWER, gate=gate)])
    await text(it, way, "where is my order?")
    await until(lambda: len(model.requests) == len(calls) + 1)
    await text(it, way, words, opt_out)
    gate.set()
    await quiet(it)
    assert got(it) == told
    conversation = await it.conversation()
    assert len(conversation.opted_out) == 1
    items = [item.get("type", item.get("role")) for item in conversation.history[0].items]
    assert items == ["user", *(["function_call", "function_call_output"] if calls else []), "assistant"]
    blocked = [row.status is ReplyStatus.BLOCKED for row in await it.store.replies(conversation.subject)]
    assert blocked == [True, *([False] if told else [])]


async def test_a_caller_who_says_so_stops_the_text_that_is_being_made(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ModelServer([Answer(calls=[STATUS]), Answer(ANSWER, gate=gate)])
    async with running(tmp_path, model) as it, dial(it) as call:

        async def spoken() -> bool:
            return any(isinstance(one.entry.body, SpokenPrompt) for one in await it.store.waiting(subject_of(it.who)))

        await text(it, "", "where is my order?")
        await until(lambda: len(model.requests) == 2)
        await call.say("stop texting me")
        await until(spoken)
        gate.set()
        await call.wait_heard(phrases.NO_MORE_TEXTS)
        await committed(it, 2)
        await quiet(it)
        assert got(it) == []


async def test_words_for_a_caller_are_not_held_back(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ModelServer([Answer("It has shipped.", gate=gate)])
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.say("where is my order")
        await until(lambda: len(model.requests) == 1)
        await text(it, "", "stop texting me")
        gate.set()
        await call.wait_heard("It has shipped.")
        await quiet(it)
        assert got(it) == ONCE


async def test_what_the_turn_asked_of_people_is_kept(tmp_path: Path) -> None:
    gate = asyncio.Event()
    ticket = {"customer_id": "me", "subject": "Late", "description": "It is late.", "priority": "low"}
    model = ModelServer([Answer(calls=[("create_ticket", ticket)]), Answer("I opened a ticket.", gate=gate)])
    async with running(tmp_path, model) as it:
        await text(it, "", "open a ticket")
        await until(lambda: len(model.requests) == 2)
        await text(it, "", "stop texting me")
        gate.set()
        await quiet(it)
        assert got(it) == ONCE
        assert [one.title for one in await it.store.tickets(subject_of(it.who))] == ["Late"]


async def test_of_two_questions_and_a_stop_none_is_answered(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ModelServer(lambda _: Answer(ANSWER, gate=gate))
    async with running(tmp_path, model) as it:
        await text(it, "", "where is my order?")
        await until(lambda: len(model.requests) == 1)
        await text(it, "", "and the other one?")
        await text(it, "", "stop texting me")
        gate.set()
        await quiet(it)
        assert got(it) == ONCE
        assert (await it.conversation()).opted_out == (Channel.SMS,)


@each("words", ["stop by tomorrow?", "Liked “Reply STOP to end”", "please stop the refund"])
async def test_what_is_no_such_wish_holds_nothing_back(it: Running, words: str) -> None:
    gate = asyncio.Event()
    model = it.another([Answer("It has shipped.", gate=gate), Answer("Fine.")])
    await text(it, "", "where is my order?")
    await until(lambda: len(model.requests) == 1)
    await text(it, "", words)
    gate.set()
    await quiet(it)
    assert got(it) == ["It has shipped.", "Fine."]
