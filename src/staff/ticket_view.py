"""A ticket as staff and partner systems see it. Pure."""

from __future__ import annotations

from typing import Any

from ..model import Ticket
from .times import written


def ticket_as_json(ticket: Ticket) -> dict[str, Any]:
    """Return what is shown of a ticket."""
    return {
        "id": ticket.id,
        "subjectId": ticket.subject,
        "externalId": ticket.external_id,
        "subject": ticket.title,
        "description": ticket.description,
        "priority": ticket.priority.value,
        "status": ticket.status.value,
        "escalation": ticket.escalation,
        "createdAt": written(ticket.created_at),
        "respondBy": written(ticket.respond_by),
        "history": [
            {"at": written(step.at), "what": step.what, "by": step.by, "text": step.text} for step in ticket.history
        ],
    }
