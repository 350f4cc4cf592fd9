"""Unprofessional words are replaced: whole words only, in any case, and always with the same result."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.guardrails.language import LISTED, Cleaned, professional
from tandem.guardrails.stream import StreamFilter

from ...kit.tables import each

pytestmark = pytest.mark.promise("R2")


@each(
    ("text", "cleaned"),
    [
        ("You are an idiot.", "You are an individual."),
        ("Idiots! SHIT! Damn it.", "Individuals! MESS! Very it."),
        ("this fucking parcel", "this very parcel"),
        ("what a shitty, crappy day", "what a poor, poor day"),
        ("the bastard's bitches", "the person's people"),
        ("_damn_ **stupid** (ass)", "_very_ **mistaken** (behind)"),
        ("shit4111", "mess4111"),
    ],
)
def test_a_listed_word_is_replaced_in_its_case(text: str, cleaned: str) -> None:
    assert professional(text).text == cleaned


@each(
    "text",
    [
        "",
        "Scunthorpe, Penistone and Dickens",
        "class, assess, assets, compass, assassin, pass, brass",
        "a cocktail, a shuttle, a scrapbook, a dumbbell, a crapaud",
        "Dick and Fanny like jerk chicken and hand screws",
        "damnation and condemned",
        "votre colis est en retard, la douche aussi",
        "er aß Brot",
        "jo.shitake@example.com",
        "\ud800\x00",
    ],
)
def test_other_words_pass(text: str) -> None:
    assert professional(text) == Cleaned(text)


def test_what_was_replaced_is_told_in_its_order() -> None:
    assert professional("Damn, what an ASSHOLE. damn").replaced == ("damn", "asshole", "damn")


@each("word", sorted(LISTED))
def test_every_word_can_be_said_in_three_cases(word: str) -> None:
    neutral = LISTED[word]
    assert neutral not in LISTED
    assert (
        professional(f"{word} {word.upper()} {word.title()}").text == f"{neutral} {neutral.upper()} {neutral.title()}"
    )


PIECES = st.sampled_from(
    [*sorted(LISTED), "s", "es", " ", "'", "_", "-", "1", "as", "class", "\u200b", "ß", "ı", "ſ", "²"]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=20).map("".join))


@given(TEXTS)
@settings(max_examples=500, deadline=None)
def test_doing_it_twice_changes_nothing(text: str) -> None:
    once = professional(text)
    assert professional(once.text) == Cleaned(once.text)
    assert (once.replaced == ()) == (once.text == text)


@given(st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=30))
@settings(max_examples=500, deadline=None)
def test_pieces_give_what_the_whole_gives(pieces: list[str]) -> None:
    words = StreamFilter()
    out = "".join([*map(words.feed, pieces), words.end()])
    assert Cleaned(out, words.replaced) == professional("".join(pieces))


def test_the_rest_of_a_word_that_is_out_is_no_word() -> None:
    words = StreamFilter()
    assert [words.feed(piece) for piece in ("com", "pass", "ass", " ass", "ess", "ass")] == [
        "com",
        "pass",
        "ass",
        " ",
        "assess",
        "ass",
    ]


def test_behind_an_end_a_new_word_begins() -> None:
    words = StreamFilter()
    assert [words.feed("wait"), words.end(), words.feed("shit"), words.end()] == ["wait", "", "", "mess"]


@each("text", ["shit " * 20_000, "a" * 100_000, "as" * 50_000, "ass" + "'" * 100_000])
def test_a_long_text_takes_time_in_proportion(text: str) -> None:
    began = time.process_time()
    professional(text)
    words = StreamFilter()
    for start in range(0, len(text), 3):
        words.feed(text[start : start + 3])
    assert time.process_time() - began < 10  # usually half a second; what grows with the square takes minutes
