"""Calls as an operator tunes them and a caller speaks: options, languages, a person in words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tandem.conversation import phrases
from tandem.conversation.translations import load_translations
from tandem.simulator.call import SimulatedCall

from ..flows.test_voice import committed, dial, echo
from ..kit.colleague import names, staffed
from ..kit.gateway import running
from ..kit.model_server import Answer, ModelServer
from ..kit.sources import subject_of
from ..kit.waiting import until

COLLEAGUE = "+15550007777"
WORDS = load_translations()


def spanish(sentence: str) -> str:
    return WORDS.say(sentence, "es").text


def relay(call: SimulatedCall) -> ElementTree.Element:
    """The noun that the first webhook answered."""
    found = ElementTree.fromstring(call.happened("webhook")[0]["body"]).find("Connect/ConversationRelay")
    assert found is not None
    return found


def langs(call: SimulatedCall, word: str) -> set[Any]:
    """In which languages the texts were sent that hold a word."""
    return {one.get("lang") for one in call.received if one["type"] == "text" and word in one["token"]}


# --- options ------------------------------------------------------------------------------------------------


@pytest.mark.promise("V21")
async def test_options_are_in_the_twiml_of_the_call_and_of_its_reconnect(tmp_path: Path) -> None:
    tuned = {"VOICE_VOICE": "v1", "VOICE_HINTS": "Tandem", "VOICE_LANGUAGES": '[{"code": "es-ES", "voice": "v2"}]'}
    async with running(tmp_path, ModelServer(echo), **tuned) as it, dial(it) as call:
        await call.ask("hello")
        await call.drop()
        await call.wait_sessions(2)
        again = call.sessions[1].noun
    assert (relay(call).attrib["voice"], relay(call).attrib["hints"]) == ("v1", "Tandem")
    assert [one.attrib for one in relay(call).findall("Language")] == [{"code": "es-ES", "voice": "v2"}]
    assert (again.attributes["voice"], [one["code"] for one in again.languages]) == ("v1", ["es-ES"])


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A function of the operator's own, by number called."""
    (tmp_path / "line_by_number.py").write_text(
        "def choose(call):\n"
        "    if call.called != '+15550001111':\n        return None\n"
        "    return {'language': 'es-ES', 'welcomeGreeting': '¡Hola! Soy Tandem.', 'offerPerson': True}\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return {"VOICE_OPTIONS_PATH": "line_by_number:choose"}


@pytest.mark.promise("V21")
async def test_a_function_of_ones_own_chooses_per_call(tmp_path: Path, hook: dict[str, str]) -> None:
    async with running(tmp_path, ModelServer(echo), VOICE_VOICE="v1", **hook) as it, dial(it) as call:
        await call.wait_heard("Soy Tandem.")
        await call.ask("hola")
        await call.press("0#")
        await call.wait_heard(spanish(phrases.CALL_BACK))
    sent = relay(call).attrib
    assert (sent["language"], sent["voice"]) == ("es-ES", "v1")
    assert sent["welcomeGreeting"] == f"¡Hola! Soy Tandem. {spanish(phrases.OFFER_PERSON)}"
    assert {frame["lang"] for frame in call.sent if frame["type"] == "prompt"} == {"es-ES"}


@pytest.mark.promise("V21")
async def test_a_notice_before_the_greeting_is_heard_to_its_end(tmp_path: Path) -> None:
    notice = "This call may be recorded."
    async with running(tmp_path, ModelServer(echo), VOICE_LEGAL_NOTICE=notice) as it, dial(it, speed=200.0) as call:
        await call.wait_heard("This call")
        assert await call.say("skip it") is None  # nothing is cut off
        await call.wait_heard("How can I help you today?")
    assert relay(call).attrib["welcomeGreeting"].startswith(f"{notice} Hello John!")
    assert [frame for frame in call.sent if frame["type"] == "interrupt"] == []


@pytest.mark.promise("V21")
async def test_an_option_that_twilio_refuses_costs_no_call_and_shows_on_the_desk(tmp_path: Path) -> None:
    """Twilio knows more than any version of ours can: which voices there are, for instance."""
    tuned = {"VOICE_VOICE": "no-such-voice", "VOICE_HINTS": "Tandem"}
    async with staffed(tmp_path, ModelServer(echo), **tuned) as (it, mia):
        async with dial(it, refuses=("voice",)) as call:
            await call.wait_sessions(2)
            assert await call.ask("hello") == "You said: hello"
        shown = await mia.until(lambda one: "option_refused" in names(one))
    (row,) = [row for row in shown["timeline"] if row["name"] == "option_refused"]
    assert (row["data"], row["tone"]) == ({"code": 64101, "option": "voice"}, "error")
    refused, served = (session.noun.attributes for session in call.sessions)
    assert (refused["voice"], "voice" in served, served["hints"]) == ("no-such-voice", False, "Tandem")
    assert "Hello John!" in call.heard()


async def test_a_message_that_twilio_refuses_shows_on_the_desk_once(tmp_path: Path) -> None:
    async with staffed(tmp_path, ModelServer(echo)) as (it, mia), dial(it) as call:
        await call.ask("hello")
        refused = json.dumps({"type": "text", "token": "my card is 4111", "last": False, "lang": "xx-YY"})
        for _ in range(2):
            assert call.session is not None
            await call.session.send({"type": "error", "description": f"Invalid message received: {refused}"})
        await call.ask("are you there")
        shown = await mia.until(lambda one: "option_refused" in names(one))
    rows = [row["data"] for row in shown["timeline"] if row["name"] == "option_refused"]
    assert rows == [{"code": 64107, "option": "lang"}]
    assert "4111" not in str(shown["timeline"])


# --- languages ----------------------------------------------------------------------------------------------


@pytest.mark.promise("V20", "V22")
async def test_a_caller_is_answered_in_the_language_that_twilio_detected(tmp_path: Path) -> None:
    model = ModelServer(echo)
    tuned = {"VOICE_LANGUAGE": "multi", "VOICE_LANGUAGES": '[{"code": "en-US"}, {"code": "es-MX", "voice": "v"}]'}
    async with staffed(tmp_path, model, **tuned) as (it, mia), dial(it) as call:
        await call.ask("hello", lang="en-US")
        await call.ask("hola", lang="es-MX")
        await call.press("0#")
        await call.wait_heard(spanish(phrases.CALL_BACK))
        await call.ask("goodbye", lang="en-US")
        shown = await mia.until(lambda one: len(one["transcript"]) == 3 and not one["waiting"])
        prompts = [frame["lang"] for frame in call.sent if frame["type"] == "prompt"]
        assert call.violations == []
    assert prompts == ["en", "es", "en"]  # a primary tag, and nothing else
    assert [frame for frame in call.received if frame["type"] == "language"] == []  # it would end the detection
    assert (langs(call, "hello"), langs(call, "hola"), langs(call, "goodbye")) == ({"en-US"}, {"es-MX"}, {"en-US"})
    assert "answer in that language" not in str(model.inputs[0])
    assert "The caller speaks es:" in str(model.inputs[1])
    assert "The caller speaks en:" in str(model.inputs[2])
    assert [turn["language"] for turn in shown["transcript"]] == [None, "es", "en"]
    assert {entry["kind"] for turn in shown["transcript"] for entry in turn["entries"]} == {"customer", "agent"}


@pytest.mark.promise("V22")
async def test_a_line_that_detects_nothing_is_told_its_own_language_alone(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), VOICE_LANGUAGE="fr-FR") as it, dial(it) as call:
        await call.ask("hola", lang="es-ES")
        prompts = [frame["lang"] for frame in call.sent if frame["type"] == "prompt"]
    assert prompts == ["fr-FR"]
    assert WORDS.say(phrases.GREETING, "fr").text.partition("!")[2] in call.heard()


