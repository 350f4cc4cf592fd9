"""What a list shows of a conversation, worked out from it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.model import ApprovalStatus, Channel, Item, Turn
from tandem.persistence.conversations import PREVIEW_CHARS, head_fields, read_head
from tandem.persistence.kinds import GLANCE

from ...contracts.records import JANE, approval, conversation
from ...kit.tables import each

pytestmark = pytest.mark.promise("U1")


def shown(*turns: tuple[Item, ...]) -> str:
    """The preview of a conversation with these turns."""
    history = tuple(Turn(number, Channel.SMS, 1.0, items) for number, items in enumerate(turns, start=1))
    return head_fields(conversation(history=history)).preview


def user(text: str) -> Item:
    return {"role": "user", "content": text}


def agent(text: str) -> Item:
    return {"role": "assistant", "content": text}


CALL: Item = {"type": "function_call", "call_id": "c", "name": "lookup_order", "arguments": "{}"}


@each(
    ("turns", "expected"),
    [
        ((), ""),
        (((user("Hello"),),), "Hello"),
        (((user("Hello"), agent("Hi!")),), "Hello"),
        (((agent("Hi!"), CALL),), "Hi!"),
        (((user("Hello"), agent("Hi!")), (agent("We are still looking."), CALL)), "Hello"),
        (((user("Hello"), agent("Hi!")), (user("And?"),)), "And?"),
        (((user("Hello"), {"role": "system", "content": "A note."}),), "Hello"),
        (((user("Hello"), agent("  ")),), "Hello"),
        (((agent(" two\n\nlines\tand tabs "),),), "two lines and tabs"),
    ],
)
def test_it_shows_what_the_customer_said_last(turns: tuple[tuple[Item, ...], ...], expected: str) -> None:
    assert shown(*turns) == expected


def test_long_words_are_cut() -> None:
    assert shown((agent("word " * 100),)) == ("word " * 100)[: PREVIEW_CHARS - 1].rstrip() + "…"


@given(st.text())
def test_it_is_one_line_and_short(text: str) -> None:
    preview = shown((agent(text),))
    assert len(preview) <= PREVIEW_CHARS
    assert len(preview.splitlines()) <= 1


def test_only_what_nobody_decided_is_pending() -> None:
    approvals = tuple(approval(f"apr_{status}", status=status) for status in ApprovalStatus)
    assert head_fields(conversation(approvals=approvals)).pending == 1


@each("stored", [None, "", "{", '{"format":9,"record":{}}'])
def test_what_is_not_there_or_not_readable_is_empty(stored: Any) -> None:
    head = read_head(JANE, 2.0, stored)
    assert (head.subject, head.updated_at, head.preview, head.pending) == (JANE, 2.0, "", 0)


def test_what_was_written_is_read() -> None:
    written = conversation(history=(Turn(1, Channel.SMS, 1.0, (user("Hé 📦"),)),), paused=True)
    head = read_head(JANE, 2.0, GLANCE.write(head_fields(written)))
    assert (head.preview, head.paused, head.updated_at) == ("Hé 📦", True, 2.0)
