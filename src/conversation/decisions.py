"""Carries out decisions of staff, clock and customer about calls that wait."""

from __future__ import annotations

from ..entries import Decision, Verdict, Waiting
from ..events import EventName
from ..model import Approval, ApprovalStatus, Route, Tone
from ..persistence.values import Change
from . import approvals, phrases, ticket_work
from .agent_turn import run_agent
from .base import AgentRunner
from .change_draft import Draft, approval_event
from .notes import note_item
from .ticket_history import REPLY_TO_TICKET

MAX_TRIES = 6
"""Claims that may find a decision first in line. It takes two commits: one to say that it is carried out, one for the
outcome."""


async def decide(runner: AgentRunner, draft: Draft, waiting: Waiting, decision: Decision) -> Change:
    """Carry out a decision as far as one commit goes, and tell the customer once it is settled."""
    key = waiting.entry.key
    conversation = draft.conversation
    approval = approvals.find(conversation, decision.approval_id)
    if approval is None or not approvals.applies(decision, approval):
        draft.note(EventName.DECISION_IGNORED, conversation.last_channel, covers=[key])
        return draft.change(consumed=[key])
    given_up = waiting.tries > MAX_TRIES
    if approval.status is not ApprovalStatus.EXECUTING:
        approval = approvals.decided(approval, decision)
        name = EventName.APPROVAL_EXPIRED if decision.verdict is Verdict.EXPIRE else EventName.APPROVAL_DECIDED
        draft.events.append(approval_event(name, approval, decision))
        if approval.status is ApprovalStatus.EXECUTING and not given_up:
            # Committed first, so that everybody sees that it is being carried out; the entry stays.
            draft.conversation = approvals.put(conversation, approval)
            return draft.change()
    route = conversation.routes[conversation.last_channel]
    if given_up:
        return await _give_up(draft, key, approval, route)
    if approval.status is ApprovalStatus.EXECUTING:
        approval = await _execute(runner, draft, approval, approvals.route_of(approval, conversation) or route)
    draft.conversation = approvals.put(draft.conversation, approval)
    if approval.tool == REPLY_TO_TICKET:
        await ticket_work.decided(draft, approval)
    elif decision.verdict is not Verdict.WITHDRAW:  # the customer knows: the tool said so in their turn
        await _tell(runner, draft, approval, route, key)
    return draft.change(consumed=[key])


async def _execute(runner: AgentRunner, draft: Draft, approval: Approval, route: Route) -> Approval:
    execution = await runner.execute(approval, draft.conversation, route, now=draft.now)
    approval = approvals.executed(approval, execution)
    draft.events.append(approval_event(EventName(f"approval_{approval.status.value}"), approval))
    draft.grant(execution.requested)
    return approval


async def _tell(runner: AgentRunner, draft: Draft, approval: Approval, route: Route, key: str) -> None:
    note = approvals.note(approval)
    # Staff wrote it for the outcome that they wanted; for another one it would be a false promise.
    fits = approval.status in (ApprovalStatus.EXECUTED, ApprovalStatus.REJECTED)
    answer = approval.final_message if fits else None
    if answer is None and draft.conversation.paused:
        answer = phrases.outcome(approval.status, approvals.reason_told(approval))
    if answer is not None:
        items = (note_item(note), {"role": "assistant", "content": answer})
        draft.remember(route, draft.conversation.turns_taken + 1, items)
    else:
        otherwise = phrases.outcome(approval.status, approvals.reason_told(approval))
        answer = await run_agent(runner, draft, route, [key], notes=[note], otherwise=otherwise)
    draft.reply(route, answer)


async def _give_up(draft: Draft, key: str, approval: Approval, route: Route) -> Change:
    """End a decision that never let its turn end; one that may have been carried out is for staff to settle."""
    approval = approvals.given_up(approval)
    draft.conversation = approvals.put(draft.conversation, approval)
    draft.note(EventName.ENTRY_SET_ASIDE, route.channel, tone=Tone.ERROR, covers=[key])
    if approval.tool == REPLY_TO_TICKET:
        await ticket_work.decided(draft, approval)
    else:
        draft.reply(route, phrases.outcome(approval.status, approvals.reason_told(approval)))
    return draft.change(set_aside=[key])
