"""Calls over the real webhook and the real socket, against a pretend Twilio that keeps the orderings of live calls."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import aiohttp
import pytest
from yarl import URL

from tandem.conversation import phrases
from tandem.model import Channel, Conversation
from tandem.simulator.call import SimulatedCall
from tandem.simulator.wire import new_sid, sign

from ..kit.gateway import JOHN, OURS, TOKEN, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.sources import subject_of
from ..kit.waiting import PATIENCE, until
from .test_approvals import REFUND, STAFF, Desk

pytestmark = [pytest.mark.usefixtures("known"), pytest.mark.promise("V2", "V3", "A14")]
FAST = 1e6
SLOW = 25.0
"""Characters a second: the caller speaks over what takes seconds to say, also on a machine that stalls for some."""


def echo(request: dict[str, Any]) -> Answer:
    return Answer("You said: " + [item["content"] for item in request["input"] if item.get("role") == "user"][-1])


def dial(
    it: Running, sender: str | None = None, *, to: str = OURS, speed: float = FAST, **options: Any
) -> SimulatedCall:
    return it.twilio.call(it.who if sender is None else sender, to=to, chars_per_second=speed, **options)


def load_agent(folder: Path, name: str) -> Any:
    """Make a module with an agent whose tool waits for a gate, as a user's own AGENT_PATH would name it."""
    path = folder / f"{name}.py"
    path.write_text(
        "import asyncio\nfrom agents import Agent, function_tool\n"
        "started, gate, ran = asyncio.Event(), asyncio.Event(), []\n"
        "@function_tool\nasync def slow() -> str:\n    'Slow.'\n    started.set()\n    await gate.wait()\n"
        "    ran.append(1)\n    return 'slow result'\n"
        "agent = Agent('slow', tools=[slow], model='m')\n"
    )
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


