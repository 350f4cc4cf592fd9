"""Whatever the socket brings is a message or Malformed; what we send is what Twilio documents."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.channels.voice.relay_messages import (
    LONGEST_FRAME,
    Dtmf,
    End,
    Inbound,
    Info,
    Interrupt,
    Malformed,
    Outbound,
    Play,
    Prompt,
    RelayError,
    Setup,
    Text,
    Unknown,
    read,
    write,
)

from ...kit.tables import each

pytestmark = pytest.mark.promise("V11")

# As in twilio.com/docs/voice/conversationrelay/websocket-messages.
SETUP = {
    "type": "setup",
    "sessionId": "VX00000000000000000000000000000000",
    "accountSid": "AC00000000000000000000000000000000",
    "parentCallSid": "",
    "callSid": "CA00000000000000000000000000000000",
    "from": "+18005550100",
    "to": "+18005550101",
    "forwardedFrom": "+18005550102",
    "callType": "PSTN",
    "callerName": "",
    "direction": "inbound",
    "callStatus": "RINGING",
    "customParameters": {"callReference": "bar"},
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(["setup", "prompt", "dtmf", "interrupt", "error", "info", "configUpdated"])
NAMES = st.sampled_from(
    ["callSid", "from", "customParameters", "voicePrompt", "lang", "last", "digit", "utteranceUntilInterrupt",
     "durationUntilInterruptMs", "description", "code", "name", "value"]
)  # fmt: skip


def frame(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


# --- in ----------------------------------------------------------------------------------------------------


def test_the_documented_setup_is_read() -> None:
    assert read(json.dumps(SETUP)) == Setup(
        call_sid="CA00000000000000000000000000000000",
        from_="+18005550100",
        to="+18005550101",
        direction="inbound",
        custom_parameters={"callReference": "bar"},
    )


@each(
    ("text", "message"),
    [
        (frame("setup", callSid="CA1"), Setup("CA1")),
        (frame("setup", callSid="CA1", **{"from": None}), Setup("CA1")),
        (frame("setup", callSid="CA1", customParameters=None), Setup("CA1")),
        (frame("setup", callSid="CA1", customParameters=["a"]), Setup("CA1")),
        (frame("setup", callSid="CA1", customParameters={"a": "", "b": 2}), Setup("CA1", custom_parameters={"a": ""})),
        (frame("prompt", voicePrompt="Hi!", lang="en-US", last=True), Prompt("Hi!", "en-US", True)),
        (frame("prompt", voicePrompt="Hi", lang="en-US", last=False), Prompt("Hi", "en-US", False)),
        (frame("prompt", voicePrompt="Hi", last="false"), Prompt("Hi", "", False)),
        (frame("prompt", voicePrompt="Hi", last="True"), Prompt("Hi", "", True)),
        (frame("prompt", voicePrompt="Hi"), Prompt("Hi", "", True)),
        (frame("prompt", voicePrompt="Hi", last=None, lang=None), Prompt("Hi", "", True)),
        (frame("prompt", voicePrompt=None), Prompt("")),
        (frame("prompt"), Prompt("")),
        (frame("prompt", voicePrompt=" two  blanks "), Prompt(" two  blanks ")),
        (frame("prompt", voicePrompt="\ud83d\ude00"), Prompt("😀")),
        (frame("prompt", voicePrompt="a\ud83db\udc00"), Prompt("a\ufffdb\ufffd")),
        (frame("prompt", voicePrompt="a\0b"), Prompt("ab")),
        (frame("dtmf", digit="1"), Dtmf("1")),
        (frame("dtmf", digit="#"), Dtmf("#")),
        (frame("dtmf", digit="d"), Dtmf("D")),
        (frame("dtmf", digit=0), Dtmf("0")),
        (frame("interrupt", utteranceUntilInterrupt="Life", durationUntilInterruptMs=460), Interrupt("Life")),
        (frame("interrupt", utteranceUntilInterrupt="Life", durationUntilInterruptMs="460"), Interrupt("Life")),
        (frame("interrupt", utteranceUntilInterrupt="Life", durationUntilInterruptMs=460.7), Interrupt("Life")),
        (frame("interrupt", utteranceUntilInterrupt="Life", durationUntilInterruptMs="soon"), Interrupt("Life")),
        (frame("interrupt", utteranceUntilInterrupt="Life", durationUntilInterruptMs=-1), Interrupt("Life")),
        (frame("interrupt", utteranceUntilInterrupt="Life", durationUntilInterruptMs=True), Interrupt("Life")),
        (frame("interrupt", utteranceUntilInterrupt="Life", durationUntilInterruptMs=float("nan")), Interrupt("Life")),
        (frame("interrupt", utteranceUntilInterrupt="Life", durationUntilInterruptMs="9" * 60), Interrupt("Life")),
        (frame("interrupt", utteranceUntilInterrupt="Life", durationUntilInterruptMs="٣"), Interrupt("Life")),
        (frame("interrupt", utteranceUntilInterrupt=None), Interrupt("")),
        (frame("interrupt"), Interrupt("")),
        (frame("error", description="64107: Invalid message"), RelayError(64107)),
        (frame("error", description="no code 123456"), RelayError()),
        (frame("error", description="bad", code=64107), RelayError(64107)),
        (frame("error", description="bad", errorCode="64108"), RelayError(64108)),
        (frame("error", description="64107", code={}), RelayError(64107)),
        (frame("error"), RelayError()),
        (frame("info", name="agentSpeaking", value="on", ts=1752091234567), Info("agentSpeaking", "on")),
        (frame("info", name="clientSpeaking", value=False), Info("clientSpeaking", "off")),
        (frame("info", name="tokensPlayed", value=" Hi, "), Info("tokensPlayed", " Hi, ")),
        (frame("info"), Info("", "")),
        (frame("configUpdated", config={}), Unknown("configUpdated")),
        (frame("SETUP", callSid="CA1"), Unknown("SETUP")),
        (b' {"type": "dtmf", "digit": "1"} ', Dtmf("1")),
        ("\n" + frame("dtmf", digit="1", more=[1, {"x": None}]), Dtmf("1")),
    ],
)  # fmt: skip
def test_frames_are_read_leniently(text: str | bytes, message: Inbound) -> None:
    assert read(text) == message


@each(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("hello", "not JSON"),
        ('{"type": "prompt"', "not JSON"),
        ('{"type": "prompt"} {}', "not JSON"),
        ("[" * 60_000, "not JSON"),
        ('{"a":' * 10_000, "not JSON"),
        ("1" * 5_000, "not JSON"),
        ("\ufeff{}", "not JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b'{"type": "prompt", "voicePrompt": "\xc3("}', "not UTF-8"),
        (b"\x00\x01\x02\x03", "not JSON"),
        ("null", "no object"),
        ("[]", "no object"),
        ('"setup"', "no object"),
        ("12", "no object"),
        ("NaN", "no object"),
        ("{}", "no type"),
        ('{"type": null}', "no type"),
        ('{"type": ""}', "no type"),
        ('{"type": 7}', "no type"),
        ('{"type": ["setup"]}', "no type"),
        ('{"type": {"a": 1}}', "no type"),
        (frame("setup"), "setup without callSid"),
        (frame("setup", callSid=""), "setup without callSid"),
        (frame("setup", callSid=None), "setup without callSid"),
        (frame("setup", callSid=5), "unfit callSid"),
        (frame("setup", callSid="CA1", **{"from": ["+1"]}), "unfit from"),
        (frame("prompt", voicePrompt=5), "unfit voicePrompt"),
        (frame("prompt", voicePrompt=["Hi"]), "unfit voicePrompt"),
        (frame("prompt", voicePrompt="Hi", lang={}), "unfit lang"),
        (frame("prompt", voicePrompt="Hi", last=1), "unfit last"),
        (frame("prompt", voicePrompt="Hi", last="maybe"), "unfit last"),
        (frame("dtmf"), "unfit digit"),
        (frame("dtmf", digit=None), "unfit digit"),
        (frame("dtmf", digit="12"), "unfit digit"),
        (frame("dtmf", digit="x"), "unfit digit"),
        (frame("dtmf", digit="1\n"), "unfit digit"),
        (frame("dtmf", digit=True), "unfit digit"),
        (frame("dtmf", digit=10), "unfit digit"),
        (frame("interrupt", utteranceUntilInterrupt=5), "unfit utteranceUntilInterrupt"),
        (frame("error", description=[]), "unfit description"),
        (frame("info", name=5, value="on"), "unfit name"),
        (frame("info", name="tokensPlayed", value={}), "unfit value"),
        (frame("prompt", voicePrompt="x" * 5_000_000), "too large"),
        (b"\0" * 5_000_000, "too large"),
        ("x" * (LONGEST_FRAME + 1), "too large"),
        ("x" * LONGEST_FRAME, "not JSON"),
    ],
)
def test_what_is_no_message_is_malformed(text: str | bytes, reason: str) -> None:
    assert read(text) == Malformed(reason)


def test_what_is_no_frame_is_malformed() -> None:
    assert read(None) == Malformed("neither text nor bytes")  # type: ignore[arg-type]


@given(st.text() | st.binary())
def test_any_frame_is_read(text: str | bytes) -> None:
    assert isinstance(read(text), Inbound)


@given(JSON)
def test_any_json_is_read(value: Any) -> None:
    assert isinstance(read(json.dumps(value)), Inbound)


@given(TYPES, st.dictionaries(NAMES, JSON, max_size=5))
def test_any_fields_of_a_known_type_are_read(kind: str, fields: dict[str, Any]) -> None:
    assert isinstance(read(json.dumps({**fields, "type": kind})), Inbound)


@given(st.text(alphabet=st.characters(), max_size=50))
def test_what_was_read_can_be_stored(text: str) -> None:
    message = read(frame("prompt", voicePrompt=text))
    assert isinstance(message, Prompt)
    assert "\0" not in message.text.encode().decode()


# --- out ---------------------------------------------------------------------------------------------------


@each(
    ("message", "text"),
    [
        (Text("Hello"), '{"type":"text","token":"Hello","last":false}'),
        (Text(" two  blanks \n"), '{"type":"text","token":" two  blanks \\n","last":false}'),
        (Text("", last=True), '{"type":"text","token":"","last":true}'),
        (
            Text("Hola", lang="es-ES", interruptible=False, preemptible=True),
            '{"type":"text","token":"Hola","last":false,"lang":"es-ES","interruptible":false,"preemptible":true}',
        ),
        (Text("“né” 😀"), '{"type":"text","token":"“né” 😀","last":false}'),
        (Play("https://x.example/a.mp3"), '{"type":"play","source":"https://x.example/a.mp3"}'),
        (
            Play("https://x.example/a.mp3", loop=1, preemptible=False),
            '{"type":"play","source":"https://x.example/a.mp3","loop":1,"preemptible":false}',
        ),
        (End(), '{"type":"end"}'),
        (End('{"reason":"live agent"}'), '{"type":"end","handoffData":"{\\"reason\\":\\"live agent\\"}"}'),
    ],
)
def test_messages_are_written_as_documented(message: Outbound, text: str) -> None:
    assert write(message) == text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.booleans())
def test_a_token_arrives_as_it_is(token: str, last: bool) -> None:
    assert json.loads(write(Text(token, last))) == {"type": "text", "token": token, "last": last}


@given(st.text(alphabet=st.characters()))
def test_every_token_can_be_sent(token: str) -> None:
    assert json.loads(write(Text(token)).encode())["type"] == "text"
