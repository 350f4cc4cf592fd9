"""The life of an approval: who may do what with it, and what everybody is told. Pure. See docs/approvals.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..entries import Decision, Verdict
from ..model import Approval, ApprovalStatus, Channel, Conversation
from .base import Execution, GatedCall, UnknownEffect
from .notes import RequestSettled

WAITING = "waiting for a colleague"
"""How the output of a call that waits begins."""
_REQUEST = re.compile(f"{WAITING}: request ([^ ]+) ")
SETTLED_KEPT = 10
"""Settled approvals that a conversation still carries; the store's index keeps all of them."""

_UNSETTLED = frozenset({ApprovalStatus.PENDING, ApprovalStatus.EXECUTING, ApprovalStatus.UNKNOWN})
_FROM = {
    Verdict.APPROVE: frozenset({ApprovalStatus.PENDING, ApprovalStatus.EXECUTING}),
    Verdict.REJECT: frozenset({ApprovalStatus.PENDING}),
    Verdict.EXPIRE: frozenset({ApprovalStatus.PENDING}),
    Verdict.WITHDRAW: frozenset({ApprovalStatus.PENDING}),
    Verdict.DONE: frozenset({ApprovalStatus.UNKNOWN}),
    Verdict.RETRY: frozenset({ApprovalStatus.UNKNOWN, ApprovalStatus.EXECUTING}),
}
_TO = {
    Verdict.APPROVE: ApprovalStatus.EXECUTING,
    Verdict.REJECT: ApprovalStatus.REJECTED,
    Verdict.EXPIRE: ApprovalStatus.EXPIRED,
    Verdict.WITHDRAW: ApprovalStatus.WITHDRAWN,
    Verdict.DONE: ApprovalStatus.EXECUTED,
    Verdict.RETRY: ApprovalStatus.EXECUTING,
}


def waiting_output(approval_id: str) -> str:
    """Return the output that stands in place of a call that waits."""
    return (
        f"{WAITING}: request {approval_id} was not executed yet. Tell the customer that a colleague decides about it "
        "and that they will be told the outcome. Do not ask for it again."
    )


def request_of(output: str) -> str | None:
    """Return the id of the request that a call's output says it waits for, or None for any other output."""
    found = _REQUEST.match(output)
    return found[1] if found else None


def joined(
    tool: str, arguments: Mapping[str, Any], approvals: Iterable[Approval], gated: Iterable[GatedCall]
) -> str | None:
    """Return the id of a request that waits already for the same call, or None."""
    wanted = _same(arguments)
    for approval in approvals:
        if approval.status is ApprovalStatus.PENDING and approval.tool == tool and _same(approval.arguments) == wanted:
            return approval.id
    for call in gated:
        if call.tool == tool and _same(call.arguments) == wanted:
            return call.approval_id
    return None


def requested(
    call: GatedCall, conversation: Conversation, *, said: str, channel: Channel, now: float, seconds: float
) -> Approval:
    """Return the approval of a new call that waits, to be decided within ``seconds``."""
    return Approval(
        id=call.approval_id,
        subject=conversation.subject,
        call_id=call.call_id,
        tool=call.tool,
        arguments=call.arguments,
        customer_text=said,
        channel=channel,
        requested_at=now,
        expires_at=now + seconds,
        snapshot=call.snapshot,
        fingerprint=call.fingerprint,
    )


def unknown(
    effect: UnknownEffect, approval_id: str, conversation: Conversation, *, said: str, channel: Channel, now: float
) -> Approval:
    """Return the record under which staff settle an ungated call that began and never finished."""
    return Approval(
        id=approval_id,
        subject=conversation.subject,
        call_id=effect.call_id,
        tool=effect.tool,
        arguments=effect.arguments,
        customer_text=said,
        channel=channel,
        requested_at=now,
        expires_at=now,
        effect_key=effect.key,
        status=ApprovalStatus.UNKNOWN,
    )


def applies(decision: Decision, approval: Approval | None) -> bool:
    """Tell whether a decision still means something for an approval."""
    return approval is not None and approval.status in _FROM[decision.verdict]


def decided(approval: Approval, decision: Decision) -> Approval:
    """Return an approval after a decision that applies to it."""
    retry = decision.verdict is Verdict.RETRY
    again = retry or decision.verdict is Verdict.DONE
    return replace(
        approval,
        status=_TO[decision.verdict],
        version=approval.version + 1,
        retries=approval.retries + retry,
        decided_by=decision.actor,
        decided_at=decision.decided_at,
        reason=decision.reason,
        edited_arguments=approval.edited_arguments if again else decision.arguments,
        final_message=approval.final_message if again else decision.final_message,
        result=f"confirmed by {decision.actor}" if decision.verdict is Verdict.DONE else approval.result,
    )


def executed(approval: Approval, execution: Execution) -> Approval:
    """Return an approval after its call was run. What is settled for good needs its snapshot no more."""
    keep = execution.status is ApprovalStatus.UNKNOWN
    return replace(
        approval,
        status=execution.status,
        version=approval.version + 1,
        result=execution.output,
        snapshot=approval.snapshot if keep else "",
    )


def find(conversation: Conversation, approval_id: str) -> Approval | None:
    """Return one of a conversation's approvals, or None."""
    return next((approval for approval in conversation.approvals if approval.id == approval_id), None)


def put(conversation: Conversation, *changed: Approval) -> Conversation:
    """Return a conversation with approvals added or replaced; old settled ones are left to the store's index."""
    ids = {approval.id for approval in changed}
    approvals = [approval for approval in conversation.approvals if approval.id not in ids] + list(changed)
    settled = [approval.id for approval in approvals if approval.status not in _UNSETTLED]
    dropped = set(settled[:-SETTLED_KEPT])
    kept = (_light(approval) for approval in approvals if approval.id not in dropped)
    return replace(conversation, approvals=tuple(kept))


def expired(conversation: Conversation, now: float) -> tuple[Approval, ...]:
    """Return the approvals that nobody decided in time."""
    return tuple(approval for approval in _pending(conversation) if approval.expires_at <= now)


def wake_at(conversation: Conversation) -> float | None:
    """Return when the lane has to look after its approvals again, or None."""
    return min((approval.expires_at for approval in _pending(conversation)), default=None)


def note(approval: Approval) -> RequestSettled:
    """Return the note that lets the agent tell the customer what became of a request."""
    return RequestSettled(
        request=approval.id,
        tool=approval.tool,
        arguments=approval.arguments,
        status=approval.status,
        edited_arguments=approval.edited_arguments,
        result=approval.result,
        reason=approval.reason,
    )


def _pending(conversation: Conversation) -> Sequence[Approval]:
    return [approval for approval in conversation.approvals if approval.status is ApprovalStatus.PENDING]


def _light(approval: Approval) -> Approval:
    """Drop the snapshot of what is settled: it is by far the largest part."""
    return replace(approval, snapshot="") if approval.snapshot and approval.status not in _UNSETTLED else approval


def _same(arguments: Mapping[str, Any]) -> str:
    """Return what makes two calls the same request: the model words a reason differently each time."""
    return json.dumps({name: value for name, value in arguments.items() if name != "reason"}, sort_keys=True)
