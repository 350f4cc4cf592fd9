"""Answers to tickets: always staff's to decide."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from agents import RunContextWrapper
from agents.tool_context import ToolContext

from tandem.agents.tools.ticket import MAX_REPLY, reply_to_ticket
from tandem.conversation.ticket_history import id_of_external
from tandem.model import Priority, SubjectId, Ticket, TicketStatus

from ....kit.callers import JOHN, NOW, caller_of
from ....kit.tables import each

pytestmark = pytest.mark.promise("O9")

TICKET = Ticket("TKT_1A2B3C4D5E6F", SubjectId("phone_15551234567"), "t", "d", Priority.LOW, NOW, NOW + 60)


def caller(shop: Any, stored: Ticket = TICKET) -> Any:
    async def find(ticket_id: str) -> Ticket | None:
        return stored if ticket_id == stored.id else None

    return replace(caller_of(shop, JOHN), ticket=find)


async def waits(who: Any, **arguments: Any) -> bool:
    return await reply_to_ticket.needs_approval(RunContextWrapper(who), arguments, "call_1")


async def run(who: Any, *, approved: bool, **arguments: str) -> dict[str, Any]:
    text = json.dumps(arguments)
    context = ToolContext(who, tool_name="reply_to_ticket", tool_call_id="call_1", tool_arguments=text)
    context.is_tool_approved = lambda name, call_id: approved
    return json.loads(await reply_to_ticket.on_invoke_tool(context, text))


@pytest.mark.parametrize("said", ["TKT_1A2B3C4D5E6F", " tkt_1a2b3c4d5e6f "])
async def test_an_answer_always_waits(shop, said):
    assert await waits(caller(shop), ticket_id=said, message="Hello")


async def test_a_ticket_is_found_by_what_the_partner_calls_it(shop):
    assert await waits(caller(shop, replace(TICKET, id=id_of_external("crm-1"))), ticket_id="crm-1", message="Hello")


IMPOSSIBLE = [
    {"ticket_id": "TKT_FFFFFFFFFFF1", "message": "Hello"},
    {"ticket_id": "", "message": "Hello"},
    {"ticket_id": "TKT_1A2B3C4D5E6F", "message": " "},
    {"ticket_id": "TKT_1A2B3C4D5E6F", "message": "x" * (MAX_REPLY + 1)},
]


@each("arguments", IMPOSSIBLE)
async def test_what_cannot_be_sent_bothers_nobody_and_is_refused(shop, arguments):
    assert not await waits(caller(shop), **arguments)
    assert "error" in await run(caller(shop), approved=True, **arguments)


async def test_other_peoples_tickets_are_refused(shop):
    stored, arguments = replace(TICKET, subject="phone_1"), {"ticket_id": TICKET.id, "message": "Hello"}
    assert not await waits(caller(shop, stored), **arguments)
    assert "error" in await run(caller(shop, stored), approved=True, **arguments)


async def test_a_closed_ticket_is_answered_only_when_a_colleague_said_so_before(shop):
    stored, arguments = replace(TICKET, status=TicketStatus.SOLVED), {"ticket_id": TICKET.id, "message": "Hello"}
    assert not await waits(caller(shop, stored), **arguments)
    assert "error" in await run(caller(shop, stored), approved=False, **arguments)
    assert (await run(caller(shop, stored), approved=True, **arguments))["status"] == "sent"


async def test_nothing_is_sent_without_a_decision(shop):
    """The gate asked before the ticket existed: the tool itself asks again."""
    told = await run(caller(shop), approved=False, ticket_id=TICKET.id, message="Hello")
    assert told["error"] == "not_decided"


async def test_a_decided_answer_is_confirmed(shop):
    told = await run(caller(shop), approved=True, ticket_id=TICKET.id, message="Hello")
    assert told == {"ticket_id": TICKET.id, "status": "sent"}
