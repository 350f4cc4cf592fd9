"""The pretend Twilio's calls, against a gateway that does what the test says: orders, sound, callbacks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from typing import Any

import pytest

from tandem.simulator.call import SimulatedCall
from tandem.simulator.caller import SpokenLine
from tandem.simulator.twilio_simulator import TwilioSimulator
from tandem.simulator.wire import sign

from ...kit.clock import ManualClock
from ...kit.scripted_gateway import EVENTS, SOCKET, ScriptedGateway, relay
from ...kit.serving import serve
from ...kit.tables import each

ACCOUNT, TOKEN, PUBLIC = "AC" + "2" * 32, "call-token", "https://gateway.example"
CALLER, OURS = "+15551234567", "+15550001111"


@asynccontextmanager
async def calling(gateway: ScriptedGateway, **options: Any) -> AsyncIterator[SimulatedCall]:
    async with (
        serve(gateway.app()) as url,
        TwilioSimulator(account_sid=ACCOUNT, auth_token=TOKEN, gateway_url=url, public_base_url=PUBLIC) as twilio,
        twilio.call(CALLER, to=OURS, **options) as call,
    ):
        yield call


def timed(clock: ManualClock) -> dict[str, Any]:
    """Ten characters a second, so that times are easily told; all else takes one and a half times as long."""
    return {"clock": clock, "chars_per_second": 10.0}


def kinds(gateway: ScriptedGateway) -> list[str]:
    return [frame["type"] for frame in gateway.frames]


def said(gateway: ScriptedGateway) -> list[tuple[str, Any]]:
    """All frames but setup, in short."""
    shown = {"prompt": "voicePrompt", "interrupt": "utteranceUntilInterrupt", "dtmf": "digit"}
    return [
        (f["name"], f["value"]) if f["type"] == "info" else (f["type"], f[shown[f["type"]]])
        for f in gateway.frames
        if f["type"] != "setup"
    ]


# --- how a call begins -------------------------------------------------------------------------------------


async def test_the_webhook_is_signed_and_complete() -> None:
    gateway = ScriptedGateway()
    async with calling(gateway, chars_per_second=inf, caller_name="JOHN DOE") as call:
        asked = gateway.asked[0]
    assert asked.signature == sign(f"{PUBLIC}/voice", asked.form, TOKEN)
    expected = {"CallSid": call.sid, "AccountSid": ACCOUNT, "From": CALLER, "To": OURS, "CallStatus": "ringing"}
    expected |= {"Direction": "inbound", "ApiVersion": "2010-04-01", "CallerName": "JOHN DOE"}
    assert expected.items() <= asked.form.items()


async def test_the_webhook_can_be_a_get() -> None:
    gateway = ScriptedGateway()
    async with calling(gateway, chars_per_second=inf, method="GET"):
        asked = gateway.asked[0]
    assert (asked.method, asked.form["From"]) == ("GET", CALLER)
    assert asked.signature == sign(f"{PUBLIC}/voice?{asked.query}", {}, TOKEN)


async def test_the_socket_is_signed_as_written() -> None:
    gateway = ScriptedGateway()
    async with calling(gateway, chars_per_second=inf):
        assert gateway.upgrades[0]["x-twilio-signature"] == sign(SOCKET, {}, TOKEN)


async def test_setup_comes_first_with_the_parameters() -> None:
    gateway = ScriptedGateway()
    gateway.pages["/voice"] = [relay(inside='<Parameter name="a" value="b"/><Language code="es-ES"/>')]
    async with calling(gateway, chars_per_second=inf) as call:
        (setup,) = await gateway.frame("setup")
    assert (setup["callSid"], setup["from"], setup["to"]) == (call.sid, CALLER, OURS)
    assert (setup["sessionId"][:2], setup["callType"], setup["customParameters"]) == ("VX", "PSTN", {"a": "b"})
    assert kinds(gateway)[0] == "setup"


async def test_a_refused_socket_is_told_to_the_action_url() -> None:
    gateway = ScriptedGateway(refuse=True)
    async with calling(gateway, chars_per_second=inf) as call:
        await call.wait_over()
    (form,) = gateway.forms("/voice/action")
    assert (form["SessionStatus"], form["ErrorCode"]) == ("failed", "64102")


async def test_a_failing_webhook_leads_to_the_fallback() -> None:
    gateway = ScriptedGateway({"/voice": [503], "/voice/fallback": ["<Response><Say>Sorry.</Say></Response>"]})
    async with calling(gateway, chars_per_second=inf) as call:
        await call.wait_over()
    assert (call.heard(), gateway.forms("/voice/fallback")[0]["ErrorCode"]) == ("Sorry.", "11200")


async def test_twiml_that_is_none_leads_to_the_fallback() -> None:
    gateway = ScriptedGateway({"/voice": ["Hello"], "/voice/fallback": ["<Response><Say>Sorry.</Say></Response>"]})
    async with calling(gateway, chars_per_second=inf) as call:
        await call.wait_over()
    assert (call.heard(), call.violations) == ("Sorry.", ["error 12100: the document is no XML"])


async def test_a_gateway_that_is_away_ends_the_call() -> None:
    gateway = ScriptedGateway({"/voice": [500], "/voice/fallback": [500]})
    async with calling(gateway, chars_per_second=inf) as call:
        assert (call.over, call.heard()) == (True, "")


# --- speaking ----------------------------------------------------------------------------------------------


async def test_prompts_are_cumulative_and_the_final_one_repeats() -> None:
    gateway = ScriptedGateway({"/voice": [relay('language="multi" partialPrompts="true"')]})
    async with calling(gateway, chars_per_second=inf) as call:
        await call.say("where is my order now", "es-ES")
        prompts = await gateway.frame("prompt", 4)
    texts = ["where is", "where is my order", "where is my order now", "where is my order now"]
    assert [frame["voicePrompt"] for frame in prompts] == texts
    assert [(frame["last"], frame["lang"]) for frame in prompts[2:]] == [(False, "es"), (True, "es")]


async def test_partial_prompts_and_languages_are_told_to_whoever_asked_for_them() -> None:
    gateway = ScriptedGateway()
    async with calling(gateway, chars_per_second=inf) as call:
        await call.say("dónde está", "es-ES")
        await call.utter("mi", "es-ES", last=False)
        await call.utter("mi pedido", "es-ES", last=True)
        prompts = await gateway.frame("prompt", 2)
    told = [(frame["voicePrompt"], frame["last"], frame["lang"]) for frame in prompts]
    assert told == [("dónde está", True, "en-US"), ("mi pedido", True, "en-US")]


async def test_speaking_takes_its_time() -> None:
    clock = ManualClock()
    gateway = ScriptedGateway({"/voice": [relay('partialPrompts="true"')]})
    async with calling(gateway, clock=clock) as call:
        await call.say("one two three four")
        assert clock.time() == pytest.approx(2 * 0.25 + 0.35)


async def test_the_prompt_names_the_language_that_the_gateway_chose() -> None:
    gateway = ScriptedGateway({"/voice": [relay('transcriptionLanguage="multi"')]})
    async with calling(gateway, chars_per_second=inf) as call:
        await call.say("eins", "de-DE")
        await gateway.send({"type": "language", "transcriptionLanguage": "fr-FR"})
        await call.wait_for(lambda: call.received != [])
        await call.say("un", "es-ES")
        prompts = await gateway.frame("prompt", 2, last=True)
    assert [frame["lang"] for frame in prompts] == ["de", "fr-FR"]  # a chosen language ends the detection


# --- hearing -----------------------------------------------------------------------------------------------


async def test_the_agent_is_heard_at_the_pace_of_speech() -> None:
    clock, gateway = ManualClock(), ScriptedGateway()
    async with calling(gateway, **timed(clock)) as call:
        await gateway.text("Hello, ")
        await gateway.text("John.", last=True)
        await call.wait_for(lambda: len(call.received) == 2)
        await clock.advance(0.45 + 0.5)
        assert call.heard() == "Hello"
        await clock.advance(5)
        assert call.heard() == "Hello, John."


async def test_the_gateway_is_told_what_is_played() -> None:
    clock, gateway = ManualClock(), ScriptedGateway()
    async with calling(gateway, **timed(clock)) as call:
        await gateway.text("Hello, ")
        await gateway.text("John.", last=True)
        await call.wait_for(lambda: len(call.received) == 2)
        await clock.advance(5)
        await gateway.frame("info", 4)
    played = [("tokensPlayed", "Hello, "), ("tokensPlayed", "John.")]
    assert said(gateway) == [("agentSpeaking", "on"), *played, ("agentSpeaking", "off")]


async def test_without_events_nothing_is_told() -> None:
    gateway = ScriptedGateway({"/voice": [relay("")]})
    async with calling(gateway, chars_per_second=inf) as call:
        await gateway.text("Hello.", last=True)
        await call.wait_heard("Hello.")
        await call.say("bye")
        await gateway.frame("prompt", last=True)
    assert set(kinds(gateway)) == {"setup", "prompt"}


async def test_the_greeting_is_heard() -> None:
    clock = ManualClock()
    gateway = ScriptedGateway({"/voice": [relay('welcomeGreeting="Hi &amp; welcome"')]})
    async with calling(gateway, clock=clock) as call:
        await clock.advance(0.69)
        assert call.heard() == ""
        await clock.advance(2)
        assert call.transcript == [SpokenLine("agent", "Hi & welcome")]


async def test_a_preemptible_text_gives_way() -> None:
    clock, gateway = ManualClock(), ScriptedGateway()
    async with calling(gateway, **timed(clock)) as call:
        await gateway.text("One moment, please.", last=True, preemptible=True)
        await call.wait_for(lambda: len(call.received) == 1)
        await clock.advance(0.45 + 1)
        await gateway.text("Your order has shipped.", last=True)
        await call.wait_for(lambda: len(call.received) == 2)
        await clock.advance(5)
        assert call.utterances == ["One moment", "Your order has shipped."]


async def test_an_answer_is_what_followed_the_question() -> None:
    gateway = ScriptedGateway({"/voice": [relay(f'{EVENTS} welcomeGreeting="Hello!"')]})

    async def reply(frame: dict[str, Any]) -> None:
        if frame["type"] == "prompt" and frame["last"]:
            await gateway.text("One moment.", last=True, preemptible=True)
            await gateway.text("It ")
            await gateway.text("ships.", last=True)

    gateway.on_frame = reply
    async with calling(gateway, chars_per_second=inf) as call:
        await call.wait_heard("Hello!")
        assert await call.ask("where is it") == "It ships."
    assert (call.transcript[1], call.violations) == (SpokenLine("caller", "where is it"), [])


# --- barging in, and keys ----------------------------------------------------------------------------------


async def test_barging_in_purges_and_tells_exactly_what_was_heard() -> None:
    clock, gateway = ManualClock(), ScriptedGateway({"/voice": [relay(f'{EVENTS} partialPrompts="true"')]})
    async with calling(gateway, **timed(clock)) as call:
        await gateway.text("Your order ORD_1 ", interruptible=True)
        await gateway.text("has shipped.", last=True)
        await gateway.text("Anything else?", last=True)
        await call.wait_for(lambda: len(call.received) == 3)
        await clock.advance(0.45 + 0.8)
        cut = await call.barge_in("stop")
        await clock.advance(10)
        await gateway.frame("prompt", last=True)
    assert (cut.heard, cut.milliseconds, call.utterances) == ("Your ord", 800, ["Your ord"])
    assert said(gateway)[1:] == [
        ("clientSpeaking", "on"),
        ("interrupt", "Your ord"),
        ("agentSpeaking", "off"),
        ("prompt", "stop"),
        ("clientSpeaking", "off"),
        ("prompt", "stop"),
    ]
    assert gateway.of("interrupt")[0]["durationUntilInterruptMs"] == 800


async def test_barging_in_before_the_first_sound_has_heard_nothing() -> None:
    clock, gateway = ManualClock(), ScriptedGateway()
    async with calling(gateway, **timed(clock)) as call:
        await gateway.text("Hello.", last=True)
        await call.wait_for(lambda: len(call.received) == 1)
        cut = await call.barge_in("wait")
    assert (cut.heard, cut.milliseconds, call.heard()) == ("", 0, "")


async def test_speaking_into_silence_interrupts_nothing() -> None:
    gateway = ScriptedGateway()
    async with calling(gateway, chars_per_second=inf) as call:
        assert await call.say("hello") is None
        await gateway.frame("prompt", last=True)
    assert gateway.of("interrupt") == []


async def test_speech_that_cannot_be_interrupted_goes_on_unaware() -> None:
    clock, gateway = ManualClock(), ScriptedGateway()
    async with calling(gateway, **timed(clock)) as call:
        await gateway.text("This must be heard.", last=True, interruptible=False)
        await call.wait_for(lambda: len(call.received) == 1)
        await clock.advance(1)
        await call.say("stop")
        await clock.advance(5)
        assert call.utterances == ["This must be heard."]
        assert (gateway.of("prompt"), gateway.of("interrupt")) == ([], [])


async def test_a_key_comes_before_its_interrupt_and_text_in_between_is_played() -> None:
    clock, gateway = ManualClock(), ScriptedGateway()

    async def reply(frame: dict[str, Any]) -> None:
        if frame["type"] == "dtmf":
            await gateway.text("A colleague.", last=True)

    gateway.on_frame = reply
    async with calling(gateway, **timed(clock)) as call:
        await gateway.text("A very long answer.", last=True)
        await call.wait_for(lambda: len(call.received) == 1)
        await clock.advance(0.45 + 0.6)
        cut = await call.press("0")
        await call.wait_for(lambda: len(call.received) == 2)
        await clock.advance(5)
        await gateway.frame("interrupt")
    assert cut is not None
    assert [kind for kind in kinds(gateway) if kind in ("dtmf", "interrupt")] == ["dtmf", "interrupt"]
    assert call.utterances == ["A very", "A colleague."]


async def test_keys_need_dtmf_detection() -> None:
    gateway = ScriptedGateway({"/voice": [relay("")]})
    async with calling(gateway, chars_per_second=inf) as call:
        await call.press("12")
        await call.say("hello")
        await gateway.frame("prompt", last=True)
    assert gateway.of("dtmf") == []


NO_CLOSING_FRAME = 1005
"""What uvicorn makes of a socket that is just gone, where others say 1006."""
DIAL = """<Response>
  <Dial action="/voice/dialled"><Number url="/voice/whisper?t=1">+15552223333</Number></Dial>
