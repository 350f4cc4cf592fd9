"""``POST /approvals`` above a limit: two different colleagues approve the same call, and only then is it decided."""

from __future__ import annotations

from typing import Any

import pytest

from tandem.conversation.approvals import approvals_needed
from tandem.entries import Verdict

from ...kit.staffing import BEN, NOW, SUBJECT, Desk, approval
from ...kit.tables import each

pytestmark = pytest.mark.promise("H2", "H3", "D5")

YES = {"approvalId": "apr_1", "approved": True}
NO = {"approvalId": "apr_1", "approved": False, "reason": "Too much."}
LESS = {"order_id": "ORD_12345", "amount": 120.0}
SMALL = {"order_id": "ORD_12345", "amount": 99.99}
LIMIT = 10_000


async def keys(desk: Desk) -> list[str]:
    return [one.entry.key for one in await desk.store.waiting(SUBJECT)]


async def test_the_first_approval_is_stored_and_decides_nothing(desk: Desk) -> None:
    await desk.put(approval("apr_1", second_above=LIMIT))
    (before,) = (await desk.listed()).body["approvals"]
    answered = await desk.decide({**YES, "note": "Seems right."})
    (after,) = (await desk.listed()).body["approvals"]
    assert answered.body["results"] == [
        {
            "toolCallId": "call_apr_1",
            "approvalId": "apr_1",
            "status": "pending",
            "approvalsNeeded": 2,
            "firstApprovedBy": "anna",
        }
    ]
    assert (before["approvalsNeeded"], before["firstApprovedBy"], before["version"]) == (2, None, 1)
    assert (after["status"], after["firstApprovedBy"], after["version"]) == ("pending", "anna", 2)
    assert after["firstApprovedAt"] is not None
    assert (after["decidedBy"], after["note"]) == (None, "Seems right.")
    assert await keys(desk) == ["consent:apr_1:1"]


async def test_the_second_of_another_colleague_decides(desk: Desk) -> None:
    await desk.put(approval("apr_1", second_above=LIMIT))
    await desk.decide({**YES, "finalMessage": "It is on its way."})
    answered = await desk.decide(YES, token=BEN)
    assert (answered.status, answered.statuses) == (200, ["approved"])
    _, (_, key, made) = desk.lanes.decisions
    assert (key, made.verdict, made.actor) == ("decision:apr_1", Verdict.APPROVE, "ben")
    assert (made.first_by, made.first_at, made.final_message) == ("anna", NOW, "It is on its way.")
    (shown,) = (await desk.listed(status="approved")).body["approvals"]
    assert (shown["decidedBy"], shown["firstApprovedBy"]) == ("ben", "anna")


async def test_one_colleague_never_counts_twice(desk: Desk) -> None:
    await desk.put(approval("apr_1", second_above=LIMIT))
    await desk.decide(YES)
    again = await desk.decide(YES)
    assert (again.status, again.body["code"], again.statuses) == (409, "second_needed", ["second_needed"])
    assert await keys(desk) == ["consent:apr_1:1"]


async def test_a_double_click_on_two_replicas_is_one_approval(desk: Desk) -> None:
    await desk.put(approval("apr_1", second_above=LIMIT))
    desk.lanes.meanwhile = lambda: desk.decide(YES)
    again = await desk.decide(YES)
    assert (again.status, again.statuses) == (409, ["stale"])
    assert again.body["results"][0]["approval"]["firstApprovedBy"] == "anna"
    assert await keys(desk) == ["consent:apr_1:1"]


async def test_two_colleagues_at_the_same_moment_are_not_yet_two_who_saw_each_other(desk: Desk) -> None:
    await desk.put(approval("apr_1", second_above=LIMIT))
    desk.lanes.meanwhile = lambda: desk.decide(YES, token=BEN)
    late = await desk.decide(YES)
    assert (late.status, late.statuses) == (409, ["stale"])
    assert (await desk.decide(YES)).statuses == ["approved"]


async def test_who_changes_the_call_approves_another_one(desk: Desk) -> None:
    await desk.put(approval("apr_1", second_above=LIMIT))
    await desk.decide(YES)
    changed = await desk.decide({**YES, "arguments": LESS}, token=BEN)
    assert (changed.statuses, changed.body["results"][0]["firstApprovedBy"]) == (["pending"], "ben")
    own = await desk.decide({**YES, "arguments": LESS}, token=BEN)
    assert own.statuses == ["second_needed"]
    assert (await desk.decide({**YES, "expectedVersion": 3})).statuses == ["approved"]
    _, _, (_, _, made) = desk.lanes.decisions
    assert (made.arguments, made.first_by, made.actor) == (LESS, "ben", "anna")


