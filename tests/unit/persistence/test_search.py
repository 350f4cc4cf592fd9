"""Codes of words find every conversation that holds them, and few that do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.persistence.conversations import MOST_CODES, codes_of, words_of
from tandem.persistence.search import holds, may_hold, wanted_codes

from ...kit.tables import each

pytestmark = pytest.mark.promise("D3a")

SAID = "Où est ma commande ORD_12345? It's the 2nd time: headphones, ヘッドホン, 退款."


@each(
    ("query", "there"),
    [("ou EST", True), ("comman", True), ("command", True), ("12345", True), ("1234", True), ("123", False),
     ("ヘッド", True), ("款退", True), ("phones", False), ("co", False), ("2nd time", True), ("head phones", False)],
)  # fmt: skip
def test_a_long_word_is_found_by_its_beginning_and_a_short_one_whole(query: str, there: bool) -> None:
    assert holds(SAID, words_of(query)) is there


@given(st.lists(st.text(min_size=1, max_size=30), max_size=20), st.data())
def test_what_a_text_holds_its_codes_never_deny(said: list[str], data: st.DataObject) -> None:
    text = " ".join(said)
    known = sorted(words_of(text))
    wanted = frozenset(data.draw(st.lists(st.sampled_from(known), max_size=3))) if known else frozenset()
    row = f'{{"format":1,"record":{{"preview":"x","words":"{codes_of(text)}"}}}}'
    assert holds(text, wanted)
    assert may_hold(row, wanted_codes(wanted))


def test_other_words_are_passed_over() -> None:
    row = f'{{"format":1,"record":{{"words":"{codes_of(SAID)}"}}}}'
    strangers = [f"{letter}{number}stranger" for letter in "bcdfg" for number in range(200)]
    passed = [not may_hold(row, wanted_codes([one])) for one in strangers]
    assert sum(passed) > 990


@each("record", [None, "", '{"format":1,"record":{"preview":"x"}}', '{"record":{"words":""}}'])
def test_a_row_without_codes_may_hold_anything(record: str | None) -> None:
    assert may_hold(record, wanted_codes(["refund"]))


def test_a_text_with_too_many_words_has_no_codes() -> None:
    assert codes_of(" ".join(f"{number:05}" for number in range(MOST_CODES))) == ""
