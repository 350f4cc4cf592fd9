"""Wishes for money back in any words whatever. Proves A5."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.agents.offline.money import Wish, is_order_alone, read_reply, read_wish

WORDS = (
    "refund please not don't order 12345 67890 20 $20 dollars half one all of it the my money back I want if ? , . "
    "because it broke case can you to for no never wait"
)
sentences = st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join)


@given(st.text() | sentences)
def test_money_moves_on_nothing_that_denies_asks_back_or_names_a_part(said: str):
    """A5: whatever stands around it."""
    for sentence in (f"do not refund it {said}", f"if I refund {said}", f"refund half of it {said}"):
        assert read_wish(sentence).wish in (Wish.NOT_CLEAR, Wish.SOME)


@given(st.text() | sentences)
def test_an_amount_is_one_that_was_said(said: str):
    """A5"""
    wanted = read_wish(f"refund {said}")
    assert (wanted.cents > 0) == (wanted.wish is Wish.AMOUNT)
    assert wanted.cents in (0, 2000) or any(digit in said for digit in map(str, range(10))) or not said.isascii()


@given(st.text() | sentences)
def test_any_answer_can_be_read(said: str):
    is_order_alone(said)
    reply = read_reply(said)
    assert reply is None or reply[0].wish in (Wish.ALL, Wish.AMOUNT)


@pytest.mark.parametrize(
    "word", ["the ", "all of it ", "my order ", "20 ", "please ", "for me ", "a $1 ", "not ", ", "]
)
def test_reading_takes_no_time_however_a_sentence_repeats_itself(word: str):
    """The rules share the event loop with every call."""
    started = time.process_time()
    for text in (f"refund {word * 150}x", f"{word * 150}refund", f"I want {word * 150}x", f"{word * 150}x"):
        read_wish(text)
        read_reply(text)
        is_order_alone(text)
    assert time.process_time() - started < 1