@pytest.mark.promise("V22")
async def test_an_apology_is_in_the_callers_language_and_in_their_history(tmp_path: Path) -> None:
    model = ModelServer([Answer(status=400)])
    async with running(tmp_path, model, VOICE_LANGUAGE="multi") as it, dial(it) as call:
        assert await call.ask("hola", lang="es-ES") == spanish(phrases.FAILURE)
        found = await committed(it, 1)
    assert found.history[-1].items[-1]["content"] == spanish(phrases.FAILURE)


@pytest.mark.promise("V22")
async def test_the_outcome_of_a_request_is_told_in_the_callers_language_where_the_agent_cannot(tmp_path: Path) -> None:
    refund = ("process_refund", {"order_id": "ORD_12345", "amount": 139.97, "reason": "broken"})
    answers = iter([Answer(calls=[refund]), Answer("Un momento.")])
    model = ModelServer(lambda _: next(answers, Answer(status=400)))
    async with staffed(tmp_path, model, VOICE_LANGUAGE="multi") as (it, mia), dial(it) as call:
        await call.ask("quiero mi dinero", lang="es-ES")
        await mia.decide(await mia.waiting_approval("process_refund"), approved=False, reason="roto")
        await call.wait_heard(f"{spanish(phrases.REJECTED)} {spanish(phrases.REASON)} roto")
        found = await committed(it, 2)
    assert found.history[-1].items[-1]["content"] == f"{spanish(phrases.REJECTED)} {spanish(phrases.REASON)} roto"
    assert phrases.REJECTED not in call.heard()


