"""The refund tool."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from agents import RunContextWrapper
from agents.testing import ScriptedModel, assistant_message, function_call
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tandem.agents.tools.refund import MAX_REASON, needs_consent, refund_tool, whole_cents
from tandem.entries import Verdict
from tandem.model import ApprovalStatus
from tandem.shop.base import Order, OrderLine

from ....kit.callers import JANE, JOHN, STRANGER, caller_of
from ....kit.tables import each

pytestmark = pytest.mark.promise("A5")

TOTAL = 13997
TOOL = refund_tool(10_000)


def ask(amount: Any, order_id: Any = "12345") -> dict[str, Any]:
    return {"order_id": order_id, "amount": amount, "reason": "broken"}


async def must_wait(shop: Any, phone: str | None, arguments: dict[str, Any], tool: Any = TOOL) -> bool:
    return await tool.needs_approval(RunContextWrapper(caller_of(shop, phone)), arguments, "call_1")


async def refunded_before(shop: Any, cents: int) -> None:
    await shop.refund("CUST_12345", "ORD_12345", cents=cents, reason="", key="before")


# --- what is paid ------------------------------------------------------------------------------------------


async def test_the_answer_of_a_refund(use):
    answer = json.loads(await use(TOOL, JOHN, **ask(20)))
    assert answer.pop("refund_id").startswith("REF_")
    assert answer == {
        "order_id": "ORD_12345",
        "amount": "$20.00",
        "refunded_in_all": "$20.00",
        "order_total": "$139.97",
    }


async def test_the_order_shows_it(use, shop):
    await use(TOOL, JOHN, **ask(19.99))
    assert await shop.refunded_cents("ORD_12345") == 1999


@each("amount", [0, -5, -0.01, 0.001, 19.999, 1e-9, 1e300, 0.1 + 0.2, float("nan"), math.inf])
async def test_what_is_no_amount_is_refused(use, shop, amount):
    assert json.loads(await use(TOOL, JOHN, **ask(amount)))["error"] == "bad_amount"


@each("amount", [True, False])
async def test_true_is_no_dollar(use, shop, amount):
    assert "REF_" not in await use(TOOL, JOHN, **ask(amount))
    assert await shop.refunded_cents("ORD_12345") == 0


async def test_more_than_the_total_is_refused(use):
    answer = json.loads(await use(TOOL, JOHN, **ask(139.98)))
    assert (answer["error"], answer["message"]) == (
        "too_much",
        "At most $139.97 of order 12345 can still be refunded.",
    )


async def test_more_than_what_is_left_is_refused(use, shop):
    await refunded_before(shop, 10_000)
    answer = json.loads(await use(TOOL, JOHN, **ask(50)))
    assert answer["message"] == "At most $39.97 of order 12345 can still be refunded."


async def test_an_order_that_was_refunded_whole_has_nothing_left(use, shop):
    await refunded_before(shop, TOTAL)
    answer = json.loads(await use(TOOL, JOHN, **ask(1)))
    assert answer["message"] == "Order 12345 has been refunded in full already."


@pytest.mark.promise("A10")
async def test_a_foreign_order_looks_absent(use):
    """But for the number, the same answer to the last character."""
    foreign, absent = await use(TOOL, JOHN, **ask(1, "67890")), await use(TOOL, JOHN, **ask(1, "99999"))
    assert foreign.replace("67890", "99999") == absent


@pytest.mark.promise("A10")
@each("phone", [JANE, STRANGER, None])
async def test_nobody_but_the_owner_is_paid(use, shop, phone):
    await use(TOOL, phone, **ask(1))
    assert await shop.refunded_cents("ORD_12345") == 0


async def test_a_long_reason_is_cut(use, shop):
    await use(TOOL, JOHN, order_id="12345", amount=1, reason="x" * 10_000)
    known = await shop.refund("CUST_12345", "ORD_12345", cents=1, reason="", key="key-1")
    assert len(known.reason) == MAX_REASON


@pytest.mark.promise("H7")
async def test_a_call_that_runs_again_gives_the_first_answer(use, shop):
    first, again = [json.loads(await use(TOOL, JOHN, **ask(100)))["refund_id"] for _ in range(2)]
    assert (first, await shop.refunded_cents("ORD_12345")) == (again, 10_000)


async def test_without_consent_the_threshold_holds_even_past_the_gate(use, shop):
    """The gate asked before another refund of the order came in between."""
    await refunded_before(shop, 9000)
    answer = json.loads(await use(TOOL, JOHN, **ask(20)))
    assert (answer["error"], await shop.refunded_cents("ORD_12345")) == ("over_limit", 9000)


# --- the gate ----------------------------------------------------------------------------------------------


@each(
    ("amount", "waits"),
    [(100, False), (100.0, False), (100.01, True), (139.97, True), (139.98, False), (-200, False), (120.001, False)],
)
async def test_what_is_asked_of_a_colleague(shop, amount, waits):
    """Above the threshold and possible."""
    assert await must_wait(shop, JOHN, ask(amount)) is waits


async def test_the_gate_counts_what_was_refunded_before(shop):
    await refunded_before(shop, 8000)
    assert await must_wait(shop, JOHN, ask(20.01))


@each(
    "arguments",
    [
        ask(120, "67890"),
        ask(120, "no number"),
        ask(120, 12345),
        ask("a lot"),
        ask(None),
        ask([120]),
        ask(float("nan")),
        {"order_id": "12345"},
        {"amount": 120},
        {},
    ],
)
async def test_what_cannot_succeed_bothers_nobody(shop, arguments):
    assert not await must_wait(shop, JOHN, arguments)


async def test_an_amount_in_quotes_is_gated_as_it_would_be_paid(shop):
    """The SDK turns "120" into 120 for the tool."""
    assert await must_wait(shop, JOHN, ask("120"))


@pytest.mark.promise("A10")
@each("phone", [JANE, STRANGER, None])
async def test_requests_for_somebody_elses_order_bother_nobody(shop, phone):
    assert not await must_wait(shop, phone, ask(120))


@pytest.mark.promise("A12")
async def test_the_threshold_is_the_one_that_was_set(shop):
    assert await must_wait(shop, JOHN, ask(0.02), refund_tool(1))


def by_the_rule(amount: int | float, before: int, threshold: int) -> bool:
    """The rule of A5 once more, in exact fractions of the number as it is written."""
    if isinstance(amount, float) and not math.isfinite(amount):
        return False
    cents = Decimal(repr(amount)) * 100
    possible = cents > 0 and cents == int(cents) and before + cents <= TOTAL
    return bool(possible and before + cents > threshold)


amounts = (
    st.floats(-200, 200) | st.integers(-200, 200) | st.integers(-20_000, 20_000).map(lambda c: c / 100) | st.floats()
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amounts, st.integers(0, 15_000))
@example(139.97, 10_000)
@example(100.0, 10_000)
async def test_the_gate_decides_exactly_by_the_rule(shop, amount: int | float, threshold: int):
    assert await must_wait(shop, JOHN, ask(amount), refund_tool(threshold)) is by_the_rule(amount, 0, threshold)


@given(st.integers(1, 10**11 - 1))
def test_every_amount_of_whole_cents_is_read_exactly(cents: int):
    assert whole_cents(cents / 100) == cents


@given(st.integers(0, TOTAL), st.integers(-10, TOTAL + 10), st.integers(0, 20_000))
def test_consent_is_asked_only_for_what_is_possible(before: int, cents: int, threshold: int):
    order = Order("ORD_1", "CUST_1", "shipped", (OrderLine("x", 1, TOTAL),), refunded_cents=before)
    expected = cents > 0 and before + cents <= TOTAL and before + cents > threshold
    assert needs_consent(order, cents, threshold) is expected


# --- through the whole run ---------------------------------------------------------------------------------


def asking(*amounts: float, steps: int = 1) -> ScriptedModel:
    calls = [function_call("process_refund", ask(amount), call_id=f"c{n}") for n, amount in enumerate(amounts)]
    return ScriptedModel([calls, *([assistant_message("Done.")] for _ in range(steps))])


async def test_calls_side_by_side_do_not_slip_past_the_threshold_together(line, shop):
    """The SDK asks the gate about all of them before it runs the first; the second is refused by the shop."""
    await line(JOHN, asking(60, 50, 29)).say("three refunds, please")
    assert await shop.refunded_cents("ORD_12345") == 8900


@pytest.mark.promise("H2")
async def test_an_approved_refund_is_paid_beyond_the_threshold(line, shop):
    talk = line(JOHN, asking(139.97, steps=2))
    await talk.say("all of it")
    await talk.decide(Verdict.APPROVE)
    assert await shop.refunded_cents("ORD_12345") == TOTAL


@pytest.mark.promise("H1")
async def test_nothing_is_paid_while_it_waits(line, shop):
    talk = line(JOHN, asking(139.97))
    await talk.say("all of it")
    assert (len(talk.waiting), await shop.refunded_cents("ORD_12345")) == (1, 0)


@pytest.mark.promise("H5")
async def test_staff_may_change_the_amount(line, shop):
    talk = line(JOHN, asking(139.97, steps=2))
    await talk.say("all of it")
    await talk.decide(Verdict.APPROVE, arguments=ask(20.00))
    assert await shop.refunded_cents("ORD_12345") == 2000


@pytest.mark.promise("H5")
async def test_what_staff_put_in_is_checked_too(line, shop):
    talk = line(JOHN, asking(139.97, steps=2))
    await talk.say("all of it")
    await talk.decide(Verdict.APPROVE, arguments=ask(139.98))
    assert talk.conversation.approvals[0].status is ApprovalStatus.FAILED
    assert await shop.refunded_cents("ORD_12345") == 0


@pytest.mark.promise("A10", "H5")
async def test_an_order_of_somebody_else_is_not_paid_by_staff_either(line, shop):
    """Whoever is to be paid is the caller, whatever the arguments say."""
    talk = line(JOHN, asking(139.97, steps=2))
    await talk.say("all of it")
    await talk.decide(Verdict.APPROVE, arguments=ask(20, "67890"))
    assert await shop.refunded_cents("ORD_67890") == 0
