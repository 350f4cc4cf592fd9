"""``GET /approvals``: what staff see, in order, in pages, and never a snapshot."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest

from tandem.entries import Decision, Entry, Verdict, Waiting
from tandem.model import Approval, ApprovalStatus, Conversation, SubjectId
from tandem.persistence.values import Page
from tandem.staff.approvals import ApprovalDesk

from ...kit.staffing import CANARY, FAR, NOW, OTHER, SUBJECT, Desk, Schemas, approval, in_doubt
from ...kit.tables import each

pytestmark = pytest.mark.promise("H1")

EVERY = {status: approval(f"apr_{status.value}", status=status) for status in ApprovalStatus}


async def test_a_request_is_listed_with_every_field_of_the_contract(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    answered = await desk.listed()
    assert (answered.status, answered.headers["Cache-Control"]) == (200, "no-store")
    assert answered.body == {
        "approvals": [
            {
                "id": "apr_1",
                "subjectId": "phone_14155550100",
                "toolCallId": "call_apr_1",
                "tool": "process_refund",
                "arguments": {"order_id": "ORD_12345", "amount": 139.97},
                "customerText": "I want my money back",
                "channel": "sms",
                "status": "pending",
                "version": 1,
                "requestedAt": "2027-01-15T08:00:00.000Z",
                "expiresAt": "2096-10-02T07:06:40.000Z",
                "decidedBy": None,
                "decidedAt": None,
                "reason": None,
                "note": None,
                "editedArguments": None,
                "finalMessage": None,
                "result": None,
                "firstApprovedBy": None,
                "firstApprovedAt": None,
                "approvalsNeeded": 1,
            }
        ],
        "next": None,
    }


@pytest.mark.promise("H10")
async def test_who_decided_when_and_why_is_shown(desk: Desk) -> None:
    done = approval(
        "apr_1",
        status=ApprovalStatus.EXECUTED,
        version=3,
        edited_arguments={"amount": 20},
        final_message="Done.",
        decided_by="anna",
        decided_at=NOW,
        reason="kind",
        note="a good customer",
        result="REF_1",
    )
    await desk.put(done)
    (shown,) = (await desk.listed(status="executed")).body["approvals"]
    said = [
        shown[name] for name in ("version", "editedArguments", "finalMessage", "decidedBy", "reason", "note", "result")
    ]
    assert said == [3, {"amount": 20}, "Done.", "anna", "kind", "a good customer", "REF_1"]
    assert shown["decidedAt"] == "2030-03-17T17:46:40.000Z"


async def test_the_soonest_expiry_comes_first(desk: Desk) -> None:
    await desk.put(approval("late", expires_at=FAR + 2), approval("soon", OTHER), approval("next", expires_at=FAR + 1))
    assert (await desk.listed()).ids == ["soon", "next", "late"]


@each("status", list(ApprovalStatus))
async def test_each_status_lists_its_own(desk: Desk, status: ApprovalStatus) -> None:
    await desk.put(*EVERY.values())
    assert (await desk.listed(status=status.value)).ids == [EVERY[status].id]


async def test_all_lists_every_status(desk: Desk) -> None:
    await desk.put(*EVERY.values())
    assert (await desk.listed(status="all")).ids == sorted(one.id for one in EVERY.values())


@each("query", ["", "?status=", "?limit=", "?cursor=", "?other=1"])
async def test_pending_is_what_is_listed_unless_asked_otherwise(desk: Desk, query: str) -> None:
    await desk.put(*EVERY.values())
    answered = await desk.ask("GET", f"/approvals{query}")
    assert answered.ids == ["apr_pending"]


async def test_nothing_waits(desk: Desk) -> None:
    assert (await desk.listed()).body == {"approvals": [], "next": None}


# --- decided and not yet carried out -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.APPROVE, "approved"),
        (Verdict.REJECT, "rejected"),
        (Verdict.EXPIRE, "expired"),
        (Verdict.WITHDRAW, "withdrawn"),
    ],
)
async def test_a_durable_decision_shows_before_it_is_carried_out(desk: Desk, verdict: Verdict, status: str) -> None:
    await desk.put(approval("apr_1"), approval("apr_2"))
    decision = Decision("apr_1", verdict, "somebody", NOW, reason="because")
    await desk.store.accept(SUBJECT, [Entry("decision:apr_1", decision)], token="t")
    assert (await desk.listed()).ids == ["apr_2"]
    (shown,) = (await desk.listed(status=status)).body["approvals"]
    assert [shown[name] for name in ("id", "status", "version", "decidedBy", "reason")] == [
        "apr_1",
        status,
        2,
        "somebody",
        "because",
    ]
    everything = (await desk.listed(status="all")).body["approvals"]
    assert [one["status"] for one in everything] == [status, "pending"]


@pytest.mark.parametrize(("verdict", "status"), [(Verdict.DONE, "executed"), (Verdict.RETRY, "executing")])
async def test_a_settled_doubt_shows_before_it_is_carried_out(desk: Desk, verdict: Verdict, status: str) -> None:
    await desk.put(in_doubt("apr_1"))
    decision = Decision("apr_1", verdict, "anna", NOW)
    await desk.store.accept(SUBJECT, [Entry("resolve:apr_1:3", decision)], token="t")
    assert (await desk.listed(status="unknown")).ids == []
    assert (await desk.listed(status=status)).ids == ["apr_1"]


async def test_an_answer_to_an_older_doubt_settles_nothing(desk: Desk) -> None:
    await desk.put(in_doubt("apr_1"))
    await desk.store.accept(SUBJECT, [Entry("resolve:apr_1:2", Decision("apr_1", Verdict.DONE, "a", NOW))], token="t")
    assert (await desk.listed(status="unknown")).ids == ["apr_1"]


async def test_what_runs_shows_as_executing_while_its_decision_waits(desk: Desk) -> None:
    await desk.put(approval("apr_1", status=ApprovalStatus.EXECUTING))
    await desk.store.accept(SUBJECT, [Entry("decision:apr_1", Decision("apr_1", Verdict.APPROVE, "a", NOW))], token="t")
    assert (await desk.listed(status="executing")).ids == ["apr_1"]


async def test_fresh_and_settled_rejections_are_listed_together_by_expiry(desk: Desk) -> None:
    settled = approval("old", status=ApprovalStatus.REJECTED, expires_at=FAR - 1)
    await desk.put(approval("new"), settled)
    await desk.decide({"approvalId": "new", "approved": False})
    assert (await desk.listed(status="rejected")).ids == ["old", "new"]


# --- pages -------------------------------------------------------------------------------------------------


async def test_pages_hold_everything_once_and_in_order(desk: Desk) -> None:
    ids = [f"apr_{number:02}" for number in range(11)]
    await desk.put(*(approval(one) for one in ids))
    found, cursor, sizes = [], "", []
    while cursor is not None:
        page = await desk.listed(limit=4, cursor=cursor)
        found += page.ids
        sizes.append(len(page.ids))
        cursor = page.body["next"]
    assert (found, sizes) == (ids, [4, 4, 3])


async def test_pages_are_full_although_some_are_decided(desk: Desk) -> None:
    ids = [f"apr_{number:02}" for number in range(9)]
    await desk.put(*(approval(one) for one in ids))
    for one in ids[:4]:
        await desk.decide({"approvalId": one, "approved": True})
    assert (await desk.listed(limit=3)).ids == ids[4:7]


async def test_pages_cross_from_fresh_to_settled_decisions(desk: Desk) -> None:
    settled = [approval(f"old_{number}", status=ApprovalStatus.REJECTED) for number in range(3)]
    await desk.put(approval("new_0"), approval("new_1"), approval("open"), *settled)
    for one in ("new_0", "new_1"):
        await desk.decide({"approvalId": one, "approved": False})
    found, cursor = [], ""
    while cursor is not None:
        page = await desk.listed(status="rejected", limit=2, cursor=cursor)
        found += page.ids
        cursor = page.body["next"]
    assert found == ["new_0", "new_1", "old_0", "old_1", "old_2"]


async def test_fifty_are_listed_unless_asked_otherwise(desk: Desk) -> None:
    await desk.put(*(approval(f"apr_{number:03}") for number in range(60)))
    assert len((await desk.listed()).ids) == 50


def cursor(text: str) -> str:
    return "0." + base64.urlsafe_b64encode(text.encode()).decode()


@each(
    "query",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "-1"},
        {"limit": "ten"},
        {"limit": "1e2"},
        {"limit": "٣"},
        {"limit": "9" * 5000},
        {"status": "PENDING"},
        {"status": "open"},
        {"status": "pending,void"},
        {"cursor": "x"},
        {"cursor": "0.x"},
        {"cursor": "0.\x00"},
        {"cursor": "1.W10"},
        {"cursor": "-1."},
        {"cursor": "٠."},
        {"cursor": cursor("[]")},
        {"cursor": cursor('["a", 1]')},
        {"cursor": cursor('[NaN, "a"]')},
        {"cursor": cursor('[1, "\\ud800"]')},
        {"cursor": cursor("[" + "9" * 400 + ', "a"]')},
        {"cursor": cursor("[" * 1000)},
    ],
)
async def test_what_cannot_be_listed_is_refused(desk: Desk, query: dict[str, str]) -> None:
    assert (await desk.listed(**query)).status == 400


@each("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_refused(desk: Desk, method: str) -> None:
    assert (await desk.ask(method, "/approvals")).status == 405


# --- what never leaves -------------------------------------------------------------------------------------


@pytest.mark.promise("H11a")
@each("status", ["all", *ApprovalStatus])
async def test_no_listing_shows_a_snapshot(desk: Desk, status: str) -> None:
    await desk.put(*EVERY.values())
    assert CANARY not in (await desk.listed(status=status)).text


@pytest.mark.promise("H11a")
async def test_no_answer_to_a_decision_shows_a_snapshot(desk: Desk) -> None:
    await desk.put(approval("apr_1"), approval("apr_2", expires_at=1.0), in_doubt("apr_3"), *EVERY.values())
    texts = []
    for one in ("apr_1", "apr_1", "apr_2", "apr_3", *(one.id for one in EVERY.values())):
        texts.append((await desk.decide({"approvalId": one, "approved": True})).text)
        texts.append((await desk.decide({"approvalId": one, "approved": True}, expectedVersion=9)).text)
        texts.append((await desk.decide({"approvalId": one, "approved": True, "arguments": {}})).text)
    assert CANARY not in "".join(texts)


# --- a lane that runs meanwhile ----------------------------------------------------------------------------


@dataclass
class Overtaken:
    """A store whose lane carries out a decision after the index was read and before the waiting entries are."""

    desk: Desk

    async def approvals(
        self, *, status: ApprovalStatus | None, limit: int, cursor: str | None = None
    ) -> Page[Approval]:
        return await self.desk.store.approvals(status=status, limit=limit, cursor=cursor)

    async def approval(self, approval_id: str) -> Approval | None:
        return await self.desk.store.approval(approval_id)

    async def conversation(self, subject: SubjectId) -> Conversation | None:
        return await self.desk.store.conversation(subject)

    async def waiting(self, subject: SubjectId) -> tuple[Waiting, ...]:
        rejected = approval("apr_1", status=ApprovalStatus.REJECTED, version=2)
        await self.desk.put(rejected, approval("apr_2"), consumed=("decision:apr_1",))
        return await self.desk.store.waiting(subject)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (ApprovalStatus.PENDING, [("apr_2", "pending")]),
        (ApprovalStatus.REJECTED, [("apr_1", "rejected")]),
        (None, [("apr_1", "rejected"), ("apr_2", "pending")]),
    ],
)
async def test_what_was_decided_before_is_never_listed_as_pending(
    desk: Desk, status: ApprovalStatus | None, shown: list[tuple[str, str]]
) -> None:
    await desk.put(approval("apr_1"), approval("apr_2"))
    await desk.decide({"approvalId": "apr_1", "approved": False})
    page = await ApprovalDesk(Overtaken(desk), desk.lanes, Schemas()).page(status, limit=50, cursor=None)
    assert [(one.id, one.status.value) for one in page.items] == shown