@pytest.mark.promise("V22")
async def test_the_rest_of_a_lost_answer_begins_in_the_callers_language(tmp_path: Path) -> None:
    told = "rojo naranja amarillo verde azul. violeta negro blanco gris marrón rosa dorado plateado, y ya está."
    model = ModelServer([Answer(told, gap=0.1)])
    async with running(tmp_path, model, VOICE_LANGUAGE="multi") as it, dial(it, speed=150) as call:
        await call.wait_silent()
        await call.say("di los colores", lang="es-ES")
        await call.wait_heard("amarillo")
        await call.drop()
        await call.wait_sessions(2)
        heard = await call.wait_heard("ya está.")
        found = await committed(it, 1)
    assert spanish(phrases.CUT_OFF) in heard
    assert phrases.CUT_OFF not in heard + str(found.history)


@pytest.mark.promise("V22")
async def test_what_twilio_says_by_itself_is_in_the_lines_language(tmp_path: Path) -> None:
    tuned = {"VOICE_LANGUAGE": "es-ES", "MAX_CALLS": "0"}
    async with running(tmp_path, ModelServer(echo), **tuned) as it, dial(it) as call:
        await call.wait_over()
    assert call.happened("say") == [{"text": spanish(phrases.LINE_BUSY), "language": "es-ES"}]


async def test_partials_come_where_they_were_asked_for(tmp_path: Path) -> None:
    counts = []
    for name, asked in (("a", {}), ("b", {"VOICE_PARTIAL_PROMPTS": "true", "VOICE_SPEECH_MODEL": "flux"})):
        async with running(tmp_path / name, ModelServer(echo), **asked) as it, dial(it) as call:
            await call.ask("one two three four")
        counts.append(len([one for one in call.sent if one["type"] == "prompt" and not one["last"]]))
    assert counts == [0, 2]


# --- a person, in words -------------------------------------------------------------------------------------


def asks_for_a_person(text: str = "") -> ModelServer:
    call = ("escalate_to_human", {"reason": "wants to talk", "priority": "high", "summary": "Headphones are broken."})
    answers = iter([Answer(text, calls=[call])])
    return ModelServer(lambda _: next(answers, Answer("A colleague calls you.")))


def hours(*, closed: bool) -> dict[str, str]:
    """Hours around this moment, or none of today and tomorrow."""
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    first = datetime.now(UTC) + timedelta(days=3 if closed else -1)
    span = "-".join(days[(first + timedelta(days=more)).weekday()] for more in (0, 2))
    return {"HUMAN_TRANSFER_NUMBER": COLLEAGUE, "HUMAN_TRANSFER_HOURS": f"{span} 00:00-24:00"}


@pytest.mark.promise("V23")
@pytest.mark.parametrize("before", ["", "I am sorry to hear that."])
async def test_let_me_talk_to_somebody_puts_the_caller_through(tmp_path: Path, before: str) -> None:
    model = asks_for_a_person(before)
    async with running(tmp_path, model, **hours(closed=False)) as it, dial(it) as call:
        await call.say("let me talk to somebody")
        await call.wait_over()
        (ticket,) = await it.store.tickets(subject_of())
        found = await committed(it, 1)
    assert len(model.requests) == 1  # no model is asked for a sentence that is fixed
    assert call.heard().endswith(f"{before} {phrases.TRANSFER}".strip())
    assert COLLEAGUE in str(call.happened("dial"))
    assert "Headphones are broken." in str(call.happened("whispered"))
    assert (ticket.escalation, ticket.description) == (True, "Headphones are broken.")
    assert found.history[-1].items[-1] == {"role": "assistant", "content": phrases.TRANSFER}


