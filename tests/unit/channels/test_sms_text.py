"""An answer as text messages, whole, in order, and no dearer than it must be."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.channels.sms.sender import GSM7, GSM7_TWICE, LIMIT, clean, compose, segments

from ...kit.tables import each

pytestmark = pytest.mark.promise("S7")

WORDS = st.sampled_from(
    ["order", "ORD_12345", "Where", "is", "it?", "Yes.", "naïve", "“quoted”", "🙂", "👩‍👩‍👧‍👦",
     "**bold**", "a\nb", "\n\n",
     "2*3*4", "https://shop.example/track?id=TRK_ABC123&x=_y_",
     "[here](https://shop.example/a_b)", "x" * 90, "日本語。"]
)  # fmt: skip
ANSWERS = st.lists(WORDS, max_size=400).map(" ".join) | st.text(max_size=4000)


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


# --- counting ----------------------------------------------------------------------------------------------


@each(
    ("text", "count"),
    [("", 0), ("a", 1), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2),
     ("ж" * 70, 1), ("ж" * 71, 2), ("ж" * 134, 2), ("ж" * 135, 3), ("🙂" * 35, 1), ("🙂" * 36, 2), ("a" * 70 + "’", 2),
     ("[]{}~^|\\" * 10, 1), ("[]{}~^|\\" * 10 + "a", 2)],
)  # fmt: skip
def test_segments_are_counted_as_they_are_billed(text: str, count: int) -> None:
    assert segments(text) == count


def test_the_alphabet_is_complete() -> None:
    assert (len(GSM7), len(GSM7_TWICE)) == (127, 10)  # 128 places of GSM 03.38, one of them the escape


# --- cleaning ----------------------------------------------------------------------------------------------


@each(
    ("markdown", "plain"),
    [
        ("# Title\n\nText", "Title\n\nText"),
        ("**bold** and *it* and ***both***", "bold and it and both"),
        ("__bold__ and _it_", "bold and it"),
        ("~~old~~ `code`", "(was old) code"),
        ("* a\n* b", "- a\n- b"),
        ("1. a\n2. b", "1. a\n2. b"),
        ("> quoted", "quoted"),
        ("```python\nx = 1\n```", "x = 1"),
        ("a\n\n---\n\nb", "a\n\nb"),
        ("[Track it](https://x.example/a)", "Track it (https://x.example/a)"),
        ("[https://x.example](https://x.example)", "https://x.example"),
        ("![a picture](https://x.example/p.png)", "a picture (https://x.example/p.png)"),
        ("<https://x.example/a_b_c>", "https://x.example/a_b_c"),
        ("**https://x.example/a_b_**", "https://x.example/a_b_"),
        ("https://x.example/*a*/_b_", "https://x.example/*a*/_b_"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b\n1, 2"),
        (r"5 \* 3 \_ok\_", "5 * 3 _ok_"),
    ],
)
def test_markdown_becomes_plain_words(markdown: str, plain: str) -> None:
    assert clean(markdown) == plain


@each(
    "text",
    ["ORD_12345_A and TRK_ABC123", "2*3*4 = 24", "a - b", "#1 choice", "costs 5 * 3", "snake_case_name", "C# is it",
     "a > b", "write to ana_b@x.example"],
)  # fmt: skip
def test_what_only_looks_like_markdown_stays(text: str) -> None:
    assert clean(text) == text


def test_blanks_are_tidied() -> None:
    assert clean("  a   b \t c \n\n\n\n d  ") == "a b c\n\nd"


def test_typographic_characters_are_folded_where_that_saves_a_segment() -> None:
    assert clean("“Hello” – it’s " + "a" * 80) == '"Hello" - it\'s ' + "a" * 80


def test_they_stay_where_it_saves_nothing() -> None:
    assert clean("It’s fine") == "It’s fine"


def test_they_stay_beside_what_cannot_be_folded() -> None:
    assert clean("It’s 🙂 " + "a" * 80) == "It’s 🙂 " + "a" * 80


# --- splitting ---------------------------------------------------------------------------------------------


def test_a_long_answer_is_split_after_a_sentence() -> None:
    sentence = "This is a sentence of the answer. "
    parts = compose(sentence * 50)
    assert [len(part) for part in parts] == [47 * len(sentence), 3 * len(sentence) - 1]


def test_without_a_sentence_it_is_split_after_a_word() -> None:
    parts = compose("word " * 400)
    assert [part[-5:] for part in parts] == ["word ", " word"]


def test_a_web_address_stays_whole() -> None:
    url = "https://shop.example/" + "path/" * 30
    parts = compose("word " * 310 + url + " and so on")
    assert [url in part for part in parts] == [False, True]


def test_an_address_longer_than_a_part_is_cut_in_the_end() -> None:
    assert [len(part) for part in compose("https://x.example/" + "a" * 2000)] == [1600, 418]


def test_a_joined_character_is_not_cut() -> None:
    family = "👩\u200d👩\u200d👧"
    assert all(part.startswith("👩") and part.endswith("👧") for part in compose(family * 300))


@each("text", ["", "   ", "\n", "---", "```\n```"])
def test_a_blank_answer_is_no_message(text: str) -> None:
    assert compose(text) == ()


@given(ANSWERS)
def test_parts_join_to_the_cleaned_text(text: str) -> None:
    assert "".join(compose(text)) == clean(text)


@given(ANSWERS)
def test_every_part_fits_and_says_something(text: str) -> None:
    assert all(part.strip() and utf16(part) <= LIMIT for part in compose(text))


@given(ANSWERS)
def test_addresses_survive_whole(text: str) -> None:
    joined = clean(text)
    parts = compose(text)
    assert all(any(url in part for part in parts) for url in re.findall(r"https?://\S+", joined) if len(url) < LIMIT)


@given(st.text(alphabet="abc XYZ.,!?0123456789", max_size=2000))
def test_plain_words_are_only_tidied(text: str) -> None:
    assert clean(text) == " ".join(text.split())


@each(
    "text",
    ["*" * 20_000, "_a" * 10_000, "[a](" * 5_000, "`" * 20_000, " " * 20_000, "*a " * 7_000,
     "_a b " * 4_000, "|-" * 9_000, "a\n" * 9_000, "https://" * 3_000, "\\" * 20_000, "> " * 9_000, "- " * 9_000 + "x",
     "<https://" * 2_000, "~~a" * 6_000, "~a" * 9_000, "[a][" * 5_000, "\\(" * 9_000, "$\\a" * 6_000,
     "<a href=" * 3_000, "&a" * 9_000, "a | b\n" * 3_000, "a\u0336" * 9_000, "[^" * 9_000],
)  # fmt: skip
def test_no_answer_takes_long(text: str) -> None:
    began = time.process_time()
    assert "".join(compose(text)) == clean(text)
    assert time.process_time() - began < 2
