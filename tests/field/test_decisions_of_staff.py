"""Met in the field, "Also wrong": an approval that cannot be carried out is refused at the decision, not used up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..kit.colleague import JOHNS_ID, Colleague, staffed
from ..kit.gateway import JOHN, Running
from ..kit.model_server import Answer, repeating
from ..kit.tables import each

pytestmark = pytest.mark.promise("H5", "D5")

REFUND = "I want my money back for order 12345"
LEFT = "At most $139.97 of order 12345 can still be refunded."
CENTS = "The amount must be more than zero and in whole cents."
OTHER = "+15559998888"


async def refused(mia: Colleague, approval: Any, **decision: Any) -> str:
    """Return why a decision was refused; the request must then wait as before."""
    body = {"decisions": [{"approvalId": approval["id"], "approved": True, **decision}]}
    told = await mia.post("/approvals", body, status=400)
    assert told["code"] == "call_impossible"
    (waiting,) = (await mia.get("/approvals"))["approvals"]
    assert waiting == approval
    return str(told["error"])


CHANGES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"amount": 139.98}, LEFT),
    ({"amount": 5000}, LEFT),
    ({"amount": 0}, CENTS),
    ({"amount": -20}, CENTS),
    ({"amount": 20.005}, CENTS),
    ({"amount": 1e9}, LEFT),
    ({"amount": 1e300}, CENTS),
    ({"order_id": "ORD_99999"}, "There is no order"),
    ({"order_id": "ORD_67890"}, "There is no order"),  # Jane's
    ({"order_id": "the big one"}, "That is not an order number."),
)


async def test_an_edited_refund_that_cannot_be_paid_is_refused_and_the_request_stays(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask(REFUND)
        approval = await mia.waiting_approval("process_refund")
        edited = [{**approval["arguments"], **change} for change, _ in CHANGES]
        errors = [await refused(mia, approval, arguments=arguments) for arguments in edited]
        sent = len(it.twilio.sent_to(JOHN))
        await mia.decide(approval, approved=True, arguments={**approval["arguments"], "amount": 20})
        told = (await it.hear(2))[1]
    prefix = "The call cannot be carried out. decisions[0].arguments: "
    wrong = [
        (change, error)
        for (change, why), error in zip(CHANGES, errors, strict=True)
        if not error.startswith(prefix) or why not in error
    ]
    assert wrong == []
    assert sent == 1  # the answer to the customer's request, and nothing about the refused decision
    assert "$20.00 of order 12345 has been paid back" in told


async def test_a_refund_whose_order_was_refunded_meanwhile_is_refused_as_it_stands(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask(REFUND)
        approval = await mia.waiting_approval("process_refund")
        assert "REF_" in await it.ask("please refund 60 dollars of order 12345")
        error = await refused(mia, approval)
        await mia.decide(approval, approved=True, arguments={**approval["arguments"], "amount": 79.97})
        told = (await it.hear(3))[2]
    assert error == "The call cannot be carried out. decisions[0]: At most $79.97 of order 12345 can still be refunded."
    assert "$79.97" in told


async def test_a_refund_that_cannot_be_paid_can_still_be_rejected(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask(REFUND)
        approval = await mia.waiting_approval("process_refund")
        await it.ask("please refund 60 dollars of order 12345")
        await mia.decide(approval, approved=False, reason="You have had part of it.")
        assert "You have had part of it." in (await it.hear(3))[2]


async def test_one_decision_that_cannot_be_carried_out_holds_back_those_beside_it(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask(REFUND)
        approval = await mia.waiting_approval("process_refund")
        await it.ask("I want my money back for order 67890", sender="+15559876543")
        good = {"approvalId": approval["id"], "approved": True}
        bad = {**good, "arguments": {**approval["arguments"], "amount": 500}}
        await mia.post("/approvals", {"decisions": [good, bad]}, status=400)
        assert (await mia.get("/approvals"))["approvals"] == [approval]


@each(
    ("change", "why"),
    [
        ({"to": "12"}, "That is no telephone number that can be texted."),
        ({"to": "my sister"}, "That is no telephone number that can be texted."),
        ({"message": " "}, "The message is empty."),
        ({"message": "x" * 1601}, "The message is too long: 1601 characters of 1600."),
    ],
)
async def test_an_edited_text_that_cannot_be_sent_is_refused_and_the_request_stays(
    it: Running, mia: Colleague, change: dict[str, str], why: str
) -> None:
    call, got = ("send_sms", {"to": OTHER, "message": "Call me"}), len(it.twilio.sent_to(OTHER))
    it.another(repeating(Answer(calls=[call]), Answer("A colleague decides."), Answer("Done.")))
    await it.ask("tell my sister to call me")
    approval = await mia.waiting_approval("send_sms")
    error = await refused(mia, approval, arguments={**approval["arguments"], **change})
    await mia.decide(approval, approved=True)
    assert (await it.hear(got + 1, number=OTHER))[got:] == ["Call me"]
    assert why in error


async def test_an_edited_answer_to_a_ticket_that_cannot_be_sent_is_refused_and_the_request_stays(
    tmp_path: Path,
) -> None:
    ticket = {"customerId": JOHNS_ID, "subject": "Parcel", "description": "It arrived open."}
    async with staffed(tmp_path) as (it, mia):
        await mia.post("/tickets", ticket, status=201)
        approval = await mia.waiting_approval("reply_to_ticket")
        empty = await refused(mia, approval, arguments={**approval["arguments"], "message": "  "})
        unknown = await refused(mia, approval, arguments={**approval["arguments"], "ticket_id": "TKT_NOBODYS"})
        await mia.decide(
            approval, approved=True, arguments={**approval["arguments"], "message": "A new one is coming."}
        )
        assert "A new one is coming." in (await it.hear(1))[0]
    assert "The answer is empty." in empty
    assert "This customer has no ticket with that number." in unknown
