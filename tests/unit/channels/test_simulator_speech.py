"""The speech clock is honest: what was heard is what was sent, as far as there was time to speak it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.simulator.playback import Played, SimulatedPlayback, Speaking
from tandem.simulator.twiml import BadTwiml, Relay, parse, words

from ...kit.tables import each

TOKEN = st.text(alphabet="ab .\n", max_size=12)
MOMENT = st.floats(min_value=0, max_value=2)


@dataclass
class Sent:
    """What a random gateway sent, and what the caller's clock said."""

    speech: SimulatedPlayback = field(default_factory=lambda: SimulatedPlayback(10))
    now: float = 0.0
    tokens: list[str] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    speaking: list[bool] = field(default_factory=list)

    def listen(self) -> None:
        for event in self.speech.advance(self.now):
            match event:
                case Played(token):
                    self.played.append(token)
                case Speaking(on):
                    self.speaking.append(on)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("text"), TOKEN, st.booleans(), st.booleans()),
        st.tuples(st.just("wait"), MOMENT),
        st.tuples(st.just("purge")),
    ),
    max_size=30,
)


def play(steps: list[tuple[object, ...]]) -> Sent:
    sent = Sent()
    for step in steps:
        match step:
            case ("text", str(token), bool(last), bool(preemptible)):
                sent.tokens.append(token)
                sent.speech.add(token, now=sent.now, last=last, preemptible=preemptible)
            case ("wait", float(seconds)):
                before = total(sent)
                sent.now += seconds
                sent.listen()
                assert total(sent) - before <= seconds * 10 + 1
            case _:
                heard = "".join(one.heard for one in sent.speech.utterances)
                cut = sent.speech.purge(sent.now)
                assert cut is None or heard.endswith(cut.heard) or cut.heard in heard
                assert sent.speech.pending is None
    sent.listen()
    return sent


def total(sent: Sent) -> int:
    return sum(one.spoken for one in sent.speech.utterances)


@given(STEPS)
def test_everything_sent_is_kept_in_order(steps: list[tuple[object, ...]]) -> None:
    sent = play(steps)
    assert "".join(one.text for one in sent.speech.utterances) == "".join(sent.tokens)


@given(STEPS)
def test_what_was_heard_begins_what_was_sent(steps: list[tuple[object, ...]]) -> None:
    for utterance in play(steps).speech.utterances:
        assert 0 <= utterance.spoken <= len(utterance.text)
        assert utterance.purged or utterance.begun_at is not None or utterance.spoken == 0


@given(STEPS)
def test_in_the_end_all_that_was_not_purged_is_heard(steps: list[tuple[object, ...]]) -> None:
    sent = play(steps)
    sent.now += 10_000
    sent.listen()
    assert [one for one in sent.speech.utterances if not one.purged and one.heard != one.text] == []
    assert sent.speech.pending is None


@given(STEPS)
def test_nothing_is_played_that_was_purged(steps: list[tuple[object, ...]]) -> None:
    sent = play(steps)
    heard = "".join(one.heard for one in sent.speech.utterances)
    assert len("".join(sent.played)) <= len(heard)


@given(STEPS)
def test_the_voice_begins_and_falls_silent_in_turn(steps: list[tuple[object, ...]]) -> None:
    sent = play(steps)
    assert all(on is (number % 2 == 0) for number, on in enumerate(sent.speaking))


@given(STEPS)
def test_the_next_event_is_announced(steps: list[tuple[object, ...]]) -> None:
    sent = play(steps)
    due = sent.speech.due()
    if due < 10_000:
        sent.now = due + 1e-6
        spoken = total(sent)
        assert sent.speech.advance(sent.now) or total(sent) > spoken or sent.speech.due() > due


def test_a_voice_that_waits_for_words_falls_silent_after_a_while() -> None:
    speech = SimulatedPlayback(15)
    speech.add("one ", now=0, last=False)
    events = speech.advance(5)
    assert events == [Speaking(True), Played("one "), Speaking(False)]
    assert (speech.idle, speech.purge(5)) == (False, None)


def test_a_pause_within_a_sentence_is_no_silence() -> None:
    speech = SimulatedPlayback(10)
    speech.add("one ", now=0, last=False)
    speech.add("two", now=1, last=True)
    assert speech.advance(1.29) == [Speaking(True), Played("one ")]
    assert speech.utterances[0].heard == "one tw"


def test_infinite_speed_speaks_at_once() -> None:
    speech = SimulatedPlayback(float("inf"))
    speech.add("all of it", now=3)
    assert speech.advance(3) == [Speaking(True), Played("all of it"), Speaking(False)]


# --- TwiML -------------------------------------------------------------------------------------------------


def test_verbs_are_read_in_order() -> None:
    document = """<?xml version="1.0"?><Response><Say language="es-ES"> Hola </Say><Pause length="2"/><Play>x</Play>
    <Dial action="/a"><Number url="/w">+1555</Number></Dial><Dial>+1666</Dial><Redirect method="GET">/r</Redirect>
    <Hangup/></Response>"""
    verbs = [verb for verb in parse(document) if not isinstance(verb, Relay)]
    assert [verb.tag for verb in verbs] == ["Say", "Pause", "Play", "Dial", "Dial", "Redirect", "Hangup"]
    assert [words(verb) for verb in verbs] == ["Hola", "", "x", "", "+1666", "/r", ""]


def test_a_relay_knows_its_defaults() -> None:
    (relay,) = parse(
        '<Response><Connect><ConversationRelay url="wss://a/b" interruptible="false"/></Connect></Response>'
    )
    assert isinstance(relay, Relay)
    assert (relay.inputs("interruptible"), relay.inputs("welcomeGreetingInterruptible")) == ("none", "any")
    assert (relay.language, relay.flag("dtmfDetection"), relay.action) == ("en-US", False, None)


@each(
    "document",
    ["", "Hello", "<html/>", '<Response><Connect><ConversationRelay url="https://a"/></Connect></Response>'],
)
def test_bad_twiml_is_refused(document: str) -> None:
    with pytest.raises(BadTwiml, match=r"^error "):
        parse(document)
