"""Types of events that another system is told of, and what it is told of each; docs/events.md has the table. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

from ..events import EventName
from ..model import SubjectId, TimelineEvent
from ..persistence.announcements import Announcement
from .aliases import Aliases
from .answers import written


class EventKind(StrEnum):
    """Kinds of events that ``EVENTS_WEBHOOK_KINDS`` chooses from; the first word of each type."""

    CONVERSATION = "conversation"
    TURN = "turn"
    APPROVAL = "approval"
    TICKET = "ticket"
    DELIVERY = "delivery"
    OPT_OUT = "opt_out"
    CALL = "call"


TYPES: Final[Mapping[str, str]] = {
    EventName.CONVERSATION_START: "conversation.started",
    EventName.CONVERSATION_END: "conversation.ended",
    EventName.ASSIGNED: "conversation.assigned",
    EventName.STAFF_MESSAGE: "conversation.staff_wrote",
    EventName.CONTACT_BEGUN: "conversation.contact_begun",
    EventName.FOLLOW_UP_PLANNED: "conversation.follow_up_planned",
    EventName.FOLLOW_UP_UNSENT: "conversation.follow_up_unsent",
    EventName.AGENT_PAUSED: "conversation.paused",
    EventName.AGENT_RESUMED: "conversation.resumed",
    EventName.RESOLVED: "conversation.resolved",
    EventName.REOPENED: "conversation.reopened",
    EventName.SNOOZED: "conversation.snoozed",
    EventName.RATED: "conversation.rated",
    EventName.JOINED: "conversation.joined",
    EventName.MOVED: "conversation.moved",
    EventName.TURN: "turn.ended",
    EventName.TOOL: "turn.tool_ran",
    EventName.APPROVAL_REQUESTED: "approval.requested",
    EventName.APPROVAL_FIRST: "approval.approved_once",
    EventName.APPROVAL_DECIDED: "approval.decided",
    EventName.APPROVAL_EXPIRED: "approval.expired",
    EventName.APPROVAL_EXECUTED: "approval.executed",
    EventName.APPROVAL_FAILED: "approval.failed",
    EventName.APPROVAL_UNKNOWN: "approval.unknown",
    EventName.APPROVAL_VOID: "approval.void",
    EventName.EFFECT_UNKNOWN: "approval.effect_unknown",
    EventName.ESCALATION: "ticket.escalated",
    EventName.TICKET_CREATED: "ticket.created",
    EventName.TICKET_OPENED: "ticket.opened",
    EventName.TICKET_REPLIED: "ticket.replied",
    EventName.TICKET_UNANSWERED: "ticket.unanswered",
    EventName.TICKET_PRIORITY_RAISED: "ticket.priority_raised",
    EventName.TICKET_CLOSED: "ticket.closed",
    EventName.CALLED_BACK: "ticket.called_back",
    EventName.REPLY_STATUS: "delivery.status",
    EventName.REPLY_FAILED: "delivery.failed",
    EventName.REPLY_BLOCKED: "delivery.blocked",
    EventName.REPLY_UNDELIVERED: "delivery.undelivered",
    EventName.REPLY_WITHHELD: "delivery.withheld",
    EventName.REPLY_SENT_AGAIN: "delivery.sent_again",
    EventName.SENT_ANOTHER_WAY: "delivery.sent_another_way",
    EventName.OPTED_OUT: "opt_out.given",
    EventName.OPTED_IN: "opt_out.lifted",
    EventName.CALL_ENDED: "call.ended",
    EventName.HUNG_UP: "call.hung_up",
    EventName.OPTION_REFUSED: "call.option_refused",
}
"""What is told, by the name of the row."""
KEPT: Final = frozenset(
    {
        EventName.HANDOFF, EventName.HEARD, EventName.DECISION_IGNORED, EventName.STAFF_MESSAGE_UNSENT,
        EventName.STAFF_SAID, EventName.STAFF_WHISPER, EventName.STAFF_NOTE, EventName.KEPT_WHILE_PAUSED,
        EventName.CONTACT_REVEALED, EventName.EXPORTED, EventName.TICKET_IGNORED, EventName.TEXT_AFTER_OPT_OUT,
        EventName.HELP_ANSWERED_BY_PROVIDER, EventName.OWN_MESSAGE, EventName.RATE_LIMITED, EventName.LOOP_STOPPED,
        EventName.LIMIT_REACHED, EventName.NOTICE, EventName.FILES_KEPT, EventName.SENDER_UNREACHABLE,
        EventName.TEXT_FROM_ANOTHER, EventName.MASKED, EventName.LANGUAGE, EventName.ENTRY_SET_ASIDE,
        EventName.RECORD_SET_ASIDE, EventName.CALL_ARRIVED, EventName.CALL_DEPARTED,
    }
)  # fmt: skip
"""Names that no other system is told of: they matter at the desk. Every name is here or in ``TYPES``."""
IMPERSONAL: Final = frozenset(
    {
        "actor", "approval", "at", "bound", "call", "call_id", "cause", "code", "consented_at", "covers", "error",
        "first_words_seconds", "input_tokens", "interrupted", "kinds", "model_seconds", "option", "output_tokens",
        "priority", "reply", "score", "seconds", "status", "ticket", "to", "tool", "tool_seconds", "turns", "until",
        "verdict", "waited_seconds",
    }
)  # fmt: skip
"""Data that hold neither words of people nor numbers of customers."""
_NUMBER: Final = re.compile(r"phone_\d*(\d{4})", re.ASCII)


class EventTypes:
    """Chooses what is told. ``kinds``: of which kinds, all when empty; ``personal``: with words and numbers."""

    def __init__(self, kinds: Iterable[EventKind] = (), *, personal: bool = False) -> None:
        chosen = frozenset(kinds) or frozenset(EventKind)
        self._types = {name: type for name, type in TYPES.items() if type.partition(".")[0] in chosen}
        self._personal = personal

    def announced(self, event: TimelineEvent) -> TimelineEvent | None:
        """Return an event as it is told, None when it is not."""
        if event.name not in self._types:
            return None
        if self._personal:
            return event
        data = {key: value for key, value in event.data.items() if key in IMPERSONAL}
        if event.data.get("unknown"):  # a model made the name up, of whatever words
            data["tool"] = "unknown"
        return replace(event, data=data)

    def payload(self, one: Announcement, aliases: Aliases) -> dict[str, Any]:
        """Return what is posted: type, time and data, as Standard Webhooks recommends."""
        event, number = one.event, _NUMBER.fullmatch(one.subject)
        data: dict[str, Any] = {
            "customer": aliases.of(one.subject),
            "contact": f"…{number[1]}" if number else None,
            "source": event.source.value,
            "channel": event.channel.value if event.channel else None,
            "turn": event.turn,
            "details": dict(event.data),
        }
        if self._personal:
            data["subjectId"] = SubjectId(one.subject)
        return {"type": TYPES[event.name], "timestamp": written(event.at), "data": data}
