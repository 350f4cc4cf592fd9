"""Tickets and escalation. Proves A6, A9, A10."""

from __future__ import annotations

import json

import pytest

from tandem.agents.tools.ticket import MAX_DESCRIPTION, MAX_TITLE, PERSON_WANTED, create_ticket, escalate_to_human
from tandem.model import Priority

from ....kit.callers import JANE, JOHN, NOW, STRANGER, caller_of


@pytest.fixture
def john(shop):
    return caller_of(shop, JOHN)


async def escalate(use, caller, priority: str = "medium", reason: str = "broken", summary: str = "It broke.") -> dict:
    return json.loads(await use(escalate_to_human, caller, reason=reason, priority=priority, summary=summary))


async def create(use, caller, customer_id: str, **more: str) -> dict:
    given = {"subject": "Cable", "description": "It is too short.", "priority": "low"} | more
    return json.loads(await use(create_ticket, caller, customer_id=customer_id, **given))


# --- a person ----------------------------------------------------------------------------------------------


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
    """A6"""
    answer = await escalate(use, john, priority)
    assert (john.deeds.tickets[0].respond_by, answer["response"]) == (NOW + seconds, in_words)


async def test_an_escalation_is_a_ticket_of_the_caller(use, john):
    """A6"""
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
    """A6"""
    for priority in asked:
        await escalate(use, john, priority)
    assert john.deeds.escalation is level


async def test_a_person_is_not_refused_for_too_many_words(use, john):
    """A6"""
    await escalate(use, john, reason="x" * 10_000, summary="y" * 100_000)
    (ticket,) = john.deeds.tickets
    assert (len(ticket.title), len(ticket.description)) == (MAX_TITLE, MAX_DESCRIPTION)


async def test_a_person_is_not_refused_for_too_few_words(use, john):
    """A6"""
    await escalate(use, john, reason=" ", summary="")
    assert john.deeds.tickets[0].title == PERSON_WANTED


async def test_somebody_without_an_account_gets_a_person_too(use, shop):
    """A6"""
    nobody = caller_of(shop, None)
    await escalate(use, nobody)
    assert nobody.deeds.tickets[0].subject == nobody.subject


# --- a ticket ----------------------------------------------------------------------------------------------


async def test_a_ticket_is_the_callers_and_no_escalation(use, john):
    """A9"""
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
    """A9"""
    await create(use, john, "CUST_12345", priority="urgent")
    assert john.deeds.escalation is None


@pytest.mark.parametrize("spelling", ["cust 12345", "CUST_12345", "me", " Me "])
async def test_the_callers_own_id_as_people_write_it(use, john, spelling):
    """A9"""
    assert "error" not in await create(use, john, spelling)


@pytest.mark.parametrize("foreign", ["CUST_67890", "CUST_99999", "", "phone_15551234567"])
async def test_tickets_for_other_customers_are_refused(use, john, foreign):
    """A9, A10"""
    assert (await create(use, john, foreign))["error"] == "not_found"
    assert john.deeds.tickets == []


async def test_a_foreign_and_an_absent_customer_look_the_same(use, john):
    """A10"""
    assert await create(use, john, "CUST_67890") == await create(use, john, "CUST_99999")


@pytest.mark.parametrize("own", ["me", "phone_15550001111"])
async def test_somebody_without_an_account_may_have_one(use, shop, own):
    """A9"""
    caller = caller_of(shop, STRANGER)
    await create(use, caller, own)
    assert caller.deeds.tickets[0].subject == caller.subject


@pytest.mark.parametrize("phone", [STRANGER, JANE, None], ids=["unknown", "another", "withheld"])
async def test_nobody_gets_a_ticket_as_somebody_else(use, shop, phone):
    """A10"""
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
