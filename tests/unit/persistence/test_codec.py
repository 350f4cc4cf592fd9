"""Records as JSON: exact, fast, of a known format, lifted from older ones. Proves P5 and P11."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tandem.entries import Decision, Entry, Verdict
from tandem.errors import UnreadableRecord
from tandem.model import Channel, Turn
from tandem.persistence.codec import CONVERSATION, ENTRY, Codec

from ...contracts.records import conversation, talked, text


@dataclass(frozen=True, slots=True)
class Note:
    """A record of today's format 2; format 1 had the words in ``text``, format 0 as a list."""

    words: str
    stars: int = 0


def join(record: dict[str, Any]) -> dict[str, Any]:
    return {"text": " ".join(record["text"])}


def rename(record: dict[str, Any]) -> dict[str, Any]:
    return {"words": record["text"]}


NOTE = Codec(Note, format=2, upgrades={0: join, 1: rename})


def test_a_conversation_comes_back_equal() -> None:
    assert CONVERSATION.decode(CONVERSATION.encode(talked())) == talked()


@pytest.mark.parametrize(
    "entry",
    [
        text("SM1", "Grüße 👋"),
        Entry("decision:apr_1", Decision("apr_1", Verdict.APPROVE, "ann", 1.5, arguments={"amount": 5})),
    ],
    ids=["text", "decision"],
)
def test_every_kind_of_entry_comes_back_equal(entry: Entry) -> None:
    assert ENTRY.decode(ENTRY.encode(entry)) == entry


def test_a_record_says_its_format() -> None:
    assert json.loads(NOTE.encode(Note("hello", 5))) == {"format": 2, "record": {"words": "hello", "stars": 5}}


@pytest.mark.parametrize(
    "stored",
    [
        '{"format": 2, "record": {"words": "how are you"}}',
        '{"format": 1, "record": {"text": "how are you"}}',
        '{"format": 0, "record": {"text": ["how", "are", "you"]}}',
    ],
)
def test_a_record_of_any_known_format_is_read(stored: str) -> None:
    assert NOTE.decode(stored) == Note("how are you")


def test_a_field_that_a_record_does_not_have_yet_takes_its_default() -> None:
    assert NOTE.decode('{"format": 2, "record": {"words": "hello"}}').stars == 0


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "\x00\x01",
        b"\xff\xfe",
        '{"record": {"words": "hello"}}',
        '{"format": "2", "record": {"words": "hello"}}',
        '{"format": 3, "record": {"words": "hello"}}',
        '{"format": -1, "record": {"words": "hello"}}',
        '{"format": 1, "record": {"words": "hello"}}',
        '{"format": 0, "record": null}',
        '{"format": 2, "record": {"words": 5}}',
        '{"format": 2, "record": {"words": "hello", "stars": "many"}}',
        '{"format": 2, "record": ' + "[" * 100_000,
    ],
    ids=range(16),
)
def test_anything_else_is_unreadable(stored: str | bytes) -> None:
    with pytest.raises(UnreadableRecord):
        NOTE.decode(stored)


def test_a_lone_surrogate_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        CONVERSATION.encode(conversation(summary="\ud83d"))


def test_a_field_of_another_type_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="Expected"):
        CONVERSATION.encode(conversation(summary=5))


def test_history_items_are_not_looked_into() -> None:
    item = {"type": "something_new", "role": 7, "content": [{"a": None}, 1.5, [[]]]}
    written = conversation(history=(Turn(1, Channel.SMS, 1.0, (item,)),))
    assert CONVERSATION.decode(CONVERSATION.encode(written)).history[0].items == (item,)
