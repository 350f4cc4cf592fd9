"""Events: their names, and the message that listeners get; docs/events.md explains each name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .model import SubjectId, TimelineEvent


class EventName(StrEnum):
    """Names of events. A listener compares ``happened.event.name`` with these."""

    # the conversation
    CONVERSATION_START = "conversation_start"
    CONVERSATION_END = "conversation_end"
    TURN = "turn"
    TOOL = "tool"
    HANDOFF = "handoff"
    HEARD = "heard"
    HUNG_UP = "hung_up"
    OPTION_REFUSED = "option_refused"
    CALL_ENDED = "call_ended"
    RATED = "rated"
    ESCALATION = "escalation"
    TICKET_CREATED = "ticket_created"
    # calls that wait for people
    APPROVAL_REQUESTED = "approval_requested"
    APPROVAL_FIRST = "approval_first"
    APPROVAL_DECIDED = "approval_decided"
    APPROVAL_EXPIRED = "approval_expired"
    APPROVAL_EXECUTED = "approval_executed"
    APPROVAL_FAILED = "approval_failed"
    APPROVAL_UNKNOWN = "approval_unknown"
    APPROVAL_VOID = "approval_void"
    EFFECT_UNKNOWN = "effect_unknown"
    DECISION_IGNORED = "decision_ignored"
    # what staff do
    STAFF_MESSAGE = "staff_message"
    STAFF_MESSAGE_UNSENT = "staff_message_unsent"
    STAFF_SAID = "staff_said"
    CONTACT_BEGUN = "contact_begun"
    FOLLOW_UP_PLANNED = "follow_up_planned"
    FOLLOW_UP_UNSENT = "follow_up_unsent"
    STAFF_WHISPER = "staff_whisper"
    STAFF_NOTE = "staff_note"
    ASSIGNED = "assigned"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    SNOOZED = "snoozed"
    AGENT_PAUSED = "agent_paused"
    AGENT_RESUMED = "agent_resumed"
    KEPT_WHILE_PAUSED = "kept_while_paused"
    CONTACT_REVEALED = "contact_revealed"
    EXPORTED = "exported"
    TICKET_OPENED = "ticket_opened"
    TICKET_IGNORED = "ticket_ignored"
    TICKET_UNANSWERED = "ticket_unanswered"
    TICKET_REPLIED = "ticket_replied"
    TICKET_PRIORITY_RAISED = "ticket_priority_raised"
    TICKET_CLOSED = "ticket_closed"
    CALLED_BACK = "called_back"
    # texts that are no question, and guardrails
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    TEXT_AFTER_OPT_OUT = "text_after_opt_out"
    HELP_ANSWERED_BY_PROVIDER = "help_answered_by_provider"
    OWN_MESSAGE = "own_message"
    RATE_LIMITED = "rate_limited"
    LOOP_STOPPED = "loop_stopped"
    LIMIT_REACHED = "limit_reached"
    NOTICE = "notice"
    FILES_KEPT = "files_kept"
    SENDER_UNREACHABLE = "sender_unreachable"
    TEXT_FROM_ANOTHER = "text_from_another"
    MASKED = "masked"
    LANGUAGE = "language"
    # replies
    REPLY_WITHHELD = "reply_withheld"
    REPLY_SENT_AGAIN = "reply_sent_again"
    REPLY_FAILED = "reply_failed"
    REPLY_BLOCKED = "reply_blocked"
    REPLY_UNDELIVERED = "reply_undelivered"
    SENT_ANOTHER_WAY = "sent_another_way"
    # records
    ENTRY_SET_ASIDE = "entry_set_aside"
    RECORD_SET_ASIDE = "record_set_aside"
    JOINED = "joined"
    MOVED = "moved"
    # told to listeners, and no row of a timeline
    CALL_ARRIVED = "call_arrived"
    CALL_DEPARTED = "call_departed"
    REPLY_STATUS = "reply_status"


NOT_STORED: Final = frozenset({EventName.CALL_ARRIVED, EventName.CALL_DEPARTED, EventName.REPLY_STATUS})
"""Events that only listeners are told of."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of one subject, as listeners get it.

    ``seconds`` is how long its commit took, from taking up the entries to the store's answer; 0 outside a commit.
    """

    subject: SubjectId
    event: TimelineEvent
    seconds: float = 0.0