@pytest.mark.promise("V23")
async def test_a_switchboard_is_told_the_extension(tmp_path: Path) -> None:
    reached = hours(closed=False) | {"HUMAN_TRANSFER_DIGITS": "ww123#"}
    async with running(tmp_path, asks_for_a_person(), **reached) as it, dial(it) as call:
        await call.say("let me talk to somebody")
        await call.wait_over()
    (action,) = call.happened("action")
    number = ElementTree.fromstring(action["body"]).find("Dial/Number")
    assert number is not None
    assert (number.text, number.attrib["sendDigits"]) == (COLLEAGUE, "ww123#")


@pytest.mark.promise("V23")
async def test_outside_the_hours_the_agent_promises_what_is_true(tmp_path: Path) -> None:
    model = asks_for_a_person()
    async with running(tmp_path, model, **hours(closed=True)) as it, dial(it) as call:
        assert await call.ask("let me talk to somebody") == "A colleague calls you."
        await committed(it, 1)
        (ticket,) = await it.store.tickets(subject_of())
        assert call.happened("dial") == []
    told = next(item["output"] for item in model.inputs[1] if item.get("type") == "function_call_output")
    assert "within 30 minutes of opening on " in told
    assert ticket.respond_by - ticket.created_at > 86_400


@pytest.mark.promise("V23")
async def test_zero_outside_the_hours_opens_a_ticket_and_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), **hours(closed=True)) as it, dial(it) as call:
        await call.wait_silent()
        await call.press("0#")
        await call.wait_heard(phrases.CLOSED)
        await until(lambda: it.store.tickets(subject_of()))
        (ticket,) = await it.store.tickets(subject_of())
        assert call.happened("dial") == []
        assert await call.ask("one more thing") == "You said: one more thing"
    assert ticket.respond_by - ticket.created_at > 86_400


@pytest.mark.promise("V23")
async def test_who_presses_zero_and_hangs_up_has_a_ticket(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), **hours(closed=False)) as it:
        async with dial(it) as call:
            await call.wait_silent()
            await call.press("0")
            await call.hang_up()
        await until(lambda: it.store.tickets(subject_of()))


async def test_a_text_is_never_put_through(tmp_path: Path) -> None:
    async with running(tmp_path, asks_for_a_person(), **hours(closed=False)) as it:
        assert await it.ask("let me talk to somebody") == "A colleague calls you."


@pytest.mark.promise("V23")
async def test_who_speaks_before_being_put_through_is_answered_first(tmp_path: Path) -> None:
    call_ = ("escalate_to_human", {"reason": "r", "priority": "high", "summary": "s"})
    answers = iter([Answer(calls=[call_]), Answer("As you wish."), Answer("You are welcome.")])
    model = ModelServer(lambda _: next(answers))
    async with running(tmp_path, model, **hours(closed=False)) as it, dial(it, speed=15.0) as call:
        await call.say("let me talk to somebody")
        await call.wait_heard("I will connect")
        await call.barge_in("no, stay with me")
        await call.wait_heard("As you wish.")
        assert await call.ask("thank you") == "You are welcome."
        assert call.happened("dial") == []


# --- the call, seen by staff --------------------------------------------------------------------------------


@pytest.mark.promise("V28")
async def test_staff_see_who_spoke_when_while_the_call_goes_on_and_when_it_is_over(tmp_path: Path) -> None:
    call_ = ("order_status", {"order_id": "12345"})
    model = ModelServer([Answer(calls=[call_]), Answer("It has shipped, with a carrier whose name takes long to say.")])
    async with staffed(tmp_path, model) as (it, mia):
        async with dial(it, speed=100.0) as call:
            await call.wait_silent()
            await call.ask("where is my order")
            live = await mia.until(lambda one: "turn" in names(one))
            assert "call_ended" not in names(live)
            assert [len(row["data"]["call"]["marks"]) > 3 for row in live["timeline"] if row["name"] == "turn"] == [
                True
            ]
            await call.press("5#")
        shown = await mia.until(lambda one: "call_ended" in names(one))
    parts = [row["data"]["call"] for row in shown["timeline"] if "call" in row["data"]]
    assert len({part["began"] for part in parts}) == 1
    marks = [tuple(mark) for part in parts for mark in part["marks"]]
    assert [at for at, _ in marks] == sorted(at for at, _ in marks)
    happened = [what for _, what in marks if what != "client_off"]
    assert happened[:6] == ["agent_on", "agent_off", "client_on", "said", "tool", "words"]
    assert happened[6:9] == ["agent_on", "agent_off", "key"]
    assert "shipped" not in str(parts)