async def test_a_second_who_goes_back_to_what_was_asked_does_not_join_a_first_who_changed_it(desk: Desk) -> None:
    await desk.put(approval("apr_1", second_above=LIMIT))
    await desk.decide({**YES, "arguments": LESS})
    asked = {"order_id": "ORD_12345", "amount": 139.97}
    assert (await desk.decide({**YES, "arguments": asked}, token=BEN)).statuses == ["pending"]
    (shown,) = (await desk.listed()).body["approvals"]
    assert (shown["firstApprovedBy"], shown["editedArguments"]) == ("ben", None)


async def test_a_second_who_does_not_say_what_they_saw_does_not_approve_a_change(desk: Desk) -> None:
    await desk.put(approval("apr_1", second_above=LIMIT))
    await desk.decide({**YES, "arguments": {"order_id": "ORD_12345", "amount": 5000}})
    blind = await desk.decide(YES, token=BEN)
    assert (blind.statuses, blind.body["results"][0]["firstApprovedBy"]) == (["pending"], "ben")
    _, (_, _, made) = desk.lanes.decisions
    assert (made.verdict, made.arguments) == (Verdict.FIRST, None)


async def test_a_call_that_was_made_small_takes_one(desk: Desk) -> None:
    await desk.put(approval("apr_1", second_above=LIMIT))
    assert (await desk.decide({**YES, "arguments": SMALL})).statuses == ["approved"]
    ((_, _, made),) = desk.lanes.decisions
    assert made.first_by is None


async def test_a_call_that_was_made_large_takes_two(desk: Desk) -> None:
    await desk.put(approval("apr_1", second_above=LIMIT, arguments=SMALL))
    assert (await desk.decide({**YES, "arguments": LESS})).statuses == ["pending"]


async def test_one_rejection_is_enough_also_of_who_approved_first(desk: Desk) -> None:
    await desk.put(approval("apr_1", second_above=LIMIT))
    await desk.decide(YES)
    assert (await desk.decide(NO)).statuses == ["rejected"]
    assert (await desk.decide(YES, token=BEN)).statuses == ["decided"]
    (shown,) = (await desk.listed(status="rejected")).body["approvals"]
    assert (shown["decidedBy"], shown["firstApprovedBy"], shown["firstApprovedAt"] is None) == ("anna", "anna", False)


async def test_a_first_approval_behind_a_rejection_is_told_of_it(desk: Desk) -> None:
    await desk.put(approval("apr_1", second_above=LIMIT))
    desk.lanes.meanwhile = lambda: desk.decide(NO, token=BEN)
    late = await desk.decide(YES)
    assert (late.status, late.statuses) == (409, ["decided"])
    assert late.body["results"][0]["approval"]["decidedBy"] == "ben"


async def test_a_first_approval_extends_no_deadline(desk: Desk) -> None:
    await desk.put(approval("apr_1", second_above=LIMIT, expires_at=1.0))
    assert (await desk.decide(YES)).statuses == ["expired"]
    assert await keys(desk) == []


@each(
    ("arguments", "needed"),
    [
        ({"amount": 100}, 1),
        ({"amount": 100.0}, 1),
        ({"amount": "100.00"}, 1),
        ({"amount": 100.01}, 2),
        ({"amount": "100.01"}, 2),
        ({"amount": "1e3"}, 2),
        ({"amount": float("nan")}, 2),
        ({"amount": float("inf")}, 2),
        ({"amount": "a lot"}, 2),
        ({"amount": "$5"}, 2),
        ({"amount": None}, 2),
        ({"amount": True}, 2),
        ({"amount": -500}, 2),
        ({"amount": [5]}, 2),
        ({"order_id": "ORD_1"}, 1),
        ({}, 1),
    ],
)
def test_amounts_above_the_limit_and_those_that_nobody_can_read_take_two(arguments: Any, needed: int) -> None:
    assert approvals_needed(10_000, arguments) == needed
    assert approvals_needed(None, arguments) == 1
