"""Met in the field, on the phone: what happens in an order that nobody wished for is answered all the same.

Over the real socket, at a pace at which the agent is still speaking when the rest happens.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tandem.conversation import phrases
from tandem.model import Channel
from tandem.simulator.call import SimulatedCall

from ..flows.test_voice import committed, dial, echo, load_agent, words
from ..kit.gateway import JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.waiting import PATIENCE, until

pytestmark = pytest.mark.promise("V24")

END = "And here is its end."
LONG = f"This answer is long enough to be cut off in the middle. {'It goes on and on. ' * 8}{END}"
SLOW = 40.0
"""Characters a second: a long answer takes seconds to say."""
REFUND = ("process_refund", {"order_id": "12345", "amount": 20.0, "reason": "broken"})


async def texted(it: Running) -> str:
    """Return the one text that the caller gets."""
    (text,) = await it.hear()
    return text


# --- what was heard stands before what is asked next ----------------------------------------------------------


@pytest.mark.parametrize("then", ["said", "texted"])
async def test_what_was_heard_is_known_to_the_very_next_question(tmp_path: Path, then: str) -> None:
    model = ModelServer([Answer(LONG), Answer("Of course.")])
    async with running(tmp_path, model) as it, dial(it, speed=SLOW) as call:
        await call.wait_silent()
        await call.say("tell me")
        await committed(it, 1)
        await call.wait_heard("cut off")
        await call.interrupt()
        if then == "said":
            await call.utter("shorter please", last=True)
        else:
            await it.say("shorter please")
        await until(lambda: len(model.requests) == 2)
        conversation = await committed(it, 2)
    assert "This answer is long" in str(model.inputs[1])
    assert END not in str(model.inputs[1])
    assert END not in words(conversation, 1)[0]


async def test_many_interruptions_are_each_known_to_the_next_question(tmp_path: Path) -> None:
    model = ModelServer(lambda request: Answer(LONG))
    async with running(tmp_path, model) as it, dial(it, speed=SLOW) as call:
        await call.wait_silent()
        await call.say("tell me")
        for turn in range(1, 6):
            await committed(it, turn)
            await call.wait_heard(lambda heard, turn=turn: heard.count("This answer") == turn)  # type: ignore[misc]
            await call.interrupt()
            await call.utter(f"again {turn}", last=True)
        await committed(it, 6)
    assert [str(given).count(END) for given in model.inputs] == [0] * 6


# --- not told is never all heard ------------------------------------------------------------------------------


async def test_the_first_answer_is_not_lost_with_the_line_before_its_first_word(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer([Answer(LONG)])) as it, dial(it, speed=SLOW) as call:
        await call.wait_silent()
        await call.say("tell me")
        await committed(it, 1)
        await call.drop()
        await call.wait_sessions(2)
        heard = await call.wait_heard(END)
    assert heard.count("It goes on") == 8


async def test_the_first_answer_is_texted_to_who_hung_up_before_its_first_word(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer([Answer(LONG)]), TWILIO_PHONE_NUMBER=OURS) as it:
        async with dial(it, speed=SLOW) as call:
            await call.wait_silent()
            await call.say("tell me")
            await committed(it, 1)
            await call.hang_up()
        assert (await texted(it)) == LONG


async def test_who_says_goodbye_and_hangs_up_gets_no_text(tmp_path: Path) -> None:
    model = ModelServer([Answer(f"You are welcome. {LONG}"), Answer("Hello again.")])
    async with running(tmp_path, model, TWILIO_PHONE_NUMBER=OURS) as it:
        async with dial(it, speed=SLOW) as call:
            await call.wait_silent()
            await call.say("thank you, goodbye")
            await committed(it, 1)
            await call.hang_up()
        await until(lambda: len(it.gateway.calls) == 0)
        assert await it.ask("one more thing") == "Hello again."


async def test_the_rest_of_an_answer_that_still_came_when_the_line_was_lost_is_said_once(tmp_path: Path) -> None:
    gate = asyncio.Event()
    told = "red orange yellow green blue. indigo violet black white grey brown pink gold silver, and that is all."
    model = ModelServer([Answer(told, gap=0.1), Answer("Yes.", gate=gate)])
    async with running(tmp_path, model) as it, dial(it, speed=150) as call:
        await call.wait_silent()
        await call.say("name all colours")
        await call.wait_heard("yellow")
        await call.drop()
        await call.wait_sessions(2)
        heard = await call.wait_heard("that is all.")
        conversation = await committed(it, 1)
        assert it.twilio.sent_to(JOHN) == []
    assert phrases.CUT_OFF in heard
    assert heard.count("indigo") == heard.count("silver") == 1
    said = " ".join(words(conversation, 1))
    assert said.count("red") == said.count("silver") == 1


async def test_a_tools_answer_that_was_not_heard_before_hanging_up_is_texted(tmp_path: Path) -> None:
    model = ModelServer([Answer(calls=[("order_status", {"order_id": "12345"})]), Answer(f"It has shipped. {LONG}")])
    async with running(tmp_path, model, TWILIO_PHONE_NUMBER=OURS) as it:
        async with dial(it, speed=SLOW) as call:
            await call.wait_silent()
            await call.say("where is my order 12345")
            await committed(it, 1)
            await call.wait_heard("It has")
            await call.hang_up()
        assert (await texted(it)).startswith("It has shipped.")


# --- sounds that are no words ---------------------------------------------------------------------------------


@pytest.mark.parametrize("behind", ["nothing", "an empty prompt"])
async def test_a_cough_over_one_moment_does_not_cost_the_answer(tmp_path: Path, behind: str) -> None:
    gate = asyncio.Event()
    model = ModelServer([Answer("Here it is.", gate=gate)])
    async with running(tmp_path, model) as it, dial(it, speed=SLOW) as call:
        await call.wait_silent()
        await call.say("hello")
        await call.wait_heard("One mo")
        assert await call.interrupt() is not None
        if behind == "an empty prompt":
            await call.utter("", last=True)
        gate.set()
        heard = await call.wait_heard("Here it is.")
        conversation = await committed(it, 1)
    assert phrases.EMPTY not in heard
    assert model.cancelled == 0
    assert words(conversation, 1) == ["Here it is."]


async def test_words_over_one_moment_are_the_new_question(tmp_path: Path) -> None:
    model = ModelServer([Answer("never", gate=asyncio.Event()), Answer("Now I do.")])
    async with running(tmp_path, model) as it, dial(it, speed=SLOW) as call:
        await call.wait_silent()
        await call.say("first")
        await call.wait_heard("One mo")
        await call.say("second")
        heard = await call.wait_heard("Now I do.")
    assert "never" not in heard
    assert model.cancelled == 1


# --- goodbyes -------------------------------------------------------------------------------------------------


async def test_who_speaks_over_the_goodbye_stays(tmp_path: Path) -> None:
    async with (
        running(tmp_path, ModelServer(echo), SILENCE_SECONDS="0.5") as it,
        dial(it, speed=SLOW) as call,
    ):
        await call.wait_heard(phrases.GOODBYE_SILENCE[:20])
        await call.say("wait, I am here")
        assert await call.wait_answer() == "You said: wait, I am here"
        assert not call.over


async def test_who_coughs_over_the_goodbye_stays(tmp_path: Path) -> None:
    async with (
        running(tmp_path, ModelServer(echo), SILENCE_SECONDS="0.5") as it,
        dial(it, speed=SLOW) as call,
    ):
        await call.wait_heard(phrases.GOODBYE_SILENCE[:20])
        await call.interrupt()
        await call.wait_heard(lambda heard: heard.count(phrases.STILL_THERE) == 2)
        assert not call.over


async def test_the_last_sentence_of_the_longest_call_is_said_whatever_the_caller_says(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), CALL_MAX_SECONDS="3") as it, dial(it, speed=SLOW) as call:
        await call.wait_heard(phrases.GOODBYE_LENGTH[:20])
        assert await call.say("but wait") is None
        await call.wait_over()
    assert phrases.GOODBYE_LENGTH in call.heard()


# --- what the caller wants ------------------------------------------------------------------------------------


async def test_of_a_very_long_speech_the_question_is_kept(tmp_path: Path) -> None:
    model = ModelServer(echo)
    story, question = "I bought it years ago and " * 50, "so what can you do for me?"
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.ask(story + question)
    (said,) = [item["content"] for item in model.inputs[0] if item.get("role") == "user"]
    assert said.endswith(question)
    assert 900 < len(said) <= 1000
    assert story.split().count("years") > said.split().count("years") > 30


async def test_star_while_the_model_thinks_leaves_the_coming_answer_alone(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ModelServer([Answer("First."), Answer("Second.", gate=gate)])
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.ask("hello")
        await call.say("and the other one")
        await until(lambda: len(model.requests) == 2)
        await call.press("*")
        gate.set()
        await call.wait_heard("Second.")
    assert model.cancelled == 0


# --- the same words again after a reconnect -------------------------------------------------------------------


def counting(folder: Path, name: str) -> tuple[object, ModelServer]:
    module = load_agent(folder, name)
    answers = [Answer(calls=[("slow", {})]), Answer("It is done now."), Answer("You are welcome.")]
    return module, ModelServer(answers)


@pytest.mark.promise("V25")
async def test_words_that_are_delivered_again_after_a_reconnect_are_answered_again_and_run_once(tmp_path: Path) -> None:
    module, model = counting(tmp_path, "again_agents")
    module.gate.set()  # type: ignore[attr-defined]
    async with running(tmp_path, model, AGENT_PATH="again_agents:agent") as it, dial(it) as call:
        assert await call.ask("please do it") == "It is done now."
        await committed(it, 1)
        await call.drop()
        await call.wait_sessions(2)
        await call.utter("please do it", last=True)
        await call.wait_heard(lambda heard: heard.count("It is done now.") == 2)
        assert await call.ask("thank you") == "You are welcome."
        conversation = await committed(it, 2)
    assert module.ran == [1]  # type: ignore[attr-defined]
    assert conversation.turns_taken == 2
    assert len(model.requests) == 3


@pytest.mark.promise("V25")
async def test_words_that_are_delivered_again_while_they_are_answered_run_once(tmp_path: Path) -> None:
    module, model = counting(tmp_path, "still_agents")
    async with running(tmp_path, model, AGENT_PATH="still_agents:agent") as it, dial(it) as call:
        await call.wait_silent()
        await call.say("please do it")
        await asyncio.wait_for(module.started.wait(), PATIENCE)  # type: ignore[attr-defined]
        await call.drop()
        await call.wait_sessions(2)
        await call.utter("please do it", last=True)
        module.gate.set()  # type: ignore[attr-defined]
        await call.wait_heard("It is done now.")
        assert await call.ask("thank you") == "You are welcome."
        await committed(it, 2)
        heard = call.heard()
    assert module.ran == [1]  # type: ignore[attr-defined]
    assert heard.count("It is done now.") == 1


async def test_the_same_words_in_one_session_are_two_questions(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.ask("yes")
        await call.ask("yes")
        conversation = await committed(it, 2)
    assert [turn.channel for turn in conversation.history] == [Channel.VOICE] * 2
    assert len(model.requests) == 2


# --- the same address again -----------------------------------------------------------------------------------

BACK = {"VOICE_APPLICATION_RECONNECT": "true"}


@pytest.mark.promise("V25")
async def test_a_lost_socket_comes_back_to_the_same_address_and_the_call_goes_on(tmp_path: Path) -> None:
    module, model = counting(tmp_path, "back_agents")
    module.gate.set()  # type: ignore[attr-defined]
    async with running(tmp_path, model, AGENT_PATH="back_agents:agent", **BACK) as it, dial(it) as call:
        assert await call.ask("please do it") == "It is done now."
        await committed(it, 1)
        await call.drop()
        session = await call.wait_sessions(2)  # which tells the last words again
        assert (session.sid, session.noun.url) == (call.sessions[0].sid, call.sessions[0].noun.url)
        assert await call.ask("thank you") == "You are welcome."
        conversation = await committed(it, 2)
        assert call.happened("action") == []
        assert call.violations == []
        heard = call.heard()
    assert module.ran == [1]  # type: ignore[attr-defined]
    assert conversation.turns_taken == 2
    assert heard.count("Hello John!") == 1


@pytest.mark.promise("V25")
async def test_a_prompt_that_is_answered_when_the_line_breaks_is_answered_once(tmp_path: Path) -> None:
    module, model = counting(tmp_path, "halfway_agents")
    async with running(tmp_path, model, AGENT_PATH="halfway_agents:agent", **BACK) as it, dial(it) as call:
        await call.wait_silent()
        await call.say("please do it")
        await asyncio.wait_for(module.started.wait(), PATIENCE)  # type: ignore[attr-defined]
        await call.drop()
        await call.wait_sessions(2)
        module.gate.set()  # type: ignore[attr-defined]
        await call.wait_heard("It is done now.")
        assert await call.ask("thank you") == "You are welcome."
        await committed(it, 2)
        heard = call.heard()
    assert module.ran == [1]  # type: ignore[attr-defined]
    assert heard.count("It is done now.") == 1


async def refused_socket(call: SimulatedCall, url: str) -> int:
    """Return the status with which a socket to an address, signed as Twilio signs it, is refused."""
    with pytest.raises(InvalidStatus) as raised:
        await call.gateway.open_socket(url)
    return raised.value.response.status_code


@pytest.mark.promise("V4", "V25")
@pytest.mark.parametrize("extra", [{}, BACK], ids=["once", "may come back"])
async def test_a_captured_address_opens_nothing_while_the_call_goes_on_nor_when_it_is_over(
    tmp_path: Path, extra: dict[str, str]
) -> None:
    async with running(tmp_path, ModelServer(echo), **extra) as it:
        async with dial(it) as call:
            await call.ask("hello")
            (session,) = call.sessions
            during = await refused_socket(call, session.noun.url)
            assert await call.ask("still here") == "You said: still here"
        after = await refused_socket(call, session.noun.url)
    assert (during, after) == (403, 403)


# --- plain words ----------------------------------------------------------------------------------------------


@pytest.mark.promise("V26")
async def test_what_is_said_is_plain_words_while_it_comes(tmp_path: Path) -> None:
    written = "**Hi** John, [track it](https://shop.example/t/1) 🎉 today:\n- Socks\n- Shoes, $5.25\n+ $8.25 tax"
    async with running(tmp_path, ModelServer([Answer(written, gap=0.01)])) as it, dial(it) as call:
        said = await call.ask("where is it")
    assert said == "Hi John, track it today: Socks. Shoes, $5.25. + $8.25 tax"


async def test_who_hung_up_reads_the_address_that_would_not_have_been_said(tmp_path: Path) -> None:
    written = f"Track it [here](https://shop.example/t/1). {LONG}"
    async with running(tmp_path, ModelServer([Answer(written)]), TWILIO_PHONE_NUMBER=OURS) as it:
        async with dial(it, speed=SLOW) as call:
            await call.wait_silent()
            await call.say("tell me")
            await committed(it, 1)
            await call.hang_up()
        assert "https://shop.example/t/1" in await texted(it)