</Response>"""


# --- how a call ends ---------------------------------------------------------------------------------------


async def test_hanging_up_closes_and_calls_back() -> None:
    gateway = ScriptedGateway()
    async with calling(gateway, chars_per_second=inf) as call:
        await call.hang_up()
        assert gateway.codes == [1000]
        (form,) = gateway.forms("/voice/action")
    assert (form["SessionStatus"], form["CallStatus"], form["CallSid"]) == ("completed", "completed", call.sid)


async def test_leaving_the_block_hangs_up() -> None:
    gateway = ScriptedGateway()
    async with calling(gateway, chars_per_second=inf):
        pass
    assert gateway.forms("/voice/action")[0]["CallStatus"] == "completed"


async def test_a_lost_socket_is_told_after_a_moment_and_reconnected() -> None:
    clock = ManualClock()
    gateway = ScriptedGateway({"/voice": [relay()], "/voice/action": [relay(), "<Response/>"]})
    async with calling(gateway, clock=clock) as call:
        await call.drop()
        await clock.advance(1.1)
        assert (gateway.codes, gateway.forms("/voice/action")) == ([NO_CLOSING_FRAME], [])
        await clock.advance(0.2)
        await call.wait_sessions(2)
        setups = await gateway.frame("setup", 2)
    form = gateway.forms("/voice/action")[0]
    assert (form["SessionStatus"], form["ErrorCode"], form["CallStatus"]) == ("failed", "64105", "in-progress")
    assert setups[0]["callSid"] == setups[1]["callSid"]
    assert setups[0]["sessionId"] != setups[1]["sessionId"]


async def test_a_socket_that_the_gateway_closes_is_lost() -> None:
    gateway = ScriptedGateway({"/voice": [relay()], "/voice/action": ["<Response><Say>Bye.</Say></Response>"]})
    async with calling(gateway, chars_per_second=inf) as call:
        await gateway.close(1011)
        await call.wait_over()
    assert (gateway.forms("/voice/action")[0]["ErrorCode"], call.heard()) == ("64105", "Bye.")


async def test_the_end_frame_leads_to_the_transfer() -> None:
    whisper = "<Response><Say>John asks for a refund.</Say></Response>"
    gateway = ScriptedGateway({"/voice": [relay()], "/voice/action": [DIAL], "/voice/whisper": [whisper]})
    async with calling(gateway, chars_per_second=inf) as call:
        await gateway.send({"type": "end", "handoffData": '{"reason": "person"}'})
        await call.wait_over()
    form = gateway.forms("/voice/action")[0]
    assert (form["SessionStatus"], form["CallStatus"], form["HandoffData"]) == (
        "ended",
        "in-progress",
        '{"reason": "person"}',
    )
    assert call.happened("dial")[0]["number"] == "+15552223333"
    assert call.happened("whispered") == [{"text": "John asks for a refund."}]
    assert gateway.forms("/voice/dialled")[0]["DialCallStatus"] == "completed"


async def test_nobody_answers_the_transfer() -> None:
    sorry = "<Response><Say>Nobody is free.</Say><Hangup/></Response>"
    gateway = ScriptedGateway({"/voice": [relay()], "/voice/action": [DIAL], "/voice/dialled": [sorry]})
    async with calling(gateway, chars_per_second=inf, dial="no-answer") as call:
        await gateway.send({"type": "end"})
        await call.wait_over()
    assert (call.heard(), gateway.forms("/voice/dialled")[0]["DialCallStatus"]) == ("Nobody is free.", "no-answer")
    assert (gateway.forms("/voice/whisper"), len(call.happened("hangup"))) == ([], 1)


async def test_the_end_cuts_off_what_was_not_spoken_yet() -> None:
    clock, gateway = ManualClock(), ScriptedGateway({"/voice": [relay()]})
    async with calling(gateway, **timed(clock)) as call:
        await gateway.text("Goodbye, and thank you.", last=True)
        await call.wait_for(lambda: len(call.received) == 1)
        await clock.advance(0.45 + 0.7)
        await gateway.send({"type": "end"})
        await call.wait_over()
    assert call.utterances == ["Goodbye"]


async def test_a_redirect_is_followed() -> None:
    gateway = ScriptedGateway({"/voice": ["<Response><Redirect>/voice/busy</Redirect></Response>"]})
    gateway.pages["/voice/busy"] = ["<Response><Say>All lines are busy.</Say></Response>"]
    async with calling(gateway, chars_per_second=inf) as call:
        await call.wait_over()
    assert call.heard() == "All lines are busy."


async def test_other_hosts_are_never_called() -> None:
    gateway = ScriptedGateway({"/voice": ["<Response><Redirect>https://other.example/x</Redirect></Response>"]})
    async with calling(gateway, chars_per_second=inf, fallback=None) as call:
        await call.wait_over()
    assert (call.happened("redirect")[0]["status"], [one.path for one in gateway.asked]) == ("0", ["/voice"])


# --- what the gateway gets wrong ---------------------------------------------------------------------------

WRONG = [
    ("{", "not JSON"),
    ("[]", "no object"),
    (b"{}", "binary frame"),
    ('{"type": "clear"}', "unknown type 'clear'"),
    ('{"type": "text", "last": true}', "text without token"),
    ('{"type": "text", "token": "a", "turn": 1}', "text: unfit turn"),
    ('{"type": "end", "handoffData": {}}', "end: unfit handoffData"),
    ('{"type": "text", "token": "a", "last": null}', "text: unfit last"),
]


@each(("frame", "reason"), WRONG)
async def test_a_wrong_frame_is_dropped_and_noted(frame: str | bytes, reason: str) -> None:
    gateway = ScriptedGateway()
    async with calling(gateway, chars_per_second=inf) as call:
        await gateway.send(frame)
        (error,) = await gateway.frame("error")
        await gateway.text("Still here.", last=True)
        await call.wait_heard("Still here.")
    assert [violation.partition(": ")[0] for violation in call.violations] == [reason.partition(": ")[0]]
    assert call.violations[0].startswith(reason)
    assert error["description"].startswith("Invalid message received")


async def test_ten_wrong_frames_in_a_row_end_the_session() -> None:
    gateway = ScriptedGateway()
    async with calling(gateway, chars_per_second=inf) as call:
        for _ in range(10):
            await gateway.send("{")
        await call.wait_over()
    assert (len(call.violations), gateway.forms("/voice/action")[0]["ErrorCode"]) == (10, "64107")


async def test_frames_after_the_end_are_noted() -> None:
    gateway = ScriptedGateway()
    async with calling(gateway, clock=ManualClock()) as call:
        await gateway.send({"type": "end"})
        await gateway.text("Too late.")
        await call.wait_over()
    assert [violation.partition(":")[0] for violation in call.violations] == ["frame after end"]


async def test_ending_a_turn_twice_is_noted() -> None:
    gateway = ScriptedGateway()
    async with calling(gateway, chars_per_second=inf) as call:
        for _ in range(3):
            await gateway.text("", last=True)
        await call.wait_for(lambda: len(call.received) == 3)
    assert len(call.violations) == 2


async def test_speaking_before_setup_is_noted() -> None:
    gateway = ScriptedGateway(before_setup='{"type": "text", "token": "Hi.", "last": true}')
    async with calling(gateway, chars_per_second=inf) as call:
        pass
    assert [violation.partition(":")[0] for violation in call.violations] == ["frame before setup"]
