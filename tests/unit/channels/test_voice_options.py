"""Options of calls: from settings to TwiML, what fits together, what an operator's own function may change."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import structlog
from pydantic.alias_generators import to_camel
from structlog.testing import capture_logs
from twilio.twiml.voice_response import Connect

from tandem.channels.voice.options_hook import IncomingCall, OptionsPerCall, load_hook
from tandem.channels.voice.twiml import connect
from tandem.channels.voice.voice_options import LIBRARY, OURS, RELAY_FIELDS, LanguageOptions, VoiceOptions, named_in
from tandem.errors import ConfigurationError
from tandem.settings import load_settings
from tandem.simulator.relay_attributes import refused

from ...kit.tables import each

pytestmark = pytest.mark.promise("V21")

FORM = {"CallSid": "CA1", "From": "+15551234567", "To": "+15550001111"}
CHOSEN = {
    "VOICE_LANGUAGE": "multi",
    "VOICE_TTS_LANGUAGE": "en-gb",
    "VOICE_TRANSCRIPTION_LANGUAGE": "multi",
    "VOICE_TTS_PROVIDER": "google",
    "VOICE_VOICE": "en-GB-Neural2-A",
    "VOICE_TRANSCRIPTION_PROVIDER": "deepgram",
    "VOICE_SPEECH_MODEL": "flux",
    "VOICE_HINTS": "Tandem,ORD",
    "VOICE_PROFANITY_FILTER": "false",
    "VOICE_BACKGROUND_NOISE_REDUCTION": "true",
    "VOICE_INTERRUPTIBLE": "Speech",
    "VOICE_INTERRUPT_SENSITIVITY": "low",
    "VOICE_WELCOME_GREETING_INTERRUPTIBLE": "none",
    "VOICE_REPORT_INPUT_DURING_AGENT_SPEECH": "dtmf",
    "VOICE_IGNORE_BACKCHANNEL": "true",
    "VOICE_SPEECH_TIMEOUT": "900",
    "VOICE_EOT_THRESHOLD": "0.8",
    "VOICE_EAGER_EOT_THRESHOLD": "0.4",
    "VOICE_PARTIAL_PROMPTS": "true",
    "VOICE_TURN_DETECTION": "true",
    "VOICE_ECHO_PROMPT_FILTERING": "true",
    "VOICE_APPLICATION_RECONNECT": "true",
    "VOICE_DEEPGRAM_SMART_FORMAT": "false",
    "VOICE_ELEVENLABS_TEXT_NORMALIZATION": "off",
    "VOICE_INTELLIGENCE_SERVICE": "GA1",
}
"""Every option that is an attribute of the noun, none with what Twilio takes by itself."""
SENT = {
    "language": "multi",
    "ttsLanguage": "en-GB",
    "transcriptionLanguage": "multi",
    "ttsProvider": "Google",
    "voice": "en-GB-Neural2-A",
    "transcriptionProvider": "Deepgram",
    "speechModel": "flux",
    "hints": "Tandem,ORD",
    "profanityFilter": "false",
    "backgroundNoiseReduction": "true",
    "interruptible": "speech",
    "interruptSensitivity": "low",
    "welcomeGreetingInterruptible": "none",
    "reportInputDuringAgentSpeech": "dtmf",
    "ignoreBackchannel": "true",
    "speechTimeout": "900",
    "eotThreshold": "0.8",
    "eagerEotThreshold": "0.4",
    "partialPrompts": "true",
    "turnDetection": "true",
    "echoPromptFiltering": "true",
    "applicationReconnect": "true",
    "deepgramSmartFormat": "false",
    "elevenlabsTextNormalization": "off",
    "intelligenceService": "GA1",
}


def options(**env: str) -> VoiceOptions:
    return load_settings(env, env_file=None).voice


def noun(chosen: VoiceOptions) -> ElementTree.Element:
    twiml = connect(socket="wss://x/relay/t", action="/voice/action", greeting="Hello!", options=chosen)
    found = ElementTree.fromstring(twiml).find("Connect/ConversationRelay")
    assert found is not None
    return found


def problems(**env: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as raised:
        load_settings(env, env_file=None)
    return raised.value.problems


def test_nothing_chosen_leaves_the_twiml_as_it_was() -> None:
    assert noun(VoiceOptions()).attrib == {
        "url": "wss://x/relay/t",
        "dtmfDetection": "true",
        "interruptible": "any",
        "events": "speaker-events tokens-played",
        "welcomeGreeting": "Hello!",
    }


def test_every_option_reaches_twilio_under_its_name() -> None:
    sent = noun(options(**CHOSEN)).attrib
    assert {name: value for name, value in sent.items() if name not in (*OURS, "welcomeGreeting")} == SENT
    assert {to_camel(name) for name in RELAY_FIELDS} == SENT.keys()
    assert refused(sent, ()) == ""  # the pretend Twilio takes all of them


def test_twilio_python_has_an_argument_for_every_option_but_one() -> None:
    """Its kwargs take that one: whoever reads the list of arguments would not find it."""
    assert {to_camel(name) for name in RELAY_FIELDS} - LIBRARY == {"eotThreshold"}
    assert "eager_eot_threshold" in inspect.signature(Connect.conversation_relay).parameters
    assert load_settings({"VOICE_TURN_DETECTION": "true"}, env_file=None).notices == ()
    (said,) = load_settings({"VOICE_SPEECH_MODEL": "flux", "VOICE_EOT_THRESHOLD": "0.7"}, env_file=None).notices
    assert said.startswith("twilio-python ")
    assert "does not know eotThreshold;" in said


def test_further_languages_are_nouns_of_their_own() -> None:
    chosen = options(
        VOICE_LANGUAGE="en-US",
        VOICE_LANGUAGES='[{"code": "es-mx", "ttsProvider": "google", "voice": "v", "speechModel": "m", "hints": "h",'
        ' "transcription_provider": "Google"}, {"code": "fr-FR"}]',
    )
    assert [one.attrib for one in noun(chosen).findall("Language")] == [
        {
            "code": "es-MX", "ttsProvider": "Google", "voice": "v", "transcriptionProvider": "Google",
            "speechModel": "m", "hints": "h",
        },
        {"code": "fr-FR"},
    ]  # fmt: skip


def test_a_legal_notice_and_the_greeting_after_it_cannot_be_interrupted() -> None:
    chosen = options(VOICE_LEGAL_NOTICE="This call is recorded.", VOICE_WELCOME_GREETING_INTERRUPTIBLE="any")
    assert noun(chosen).attrib["welcomeGreetingInterruptible"] == "none"
    assert "legalNotice" not in noun(chosen).attrib


def test_hold_music_is_an_address_and_no_attribute() -> None:
    chosen = options(VOICE_HOLD_MUSIC="https://cdn.example/wait.mp3")
    assert chosen.hold_music == "https://cdn.example/wait.mp3"
    assert "holdMusic" not in noun(chosen).attrib
    for unfit in ("wait.mp3", "http://cdn.example/wait.mp3"):
        assert problems(VOICE_HOLD_MUSIC=unfit)[0].startswith("VOICE_HOLD_MUSIC")


def test_newer_attributes_are_sent_as_they_are() -> None:
    chosen = options(VOICE_ATTRIBUTES='{"somethingNew": true, "customerName": "Anna", "level": 3}')
    sent = noun(chosen).attrib
    assert [sent[name] for name in ("somethingNew", "customerName", "level")] == ["true", "Anna", "3"]
    assert chosen.unknown_to_library() == ["level", "somethingNew"]


@each(
    ("name", "reason"),
    [
        ("url", "is set by the gateway itself"),
        ("dtmf_detection", "is set by the gateway itself"),
        ("Events", "is set by the gateway itself"),
        ("voice", "has a setting of its own"),
        ("TTSPROVIDER", "has a setting of its own"),
        ("welcomeGreeting", "has a setting of its own"),
        ("languages", "has a setting of its own"),
        ("customer_name", "is spelled customerName"),
        ("two words", "is no name of an attribute"),
        ("", "is no name of an attribute"),
    ],
)
def test_no_attribute_hides_a_known_one(name: str, reason: str) -> None:
    assert problems(VOICE_ATTRIBUTES=f'{{"{name}": "x"}}') == (f"VOICE_ATTRIBUTES: {name!r} {reason}.",)


@each(
    ("env", "sentence"),
    [
        ({"VOICE_LANGUAGE": "english!"}, "VOICE_LANGUAGE must be a language such as en-US, or multi to let Twilio "
         "detect it."),
        ({"VOICE_TTS_PROVIDER": "acme"}, "VOICE_TTS_PROVIDER must be ElevenLabs, Google or Amazon, not 'acme'."),
        ({"VOICE_EOT_THRESHOLD": "2"}, "VOICE_EOT_THRESHOLD must be a number from 0.5 to 0.9, not '2'."),
        ({"VOICE_PARTIAL_PROMPTS": "maybe"}, "VOICE_PARTIAL_PROMPTS must be true or false, not 'maybe'."),
        ({"VOICE_INTERRUPTIBLE": "never"}, "VOICE_INTERRUPTIBLE must be none, dtmf, speech or any, not 'never'."),
        ({"VOICE_SPEECH_TIMEOUT": "599"}, "VOICE_SPEECH_TIMEOUT must be auto, or milliseconds from 600 to 5000."),
        ({"VOICE_HINTS": "x" * 2001}, "VOICE_HINTS must be at most 2000 characters."),
        ({"VOICE_LANGUAGES": "es-ES"}, 'VOICE_LANGUAGES must be JSON such as [{"code": "es-ES"}].'),
        ({"VOICE_LANGUAGES": '[{"voice": "x"}]'}, "VOICE_LANGUAGES, at 0.code: Field required."),
        ({"VOICE_ATTRIBUTES": '{"a": [1]}'}, 'VOICE_ATTRIBUTES must be JSON such as {"newOne": "value"}.'),
        ({"VOICE_LANGUAGE": "multi", "VOICE_TTS_PROVIDER": "Google"}, "Only ElevenLabs speaks multi "
         "(VOICE_TTS_PROVIDER)."),
        ({"VOICE_TRANSCRIPTION_LANGUAGE": "multi", "VOICE_TRANSCRIPTION_PROVIDER": "Google"}, "Only Deepgram "
         "understands multi (VOICE_TRANSCRIPTION_PROVIDER)."),
        ({"VOICE_EAGER_EOT_THRESHOLD": "0.4"}, "VOICE_EOT_THRESHOLD and VOICE_EAGER_EOT_THRESHOLD need "
         "VOICE_SPEECH_MODEL=flux."),
    ],
)  # fmt: skip
def test_a_wrong_option_is_answered_in_plain_words(env: dict[str, str], sentence: str) -> None:
    assert problems(**env) == (sentence,)


def test_all_wrong_options_are_listed_at_once() -> None:
    assert len(problems(VOICE_LANGUAGE="??", VOICE_VOICE="x" * 3000, VOICE_OFFER_PERSON="x", PORT="x")) == 4


@each(
    ("env", "attribute"),
    [
        ({"ttsProvider": "acme"}, "ttsProvider"),
        ({"language": "multi", "ttsProvider": "Google"}, "ttsProvider"),
        ({"eotThreshold": "0.7"}, "eotThreshold"),
        ({"interruptible": "never"}, "interruptible"),
        ({"somethingNew": "x"}, ""),
    ],
)
def test_the_pretend_twilio_refuses_what_twilio_does(env: dict[str, str], attribute: str) -> None:
    assert refused(env, ()) == attribute


def test_a_refused_attribute_is_left_out_and_without_its_name_all_but_our_own_words() -> None:
    chosen = options(
        VOICE_VOICE="x", VOICE_LANGUAGE="de-DE", VOICE_WELCOME_GREETING="Hallo!", VOICE_ATTRIBUTES='{"a": 1}'
    )
    assert named_in("Invalid value for attribute voice", chosen) == "voice"
    assert named_in("Something else, in hints", chosen) == ""
    left = chosen.without("voice")
    assert (left.voice, left.language, left.welcome_greeting, left.attributes) == (None, "de-DE", "Hallo!", {"a": 1})
    assert chosen.without("a").attributes == {}
    assert chosen.without("").chosen() == {"welcome_greeting": "Hallo!"}
    flux = options(VOICE_SPEECH_MODEL="flux", VOICE_EOT_THRESHOLD="0.7", VOICE_LEGAL_NOTICE="Listen.")
    assert flux.without("speechModel").chosen() == {"legal_notice": "Listen."}


# --- the function that is asked per call --------------------------------------------------------------------


BASE = VoiceOptions(language="de-DE", hints="Tandem")


@pytest.fixture(autouse=True)
def _no_processors() -> Iterator[None]:
    yield
    structlog.reset_defaults()


async def test_a_function_changes_what_it_names_and_leaves_the_rest() -> None:
    calls: list[IncomingCall] = []

    def by_number(call: IncomingCall) -> Any:
        calls.append(call)
        return {"ttsProvider": "amazon", "speech_model": "flux", "eotThreshold": 0.6}

    found = await OptionsPerCall(lambda: BASE, hook=by_number).choose(FORM)
    assert (found.language, found.hints, found.tts_provider, found.eot_threshold) == ("de-DE", "Tandem", "Amazon", 0.6)
    (call,) = calls
    assert (call.sid, call.caller, call.called, call.parameters) == ("CA1", FORM["From"], FORM["To"], FORM)
    assert call.at.tzinfo is not None


async def test_a_function_may_be_async_and_give_options_or_nothing() -> None:
    async def spanish(call: IncomingCall) -> Any:
        return VoiceOptions(language="es-ES", languages=(LanguageOptions(code="en-US"),))

    found = await OptionsPerCall(lambda: BASE, hook=spanish).choose(FORM)
    assert (found.language, found.hints, found.languages[0].code) == ("es-ES", "Tandem", "en-US")
    assert await OptionsPerCall(lambda: BASE, hook=lambda call: None).choose(FORM) == BASE


@each(
    ("answer", "logged"),
    [
        ({"voice": 3}, {"reason": "unfit", "options": ["voice"]}),
        ({"nosuch": "x"}, {"reason": "unfit", "options": ["nosuch"]}),
        ({"eotThreshold": 0.7}, {"reason": "unfit", "options": [""]}),
        ("loud", {"reason": "AttributeError"}),
    ],
)
async def test_an_answer_that_does_not_fit_is_ignored_with_a_line(answer: Any, logged: dict[str, Any]) -> None:
    with capture_logs() as lines:
        assert await OptionsPerCall(lambda: BASE, hook=lambda call: answer).choose(FORM) == BASE
    (line,) = lines
    assert line == {"event": "voice_options_ignored", "log_level": "warning", **logged}


async def test_a_function_that_raises_is_ignored_with_a_line() -> None:
    def broken(call: IncomingCall) -> Any:
        raise StopIteration(FORM["From"])

    with capture_logs() as lines:
        assert await OptionsPerCall(lambda: BASE, hook=broken).choose(FORM) == BASE
    assert [line["reason"] for line in lines] == ["RuntimeError"]


async def test_a_function_that_takes_too_long_is_ignored_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.channels.voice.options_hook.HOOK_SECONDS", 0.01)
    gate = threading.Event()
    hook = OptionsPerCall(lambda: BASE, hook=lambda call: gate.wait() and {"language": "fr-FR"})
    with capture_logs() as lines:
        for _ in range(20):
            assert await hook.choose(FORM) == BASE
    gate.set()
    assert [line["reason"] for line in lines] == ["too_slow"] * 20
    assert hook._threads <= 16


def test_a_function_is_loaded_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_voice_options.py").write_text(
        "def choose(call):\n    return {}\n\ndef two(a, b): ...\n\nnumber = 3\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    assert load_hook("my_voice_options:choose")(None) == {}  # type: ignore[arg-type]
    for path, why in {
        "my_voice_options:number": "is a int, not a function",
        "my_voice_options:two": "must take one argument, the call",
        "my_voice_options:none": "names 'none', which the module 'my_voice_options' does not have.",
        "no_such_module:x": "names the module 'no_such_module', which cannot be found from ",
    }.items():
        with pytest.raises(ConfigurationError) as raised:
            load_hook(path)
        assert raised.value.problems[0].startswith(f"VOICE_OPTIONS_PATH={path} {why}")