async def committed(it: Running, turns: int) -> Conversation:
    """Wait until that many turns are stored, and return the conversation."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await it.store.conversation(subject_of(it.who))
            if found is not None and found.turns_taken >= turns and not await it.store.waiting(found.subject):
                return found
            await asyncio.sleep(0.005)


def words(conversation: Conversation, turn: int) -> list[str]:
    """What the agent said in a turn, as history has it."""
    (found,) = [one for one in conversation.history if one.number == turn]
    spoken = [item["content"] for item in found.items if item.get("role") == "assistant"]
    return [text for text in spoken if not text.startswith("Hello")]


@pytest.mark.promise("V1")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_twiml_names_the_socket_from_the_settings_never_from_the_host(tmp_path: Path, method: str) -> None:
    extra = {"TWILIO_WEBSOCKET_URL": "wss://voice.example/relay"}
    async with running(tmp_path, ModelServer(echo), **extra) as it, aiohttp.ClientSession() as session:
        form = {"CallSid": new_sid("CA"), "From": JOHN, "To": OURS}
        query = "?" + "&".join(f"{k}={v.replace('+', '%2B')}" for k, v in form.items()) if method == "GET" else ""
        signature = sign(f"{it.url}/voice{query}", {} if query else form, TOKEN)
        headers = {"X-Twilio-Signature": signature, "Host": "evil.example", "X-Forwarded-Host": "evil.example"}
        url = URL(f"{it.url}/voice{query}", encoded=True)
        data = None if query else form
        async with session.request(method, url, data=data, headers=headers) as response:
            assert response.status == 200
            relay = ElementTree.fromstring(await response.text()).find("Connect/ConversationRelay")
    assert relay is not None
    assert relay.attrib["url"].startswith("wss://voice.example/relay/")
    assert relay.attrib["dtmfDetection"] == "true"
    assert "?" not in relay.attrib["url"]


@pytest.mark.promise("V6")
async def test_a_question_is_answered_aloud(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it, dial(it) as call:
        assert await call.ask("where is my order") == "You said: where is my order"
        assert await call.ask("and when") == "You said: and when"
        assert call.violations == []
        frames = [frame for frame in call.received if frame.get("type") == "text"]
        status = await committed(it, 2)
    assert model.refused == []
    assert sum(bool(frame.get("last")) for frame in frames) == 2
    assert len(frames) > 6
    assert status.last_channel is Channel.VOICE


@pytest.mark.promise("V6")
async def test_words_go_out_before_the_answer_is_complete(tmp_path: Path) -> None:
    model = ModelServer([Answer("red orange yellow green blue violet", gap=0.05)])
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.say("hello")
        await call.wait_heard("red")
        spoken = [frame for frame in call.received if frame.get("type") == "text"]
        assert not any(frame.get("last") for frame in spoken)
        await call.wait_heard("violet")


@pytest.mark.promise("V5")
async def test_a_known_caller_is_greeted_by_name_and_the_model_knows_it(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.wait_heard("Hello John!")
        assert model.requests == []
        await call.ask("hi")
    assert "Hello John!" in str(model.inputs[0])
    assert "on the phone" in model.requests[0]["instructions"]


@pytest.mark.promise("I1")
async def test_text_and_call_are_one_conversation(tmp_path: Path, place: dict[str, str]) -> None:
    model = ModelServer([
        Answer(calls=[("order_status", {"order_id": "12345"})]),
        Answer("It has shipped."),
        Answer("As I wrote, it has shipped."),
        Answer("As I said, it has shipped."),
    ])  # fmt: skip
    async with running(tmp_path, model, **place) as it:
        await it.ask("where is my order 12345?")
        async with dial(it) as call:
            await call.ask("what did you just write")
        await committed(it, 2)
        await it.ask("and what did you say on the phone?")
    by_voice, by_text = str(model.inputs[2]), str(model.inputs[3])
    for part in ("where is my order 12345?", "It has shipped.", "ORD_12345"):
        assert part in by_voice
    for part in ("what did you just write", "As I wrote, it has shipped."):
        assert part in by_text
    assert model.refused == []


# --- speaking over the agent ----------------------------------------------------------------------------------


@pytest.mark.promise("V8")
async def test_barge_in_stops_the_answer_and_history_keeps_what_was_heard(tmp_path: Path) -> None:
    long = "red orange yellow green blue indigo violet black white grey brown pink gold silver purple turquoise"
    model = ModelServer([Answer(long, gap=0.4), Answer("Yes?")])
    async with running(tmp_path, model) as it, dial(it, speed=120) as call:
        await call.wait_silent()
        await call.say("name all colours")
        await call.wait_heard("yellow")
        cut = await call.barge_in("stop please")
        assert await call.wait_answer() == "Yes?"
        conversation = await committed(it, 2)
        assert call.violations == []
    heard = " ".join(words(conversation, 1))
    assert heard
    assert long.startswith(heard)
    assert len(heard) < len(long)
    assert heard in cut.heard
    assert model.cancelled == 1
    assert heard in str(model.inputs[1])
    assert "turquoise" not in str(model.inputs[1])


@pytest.mark.promise("V8")
async def test_barge_in_before_the_first_word_leaves_no_words_in_history(tmp_path: Path) -> None:
    model = ModelServer([Answer("too late", gate=asyncio.Event()), Answer("Now I do.")])
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.wait_silent()
        await call.say("first")
        await until(lambda: model.requests)
        await call.say("second")
        await call.wait_heard("Now I do.")
        conversation = await committed(it, 2)
    assert words(conversation, 1) == []
    assert model.cancelled == 1


@pytest.mark.promise("V8")
async def test_barge_in_after_all_text_was_sent_corrects_the_history(tmp_path: Path) -> None:
    long = "This is a rather long answer. " * 8
    model = ModelServer([Answer(long), Answer("Of course."), Answer("Sure.")])
    async with running(tmp_path, model) as it, dial(it, speed=SLOW) as call:
        await call.wait_silent()
        await call.say("tell me")
        await committed(it, 1)
        await call.wait_heard("rather")
        await call.barge_in("shorter please")
        await call.wait_heard("Of course.")
        conversation = await committed(it, 2)
    heard = " ".join(words(conversation, 1))
    assert 0 < len(heard) < len(long)
    assert long.startswith(heard.strip())


@pytest.mark.promise("V9")
async def test_barge_in_while_a_tool_runs_lets_it_finish_once_and_keeps_its_result(tmp_path: Path) -> None:
    module = load_agent(tmp_path, "slow_agents")
    model = ModelServer([Answer(calls=[("slow", {})]), Answer("Here.")])
    async with running(tmp_path, model, AGENT_PATH="slow_agents:agent") as it, dial(it) as call:
        await call.wait_silent()
        await call.say("do it")
        await asyncio.wait_for(module.started.wait(), PATIENCE)
        await call.say("are you there")
        module.gate.set()
        await call.wait_heard("Here.")
        conversation = await committed(it, 2)
    assert module.ran == [1]
    assert "slow result" in str(conversation.history[0].items)
    assert "slow result" in str(model.inputs[1])
    assert model.refused == []


# --- never silence ---------------------------------------------------------------------------------------------


@pytest.mark.promise("V13")
async def test_a_slow_model_is_bridged_by_one_moment_that_is_no_part_of_the_answer(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ModelServer([Answer("Here it is.", gate=gate)])
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.wait_silent()
        await call.say("hello")
        await call.wait_heard(phrases.ONE_MOMENT)
        gate.set()
        await call.wait_heard("Here it is.")
        conversation = await committed(it, 1)
        fillers = [frame for frame in call.received if phrases.ONE_MOMENT in str(frame.get("token", ""))]
    assert words(conversation, 1)[-1] == "Here it is."
    assert phrases.ONE_MOMENT not in str(conversation.history)
    assert len(fillers) == 1


@pytest.mark.promise("V13")
async def test_a_slow_tool_is_bridged_once(tmp_path: Path) -> None:
    slow = load_agent(tmp_path, "bridged_agents")
    model = ModelServer([Answer(calls=[("slow", {})]), Answer("Here it is.")])
    async with running(tmp_path, model, AGENT_PATH="bridged_agents:agent") as it, dial(it) as call:
        await call.wait_silent()
        await call.say("do it")
        await call.wait_heard(phrases.ONE_MOMENT)
        slow.gate.set()
        await call.wait_heard("Here it is.")
        fillers = [frame for frame in call.received if phrases.ONE_MOMENT in str(frame.get("token", ""))]
    assert len(fillers) == 1


async def test_no_first_word_in_time_is_apologised_for_and_the_next_prompt_served(tmp_path: Path) -> None:
    model = ModelServer([Answer("never", gate=asyncio.Event()), Answer("Back again.")])
    async with running(tmp_path, model, FIRST_TOKEN_TIMEOUT_MS="2500") as it, dial(it) as call:
        await call.wait_silent()
        await call.say("hello")
        await call.wait_heard(phrases.FAILURE)
        assert await call.ask("again") == "Back again."
    assert model.cancelled == 1


async def test_a_failing_model_is_apologised_for_and_the_next_prompt_served(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer([Answer(status=400), Answer("Back again.")])) as it, dial(it) as call:
        assert await call.ask("hello") == phrases.FAILURE
        assert await call.ask("again") == "Back again."


async def test_a_caller_does_not_wait_for_a_text_turn_that_has_done_nothing(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ModelServer([Answer("never", gate=gate), Answer("Spoken first."), Answer("Then written.")])
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.wait_silent()
        await it.say("a slow text")
        await until(lambda: len(model.requests) == 1)
        assert await call.ask("I am on the phone") == "Spoken first."
        assert await it.hear() == ["Then written."]
        conversation = await committed(it, 2)
    assert [turn.channel for turn in conversation.history] == [Channel.VOICE, Channel.SMS]


# --- hanging up, and outcomes ------------------------------------------------------------------------------------


@pytest.mark.promise("V15")
async def test_hanging_up_before_the_answer_gets_it_by_text(tmp_path: Path, place: dict[str, str]) -> None:
    gate = asyncio.Event()
    model = ModelServer([Answer("Your parcel comes tomorrow.", gate=gate)])
    async with running(tmp_path, model, TWILIO_PHONE_NUMBER=OURS, **place) as it:
        async with dial(it) as call:
            await call.wait_silent()
            await call.say("when does it come")
            await until(lambda: model.requests)
            await call.hang_up()
        gate.set()
        assert await it.hear() == ["Your parcel comes tomorrow."]


@pytest.mark.promise("V15")
async def test_hanging_up_behind_a_tool_gets_the_answer_by_text_though_its_beginning_was_heard(tmp_path: Path) -> None:
    module = load_agent(tmp_path, "acting_agents")
    model = ModelServer([Answer("I do that right away.", calls=[("slow", {})]), Answer("It is done.")])
    async with running(tmp_path, model, AGENT_PATH="acting_agents:agent", TWILIO_PHONE_NUMBER=OURS) as it:
        async with dial(it) as call:
            await call.wait_silent()
            await call.say("do it")
            await call.wait_heard("right away.")
            await asyncio.wait_for(module.started.wait(), PATIENCE)
            await call.hang_up()
        module.gate.set()
        (texted,) = await it.hear()
    assert "It is done." in texted


@pytest.mark.promise("H2")
async def test_an_outcome_is_spoken_to_a_caller_on_the_line_between_turns(
    tmp_path: Path, place: dict[str, str]
) -> None:
    async with running(tmp_path, **STAFF, **place) as it:
        headers = {"Authorization": "Bearer mia-token-123456789"}
        async with aiohttp.ClientSession(it.url, headers=headers) as session, dial(it) as call:
            desk = Desk(session)
            assert "colleague" in await call.ask(REFUND)
            waiting = await desk.waiting()
            assert waiting["channel"] == "voice"
            await desk.decide(waiting, approved=True)
            await call.wait_heard("refund number")
            assert it.twilio.sent_to(JOHN) == []
            assert call.violations == []


async def approved_while_on_the_line(it: Running, call: SimulatedCall) -> str:
    """Ask for a refund in a call and let it be approved; return how the outcome begins, once it is being said."""
    async with aiohttp.ClientSession(it.url, headers={"Authorization": "Bearer mia-token-123456789"}) as session:
        desk = Desk(session)
        assert "colleague" in await call.ask(REFUND)
        await desk.decide(await desk.waiting(), approved=True)
        await call.wait_heard("approved your refund")
    return str((await it.conversation()).history[-1].items[-1]["content"])


@pytest.mark.promise("V8")
async def test_history_keeps_what_was_heard_of_an_outcome(tmp_path: Path) -> None:
    async with running(tmp_path, **STAFF) as it, dial(it, speed=SLOW) as call:
        outcome = await approved_while_on_the_line(it, call)
        await call.barge_in("thank you, that is fine")
        conversation = await committed(it, 3)
    (heard,) = words(conversation, 2)
    assert outcome.startswith(heard.strip())
    assert len(heard.strip()) < len(outcome)


@pytest.mark.promise("V14")
async def test_an_outcome_that_was_cut_by_hanging_up_is_texted_once(tmp_path: Path) -> None:
    async with running(tmp_path, TWILIO_PHONE_NUMBER=OURS, **STAFF) as it:
        async with dial(it, speed=SLOW) as call:
            await approved_while_on_the_line(it, call)
            await call.hang_up()
        (texted,) = await it.hear()
    assert "paid back" in texted


@pytest.mark.promise("V14", "H14")
async def test_an_outcome_after_hanging_up_is_texted_once(tmp_path: Path, place: dict[str, str]) -> None:
    async with running(tmp_path, TWILIO_PHONE_NUMBER=OURS, **STAFF, **place) as it:
        headers = {"Authorization": "Bearer mia-token-123456789"}
        async with aiohttp.ClientSession(it.url, headers=headers) as session:
            desk = Desk(session)
            async with dial(it) as call:
                assert "colleague" in await call.ask(REFUND)
                waiting = await desk.waiting()
                await call.hang_up()
            await desk.decide(waiting, approved=True)
            (outcome,) = await it.hear()
            await desk.settled(waiting["id"])
    assert "paid back" in outcome


@pytest.mark.promise("H14")
async def test_asked_by_text_decided_and_told_in_the_call(tmp_path: Path, place: dict[str, str]) -> None:
    async with running(tmp_path, **STAFF, **place) as it:
        headers = {"Authorization": "Bearer mia-token-123456789"}
        async with aiohttp.ClientSession(it.url, headers=headers) as session:
            desk = Desk(session)
            assert "colleague" in await it.ask(REFUND)
            async with dial(it) as call:
                await call.ask("thanks")
                waiting = await desk.waiting()
                await desk.decide(waiting, approved=True)
                await call.wait_heard("refund number")
                assert await call.ask("thank you")  # so that what was played of the outcome is known
    assert len(it.twilio.sent_to(JOHN)) == 1


# --- who may connect, and what they may send ----------------------------------------------------------------------


@pytest.mark.promise("V4")
async def test_an_unsigned_socket_is_refused(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it, dial(it, signature="") as call:
        await call.wait_over()
        assert len(it.gateway.calls) == 0
    assert model.requests == []


@pytest.mark.promise("V4")
async def test_a_socket_address_works_once_and_for_its_own_call_only(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it, aiohttp.ClientSession() as session:

        async def address() -> str:
            form = {"CallSid": "CA" + "a" * 32, "From": JOHN, "To": OURS}
            signed = {"X-Twilio-Signature": sign(f"{it.url}/voice", form, TOKEN)}
            async with session.post(f"{it.url}/voice", data=form, headers=signed) as response:
                relay = ElementTree.fromstring(await response.text()).find("Connect/ConversationRelay")
                assert relay is not None
                return relay.attrib["url"]

        async def connect(url: str, call: str) -> int | None:
            """Return None when the socket answers a question after the setup, else how it was refused or closed."""
            signed = {"X-Twilio-Signature": sign(url, {}, TOKEN)}
            try:
                async with session.ws_connect(url.replace("wss://", "http://"), headers=signed) as socket:
                    await socket.send_json({"type": "setup", "callSid": call, "from": JOHN, "to": OURS})
                    await socket.send_json({"type": "prompt", "voicePrompt": "hello", "lang": "en-US", "last": True})
                    message = await socket.receive(timeout=PATIENCE)
                    return int(message.data) if message.type is aiohttp.WSMsgType.CLOSE else None
            except aiohttp.WSServerHandshakeError as error:
                return error.status

        url = await address()
        assert await connect(url, "CA" + "a" * 32) is None
        assert await connect(url, "CA" + "a" * 32) == 403
        assert await connect(await address(), "CA" + "b" * 32) == 1008
        assert await connect((await address())[:-3] + "abc", "CA" + "a" * 32) == 403


@pytest.mark.promise("V11")
async def test_nonsense_on_one_call_leaves_it_and_the_others_alive(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it, dial(it) as call, dial(it, "+15559876543") as other:
        session = call.session
        assert session is not None
        for frame in (
            "{",
            "[]",
            '"x"',
            "null",
            '{"type":"what"}',
            '{"type":"prompt"}',
            '{"type":"prompt","voicePrompt":null,"last":true}',
        ):
            await session.raw(frame)
        await call.say("still there")
        await call.wait_heard("You said: still there")
        assert await other.ask("and you") == "You said: and you"


@pytest.mark.promise("V11")
async def test_a_huge_frame_costs_that_call_its_socket_and_no_other(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it, dial(it) as call, dial(it, "+15559876543") as other:
        session = call.session
        assert session is not None
        await session.raw('{"type":"prompt","voicePrompt":"' + "x" * 1_000_000 + '","last":true}')
        await call.wait_sessions(2)  # the socket is lost, the call is not
        assert await other.ask("and you") == "You said: and you"


@pytest.mark.promise("V18")
async def test_a_withheld_number_is_a_subject_of_its_own_without_an_account(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        async with dial(it, "anonymous") as call:
            answer = await call.ask("where is my order 12345")
        async with dial(it, "anonymous") as again:
            await again.ask("hello")
        async with asyncio.timeout(PATIENCE):
            while len((recent := await it.store.recent(limit=10)).items) < 2:
                await asyncio.sleep(0.005)
    assert "shipped" not in answer.lower()
    assert len({head.subject for head in recent.items}) == 2
