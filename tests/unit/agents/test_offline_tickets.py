"""What the offline model tells of tickets, and that it takes none for an order. Proves A9, A17."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tandem.agents.offline import phrases as phrases
from tandem.model import TicketStatus

from ...kit.callers import JOHN


@pytest.mark.parametrize(
    "words",
    [
        "what's the status of my ticket?",
        "show my ticket",
        "Show me my open ticket",
        "any news on the ticket about the cable?",
        "where is my ticket",
        "is the ticket still open?",
        "did you open a ticket for me?",
        "when do I get an answer to my ticket?",
    ],
)
async def test_how_a_ticket_stands_is_told_by_its_number_from_before(line, words):
    """A9, A17"""
    talk = line(JOHN)
    await talk.say("please open a ticket about the missing cable.")
    (ticket,) = talk.requested[0].tickets
    assert await talk.say(words) == (
        f"Your ticket {ticket.id} (the missing cable) is open, with medium priority. You will hear from a colleague "
        "within 2 hours."
    )
    assert talk.calls == ["create_ticket", "ticket_status"]


async def test_the_ticket_of_an_escalation_is_remembered_too(line):
    """A6, A9, A17"""
    talk = line(JOHN)
    await talk.say("this is urgent!")
    assert "is open, with urgent priority." in await talk.say("what's the status of my ticket?")


async def test_a_named_ticket_is_the_one_that_is_meant(line):
    """A9, A17"""
    talk = line(JOHN)
    await talk.say("open a ticket about the cable")
    await talk.say("open a ticket about the charger")
    ticket = talk.requested[0].tickets[0]
    number = ticket.id.removeprefix("TKT_").lower()
    assert "(the cable)" in await talk.say(f"what about ticket {number}?")


async def test_without_a_ticket_the_number_is_asked_for(line):
    """A9, A17"""
    talk = line(JOHN)
    assert (await talk.say("what's the status of my ticket?"), talk.calls) == (phrases.WHICH_TICKET, [])


@pytest.mark.parametrize("number", ["TKT_1A2B3C4D5E6F", "1a2b3c4d5e6f", "12345", "tkt 1 2 3 4 5"])
async def test_a_number_is_the_answer_to_our_question(line, number):
    """A9, A17"""
    talk = line(JOHN)
    await talk.say("show my ticket")
    assert (await talk.say(number), talk.calls) == (phrases.NO_SUCH_TICKET, ["ticket_status"])


async def test_the_digits_of_a_ticket_are_no_order_number(line):
    """A9, A17"""
    talk = line(JOHN)
    await talk.say("is TKT_123456789012 done?")
    assert talk.calls == ["ticket_status"]


async def test_how_a_ticket_stands_is_texted(line):
    """A7, A9"""
    talk = line(JOHN)
    await talk.say("open a ticket about the cable")
    await talk.say("text me the status of my ticket")
    assert "(the cable) is open" in talk.requested[1].messages[0][1]


async def test_a_person_is_asked_for_about_a_ticket_too(line):
    """A6, A17"""
    talk = line(JOHN)
    await talk.say("I need to talk to someone about my ticket")
    assert talk.calls == ["escalate_to_human"]


async def test_a_closed_ticket_is_said_to_be_closed(line):
    """A9, A17"""
    talk = line(JOHN)
    await talk.say("open a ticket about the cable")
    (ticket,) = talk.requested[0].tickets
    talk.memory.known_tickets[ticket.id] = replace(ticket, status=TicketStatus.CLOSED)
    assert await talk.say("show my ticket") == f"Your ticket {ticket.id} (the cable) is closed."


async def test_a_late_answer_is_admitted(line):
    """A9, A17"""
    talk = line(JOHN)
    await talk.say("open a ticket about the cable")
    (ticket,) = talk.requested[0].tickets
    talk.memory.known_tickets[ticket.id] = replace(ticket, respond_by=0)
    assert "the answer is late. I am sorry." in await talk.say("show my ticket")


async def test_a_store_that_is_down_is_said_so(line):
    """A11, A17"""
    talk = line(JOHN)
    talk.memory.down = True
    assert await talk.say("show ticket TKT_1A2B3C4D5E6F") == phrases.NOT_NOW


async def test_the_rest_of_a_masked_card_is_no_order_number(line):
    """R1, A17"""
    talk = line(JOHN)
    await talk.say("where is my order? I paid with [card number removed, ends in 1111]")
    assert talk.results[0].tools[-1].arguments == {"order_id": "ORD_12345"}
