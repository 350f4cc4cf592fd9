"""Tells the timeline what happened: one function per kind of event. Pure, but for the log line that ends a turn."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from ..entries import Decision, Verdict
from ..model import Approval, ApprovalStatus, Channel, Source, TimelineEvent, Tone
from ..telemetry.logs import subject_label
from .base import Requested, TurnRequest, TurnResult

log = structlog.get_logger(__name__)

_BY = {Verdict.EXPIRE: Source.SYSTEM, Verdict.WITHDRAW: Source.CUSTOMER}
_TONES = {
    ApprovalStatus.EXECUTED: Tone.SUCCESS,
    ApprovalStatus.PENDING: Tone.WARNING,
    ApprovalStatus.FAILED: Tone.ERROR,
    ApprovalStatus.UNKNOWN: Tone.ERROR,
    ApprovalStatus.VOID: Tone.ERROR,
}


def entry_event(name: str, channel: Channel, covers: Sequence[str], *, tone: Tone = Tone.INFO) -> TimelineEvent:
    """Return the row for entries that no agent ran for."""
    return TimelineEvent(name=name, source=Source.SYSTEM, tone=tone, channel=channel, data={"covers": list(covers)})


def turn_events(request: TurnRequest, result: TurnResult, covers: Sequence[str]) -> list[TimelineEvent]:
    """Return the rows of a turn: one per tool that ran, and one for the turn."""
    channel, number = request.channel, request.number
    events = [
        TimelineEvent(
            name="tool",
            source=Source.AGENT,
            tone=Tone.ERROR if use.failed else Tone.SUCCESS,
            channel=channel,
            turn=number,
            data={"tool": use.name, "call_id": use.call_id, "arguments": dict(use.arguments), "result": use.output},
        )
        for use in result.tools
    ]
    code = result.error.code if result.error else None
    data = {
        "covers": list(covers),
        "seconds": round(result.seconds, 3),
        "model_seconds": round(result.model_seconds, 5),
        "tool_seconds": round(result.tool_seconds, 5),
        "first_words_seconds": None if result.first_words_seconds is None else round(result.first_words_seconds, 3),
        "interrupted": result.interrupted,
        "input_tokens": result.input_tokens,
        "output_tokens": result.output_tokens,
        "error": code,
    }
    tone = Tone.ERROR if result.error else Tone.INFO
    events.append(TimelineEvent("turn", Source.AGENT, tone=tone, channel=channel, turn=number, data=data))
    log.info(
        "turn_ended",
        subject=subject_label(request.conversation.subject),
        channel=channel.value,
        turn=number,
        seconds=round(result.seconds, 3),
        tools=len(result.tools),
        error=code,
    )
    return events


def approval_event(name: str, approval: Approval, decision: Decision | None = None) -> TimelineEvent:
    """Return the row for a step in an approval's life. Staff acts carry who did it, and both versions of an edit."""
    source = _BY.get(decision.verdict, Source.STAFF) if decision else Source.SYSTEM
    data: dict[str, object] = {
        "approval": approval.id,
        "tool": approval.tool,
        "arguments": dict(approval.arguments),
        "status": approval.status.value,
    }
    if decision is not None:
        data |= {"verdict": decision.verdict.value, "actor": decision.actor}
        data |= {"reason": decision.reason, "note": decision.note}
    if approval.edited_arguments is not None:
        data["edited_arguments"] = dict(approval.edited_arguments)
    if approval.result is not None:
        data["result"] = approval.result
    tone = _TONES.get(approval.status, Tone.INFO)
    return TimelineEvent(name=name, source=source, tone=tone, channel=approval.channel, data=data)


def requested_events(requested: Requested, new: Sequence[Approval], channel: Channel, turn: int) -> list[TimelineEvent]:
    """Return the rows for what a turn asked of people: approvals, tickets, an escalation."""
    events = [
        approval_event(
            "approval_requested" if approval.status is ApprovalStatus.PENDING else "effect_unknown", approval
        )
        for approval in new
    ]
    for ticket in requested.tickets:
        data = {"ticket": ticket.id, "priority": ticket.priority.value, "title": ticket.title}
        name = "escalation" if ticket.escalation else "ticket_created"
        events.append(TimelineEvent(name, Source.AGENT, tone=Tone.WARNING, channel=channel, turn=turn, data=data))
    return events
