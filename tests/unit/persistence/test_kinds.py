"""Records as JSON: exact, fast, of a known format, lifted from older ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tandem.entries import (
    Decision,
    Entry,
    Hold,
    Revealed,
    StaffMessage,
    StaffWhisper,
    TicketClosed,
    TicketOpened,
    Verdict,
)
from tandem.errors import UnreadableRecord
from tandem.model import Channel, Priority, SubjectId, Ticket, TicketStatus, TicketStep, Turn
from tandem.persistence.kinds import CONVERSATION, TICKET, WAITING, StoredEntry
from tandem.persistence.state import Kind

from ...contracts.records import conversation, talked, text
from ...kit.tables import each

pytestmark = pytest.mark.promise("P5")


@dataclass(frozen=True, slots=True)
class Note:
    """A record of today's format 2; format 1 had the words in ``text``, format 0 as a list."""

    words: str
    stars: int = 0


def join(record: dict[str, Any]) -> dict[str, Any]:
    return {"text": " ".join(record["text"])}


def rename(record: dict[str, Any]) -> dict[str, Any]:
    return {"words": record["text"]}


NOTE = Kind("note", Note, upgrades={0: join, 1: rename})


def test_a_conversation_comes_back_equal() -> None:
    assert CONVERSATION.read(CONVERSATION.write(talked())) == talked()


@each(
    "entry",
    [
        text("SM1", "Grüße 👋"),
        Entry("decision:apr_1", Decision("apr_1", Verdict.APPROVE, "ann", 1.5, arguments={"amount": 5})),
        Entry("staff:1", StaffMessage("ann", "Hello")),
        Entry("staff:4", StaffMessage("ann", "Hello", spoken=True)),
        Entry("staff:5", StaffWhisper("ann", "Be kind")),
        Entry("staff:2", Hold("ann", on=False)),
        Entry("revealed:1", Revealed("ann")),
        Entry(
            "ticket:TKT_1",
            TicketOpened("ann", Ticket("TKT_1", SubjectId("phone_1"), "t", "d", Priority.LOW, 1.0, 2.0)),
        ),
        Entry("staff:3", TicketClosed("ann", "TKT_1", TicketStatus.SOLVED, "found")),
    ],
)
def test_every_kind_of_entry_comes_back_equal(entry: Entry) -> None:
    assert WAITING.read(WAITING.write(StoredEntry("t", entry))).entry == entry


def test_a_record_says_its_format() -> None:
    assert json.loads(NOTE.write(Note("hello", 5))) == {"format": 2, "record": {"words": "hello", "stars": 5}}


@pytest.mark.promise("P11")
@each(
    "stored",
    [
        '{"format": 2, "record": {"words": "how are you"}}',
        '{"format": 1, "record": {"text": "how are you"}}',
        '{"format": 0, "record": {"text": ["how", "are", "you"]}}',
    ],
)
def test_a_record_of_any_known_format_is_read(stored: str) -> None:
    assert NOTE.read(stored) == Note("how are you")


def test_a_field_that_a_record_does_not_have_yet_takes_its_default() -> None:
    assert NOTE.read('{"format": 2, "record": {"words": "hello"}}').stars == 0


@each(
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
)
def test_anything_else_is_unreadable(stored: str | bytes) -> None:
    with pytest.raises(UnreadableRecord):
        NOTE.read(stored)


def test_a_lone_surrogate_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        CONVERSATION.write(conversation(summary="\ud83d"))


def test_a_field_of_another_type_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="Expected"):
        CONVERSATION.write(conversation(summary=5))


def test_history_items_are_not_looked_into() -> None:
    item = {"type": "something_new", "role": 7, "content": [{"a": None}, 1.5, [[]]]}
    written = conversation(history=(Turn(1, Channel.SMS, 1.0, (item,)),))
    assert CONVERSATION.read(CONVERSATION.write(written)).history[0].items == (item,)


def test_a_ticket_of_an_older_version_is_read() -> None:
    older = {
        "format": 1,
        "record": {
            "id": "TKT_1", "subject": "phone_1", "title": "t", "description": "d", "priority": "low",
            "created_at": 1.0, "respond_by": 2.0, "escalation": False, "status": "open",
        },
    }  # fmt: skip
    ticket = TICKET.read(json.dumps(older))
    assert (ticket.external_id, ticket.history, ticket.status) == (None, (), TicketStatus.OPEN)


def test_a_ticket_with_its_history_comes_back_equal() -> None:
    steps = (TicketStep(1.0, "opened", "anna"), TicketStep(2.0, "replied", "ben", "Grüße"))
    ticket = Ticket(
        "TKT_1", SubjectId("phone_1"), "t", "d", Priority.HIGH, 1.0, 2.0, False, TicketStatus.SOLVED, "crm-1", steps
    )
    assert TICKET.read(TICKET.write(ticket)) == ticket
