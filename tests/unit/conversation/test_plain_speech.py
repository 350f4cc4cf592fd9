"""Speech is plain words, however the answer is cut into tokens, and amounts stay as they are."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.conversation.plain_speech import PlainSpeech, plain_speech

from ...kit.tables import each

pytestmark = pytest.mark.promise("V26")


@each(
    ("written", "spoken"),
    [
        ("**Hi** [track](https://shop.example/t/1) 🎉", "Hi track "),
        ("***Very*** __good__ _news_, ~~old~~ `REF_1`", "Very good news, formerly old, REF_1"),
        ("Yours:\n- Socks\n* Shoes\n• Hats.\nThat is all", "Yours: Socks. Shoes. Hats. That is all"),
        ("1. Open it\n2. Look", "1. Open it. 2. Look"),
        ("# Refunds\nWe pay back.", "Refunds. We pay back."),
        ("> quoted\n\n---\nplain", "quoted\n\nplain"),
        ("```\nREF_1\n```\nthere", "REF_1\nthere"),
        ("| Item | Price |\n|---|--:|\n| Socks | $5.00 |\nDone", "Item, Price. Socks, $5.00. Done"),
        ("See https://www.shop.example/a_b/c?d=1. Or <https://x.example>!", "See shop.example. Or x.example!"),
        ("[a](https://x.example/a_(b)) and ![](https://x.example)", "a and "),
        ("a <b>bold</b> word<br>", "a bold word\n"),
        (r"5 \* 3 and \[this\]", "5 * 3 and [this]"),
        ("👩‍👩‍👧 Hi ✅ there 👍🏽!", "Hi there !"),
        ("Hello.\nHow are you?", "Hello.\nHow are you?"),
    ],
)
def test_markup_goes_and_words_stay(written: str, spoken: str) -> None:
    assert plain_speech(written) == spoken


@each(
    "text",
    [
        "+ $8.25 tax", "- $8.25 tax", "-5 degrees", "+1 555 123 4567", "2*3*4", "2 * 3 = 6", "5*", "~5 days", "a < b",
        "<5 kg", "ORD_12345 and snake_case_name", "****1234", "[card number removed, ends in 1111]", "[1]",
        "Really?! Yes!", "25 °C, 10 % off, €5, £3 and ¥8", "#12345", "C:\\temp", "https is a word", "1️⃣"[:1], "❶ and ①",
        "john@shop.example", "3 | 4", "3-4 days", "half-price", "- -", "Wait… what", "日本語。はい", "naïve “quotes”",
    ],
)  # fmt: skip
def test_what_is_no_markup_stays_letter_for_letter(text: str) -> None:
    assert plain_speech(text) == text


PIECES = st.lists(
    st.sampled_from(
        ["**", "*", "_", "__", "~~", "~", "&amp;", "&", "\\times", "\\frac{1}{2}", ": ", "<s>", "</s>", "<br>", "`",
         "```", "[", "]", "](", ")", "(", "!", "<", ">", "|", "#", "- ", "+ ", "1. ",
         "\n", "\n\n", " ", "  ", "\\", "https://x.example/a", "http", "h", "🎉", "👍🏽", "$8.25", "12", "word", "é",
         "<b>", "|---|", "---", "> ", "://", "\t", "’", ".", "$", "$x^2$", "$\\", "^", "^2^", ":smile:", ":", "==",
         " | ", "a | b\n---|---\n", "\u0336", "5\u0336", "M\u0336", "[x] ", "- [ ] ", "\\(", "\\)", "<sup>", "</sup>",
         "~2~", "a"]
    ),
    max_size=24,
)  # fmt: skip


@given(PIECES, st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_however_it_is_cut_the_same_is_said(pieces: list[str], sizes: list[int]) -> None:
    text, speech, said, at = "".join(pieces), PlainSpeech(), "", 0
    while at < len(text):
        size = sizes[at % len(sizes)]
        said += speech.feed(text[at : at + size])
        at += size
    assert said + speech.end() == plain_speech(text)


WITHOUT_DIGITS = {"(", "](", "<", "<b>", "<sup>", "https://x.example/a", "http", "h", "^", "^2^", "$x^2$"}
"""Pieces that make addresses, notes or words of what stands behind them."""


@given(PIECES)
def test_no_digit_is_lost_but_in_an_address(pieces: list[str]) -> None:
    text = "".join(piece for piece in pieces if piece not in WITHOUT_DIGITS)
    assert "".join(filter(str.isdigit, plain_speech(text))) == "".join(filter(str.isdigit, text))


def test_words_are_not_held_back() -> None:
    speech = PlainSpeech()
    assert [speech.feed(token) for token in ("It", " is", " on", " **its", "** way", ".")] == [
        "It", " is", " on", " its", " way", "."
    ]  # fmt: skip


@each(
    "unit",
    ["*", "[", "<", "`", "![a](", "https://", "| ", "- \n", "a_", "🎉", "\\", "~~a", "&a", "[^", "<s>", "\\frac{", "$",
     "$x", "$\\a", ":a", "^", "==", "a\u0336", "\\(", "a |b\n", "[x"],
)  # fmt: skip
def test_the_time_grows_with_the_length(unit: str) -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        plain_speech(unit * count)
        return time.process_time() - began

    seconds(100)
    assert seconds(20_000) < 40 * max(seconds(1_000), 0.01)
