"""Names and index texts of the Postgres store."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import ConfigurationError
from tandem.persistence.postgres.names import LONGEST, Names, script, short, spelled

from ...kit.tables import each

pytestmark = pytest.mark.promise("P6")

LONGEST_NAME = 63
"""What PostgreSQL cuts off would make two names the same."""

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=400)


@given(texts)
def test_a_short_text_fits_an_index(text: str) -> None:
    assert len(short(text).encode()) <= LONGEST


@given(texts, texts)
def test_two_texts_never_become_one(one: str, other: str) -> None:
    assert (short(one) == short(other)) == (one == other)


def test_a_text_that_looks_like_a_hash_is_hashed() -> None:
    hashed = short("x" * 1000)
    assert short(hashed) != hashed


def test_only_long_texts_are_spelled_out() -> None:
    assert (spelled("phone_14155550100"), spelled("x" * 201)) == (None, "x" * 201)


@each("text", ["\0", "a\0b", "\ud800"])
def test_what_the_database_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogates"):
        short(text)


def test_names_begin_with_the_table() -> None:
    sql = "SELECT conversation_states_claim(1) FROM conversation_states JOIN conversation_states_lane"
    assert Names("Chats").fill(sql) == 'SELECT "Chats_claim"(1) FROM "Chats" JOIN "Chats_lane"'


@each("table", ["", "1a", "a-b", 'a"; DROP TABLE x; --', "a.b", "x" * 41, "é"])
def test_what_is_no_name_is_refused(table: str) -> None:
    with pytest.raises(ConfigurationError):
        Names(table)


def test_every_name_keeps_its_end_with_the_longest_table() -> None:
    names = Names("x" * 40)
    scripts = [names.fill(script(name)) for name in ("lanes.sql", "apply.sql", "load.sql")]
    found = {name for filled in scripts for name in re.findall(r'"(x\w+)"', filled)}
    assert {name for name in found if len(name) > LONGEST_NAME} == set()
