"""``POST /approvals``: every status of the contract, and what reaches the lane."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tandem.entries import Decision, Verdict
from tandem.model import ApprovalStatus
from tandem.staff.bodies import MAX_FINAL_MESSAGE, MAX_REASON

from ...kit.staffing import BEN, NOW, OTHER, SUBJECT, Desk, approval, in_doubt
from ...kit.tables import each

pytestmark = pytest.mark.promise("H2", "H3", "H5", "H6", "H10")

YES = {"approvalId": "apr_1", "approved": True}
NO = {"approvalId": "apr_1", "approved": False}


async def test_an_approval_is_durable_when_it_is_answered(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    answered = await desk.decide({"toolCallId": "call_apr_1", "approved": True})
    assert (answered.status, answered.body) == (
        200,
        {
            "success": True,
            "subjectId": "phone_14155550100",
            "results": [{"toolCallId": "call_apr_1", "approvalId": "apr_1", "status": "approved"}],
        },
    )
    (waiting,) = await desk.store.waiting(SUBJECT)
    assert (waiting.entry.key, waiting.entry.body) == (
        "decision:apr_1",
        Decision("apr_1", Verdict.APPROVE, "anna", NOW),
    )


@pytest.mark.promise("H7c")
async def test_a_decision_follows_its_request_into_the_lane_that_it_was_moved_to(desk: Desk) -> None:
    """Two lanes become one between the look at a request and the decision about it."""
    await desk.put(approval("apr_1"))
    desk.lanes.meanwhile = lambda: desk.store.merge(SUBJECT, OTHER, token="t")
    answered = await desk.decide(YES)
    assert (answered.status, answered.statuses) == (200, ["approved"])
    assert [one.entry.key for one in await desk.store.waiting(OTHER)] == ["decision:apr_1"]


async def test_a_rejection_carries_its_reason(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    answered = await desk.decide({**NO, "reason": "Too late."})
    assert answered.statuses == ["rejected"]
    ((_, _, made),) = desk.lanes.decisions
    assert made == Decision("apr_1", Verdict.REJECT, "anna", NOW, reason="Too late.")


@pytest.mark.promise("R1")
async def test_no_card_number_that_staff_quote_is_stored(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    quoted = "He paid with 4111 1111 1111 1111."
    texts = {"reason": quoted, "note": quoted, "finalMessage": quoted}
    await desk.decide({**YES, **texts, "arguments": {"order_id": "ORD_12345", "amount": 20, "reason": quoted}})
    (waiting,) = await desk.store.waiting(SUBJECT)
    assert "4111 1111" not in str(waiting)
    assert str(waiting).count("ends in 1111") == 4


async def test_edited_arguments_and_a_final_message_are_kept(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    edited = {"order_id": "ORD_12345", "amount": 20.0}
    await desk.decide({**YES, "arguments": edited, "finalMessage": "You get 20 dollars."})
    ((_, _, made),) = desk.lanes.decisions
    assert (made.arguments, made.final_message) == (edited, "You get 20 dollars.")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"order_id": "ORD_12345", "amount": 139.97}, None),
        ({"amount": 139.97, "order_id": "ORD_12345"}, None),
        (None, None),
        ({"order_id": "ORD_12345", "amount": 140}, {"order_id": "ORD_12345", "amount": 140}),
    ],
)
async def test_arguments_that_are_sent_back_unchanged_are_no_edit(desk: Desk, sent: Any, kept: Any) -> None:
    await desk.put(approval("apr_1"))
    await desk.decide({**YES, "arguments": sent})
    ((_, _, made),) = desk.lanes.decisions
    assert made.arguments == kept


async def test_a_rejection_edits_nothing(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    await desk.decide({**NO, "arguments": {"amount": "whatever"}})
    ((_, _, made),) = desk.lanes.decisions
    assert made.arguments is None


@pytest.mark.parametrize("field", ["reason", "note", "finalMessage"])
@pytest.mark.parametrize("blank", [None, "", " \n"])
async def test_blank_texts_say_nothing(desk: Desk, field: str, blank: str | None) -> None:
    await desk.put(approval("apr_1"))
    await desk.decide({**NO, field: blank})
    ((_, _, made),) = desk.lanes.decisions
    assert (made.reason, made.note, made.final_message) == (None, None, None)


async def test_texts_of_full_length_are_taken(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    answered = await desk.decide(
        {**NO, "reason": "é" * MAX_REASON, "note": "é" * MAX_REASON, "finalMessage": "é" * MAX_FINAL_MESSAGE}
    )
    assert answered.status == 200


# --- whom a decision addresses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        "phone_14155550100",
        "phone_+14155550100",
        "+14155550100",
        "4155550100",
        "(415) 555-0100",
        "415-555-0100",
        " +1 415 555 0100 ",
    ],
)
async def test_a_customer_is_found_under_every_spelling(desk: Desk, spelling: str) -> None:
    await desk.put(approval("apr_1"))
    answered = await desk.post({"subjectId": spelling, "decisions": [{"toolCallId": "call_apr_1", "approved": True}]})
    assert (answered.status, answered.body["subjectId"]) == (200, SUBJECT)


async def test_the_id_of_an_approval_is_address_enough(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    answered = await desk.post({"decisions": [YES]})
    assert (answered.status, answered.body["subjectId"]) == (200, SUBJECT)


@pytest.mark.promise("H11")
@each(
    "body",
    [
        {"subjectId": SUBJECT, "decisions": [{"approvalId": "apr_nowhere", "approved": True}]},
        {"subjectId": SUBJECT, "decisions": [{"toolCallId": "call_nowhere", "approved": True}]},
        {"subjectId": OTHER, "decisions": [{"toolCallId": "call_apr_1", "approved": True}]},
        {"subjectId": OTHER, "decisions": [YES]},
        {"subjectId": SUBJECT, "decisions": [{**YES, "toolCallId": "call_other"}]},
        {"subjectId": "nobody-we-know", "decisions": [{"toolCallId": "call_apr_1", "approved": True}]},
        {"decisions": [{"approvalId": "'; DROP TABLE approval; --", "approved": True}]},
        {"decisions": [{"approvalId": "../../etc/passwd", "resolve": "done"}]},
    ],
)
async def test_what_does_not_exist_is_not_found(desk: Desk, body: Any) -> None:
    await desk.put(approval("apr_1"))
    answered = await desk.post(body)
    assert (answered.status, answered.statuses, answered.body["code"]) == (404, ["unknown"], "unknown")
    assert answered.body["success"] is False
    assert desk.lanes.decisions == []


async def test_a_call_id_addresses_the_newest_request(desk: Desk) -> None:
    twice = [approval(f"apr_{number}", call_id="call_1", requested_at=float(number)) for number in (1, 3, 2)]
    await desk.put(*twice)
    answered = await desk.decide({"toolCallId": "call_1", "approved": True})
    assert answered.body["results"][0]["approvalId"] == "apr_3"


async def test_a_call_id_passes_over_what_is_decided(desk: Desk) -> None:
    twice = [approval(f"apr_{number}", call_id="call_1", requested_at=float(number)) for number in (1, 2)]
    await desk.put(*twice)
    await desk.decide({"approvalId": "apr_2", "approved": False})
    answered = await desk.decide({"toolCallId": "call_1", "approved": True})
    assert answered.body["results"][0]["approvalId"] == "apr_1"


async def test_a_call_id_is_looked_for_with_one_customer_only(desk: Desk) -> None:
    await desk.put(approval("apr_1", call_id="call_1"), approval("apr_2", OTHER, call_id="call_1"))
    await desk.decide({"toolCallId": "call_1", "approved": True})
    assert [key for _, key, _ in desk.lanes.decisions] == ["decision:apr_1"]


# --- too late, or twice ------------------------------------------------------------------------------------


async def test_the_second_decision_is_told_the_first(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    await desk.decide({**NO, "reason": "No."})
    answered = await desk.decide(YES, token=BEN)
    assert (answered.status, answered.statuses, answered.body["code"]) == (409, ["decided"], "decided")
    shown = answered.body["results"][0]["approval"]
    assert [shown[name] for name in ("status", "decidedBy", "reason")] == ["rejected", "anna", "No."]


@pytest.mark.promise("H7")
async def test_of_many_decisions_at_once_one_counts(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    answers = await asyncio.gather(*(desk.decide(YES if number % 2 else NO) for number in range(6)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 5
    assert len(await desk.store.waiting(SUBJECT)) == 1
    winner = next(answer for answer in answers if answer.status == 200).statuses[0]
    losers = [answer.body["results"][0]["approval"]["status"] for answer in answers if answer.status == 409]
    assert losers == [winner] * 5


async def test_one_request_twice_in_one_body_is_decided_once(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    answered = await desk.decide(YES, NO)
    assert (answered.status, answered.statuses) == (200, ["approved", "decided"])


@each(
    "status",
    [
        ApprovalStatus.APPROVED,
        ApprovalStatus.EXECUTING,
        ApprovalStatus.EXECUTED,
        ApprovalStatus.FAILED,
        ApprovalStatus.REJECTED,
        ApprovalStatus.WITHDRAWN,
        ApprovalStatus.VOID,
    ],
)
@each("said", [{"approved": True}, {"approved": False}, {"resolve": "done"}, {"resolve": "retry"}])
async def test_what_is_over_stays_as_it_is(desk: Desk, status: ApprovalStatus, said: Any) -> None:
    await desk.put(approval("apr_1", status=status, decided_by="ben"))
    answered = await desk.decide({"approvalId": "apr_1", **said})
    assert (answered.status, answered.statuses) == (409, ["decided"])
    assert answered.body["results"][0]["approval"]["decidedBy"] == "ben"
    assert desk.lanes.decisions == []


async def test_what_runs_is_shown_as_running_to_whoever_comes_second(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    await desk.decide(YES)
    await desk.put(approval("apr_1", status=ApprovalStatus.EXECUTING, version=2))
    answered = await desk.decide(NO)
    shown = answered.body["results"][0]["approval"]
    assert (answered.status, shown["status"], shown["version"]) == (409, "executing", 2)


@pytest.mark.promise("H8")
async def test_a_decision_after_the_time_is_refused_by_the_store(desk: Desk) -> None:
    await desk.put(approval("apr_1", expires_at=1_000_000_000.0))
    answered = await desk.decide(YES)
    assert (answered.status, answered.statuses, answered.body["code"]) == (409, ["expired"], "expired")
    assert answered.body["results"][0]["approval"]["status"] == "expired"
    assert await desk.store.waiting(SUBJECT) == ()


@each("said", [{"approved": True}, {"resolve": "retry"}])
async def test_what_is_expired_stays_expired(desk: Desk, said: Any) -> None:
    await desk.put(approval("apr_1", status=ApprovalStatus.EXPIRED))
    assert (await desk.decide({"approvalId": "apr_1", **said})).statuses == ["expired"]


# --- versions ----------------------------------------------------------------------------------------------


async def test_the_version_that_was_seen_is_decided(desk: Desk) -> None:
    await desk.put(approval("apr_1", version=2))
    assert (await desk.decide(YES, expectedVersion=2)).status == 200


async def test_another_version_is_refused_with_the_present_view(desk: Desk) -> None:
    await desk.put(approval("apr_1", version=2))
    answered = await desk.decide(YES, expectedVersion=1)
    assert (answered.status, answered.statuses, answered.body["code"]) == (409, ["stale"], "stale")
    assert answered.body["results"][0]["approval"]["version"] == 2
    assert desk.lanes.decisions == []


async def test_each_decision_may_expect_its_own_version(desk: Desk) -> None:
    await desk.put(approval("apr_1", version=2), approval("apr_2", version=5))
    answered = await desk.decide(
        YES, {"approvalId": "apr_2", "approved": True, "expectedVersion": 5}, expectedVersion=1
    )
    assert answered.statuses == ["stale", "approved"]


# --- several decisions -------------------------------------------------------------------------------------


@pytest.mark.promise("H4")
async def test_decisions_stand_alone_and_one_that_counts_is_success(desk: Desk) -> None:
    await desk.put(
        approval("apr_1"), approval("apr_2"), approval("apr_3", expires_at=1.0), in_doubt("apr_4"), approval("apr_5")
    )
    await desk.decide({"approvalId": "apr_2", "approved": False})
    ids = ("apr_1", "apr_2", "apr_3", "apr_4", "apr_nowhere")
    answered = await desk.decide(*({"approvalId": one, "approved": True} for one in ids))
    assert (answered.status, answered.statuses) == (200, ["approved", "decided", "expired", "stale", "unknown"])
    assert (await desk.listed()).ids == ["apr_3", "apr_5"]


async def test_none_that_counts_and_one_that_exists_is_a_conflict(desk: Desk) -> None:
    await desk.put(approval("apr_1", status=ApprovalStatus.VOID))
    answered = await desk.decide({"approvalId": "apr_nowhere", "approved": True}, YES)
    assert (answered.status, answered.body["code"], answered.statuses) == (409, "decided", ["unknown", "decided"])


async def test_customers_may_be_mixed_by_the_ids_of_approvals(desk: Desk) -> None:
    await desk.put(approval("apr_1"), approval("apr_2", OTHER))
    answered = await desk.post({"decisions": [YES, {"approvalId": "apr_2", "approved": False}]})
    assert answered.statuses == ["approved", "rejected"]
    assert len(await desk.store.waiting(OTHER)) == 1


# --- edited arguments --------------------------------------------------------------------------------------


async def test_arguments_that_do_not_fit_are_refused_and_nothing_is_accepted(desk: Desk) -> None:
    await desk.put(approval("apr_1"), approval("apr_2"))
    wrong = {"approvalId": "apr_2", "approved": True, "arguments": {"order_id": "ORD_12345", "amount": "twenty"}}
    answered = await desk.decide(YES, wrong)
    assert (answered.status, answered.body["code"]) == (400, "malformed_request")
    assert "decisions[1].arguments: amount: 'twenty' is not of type 'number'" in answered.body["error"]
    assert await desk.store.waiting(SUBJECT) == ()


async def test_arguments_for_a_tool_that_is_gone_are_refused(desk: Desk) -> None:
    await desk.put(approval("apr_1", tool="retired"))
    assert (await desk.decide({**YES, "arguments": {"amount": 1}})).status == 400


async def test_arguments_for_what_is_decided_do_not_hide_the_decision(desk: Desk) -> None:
    await desk.put(approval("apr_1", status=ApprovalStatus.REJECTED))
    assert (await desk.decide({**YES, "arguments": {"amount": "twenty"}})).status == 409


# --- unknown effects ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "verdict"), [("done", Verdict.DONE), ("retry", Verdict.RETRY)])
async def test_staff_settle_what_nobody_knows(desk: Desk, word: str, verdict: Verdict) -> None:
    await desk.put(in_doubt("apr_1", expires_at=1.0))
    answered = await desk.decide({"toolCallId": "call_apr_1", "resolve": word, "note": "looked"})
    assert (answered.status, answered.statuses) == (200, [word])
    assert desk.lanes.decisions == [
        (SUBJECT, "resolve:apr_1:3", Decision("apr_1", verdict, "anna", NOW, note="looked"))
    ]


async def test_a_doubt_is_settled_once(desk: Desk) -> None:
    await desk.put(in_doubt("apr_1"))
    await desk.decide({"approvalId": "apr_1", "resolve": "done"})
    answered = await desk.decide({"approvalId": "apr_1", "resolve": "retry"})
    assert (answered.status, answered.statuses) == (409, ["decided"])
    assert answered.body["results"][0]["approval"]["status"] == "executed"


async def test_a_doubt_that_comes_back_is_another_question(desk: Desk) -> None:
    await desk.put(in_doubt("apr_1"))
    await desk.decide({"approvalId": "apr_1", "resolve": "retry"})
    await desk.put(replace(in_doubt("apr_1"), version=5), consumed=("resolve:apr_1:3",))
    assert (await desk.decide({"approvalId": "apr_1", "resolve": "done"})).status == 200


async def test_a_doubt_is_not_settled_at_another_version(desk: Desk) -> None:
    await desk.put(in_doubt("apr_1"))
    answered = await desk.decide({"approvalId": "apr_1", "resolve": "done"}, expectedVersion=2)
    assert (answered.status, answered.statuses) == (409, ["stale"])


@each("said", [{"approved": True}, {"approved": False}])
async def test_a_doubt_is_not_decided_like_a_request(desk: Desk, said: Any) -> None:
    await desk.put(in_doubt("apr_1"))
    answered = await desk.decide({"approvalId": "apr_1", **said})
    assert (answered.status, answered.statuses) == (409, ["stale"])
    assert answered.body["results"][0]["approval"]["status"] == "unknown"


async def test_a_request_is_not_settled_like_a_doubt(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    answered = await desk.decide({"approvalId": "apr_1", "resolve": "done"})
    assert (answered.status, answered.statuses) == (409, ["stale"])


# --- the store is away -------------------------------------------------------------------------------------


async def test_nothing_is_promised_while_the_store_is_away(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    desk.lanes.down = True
    answered = await desk.decide(YES)
    assert (answered.status, answered.headers["Retry-After"]) == (503, "1")
