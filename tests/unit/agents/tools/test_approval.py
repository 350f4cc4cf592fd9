"""Taking back what waits."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tandem.agents.tools.approval import withdraw_request
from tandem.model import Approval, ApprovalStatus, Channel, SubjectId

from ....kit.callers import JOHN, caller_of
from ....kit.tables import each

pytestmark = pytest.mark.promise("H9")

WAITS = Approval(
    id="apr_1",
    subject=SubjectId("phone_15551234567"),
    call_id="c",
    tool="process_refund",
    arguments={},
    customer_text="",
    channel=Channel.SMS,
    requested_at=0,
    expires_at=1,
)


async def withdraw(use, shop, approval_id: str, *approvals: Approval, first: bool = True) -> tuple[dict, list[str]]:
    asked: list[str] = []

    async def take_back(request: str) -> bool:
        asked.append(request)
        return first

    caller = caller_of(shop, JOHN, approvals=approvals, withdraw=take_back)
    return json.loads(await use(withdraw_request, caller, approval_id=approval_id)), asked


async def test_a_waiting_request_is_taken_back(use, shop):
    answer, asked = await withdraw(use, shop, "apr_1", WAITS)
    assert (answer, asked) == ({"approval_id": "apr_1", "status": "withdrawn"}, ["apr_1"])


async def test_a_colleague_was_first(use, shop):
    answer, _ = await withdraw(use, shop, "apr_1", WAITS, first=False)
    assert answer["error"] == "decided"


@pytest.mark.promise("A10")
@each("approval_id", ["apr_2", "", "apr_1 "])
async def test_only_requests_of_this_customer_can_be_taken_back(use, shop, approval_id):
    answer, asked = await withdraw(use, shop, approval_id, WAITS)
    assert (answer["error"], asked) == ("not_found", [])


@each("status", sorted(set(ApprovalStatus) - {ApprovalStatus.PENDING}))
async def test_what_does_not_wait_cannot_be_taken_back(use, shop, status):
    answer, asked = await withdraw(use, shop, "apr_1", replace(WAITS, status=status))
    assert (answer["error"], asked) == ("not_found", [])
