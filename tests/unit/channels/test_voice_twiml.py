"""TwiML stays XML, whatever a business system or a customer put into the words."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tandem.channels.voice.twiml import connect, say

from ...kit.tables import each

pytestmark = pytest.mark.promise("V2")

HOSTILE = 'Ann\x0b \x00<Dial>+1</Dial> & "quotes" \ufffe \ud800 ok'
EXPECTED = 'Ann <Dial>+1</Dial> & "quotes" ok'


def words(text: str | None) -> str:
    return " ".join((text or "").split())


def test_what_is_said_is_xml() -> None:
    (verb,) = ElementTree.fromstring(say(HOSTILE))
    assert (verb.tag, words(verb.text), len(verb)) == ("Say", EXPECTED, 0)


def test_a_greeting_and_parameters_are_xml() -> None:
    twiml = connect(socket="wss://x/1", action="https://x/a", greeting=HOSTILE, parameters={"userId": HOSTILE})
    (relay,) = ElementTree.fromstring(twiml)[0]
    assert words(relay.get("welcomeGreeting")) == EXPECTED
    assert words(relay[0].get("value")) == EXPECTED


@each("text", ["Grüß Gott, José!", "你好 👋", "line\none"])
def test_other_words_stay_as_they_are(text: str) -> None:
    assert words(ElementTree.fromstring(say(text))[0].text) == words(text)
