"""Phones in cars and lifts: keys, silence, transfers, lost sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tandem.conversation import phrases

from ..kit.gateway import JOHN, OURS, running
from ..kit.model_server import Answer, ModelServer
from ..kit.sources import subject_of
from ..kit.waiting import PATIENCE, until
from .test_voice import FAST, committed, dial, echo

pytestmark = pytest.mark.usefixtures("known")
COLLEAGUE = "+15550007777"
LONG = f"This answer is long enough to be cut off in the middle. {'It goes on and on. ' * 8}And here is its end."
SLOW = 40.0
"""Characters a second: what follows the middle takes seconds to say, also on a machine that stalls for some."""


@pytest.mark.promise("V10", "V17")
async def test_zero_opens_a_ticket_and_transfers_with_a_whisper(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), HUMAN_TRANSFER_NUMBER=COLLEAGUE) as it, dial(it) as call:
        await call.ask("my headphones are broken")
        await committed(it, 1)
        await call.press("0")
        await call.wait_over()
        (ticket,) = await it.store.tickets(subject_of())
        dialled, whispered = call.happened("dial"), call.happened("whisper")
    assert ticket.escalation
    assert COLLEAGUE in str(dialled), call.log
    assert "my headphones are broken" in str(whispered)
    assert phrases.TRANSFER in call.heard()


@pytest.mark.promise("V17")
async def test_a_transfer_that_nobody_answers_is_told_with_a_promise(tmp_path: Path) -> None:
    extra = {"HUMAN_TRANSFER_NUMBER": COLLEAGUE}
    async with running(tmp_path, ModelServer(echo), **extra) as it, dial(it, dial="no-answer") as call:
        await call.wait_silent()
        await call.press("0")
        await call.wait_over()
        assert len(await it.store.tickets(subject_of())) == 1
    assert phrases.CALL_BACK in call.heard()


@pytest.mark.promise("V17")
async def test_zero_without_a_number_promises_a_call_back_and_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it, dial(it) as call:
        await call.wait_silent()
        await call.press("0")
        await call.wait_heard(phrases.CALL_BACK)
        async with asyncio.timeout(PATIENCE):
            while not await it.store.tickets(subject_of()):
                await asyncio.sleep(0.005)
        assert await call.ask("one more thing") == "You said: one more thing"


@pytest.mark.promise("V10")
async def test_star_repeats_the_last_answer_without_a_model_call(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.ask("hello")
        await call.press("*")
        await until(lambda: call.heard().count("You said: hello") == 2)
    assert len(model.requests) == 1


@pytest.mark.promise("V10")
async def test_other_digits_are_collected_and_given_to_the_agent(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.wait_silent()
        await call.press("12345#")
        await call.wait_heard("12345")
    (said,) = [item["content"] for item in model.inputs[0] if item.get("role") == "user"]
    assert "12345" in said


@pytest.mark.promise("R1")
async def test_a_card_number_entered_with_the_keys_is_masked(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it, dial(it) as call:
        await call.wait_silent()
        await call.press("4111111111111111#")
        await until(lambda: model.requests)
        await committed(it, 1)
        stored = str(await it.conversation())
    assert "4111111111111111" not in str(model.requests) + stored


@pytest.mark.promise("V16")
async def test_a_lost_socket_is_reconnected_without_a_greeting(tmp_path: Path, place: dict[str, str]) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model, **place) as it, dial(it) as call:
        await call.ask("my dog is called Rex")
        await committed(it, 1)
        await call.drop()
        await call.wait_sessions(2)
        assert await call.ask("what is he called") == "You said: what is he called"
        assert call.heard().count("Hello John!") == 1
        assert call.violations == []
    assert "Rex" in str(model.inputs[1])


async def test_a_prompt_that_the_lost_socket_left_unanswered_is_answered_on_reconnect(
    tmp_path: Path, place: dict[str, str]
) -> None:
    gate = asyncio.Event()
    model = ModelServer([Answer("Your parcel comes tomorrow.", gate=gate)])
    async with running(tmp_path, model, TWILIO_PHONE_NUMBER=OURS, **place) as it, dial(it) as call:
        await call.wait_silent()
        await call.say("when does it come")
        await until(lambda: model.requests)
        await call.drop()
        gate.set()
        await call.wait_sessions(2)
        await call.wait_heard("Your parcel comes tomorrow.")
        assert it.twilio.sent_to(JOHN) == []


@pytest.mark.promise("V16")
async def test_an_answer_that_was_cut_by_the_lost_socket_is_resumed(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer([Answer(LONG)])) as it, dial(it, speed=SLOW) as call:
        await call.wait_silent()
        await call.say("tell me")
        await committed(it, 1)
        await call.wait_heard("cut off in")
        await call.drop()
        await call.wait_sessions(2)
        heard = await call.wait_heard("And here is its end.")
    assert phrases.CUT_OFF in heard


@pytest.mark.promise("V15")
async def test_a_redial_is_offered_what_was_left_open(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer([Answer(LONG)])) as it:
        async with dial(it, speed=SLOW) as call:
            await call.wait_silent()
            await call.say("tell me")
            await committed(it, 1)
            await call.wait_heard("cut off in")
            await call.hang_up()
        async with asyncio.timeout(PATIENCE):
            while not (await it.conversation()).context:
                await asyncio.sleep(0.01)
        async with dial(it, speed=FAST) as again:
            heard = await again.wait_heard("And here is its end.")
    assert phrases.CUT_OFF in heard


@pytest.mark.promise("V16")
async def test_a_line_that_keeps_breaking_is_given_up_after_three_attempts(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it, dial(it) as call:
        for session in range(1, 5):
            await call.wait_sessions(session)
            await call.drop()
        await call.wait_over()
    assert phrases.LINE_LOST in call.heard()
    assert len(call.happened("relay")) == 4


@pytest.mark.promise("V16", "V17")
async def test_a_line_that_keeps_breaking_is_put_through_to_a_colleague(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), HUMAN_TRANSFER_NUMBER=COLLEAGUE) as it, dial(it) as call:
        for session in range(1, 5):
            await call.wait_sessions(session)
            await call.drop()
        await call.wait_over()
    assert phrases.LINE_LOST in call.heard()
    assert COLLEAGUE in str(call.happened("dial")), call.log


@pytest.mark.promise("V19")
async def test_a_silent_caller_is_asked_once_and_then_told_goodbye(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), SILENCE_SECONDS="0.4") as it, dial(it) as call:
        await call.wait_heard(phrases.STILL_THERE)
        await call.wait_over()
    assert call.heard().count(phrases.STILL_THERE) == 1
    assert phrases.GOODBYE_SILENCE in call.heard()


async def test_more_calls_than_allowed_hear_that_the_lines_are_busy(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), MAX_CALLS="1") as it, dial(it) as call:
        await call.ask("hello")
        async with dial(it, "+15559876543") as other:
            await other.wait_over()
        assert await call.ask("still fine") == "You said: still fine"
    assert phrases.LINE_BUSY in other.heard()


@pytest.mark.promise("V19")
async def test_the_longest_call_ends_with_a_goodbye(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), CALL_MAX_SECONDS="1") as it, dial(it) as call:
        await call.wait_over()
    assert phrases.GOODBYE_LENGTH in call.heard()
