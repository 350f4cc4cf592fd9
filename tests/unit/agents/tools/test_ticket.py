"""Tickets and escalation."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from agents.testing import ScriptedModel, assistant_message, function_call

from tandem.agents.tool_gate import TOOL_FAILED
from tandem.agents.tools.ticket import (
    LONGEST_ID,
    MAX_DESCRIPTION,
    MAX_TITLE,
    PERSON_WANTED,
    create_ticket,
    escalate_to_human,
    ticket_status,
)
from tandem.model import Priority, SubjectId, Ticket, TicketStatus

from ....kit.callers import JANE, JOHN, NOW, STRANGER, caller_of
from ....kit.tables import each

pytestmark = pytest.mark.promise("A9")


@pytest.fixture
def john(shop):
    return caller_of(shop, JOHN)


async def escalate(use, caller, priority: str = "medium", reason: str = "broken", summary: str = "It broke.") -> dict:
    return json.loads(await use(escalate_to_human, caller, reason=reason, priority=priority, summary=summary))


async def create(use, caller, customer_id: str, **more: str) -> dict:
    given = {"subject": "Cable", "description": "It is too short.", "priority": "low"} | more
    return json.loads(await use(create_ticket, caller, customer_id=customer_id, **given))


# --- a person ----------------------------------------------------------------------------------------------


@pytest.mark.promise("A6")
@pytest.mark.parametrize(
    ("priority", "seconds", "in_words"),
    [
        ("urgent", 15 * 60, "within 15 minutes"),
        ("high", 30 * 60, "within 30 minutes"),
        ("medium", 2 * 3600, "within 2 hours"),
        ("low", 24 * 3600, "within 24 hours"),
    ],
)
async def test_when_a_person_answers(use, john, priority, seconds, in_words):
    answer = await escalate(use, john, priority)
    assert (john.deeds.tickets[0].respond_by, answer["response"]) == (NOW + seconds, in_words)


@pytest.mark.promise("A6")
async def test_an_escalation_is_a_ticket_of_the_caller(use, john):
    answer = await escalate(use, john, "high")
    (ticket,) = john.deeds.tickets
    assert (ticket.id, ticket.subject, ticket.priority, ticket.escalation, ticket.title, ticket.description) == (
        answer["ticket_id"],
        john.subject,
        Priority.HIGH,
        True,
        "broken",
        "It broke.",
    )


async def test_a_ticket_has_an_id_of_its_own(use, john):
    first, second = [(await escalate(use, john))["ticket_id"] for _ in range(2)]
    assert first.startswith("TKT_")
    assert first != second


@pytest.mark.promise("A6")
@pytest.mark.parametrize(
    ("asked", "level"),
    [
        (["low"], Priority.LOW),
        (["low", "urgent"], Priority.URGENT),
        (["urgent", "low"], Priority.URGENT),
        (["medium", "high", "medium"], Priority.HIGH),
    ],
)
async def test_the_level_only_rises_within_a_turn(use, john, asked, level):
    for priority in asked:
        await escalate(use, john, priority)
    assert john.deeds.escalation is level


@pytest.mark.promise("A6")
async def test_a_person_is_not_refused_for_too_many_words(use, john):
    await escalate(use, john, reason="x" * 10_000, summary="y" * 100_000)
    (ticket,) = john.deeds.tickets
    assert (len(ticket.title), len(ticket.description)) == (MAX_TITLE, MAX_DESCRIPTION)


@pytest.mark.promise("A6")
async def test_a_person_is_not_refused_for_too_few_words(use, john):
    await escalate(use, john, reason=" ", summary="")
    assert john.deeds.tickets[0].title == PERSON_WANTED


@pytest.mark.promise("A6")
async def test_somebody_without_an_account_gets_a_person_too(use, shop):
    nobody = caller_of(shop, None)
    await escalate(use, nobody)
    assert nobody.deeds.tickets[0].subject == nobody.subject


# --- a ticket ----------------------------------------------------------------------------------------------


async def test_a_ticket_is_the_callers_and_no_escalation(use, john):
    answer = await create(use, john, "CUST_12345")
    (ticket,) = john.deeds.tickets
    assert (ticket.id, ticket.subject, ticket.title, ticket.priority, ticket.escalation) == (
        answer["ticket_id"],
        john.subject,
        "Cable",
        Priority.LOW,
        False,
    )


async def test_a_ticket_raises_no_level(use, john):
    await create(use, john, "CUST_12345", priority="urgent")
    assert john.deeds.escalation is None


@pytest.mark.parametrize("spelling", ["cust 12345", "CUST_12345", "me", " Me "])
async def test_the_callers_own_id_as_people_write_it(use, john, spelling):
    assert "error" not in await create(use, john, spelling)


@pytest.mark.promise("A10")
@each("foreign", ["CUST_67890", "CUST_99999", "", "phone_15551234567"])
async def test_tickets_for_other_customers_are_refused(use, john, foreign):
    assert (await create(use, john, foreign))["error"] == "not_found"
    assert john.deeds.tickets == []


@pytest.mark.promise("A10")
async def test_a_foreign_and_an_absent_customer_look_the_same(use, john):
    assert await create(use, john, "CUST_67890") == await create(use, john, "CUST_99999")


@pytest.mark.parametrize("own", ["me", "phone_15550001111"])
async def test_somebody_without_an_account_may_have_one(use, shop, own):
    caller = caller_of(shop, STRANGER)
    await create(use, caller, own)
    assert caller.deeds.tickets[0].subject == caller.subject


@pytest.mark.promise("A10")
@pytest.mark.parametrize("phone", [STRANGER, JANE, None], ids=["unknown", "another", "withheld"])
async def test_nobody_gets_a_ticket_as_somebody_else(use, shop, phone):
    caller = caller_of(shop, phone)
    await create(use, caller, "CUST_12345")
    assert caller.deeds.tickets == []


@pytest.mark.parametrize("empty", ["subject", "description"])
async def test_a_ticket_says_what_it_is_about(use, john, empty):
    assert (await create(use, john, "me", **{empty: "  "}))["error"] == "bad_arguments"


async def test_a_long_ticket_is_cut(use, john):
    await create(use, john, "me", subject="x" * 500, description="y" * 5000)
    (ticket,) = john.deeds.tickets
    assert (len(ticket.title), len(ticket.description)) == (MAX_TITLE, MAX_DESCRIPTION)


# --- how a ticket stands -----------------------------------------------------------------------------------

TICKET = Ticket(
    id="TKT_1A2B3C4D5E6F",
    subject=SubjectId("phone_15551234567"),
    title="Cable",
    description="It is too short.",
    priority=Priority.HIGH,
    created_at=NOW,
    respond_by=NOW + 1800,
)


async def standing(use: Any, shop: Any, ticket: Ticket, said: str = TICKET.id, phone: str | None = JOHN) -> dict:
    async def find(ticket_id: str) -> Ticket | None:
        return ticket if ticket_id == ticket.id else None

    return json.loads(await use(ticket_status, caller_of(shop, phone, ticket=find), ticket_id=said))


async def test_how_ones_own_ticket_stands(use, shop):
    assert await standing(use, shop, TICKET) == {
        "ticket_id": "TKT_1A2B3C4D5E6F",
        "status": "open",
        "priority": "high",
        "title": "Cable",
        "respond_by": "2026-11-18T11:36:40Z",
        "response": "within 30 minutes",
    }


@pytest.mark.parametrize(
    "said", ["tkt_1a2b3c4d5e6f", "ticket 1a2b3c4d5e6f", " TKT 1A2B 3C4D 5E6F ", "T K T 1 A 2 B 3 C 4 D 5 E 6 F"]
)
async def test_a_ticket_number_as_people_say_it(use, shop, said):
    assert (await standing(use, shop, TICKET, said))["ticket_id"] == TICKET.id


async def test_a_ticket_with_a_partners_id(use, shop):
    assert (await standing(use, shop, replace(TICKET, id="ZEN-42"), "ZEN-42"))["title"] == "Cable"


@pytest.mark.promise("A10")
@pytest.mark.parametrize("phone", [JANE, STRANGER, None], ids=["another", "unknown", "withheld"])
async def test_somebody_elses_ticket_looks_absent(use, shop, phone):
    foreign = await standing(use, shop, TICKET, phone=phone)
    absent = await standing(use, shop, replace(TICKET, id="TKT_0"), phone=phone)
    assert foreign == absent == {"error": "not_found", "message": "This customer has no ticket with that number."}


@each("said", ["", "  ", "TKT_\x00", "1" * (LONGEST_ID + 1)])
async def test_what_is_no_ticket_number_is_not_looked_up(use, shop, said):
    assert (await standing(use, shop, TICKET, said))["error"] == "bad_arguments"


@each(
    ("seconds", "response"),
    [
        (86_400, "within 24 hours"),
        (86_399, "within 24 hours"),
        (7200, "within 2 hours"),
        (7140, "within 119 minutes"),
        (60, "within 1 minute"),
        (1, "within 1 minute"),
        (0, "overdue"),
        (-5000, "overdue"),
    ],
)
async def test_the_time_that_is_left(use, shop, seconds, response):
    assert (await standing(use, shop, replace(TICKET, respond_by=NOW + seconds)))["response"] == response


async def test_a_closed_ticket_promises_no_answer(use, shop):
    answer = await standing(use, shop, replace(TICKET, status=TicketStatus.CLOSED))
    assert (answer["status"], answer["response"]) == ("closed", None)


async def test_a_ticket_of_this_turn_can_be_asked_about(use, john):
    """Before the turn's commit."""
    ticket = (await create(use, john, "me"))["ticket_id"]
    assert json.loads(await use(ticket_status, john, ticket_id=ticket))["title"] == "Cable"


async def test_the_ticket_comes_from_the_store(line):
    model = ScriptedModel(
        [[function_call("ticket_status", {"ticket_id": TICKET.id}, call_id="c")], [assistant_message("Open.")]]
    )
    talk = line(JOHN, model)
    talk.memory.known_tickets[TICKET.id] = TICKET
    await talk.say("and my ticket?")
    assert json.loads(talk.outputs[0])["title"] == "Cable"


@pytest.mark.promise("A11")
async def test_a_store_that_is_down_is_a_failed_tool(line):
    model = ScriptedModel(
        [[function_call("ticket_status", {"ticket_id": TICKET.id}, call_id="c")], [assistant_message("Sorry.")]]
    )
    talk = line(JOHN, model)
    talk.memory.down = True
    assert (await talk.say("and my ticket?"), talk.outputs) == ("Sorry.", [TOOL_FAILED])
