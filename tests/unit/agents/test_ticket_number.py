from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.agents.tools.ticket import find_ticket_number, parse_ticket_number

from ...kit.tables import each

pytestmark = pytest.mark.promise("A9")

codes = st.text("0123456789ABCDEF", min_size=8, max_size=12).filter(lambda code: any(map(str.isdigit, code)))


@each(
    "text",
    [
        "TKT_1A2B3C4D5E6F",
        "tkt-1a2b3c4d5e6f",
        "TKT 1A2B 3C4D 5E6F.",
        "1a2b3c4d5e6f",
        "ticket 1a2b3c4d5e6f",
        "my ticket number is 1A2B3C4D5E6F please",
        "T K T 1 A 2 B 3 C 4 D 5 E 6 F",
        "tee kay tee one ay two bee three see four dee five ee six eff",
        "TKT underscore 1a2b3c4d5e6f",
    ],
)
def test_a_ticket_number_as_people_write_and_say_it(text: str):
    assert parse_ticket_number(text) == "TKT_1A2B3C4D5E6F"


@each("text", ["", "ticket", "my ticket", "facade", "order 12345", "ORD_12345", "ZEN-42", "hello"])
def test_what_is_no_ticket_number(text: str):
    assert parse_ticket_number(text) is None


@each(
    "text",
    [
        "is TKT_1A2B3C4D closed?",
        "what about ticket 1a2b3c4d",
        "the ticket number is 1A2B3C4D, please look",
        "tkt 1a2b3c4d",
    ],
)
def test_a_ticket_number_in_a_sentence(text: str):
    assert find_ticket_number(text) == "TKT_1A2B3C4D"


@each("text", ["open a ticket for order 12345", "ticket about 1a2b3c4d", "ticket facade", "12345"])
def test_a_sentence_without_one(text: str):
    assert find_ticket_number(text) is None


@given(codes)
def test_every_number_that_is_given_is_understood(code: str):
    """As it is written and as it is spelled on the phone."""
    ticket = f"TKT_{code}"
    assert (
        parse_ticket_number(ticket)
        == parse_ticket_number(" ".join(f"TKT{code}"))
        == find_ticket_number(ticket)
        == ticket
    )


@given(st.text())
def test_any_text_can_be_read(text: str):
    parse_ticket_number(text)
    find_ticket_number(text)
