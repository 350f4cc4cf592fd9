"""An approval as the JSON that staff are sent. Pure; no snapshot leaves here."""

from __future__ import annotations

from typing import Any

from ..model import Approval
from .times import written


def as_json(approval: Approval) -> dict[str, Any]:
    """Return what staff are shown. ``arguments`` are the agent's, ``editedArguments`` those that staff put instead."""
    return {
        "id": approval.id,
        "subjectId": approval.subject,
        "toolCallId": approval.call_id,
        "tool": approval.tool,
        "arguments": dict(approval.arguments),
        "customerText": approval.customer_text,
        "channel": approval.channel.value,
        "status": approval.status.value,
        "version": approval.version,
        "requestedAt": written(approval.requested_at),
        "expiresAt": written(approval.expires_at),
        "decidedBy": approval.decided_by,
        "decidedAt": None if approval.decided_at is None else written(approval.decided_at),
        "reason": approval.reason,
        "note": approval.note,
        "editedArguments": None if approval.edited_arguments is None else dict(approval.edited_arguments),
        "finalMessage": approval.final_message,
        "result": approval.result,
    }
