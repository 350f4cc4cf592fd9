"""What a message is about, by its words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.agents.tools.intent import UNSURE, Guess, Intent, classify, classify_intent

from ...kit.callers import JOHN
from ...kit.tables import each

pytestmark = pytest.mark.promise("A3")


@each(
    ("message", "intent"),
    [
        ("Where is my order 12345?", Intent.ORDER),
        ("has it shipped yet", Intent.ORDER),
        ("tracking number please", Intent.ORDER),
        ("ORD_12345", Intent.ORDER),
        ("I want my money back", Intent.BILLING),
        ("why was I charged twice? send me the invoice", Intent.BILLING),
        ("refund order 12345", Intent.BILLING),
        ("my headphones won't turn on", Intent.TECHNICAL),
        ("bluetooth stopped working after the update", Intent.TECHNICAL),
        ("there is no sound", Intent.TECHNICAL),
        ("What is your return policy?", Intent.FAQ),
        ("are you open on Sunday", Intent.FAQ),
        ("how long is the warranty", Intent.FAQ),
        ("do you ship to Canada?", Intent.FAQ),
        ("I want to speak to a human about my order", Intent.ESCALATION),
        ("get me your manager, this is unacceptable", Intent.ESCALATION),
        ("my lawyer will hear of this refund", Intent.ESCALATION),
        ("hello there", Intent.GENERAL),
        ("", Intent.GENERAL),
        ("¿Dónde está mi pedido?", Intent.GENERAL),
    ],
)
def test_what_a_message_is_about(message, intent):
    assert classify(message).intent is intent


def test_words_that_say_nothing_make_nobody_sure():
    assert classify("hmm") == Guess(Intent.GENERAL, UNSURE)


def test_more_words_of_a_kind_make_surer():
    weak, strong = classify("a problem"), classify("broken: no sound, bluetooth error")
    assert weak.intent is strong.intent is Intent.TECHNICAL
    assert weak.confidence < 0.5 < 0.9 < strong.confidence


def test_words_of_several_kinds_make_less_sure():
    assert classify("refund the broken parcel").confidence < classify("refund the bill").confidence


@given(st.text(max_size=300))
def test_any_message_has_a_guess_and_always_the_same(message):
    guess = classify(message)
    assert 0 < guess.confidence <= 1
    assert classify(message) == guess


def test_the_shape_of_an_apostrophe_does_not_matter():
    assert classify("it doesn\u2019t work") == classify("it doesn't work")


async def test_the_tool_tells_intent_and_confidence(use):
    answer = json.loads(await use(classify_intent, JOHN, customer_message="Where is my order 12345?"))
    assert answer == {"intent": "order", "confidence": classify("Where is my order 12345?").confidence}
