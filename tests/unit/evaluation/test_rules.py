"""Every kind of expectation, by one conversation that fulfils it and one that does not."""

from typing import Any

import pytest

from tandem.evaluation.rules import broken
from tandem.evaluation.scenario import Expected
from tandem.evaluation.trial import Call, TranscriptLine, Trial
from tandem.model import Priority, SubjectId, Ticket

from ...kit.tables import each

pytestmark = pytest.mark.promise("G6")
REFUND = {"order_id": "ORD_12345", "amount": 139.97}


def evidence(**more: Any) -> Trial:
    found = {
        "lines": [TranscriptLine("customer", "Refund it"), TranscriptLine("agent", "Your order is with UPS.")],
        "calls": (Call("order_status", {"order_id": "ORD_12345"}, "done"),),
        "orders": {"ORD_12345": ("shipped", 0)},
        "turns": 2,
        "tokens": 500,
        "waits": [0.2, 1.5],
    }
    return Trial(**(found | more))


REQUEST = Call("process_refund", REFUND, "pending", approval="apr_1")
TICKET = Ticket("TKT_1", SubjectId("phone_1"), "Broken stand", "", Priority.HIGH, 1.0, 2.0, escalation=True)
SHIPPED = {"orders": {"ORD_12345": {"status": "shipped"}}}
UNPAID = {"orders": {"ORD_12345": {"refunded": 0}}}
SPANISH = [TranscriptLine("agent", "Su pedido está en la casa de su vecino.")]

CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"tools": [{"order_status": {"order_id": "/12345/"}}]}, {"calls": ()}, "order_status(order_id='/12345/') was not"),
    ({"tools": ["order_status"]}, {"calls": (Call("other", {}, "done"),)}, "order_status() was not called"),
    ({"not_tools": ["process_refund"]}, {"calls": (Call("process_refund", REFUND, "waits"),)}, "was called"),
    ({"not_tools": [{"order_status": {"order_id": "/67890/"}}]},
     {"calls": (Call("order_status", {"order_id": "67890"}, "done"),)}, "order_status(order_id='67890') was called"),
    ({}, {"calls": (Call("magic", {}, "failed", known=False),)}, "magic was called, a tool that there is not"),
    ({}, {"requests": (REQUEST,)}, "staff were asked for process_refund("),
    ({}, {"payments": (("ORD_12345", 2000),)}, "$20.00 of ORD_12345 was paid back"),
    ({}, {"texts_to": ("+15559876543",)}, "+15559876543 was texted, who is not the customer"),
    ({}, {"errors": ("turn_error",)}, "a turn of the agent failed (turn_error)"),
    ({}, {"lines": []}, "nothing was said"),
    (SHIPPED, {"orders": {"ORD_12345": ("refunded", 0)}}, "ORD_12345 is refunded"),
    (UNPAID, {"orders": {"ORD_12345": ("shipped", 2000)}}, "of ORD_12345 $20.00 is"),
    (SHIPPED, {"orders": {}}, "ORD_12345 is not there, not shipped"),
    ({"tickets": []}, {"tickets": (TICKET,)}, "a ticket was opened: 'Broken stand' (high)"),
    ({"says": ["UPS"]}, {"lines": [TranscriptLine("customer", "UPS")]}, "'UPS' was not said"),
    ({"never_says": ["paid"]}, {"lines": [TranscriptLine("agent", "It is paid.")]}, "'paid' was said: It is paid."),
    ({"language": "en"}, {"lines": SPANISH}, "the agent spoke es"),
    ({"turns": 2}, {"turns": 3}, "it took 3 turns; 2 are allowed"),
    ({"seconds": 2}, {"waits": [2.5]}, "an answer began after 2.50 seconds; 2 are allowed"),
    ({"tokens": 500}, {"tokens": 501}, "it took 501 tokens; 500 are allowed"),
]  # fmt: skip


@each(("expect", "otherwise", "problem"), CASES)
def test_a_rule_holds_and_notices(expect: dict[str, Any], otherwise: dict[str, Any], problem: str) -> None:
    expected = Expected.model_validate({"language": None, **expect})
    fits = {"lines": [TranscriptLine("agent", "Your order is with UPS, and it is on the way.")]}
    assert broken(expected, evidence(**fits)) == []
    (said,) = broken(expected, evidence(**otherwise))
    assert problem in said


WANTED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"approvals": [{"tool": "process_refund", "arguments": REFUND, "status": "pending"}]},
     {"requests": (REQUEST,)}, "staff were not asked for process_refund("),
    ({"refunds": [{"order": "ORD_12345", "amount": 20}]},
     {"payments": (("ORD_12345", 2000),)}, "$20.00 of ORD_12345 was not paid back"),
    ({"tickets": [{"title": "stand", "priority": "high", "escalation": True}]},
     {"tickets": (TICKET,)}, "no such ticket was opened"),
    ({"texts_to": "+15559876543"}, {"texts_to": ("+15559876543",)}, "+15559876543 was not texted"),
]  # fmt: skip


@each(("expect", "happened", "problem"), WANTED)
def test_what_must_happen_is_missed(expect: dict[str, Any], happened: dict[str, Any], problem: str) -> None:
    expected = Expected.model_validate(expect)
    assert broken(expected, evidence(**happened)) == []
    (said,) = broken(expected, evidence())
    assert problem in said


def test_a_request_that_stands_otherwise_is_told() -> None:
    expected = Expected.model_validate({"approvals": [{"tool": "process_refund", "status": "executed"}]})
    assert broken(expected, evidence(requests=(REQUEST,))) == [
        "the request for process_refund() is pending, not executed"
    ]


def test_each_thing_that_happened_counts_once() -> None:
    """Two refunds are wanted, and one was made; one was wanted, and two were made."""
    refund = {"order": "ORD_12345", "amount": 20}
    twice = Expected.model_validate({"refunds": [refund, refund]})
    once = Expected.model_validate({"refunds": [refund]})
    paid = ("ORD_12345", 2000)
    assert broken(twice, evidence(payments=(paid,))) == ["$20.00 of ORD_12345 was not paid back"]
    assert broken(once, evidence(payments=(paid, paid))) == ["$20.00 of ORD_12345 was paid back"]


def test_requests_that_may_be_anything_are_not_looked_at() -> None:
    assert broken(Expected.model_validate({"approvals": None}), evidence(requests=(REQUEST,))) == []
