"""The offline model on the phone: short, without symbols, numbers as people say them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.agents.offline.model import speakable
from tandem.entries import Verdict
from tandem.model import Channel
from tandem.shop.order_number import parse_order_number

from ...kit.callers import JOHN, route_of
from ...kit.tables import each

pytestmark = pytest.mark.promise("V1", "A17")

UNSPEAKABLE = re.compile(r"[^\w\s.,?!':-]|_|https?:")


@pytest.fixture
def call(line):
    """Open a conversation that goes on by phone: ``call(phone)``."""

    def open_call(phone: str):
        talk = line(phone)
        talk.route = route_of(phone, Channel.VOICE)
        return talk

    return open_call


@each(
    ("text", "spoken"),
    [
        ("Order 12345 has shipped.", "Order 1 2 3 4 5 has shipped."),
        ("shipped with UPS, tracking TRK_ABC123.", "shipped with UPS, tracking T R K A B C 1 2 3."),
        ("You have 2 orders: 7 and 12345.", "You have 2 orders, 7 and 1 2 3 4 5."),
        ("$139.97 in all.", "139 dollars and 97 cents in all."),
        ("$1,000.00, $1.01", "1000 dollars, 1 dollar and 1 cent"),
        ("The tracking number is TRK_ABC123; UPS shows it.", "The tracking number is T R K A B C 1 2 3, UPS shows it."),
        ("Your ticket is TKT_1A2B.", "Your ticket is T K T 1 A 2 B."),
        ("Your ticket TKT_1A2B (the cable) is open.", "Your ticket T K T 1 A 2 B, the cable, is open."),
        ("30% off & more at https://example.org/a, from 9:00", "30 percent off and more at from 9:00"),
    ],
)
def test_what_is_said_instead_of_symbols(text: str, spoken: str):
    assert speakable(text) == spoken


@given(st.text())
def test_whatever_was_written_has_no_symbols_when_it_is_spoken(text: str):
    assert not UNSPEAKABLE.search(speakable(text))


@pytest.mark.promise("A4")
@given(st.text("0123456789", min_size=5, max_size=12))
def test_a_spoken_order_number_is_understood_again(number: str):
    assert parse_order_number(speakable(f"order {number}")) == f"ORD_{number}"


@each(
    "said",
    [
        "hello",
        "are you a robot?",
        "where is my order 12345?",
        "track order 12345",
        "what is in my order?",
        "where is order 67890?",
        "refund 20 of order 12345",
        "I want my money back for order 1 2 3 4 5.",
        "refund order 12345",
        "refund half of order 12345",
        "I want to talk to a person",
        "open a ticket about my cable",
        "what's the status of my ticket?",
        "thanks, bye",
    ],
)
async def test_an_answer_on_the_phone_is_short_and_without_symbols(call, said):
    answer = await call(JOHN).say(said)
    assert not UNSPEAKABLE.search(answer)
    # A spelled number is one word here.
    words = re.sub(r"\b\w(?:,? \w)+\b", "number", answer).split()
    assert len(words) <= 40


@pytest.mark.promise("H2")
async def test_an_outcome_on_the_phone_has_no_symbols(call):
    talk = call(JOHN)
    await talk.say("refund order 12345")
    answer = await talk.decide(Verdict.APPROVE)
    assert answer.startswith(
        "Good news, a colleague approved your refund of 139 dollars and 97 cents for order 1 2 3 4 5. 139 dollars and "
        "97 cents of order 1 2 3 4 5 has been paid back. The refund number is R E F "
    )


async def test_by_text_numbers_stay_as_they_are_written(line):
    assert "TRK_ABC123" in await line(JOHN).say("track order 12345")
