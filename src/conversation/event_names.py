"""The names of everything that a timeline tells, and that listeners are told; docs/events.md explains each."""

from __future__ import annotations

from enum import StrEnum


class EventName(StrEnum):
    """What happened. A listener compares ``happened.event.name`` with these."""

    # the conversation
    CONVERSATION_START = "conversation_start"
    CONVERSATION_END = "conversation_end"
    TURN = "turn"
    TOOL = "tool"
    HEARD = "heard"
    HUNG_UP = "hung_up"
    ESCALATION = "escalation"
    TICKET_CREATED = "ticket_created"
    # calls that wait for people
    APPROVAL_REQUESTED = "approval_requested"
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
    AGENT_PAUSED = "agent_paused"
    AGENT_RESUMED = "agent_resumed"
    KEPT_WHILE_PAUSED = "kept_while_paused"
    CONTACT_REVEALED = "contact_revealed"
    TICKET_OPENED = "ticket_opened"
    TICKET_IGNORED = "ticket_ignored"
    TICKET_UNANSWERED = "ticket_unanswered"
    TICKET_REPLIED = "ticket_replied"
    TICKET_PRIORITY_RAISED = "ticket_priority_raised"
    TICKET_CLOSED = "ticket_closed"
    # texts that are no question, and guardrails
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    TEXT_AFTER_OPT_OUT = "text_after_opt_out"
    HELP_ANSWERED_BY_PROVIDER = "help_answered_by_provider"
    OWN_MESSAGE = "own_message"
    RATE_LIMITED = "rate_limited"
    LOOP_STOPPED = "loop_stopped"
    NOTICE = "notice"
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
