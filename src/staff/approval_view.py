"""An approval as staff see it, with what is decided and not yet carried out. Pure; no snapshot leaves here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..conversation.approvals import applies, decided
from ..entries import Decision, Verdict, Waiting
from ..model import Approval, ApprovalStatus


def decision_key(approval: Approval) -> str:
    """Return the key of the entry that decides an open approval; the first entry with it counts.

    A call that is unknown again after a retry is another question, so its version is part of the key.
    """
    if approval.status is ApprovalStatus.UNKNOWN:
        return f"resolve:{approval.id}:{approval.version}"
    return f"decision:{approval.id}"


def is_open(approval: Approval) -> bool:
    """Tell whether staff may still say something about an approval."""
    return approval.status in (ApprovalStatus.PENDING, ApprovalStatus.UNKNOWN)


def foreseen(approval: Approval, decision: Decision) -> Approval:
    """Return an open approval as it is once a durable decision is carried into its record."""
    after = decided(approval, decision)
    return replace(after, status=ApprovalStatus.APPROVED) if decision.verdict is Verdict.APPROVE else after


def as_seen(approval: Approval, waiting: Iterable[Waiting]) -> Approval:
    """Return an approval with the decision about it that is among its lane's waiting entries, if there is one."""
    if not is_open(approval):
        return approval
    key = decision_key(approval)
    for one in waiting:
        body = one.entry.body
        if one.entry.key == key and isinstance(body, Decision) and applies(body, approval):
            return foreseen(approval, body)
    return approval
