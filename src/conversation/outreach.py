"""Texts that we begin: a colleague's first one, words for later, and what the agent promised to come back about.

They wait in the conversation as follow-ups, so a restart loses none, and leave by the customer's own clock. Each is
carried out under a key with its time, like the expiry of a request.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from uuid import uuid4

from ..entries import Decision, Entry, FollowUpDue, Outreach, StaffMessage, Verdict, Waiting
from ..events import EventName
from ..identity.phone import proven_number
from ..model import Conversation, FollowUp, Tone
from ..persistence.values import Change
from . import approvals, outages, phrases, staff_actions
from .agent_turn import run_agent
from .base import RunTurn
from .bounds import Bound, allowance
from .change_draft import Draft
from .notes import TimeToComeBack

MAX_TRIES: Final = 3
"""Claims that may find one first in line."""
LATER_SECONDS: Final = 900.0
"""After this it is looked again whether the agent may write, where staff hold it or it wrote enough."""
TICKET: Final = "follow_up_ticket"
"""Key in the conversation's context: the ticket of follow-ups that the agent could not write."""
TITLE: Final = "The agent could not come back to the customer"


def due_entries(conversation: Conversation, now: float) -> list[Entry]:
    """Return what the clock has to say in a lane: requests that expired, follow-ups whose time has come."""
    expiries = [
        Entry(approvals.pending_key(one.id), Decision(one.id, Verdict.EXPIRE, actor="clock", decided_at=now))
        for one in approvals.expired(conversation, now)
    ]
    come = (one for one in conversation.follow_ups if one.at <= now)
    return expiries + [Entry(f"follow_up:{one.id}:{one.at:.0f}", FollowUpDue(one.id)) for one in come]


async def carry_out(run: RunTurn, draft: Draft, waiting: Waiting, body: Outreach | FollowUpDue) -> Change:
    """Write what a colleague begins, or what is due, unless its time is still to come."""
    key, channel = waiting.entry.key, draft.conversation.last_channel
    one = _begun(draft, body) if isinstance(body, Outreach) else _taken(draft, body.id)
    if one is None:
        return draft.change(consumed=[key])
    if waiting.tries > MAX_TRIES:
        draft.note(EventName.ENTRY_SET_ASIDE, channel, tone=Tone.ERROR, covers=[key])
        await outages.passed_on(draft, channel, [one.text], key=TICKET, title=TITLE)
        return draft.change(set_aside=[key])
    at = _writable_at(draft, one)
    if at > draft.now and isinstance(body, Outreach):
        draft.follow_up(replace(one, at=at))
    elif at > draft.now:
        draft.conversation = replace(
            draft.conversation, follow_ups=(*draft.conversation.follow_ups, replace(one, at=at))
        )
    elif one.actor:
        staff_actions.write(draft, StaffMessage(one.actor, one.text))
    else:
        await _come_back(run, draft, one, key)
    return draft.change(consumed=[key])


def _begun(draft: Draft, body: Outreach) -> FollowUp:
    """Note what a colleague begins, and that the customer agreed to it."""
    draft.reachable_by(body.route)
    if body.consent:
        draft.note_staff(EventName.CONTACT_BEGUN, body.actor, consent=body.consent, consented_at=body.consented_at)
    return FollowUp(f"flw_{uuid4().hex[:20]}", body.at, body.text, body.actor)


def _taken(draft: Draft, id: str) -> FollowUp | None:
    """Take a follow-up out of the conversation; None where it is there no more."""
    known = draft.conversation.follow_ups
    draft.conversation = replace(draft.conversation, follow_ups=tuple(one for one in known if one.id != id))
    return next((one for one in known if one.id == id), None)


def _writable_at(draft: Draft, one: FollowUp) -> float:
    """Return when a follow-up may leave: within the customer's hours, and the agent's while nothing keeps it back."""
    route = draft.text_route()
    number = proven_number(route.customer) if route else None
    at = draft.limits.contact.opens_after(number, max(one.at, draft.now))
    allowed = allowance(draft.conversation, draft.limits.bounds, now=draft.now)
    kept_back = not one.actor and (draft.conversation.paused or not allowed.texts)
    return max(at, draft.now + LATER_SECONDS) if kept_back else at


async def _come_back(run: RunTurn, draft: Draft, one: FollowUp, key: str) -> None:
    """Let the agent write what it promised; where it cannot, a colleague has a ticket, and the customer knows."""
    route = draft.text_route()
    if route is None:
        draft.note(EventName.FOLLOW_UP_UNSENT, draft.conversation.last_channel, tone=Tone.ERROR, text=one.text)
        return
    draft.spend(Bound.TEXTS, 1)
    note, otherwise = TimeToComeBack(one.text), phrases.TOO_MANY_STEPS
    answer = await run_agent(run, draft, route, [key], notes=[note], otherwise=otherwise, about=one.text)
    if answer == otherwise:
        await outages.passed_on(draft, route.channel, [one.text], key=TICKET, title=TITLE)
    draft.reply(route, answer)
