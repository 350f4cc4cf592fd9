"""Cursors: what a listing gave comes back, and nothing else is taken for one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import MalformedRequest
from tandem.persistence.reading import read_cursor, write_cursor

from ...kit.tables import each


@given(st.floats(allow_nan=False, allow_infinity=False), st.text())
def test_what_a_listing_gave_is_read_again(number: float, text: str) -> None:
    assert read_cursor(write_cursor(number, text)) == (number, text)


@each(
    "content",
    [
        "",
        "[]",
        "{}",
        "7",
        '["a", 1]',
        "[1]",
        '[NaN, "a"]',
        '[Infinity, "a"]',
        '[1, "\\ud800"]',
        f'[{"9" * 400}, "a"]',
        "[" * 100_000,
    ],
)
def test_what_no_listing_gave_is_malformed(content: str) -> None:
    cursor = base64.urlsafe_b64encode(content.encode()).decode()
    with pytest.raises(MalformedRequest):
        read_cursor(cursor)


@given(st.text())
def test_any_text_is_read_or_malformed(text: str) -> None:
    try:
        number, _ = read_cursor(text)
    except MalformedRequest:
        return
    assert isinstance(number, float)
