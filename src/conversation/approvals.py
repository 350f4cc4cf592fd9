"""The approval state machine: what may be decided, what follows, and what staff see of it. Pure.

docs/approvals.md draws it. The engine, the staff API and the desk ask here and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ..entries import Decision, Verdict, Waiting
from ..model import Approval, ApprovalStatus, Channel, Conversation, Route
from .base import EngineLimits, Execution, GatedCall, UnknownEffect
from .notes import RequestSettled

WAITING = "waiting for a colleague"
"""How the output of a call that waits begins."""
_REQUEST = re.compile(f"{WAITING}: request ([^ ]+) ")
CONFIRMED = "A colleague confirmed that it was done."
"""The result of an unknown call that staff settled; ``decided_by`` says who it was."""
SETTLED_KEPT = 10
"""Settled approvals that a conversation still carries; the store's index keeps all of them."""

_UNSETTLED = frozenset({ApprovalStatus.PENDING, ApprovalStatus.EXECUTING, ApprovalStatus.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Transition:
    """A verdict's step: the status it decides about, and the one it leads to.

    ``seen`` is the status that staff see while the decision waits in its lane, ``answer`` what its author is told.
    """

    before: ApprovalStatus
    after: ApprovalStatus
    seen: ApprovalStatus
    answer: str = ""


_PENDING, _UNKNOWN, _EXECUTING = ApprovalStatus.PENDING, ApprovalStatus.UNKNOWN, ApprovalStatus.EXECUTING

TRANSITIONS: Final[Mapping[Verdict, Transition]] = {
    Verdict.APPROVE: Transition(_PENDING, _EXECUTING, ApprovalStatus.APPROVED, "approved"),
    Verdict.FIRST: Transition(_PENDING, _PENDING, _PENDING, "pending"),
    Verdict.REJECT: Transition(_PENDING, ApprovalStatus.REJECTED, ApprovalStatus.REJECTED, "rejected"),
    Verdict.EXPIRE: Transition(_PENDING, ApprovalStatus.EXPIRED, ApprovalStatus.EXPIRED),
    Verdict.WITHDRAW: Transition(_PENDING, ApprovalStatus.WITHDRAWN, ApprovalStatus.WITHDRAWN),
    Verdict.DONE: Transition(_UNKNOWN, ApprovalStatus.EXECUTED, ApprovalStatus.EXECUTED, "done"),
    Verdict.RETRY: Transition(_UNKNOWN, _EXECUTING, _EXECUTING, "retry"),
}
"""Every decision. What follows from an execution is :func:`executed`, from one without an end :func:`given_up`."""


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
    wanted = tool, _same(arguments)
    waiting = [(one.id, one.tool, one.arguments) for one in approvals if one.status is _PENDING]
    waiting += [(call.approval_id, call.tool, call.arguments) for call in gated]
    return next((id for id, name, asked in waiting if (name, _same(asked)) == wanted), None)


def requested(
    call: GatedCall, conversation: Conversation, *, said: str, channel: Channel, now: float, limits: EngineLimits
) -> Approval:
    """Return the approval of a new call that waits, to be decided in time and, where it is large, by two."""
    return Approval(
        id=call.approval_id,
        subject=conversation.subject,
        call_id=call.call_id,
        tool=call.tool,
        arguments=call.arguments,
        customer_text=said,
        channel=channel,
        requested_at=now,
        expires_at=now + limits.approval_timeout,
        second_above=limits.second_above,
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


def is_open(approval: Approval) -> bool:
    """Return whether somebody may still decide something about an approval."""
    return any(approval.status is transition.before for transition in TRANSITIONS.values())


def decidable(approval: Approval, verdict: Verdict) -> bool:
    """Return whether an approval is what a verdict decides about."""
    return approval.status is TRANSITIONS[verdict].before


def decision_key(approval: Approval, verdict: Verdict) -> str:
    """Return the key of the entry that decides an open approval; the first entry with it counts.

    A call that is unknown again after a retry is another question, so its version is part of the key; and so it is of
    a first approval, which a colleague who changes the call may give anew.
    """
    if verdict is Verdict.FIRST:
        return f"consent:{approval.id}:{approval.version}"
    if approval.status is ApprovalStatus.UNKNOWN:
        return f"resolve:{approval.id}:{approval.version}"
    return pending_key(approval.id)


def pending_key(approval_id: str) -> str:
    """Return the key of the entry that decides a request that waits."""
    return f"decision:{approval_id}"


def decided(approval: Approval, decision: Decision) -> Approval:
    """Return an approval after a decision that applies to it."""
    if decision.verdict is Verdict.FIRST:
        return replace(
            approval,
            version=approval.version + 1,
            first_by=decision.actor,
            first_at=decision.decided_at,
            note=decision.note,
            edited_arguments=decision.arguments,
            final_message=decision.final_message,
        )
    again = decision.verdict in (Verdict.RETRY, Verdict.DONE)
    consents = decision.verdict is Verdict.APPROVE  # of the first, it knows who approved this very call
    return replace(
        approval,
        status=TRANSITIONS[decision.verdict].after,
        version=approval.version + 1,
        retries=approval.retries + (decision.verdict is Verdict.RETRY),
        first_by=decision.first_by if consents else approval.first_by,
        first_at=decision.first_at if consents else approval.first_at,
        decided_by=decision.actor,
        decided_at=decision.decided_at,
        reason=decision.reason,
        note=decision.note,
        edited_arguments=approval.edited_arguments if again else decision.arguments,
        final_message=approval.final_message if again else decision.final_message,
        result=CONFIRMED if decision.verdict is Verdict.DONE else approval.result,
    )


def route_of(approval: Approval, conversation: Conversation) -> Route | None:
    """Return the route that a call is carried out over: an account goes with a number, so the one it was asked on."""
    return conversation.routes.get(approval.channel) or conversation.routes.get(conversation.last_channel)


def executed(approval: Approval, execution: Execution) -> Approval:
    """Return an approval after its call was run. What is settled for good needs its snapshot no more."""
    return replace(
        approval,
        status=execution.status,
        version=approval.version + 1,
        result=execution.output,
        snapshot=approval.snapshot if execution.status is ApprovalStatus.UNKNOWN else "",
    )


def given_up(approval: Approval) -> Approval:
    """Return an approval whose decision could not be carried to its end; what may have happened is for staff."""
    begun = approval.status is ApprovalStatus.EXECUTING
    return replace(approval, status=ApprovalStatus.UNKNOWN, version=approval.version + 1) if begun else approval


# --- as staff see it ------------------------------------------------------------------------------------------


def foreseen(approval: Approval, decision: Decision) -> Approval:
    """Return an open approval as it is once a durable decision is carried into its record."""
    return replace(decided(approval, decision), status=TRANSITIONS[decision.verdict].seen)


def as_seen(approval: Approval, waiting: Iterable[Waiting]) -> Approval:
    """Return an approval with the decisions about it that are among its lane's waiting entries."""
    for one in waiting:
        body = one.entry.body
        if not isinstance(body, Decision) or body.approval_id != approval.id or not decidable(approval, body.verdict):
            continue
        if one.entry.key == decision_key(approval, body.verdict):
            approval = foreseen(approval, body)
    return approval


def recorded_as(seen: ApprovalStatus) -> tuple[ApprovalStatus, ...]:
    """Return the statuses that approvals seen under one may have in their records: those decided lately come first."""
    before = [transition.before for transition in TRANSITIONS.values() if transition.seen is seen]
    return tuple(dict.fromkeys((*before, seen)))


def approvals_needed(second_above: int | None, arguments: Mapping[str, Any]) -> int:
    """Return how many colleagues have to approve a call: two above a limit in cents, also where no amount can be read.

    What it is about is the argument ``amount``, in dollars; a call without one takes a single colleague. The limit is
    kept by each request from when it was asked, so that every replica judges it alike.
    """
    if second_above is None or "amount" not in arguments:
        return 1
    try:
        amount = Decimal(str(arguments["amount"]))
    except InvalidOperation:
        return 2
    return 1 if amount.is_finite() and abs(amount) * 100 <= second_above else 2


def call_of(approval: Approval) -> Mapping[str, Any]:
    """Return the arguments that a call is carried out with."""
    return approval.arguments if approval.edited_arguments is None else approval.edited_arguments


def consent(approval: Approval, decision: Decision) -> Decision | None:
    """Return what a colleague's approval of a call is: the first of two, or all that it takes, with the first one's.

    None when it adds nothing: they approved just that before. A colleague who changes the call approves another one.
    """
    arguments = approval.arguments if decision.arguments is None else decision.arguments
    if approvals_needed(approval.second_above, arguments) == 1:
        return decision
    if approval.first_by is None or in_one_spelling(arguments) != in_one_spelling(call_of(approval)):
        return replace(decision, verdict=Verdict.FIRST)
    if approval.first_by == decision.actor:
        return None
    message = decision.final_message or approval.final_message
    return replace(decision, final_message=message, first_by=approval.first_by, first_at=approval.first_at)


def in_one_spelling(arguments: Mapping[str, Any]) -> str:
    """Return arguments as text, alike for those that are alike: to Python, 1 and 1.0 and True are the same."""
    return json.dumps(dict(arguments), sort_keys=True)


# --- the approvals of a conversation --------------------------------------------------------------------------


def decided_by(decision: Decision, conversation: Conversation) -> Approval | None:
    """Return the approval that a decision is about, None where it means nothing any more.

    One that is being carried out is still carried out.
    """
    approval = next((one for one in conversation.approvals if one.id == decision.approval_id), None)
    if approval is None or decidable(approval, decision.verdict):
        return approval
    carried_out = TRANSITIONS[decision.verdict].after is ApprovalStatus.EXECUTING
    return approval if carried_out and approval.status is ApprovalStatus.EXECUTING else None


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
    pending = (one for one in conversation.approvals if one.status is ApprovalStatus.PENDING)
    return tuple(one for one in pending if one.expires_at <= now)


def note(approval: Approval) -> RequestSettled:
    """Return the note that lets the agent tell the customer what became of a request; colleagues' notes stay out."""
    return RequestSettled(
        request=approval.id,
        tool=approval.tool,
        arguments=approval.arguments,
        status=approval.status,
        edited_arguments=approval.edited_arguments,
        result=approval.result,
        reason=approval.reason if approval.status is ApprovalStatus.REJECTED else None,
    )


def _light(approval: Approval) -> Approval:
    """Drop the snapshot of what is settled: it is by far the largest part."""
    return replace(approval, snapshot="") if approval.snapshot and approval.status not in _UNSETTLED else approval


def _same(arguments: Mapping[str, Any]) -> str:
    """Return what makes two calls the same request: the model words a reason differently each time."""
    return in_one_spelling({name: value for name, value in arguments.items() if name != "reason"})
