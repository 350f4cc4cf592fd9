"""Bodies of every endpoint but the decisions: a value that does not fit is named."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from tandem.errors import MalformedRequest
from tandem.model import Priority, TicketStatus
from tandem.staff.bodies import Assignment, Body, Glance, NewMessage, NewTicket, TicketClosing, read_as

from ...kit.tables import each

pytestmark = pytest.mark.promise("H11")

TICKET = {"customerId": "CUST_001", "subject": "Broken", "description": "It is broken."}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in TICKET.items() if key != name}


@each(
    ("kind", "sent", "sentence"),
    [
        (NewMessage, {}, "text must be a text of 1 to 6400 characters."),
        (NewMessage, {"text": " \n"}, "text must be a text of 1 to 6400 characters."),
        (NewMessage, {"text": "x" * 6401}, "text must be a text of 1 to 6400 characters."),
        (NewMessage, {"text": 5}, "text must be a text of 1 to 6400 characters."),
        (NewTicket, without("customerId"), "There must be a customerId or a subjectId, and not both."),
        (NewTicket, {**TICKET, "subjectId": "x"}, "There must be a customerId or a subjectId, and not both."),
        (NewTicket, {**TICKET, "customerId": "x" * 161}, "customerId must be a text of 0 to 160 characters."),
        (NewTicket, without("subject"), "subject must be a text of 1 to 120 characters."),
        (NewTicket, {**TICKET, "subject": ["x"]}, "subject must be a text of 1 to 120 characters."),
        (NewTicket, without("description"), "description must be a text of 1 to 2000 characters."),
        (NewTicket, {**TICKET, "priority": "LOW"}, "priority must be one of low, medium, high, urgent."),
        (NewTicket, {**TICKET, "priority": None}, "priority must be one of low, medium, high, urgent."),
        (NewTicket, {**TICKET, "externalId": "a\nb"}, "externalId must be printable."),
        (NewTicket, {**TICKET, "externalId": "x" * 101}, "externalId must be a text of 0 to 100 characters."),
        (TicketClosing, {}, 'status must be "closed" or "solved".'),
        (TicketClosing, {"status": "open"}, 'status must be "closed" or "solved".'),
        (TicketClosing, {"status": "closed", "note": 1}, "note must be a text of 0 to 1000 characters."),
        (Assignment, {"to": 5}, "to does not fit."),
        (Glance, {"subjectId": 5}, "subjectId must be a text of 0 to 1000 characters."),
    ],
)
def test_a_value_that_does_not_fit_is_named(kind: type[Body], sent: dict[str, Any], sentence: str) -> None:
    with pytest.raises(MalformedRequest) as raised:
        read_as(kind, sent)
    assert str(raised.value) == f"The request cannot be understood. {sentence}"


@each("value", [5, True, None, [], {}, "x", "\u202e", 1e300, -(10**40), [[5]], {"at": 5}])
def test_any_value_of_any_field_is_read_or_refused(value: object) -> None:
    for kind in Body.__subclasses__():
        for field in kind.model_fields.values():
            with suppress(MalformedRequest):
                assert isinstance(read_as(kind, {field.alias: value}), kind)


def test_what_fits_is_stripped_and_what_is_absent_has_its_default() -> None:
    read = read_as(NewTicket, {**TICKET, "subject": " Broken ", "externalId": " ", "colour": "green"})
    assert (read.subject, read.priority, read.external_id, read.subject_id) == ("Broken", Priority.MEDIUM, None, "")
    assert read_as(TicketClosing, {"status": "solved"}).status is TicketStatus.SOLVED


def test_names_in_snake_case_are_not_names() -> None:
    with pytest.raises(MalformedRequest):
        read_as(NewTicket, {**without("customerId"), "customer_id": "CUST_001"})
