"""The customer's way to take back what waits for a colleague."""

from __future__ import annotations

from typing import Annotated

from agents import RunContextWrapper, function_tool

from ...model import ApprovalStatus
from ..caller_context import CallerContext
from .effects import in_commit
from .outputs import NOT_FOUND, as_json, refusal

ApprovalId = Annotated[str, "The id of the waiting request, such as apr_1f2e3d."]


@in_commit
@function_tool
async def withdraw_request(context: RunContextWrapper[CallerContext], approval_id: ApprovalId) -> str:
    """Take back a request of this customer that still waits for a colleague, when the customer asks for that."""
    caller = context.context
    mine = [approval.id for approval in caller.approvals if approval.status is ApprovalStatus.PENDING]
    if approval_id not in mine:
        return refusal(NOT_FOUND, "No request with that id is waiting.")
    # The decision is an entry of the lane, so that either this or a colleague's decision comes first, never both.
    if not await caller.withdraw(approval_id):
        return refusal("decided", "A colleague has decided this request already; the outcome follows.")
    return as_json({"approval_id": approval_id, "status": "withdrawn"})
