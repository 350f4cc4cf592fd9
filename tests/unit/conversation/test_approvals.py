"""The approval state machine: every verdict against every status, and what staff see meanwhile."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tandem.conversation.approvals import (
    as_seen,
    decidable,
    decided,
    decided_by,
    decision_key,
    foreseen,
    given_up,
    is_open,
    joined,
    put,
    recorded_as,
    route_of,
)
from tandem.conversation.base import GatedCall
from tandem.entries import Decision, Entry, Verdict, Waiting
from tandem.model import Address, Approval, ApprovalStatus, Channel, Conversation, Route, SubjectId

from ...kit.tables import each

pytestmark = pytest.mark.promise("H1", "H9")

STEPS = {
    ("pending", "approve"): ("executing", "approved"),
    ("pending", "first"): ("pending", "pending"),
    ("pending", "reject"): ("rejected", "rejected"),
    ("pending", "expire"): ("expired", "expired"),
    ("pending", "withdraw"): ("withdrawn", "withdrawn"),
    ("unknown", "done"): ("executed", "executed"),
    ("unknown", "retry"): ("executing", "executing"),
}
"""Status and verdict: what follows, and what staff see until it has."""
UNDER_WAY = {("executing", "approve"), ("executing", "retry")}
EVERY = list(itertools.product(ApprovalStatus, Verdict))


def approval(status: ApprovalStatus) -> Approval:
    return Approval("apr_1", SubjectId("s"), "c", "pay", {}, "", Channel.SMS, 1.0, 2.0, status=status, version=3)


def decision(verdict: Verdict) -> Decision:
    return Decision("apr_1", verdict, "mia", 5.0)


@each(("status", "verdict"), EVERY)
def test_a_verdict_decides_about_one_status_and_is_then_carried_to_its_end(
    status: ApprovalStatus, verdict: Verdict
) -> None:
    pair = (status.value, verdict.value)
    assert decidable(approval(status), verdict) == (pair in STEPS)
    asked = Conversation(SubjectId("s"), created_at=0, updated_at=0, approvals=(approval(status),))
    means_something = decided_by(decision(verdict), asked) is not None
    assert means_something == (pair in STEPS or pair in UNDER_WAY)


@each(("pair", "then"), STEPS.items())
def test_what_follows_from_a_verdict_and_what_staff_see_until_it_has(
    pair: tuple[str, str], then: tuple[str, str]
) -> None:
    before, body = approval(ApprovalStatus(pair[0])), decision(Verdict(pair[1]))
    waiting = Waiting(Entry(decision_key(before, body.verdict), body), accepted_at=5.0, tries=0)
    after, seen = decided(before, body), as_seen(before, [waiting])
    assert (after.status, seen.status) == then
    by = (after.first_by, after.first_at) if pair[1] == "first" else (after.decided_by, after.decided_at)
    assert (after.version, *by) == (4, "mia", 5.0)
    consented = decided(replace(before, first_by="tom", first_at=2.0), body)
    assert (consented.first_by == "tom") == (pair[1] not in ("first", "approve"))  # those name the first themselves
    assert seen == foreseen(before, body)
    assert before.status in recorded_as(seen.status)


@each("status", ApprovalStatus)
def test_what_is_over_stays_as_it_is_whatever_waits(status: ApprovalStatus) -> None:
    now = approval(status)
    late = Waiting(Entry(decision_key(now, Verdict.APPROVE), decision(Verdict.APPROVE)), accepted_at=5.0, tries=0)
    assert is_open(now) == (status in ("pending", "unknown"))
    assert (as_seen(now, [late]) == now) == (status is not ApprovalStatus.PENDING)


def test_the_key_of_a_call_in_doubt_is_new_after_every_retry() -> None:
    assert decision_key(approval(ApprovalStatus.PENDING), Verdict.APPROVE) == "decision:apr_1"
    assert decision_key(approval(ApprovalStatus.UNKNOWN), Verdict.RETRY) == "resolve:apr_1:3"


def test_a_decision_without_an_end_is_for_staff_only_when_it_was_being_carried_out() -> None:
    assert given_up(approval(ApprovalStatus.EXECUTING)).status is ApprovalStatus.UNKNOWN
    assert given_up(approval(ApprovalStatus.REJECTED)) == approval(ApprovalStatus.REJECTED)


@pytest.mark.promise("L4")
def test_a_conversation_carries_what_waits_and_the_ten_newest_that_do_not() -> None:
    talk = Conversation(SubjectId("s"), created_at=0, updated_at=0)
    waits = replace(approval(ApprovalStatus.PENDING), id="apr_waits", snapshot="large")
    settled = [replace(approval(ApprovalStatus.REJECTED), id=f"apr_{number}", snapshot="large") for number in range(12)]
    found = put(talk, waits, *settled).approvals
    assert [one.id for one in found] == ["apr_waits", *(f"apr_{number}" for number in range(2, 12))]
    assert [one.snapshot for one in found] == ["large", *[""] * 10]


@each(("known", "route"), [("sms voice", "sms"), ("voice", "voice"), ("rcs", None)])
def test_a_call_is_carried_out_over_the_route_on_which_it_was_asked(known: str, route: str | None) -> None:
    """An account goes with a number, and a customer may have two; what was asked by text is not the last caller's."""
    ours = Address("tel", "+14155550199")
    ways = [Route(Channel(name), Address("tel", f"+1415555010{len(name)}"), ours) for name in known.split()]
    routes = {way.channel: way for way in ways}
    talk = Conversation(SubjectId("s"), created_at=0, updated_at=0, routes=routes, last_channel=Channel.VOICE)
    found = route_of(approval(ApprovalStatus.PENDING), talk)
    assert (found and found.channel) == route


@each(
    ("tool", "arguments", "status", "same"),
    [
        ("pay", {"amount": 5, "reason": "broken"}, "pending", True),
        ("pay", {"reason": "it broke", "amount": 5}, "pending", True),
        ("pay", {"amount": 6, "reason": "broken"}, "pending", False),
        ("charge", {"amount": 5, "reason": "broken"}, "pending", False),
        ("pay", {"amount": 5, "reason": "broken"}, "rejected", False),
    ],
)
def test_a_call_joins_the_same_one_that_waits(tool: str, arguments: dict[str, object], status: str, same: bool) -> None:
    wanted = {"amount": 5, "reason": "broken"}
    earlier = replace(approval(ApprovalStatus(status)), arguments=arguments, tool=tool)
    assert joined("pay", wanted, [earlier], []) == ("apr_1" if same else None)
    beside = GatedCall("apr_2", "c", tool, arguments, "{}", "f")
    assert joined("pay", wanted, [], [beside]) == ("apr_2" if same or status == "rejected" else None)
