"""Makes one turn: waiting entries and a conversation in, the change to commit out. No lease; of the store, tickets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import structlog

from ..entries import (
    CallEnded,
    Decision,
    FollowUpDue,
    Heard,
    OptionRefused,
    Outreach,
    PersonWanted,
    SpokenPrompt,
    StaffAct,
    TextFromAnother,
    TextReceived,
    Undelivered,
    Verdict,
    Waiting,
)
from ..events import EventName
from ..model import Approval, ApprovalStatus, Conversation, Item, Route, Tone
from ..persistence.values import Change
from ..telemetry.logs import subject_label
from . import agent_pause, approvals, outages, outreach, phrases, rating, spoken_turn, staff_actions, ticket_work
from .agent_turn import run_agent
from .base import AgentRunner, EngineLimits, FetchPictures, RunTurn, Steering
from .change_draft import Draft, FindTicket, approval_event
from .delivery import CALL_ENDED, OPTED_OUT
from .notes import RequestSettled, note_item, read_note
from .plain_speech import as_written
from .reply_composer import ReplyComposer
from .text_screening import is_goodbye, opt, screen, without_codes
from .ticket_history import REPLY_TO_TICKET

log = structlog.get_logger(__name__)

MAX_TRIES = 3
"""Claims that may find a text first in line; then it is set aside, so that no entry blocks its lane."""
WINDOW_CLOSED = 63016
"""Twilio's code: WhatsApp's 24 hours after the customer's last message are over."""
UNTOLD_TICKET: Final = "untold_ticket"
"""Key in the conversation's context: the ticket of outcomes that did not reach the customer, who was promised them."""
UNTOLD: Final = "The customer could not be told what became of their request"


class TurnMaker:
    """Turns entries into changes with the help of the agent; callers may have been answered early."""

    def __init__(
        self,
        runner: AgentRunner,
        answer_caller: RunTurn,
        composer: ReplyComposer,
        limits: EngineLimits,
        *,
        find_ticket: FindTicket,
        pictures: FetchPictures | None,
    ) -> None:
        self._runner = runner
        self._answer_caller = answer_caller
        self._composer = composer
        self._limits = limits
        self._find_ticket = find_ticket
        self._pictures = pictures

    async def make(
        self, conversation: Conversation, batch: Sequence[Waiting], *, now: float, steering: Steering
    ) -> Change:
        """Run what one turn covers and return what to commit. ``now`` is the store's clock at the claim.

        ``batch`` is texts over one route, what a caller said in one call, or one entry of another kind; in front of it
        stands what was heard of earlier answers, or that alone.
        """
        draft = Draft(conversation, now, self._limits, self._composer, self._find_ticket)
        tries = max(waiting.tries for waiting in batch)  # counted for the first in line, which may be such a fact
        batch = _apply_facts(draft, batch)
        if not batch:
            return draft.change()
        first = replace(batch[0], tries=tries)
        body = first.entry.body
        if isinstance(body, Decision):
            return await decide(self._runner, draft, first, body)
        if isinstance(body, Undelivered):
            return await self._undelivered(draft, first.entry.key, body)
        if isinstance(body, TextFromAnother):
            draft.note(EventName.TEXT_FROM_ANOTHER, body.route.channel)
            draft.reply(body.route, body.text)
            return draft.change(consumed=[first.entry.key])
        if isinstance(body, PersonWanted):
            return spoken_turn.want_person(draft, first.entry.key, body)
        if isinstance(body, CallEnded):
            return spoken_turn.end_call(draft, first.entry.key, body)
        if isinstance(body, OptionRefused):
            draft.note(EventName.OPTION_REFUSED, body.route.channel, tone=Tone.ERROR, code=body.code, option=body.name)
            return draft.change(consumed=[first.entry.key])
        if isinstance(body, Outreach | FollowUpDue):
            return await outreach.carry_out(self._runner.run, draft, first, body)
        if isinstance(body, StaffAct):
            return await staff_actions.act(self._runner.run, draft, first, body)
        if first.tries > MAX_TRIES and isinstance(body, SpokenPrompt | TextReceived):
            return self._set_aside(draft, first, body.route)
        if isinstance(body, SpokenPrompt):
            return await spoken_turn.answer(self._answer_caller, draft, batch, steering)
        texts = [(one, one.entry.body) for one in batch if isinstance(one.entry.body, TextReceived)]
        return await self._texts(draft, texts, steering)

    async def _texts(self, draft: Draft, batch: Sequence[tuple[Waiting, TextReceived]], steering: Steering) -> Change:
        route = batch[-1][1].route
        channel = route.channel
        covers = [waiting.entry.key for waiting, _ in batch]
        if not route.customer.reachable:
            return self._record(draft, batch, covers)
        routes = {**draft.conversation.routes, channel: route}
        conversation = replace(draft.conversation, routes=routes, last_channel=channel)
        screened = screen(conversation, [(waiting.accepted_at, body) for waiting, body in batch], self._limits)
        draft.conversation = screened.conversation
        for happened in dict.fromkeys(screened.happened):
            draft.note(happened, channel, tone=Tone.WARNING, covers=covers)
        kinds = [kind for _, body in batch for kind in body.masked]
        texts = without_codes(conversation, screened.texts)
        kinds += ["security code"] * (texts != screened.texts)
        if kinds:
            draft.note(EventName.MASKED, channel, tone=Tone.WARNING, direction="incoming", kinds=kinds)
        if screened.blocked:
            draft.blocked.append(channel)
        if screened.confirmations:
            told = [draft.composer.translations.say(one, screened.language).text for one in screened.confirmations]
            draft.reply(route, *told, opted_out_too=True)
        if screened.notices:
            draft.reply(route, *screened.notices)
        if screened.kept:
            said: list[Item] = [{"role": "user", "content": text} for text in screened.kept]
            said += [{"role": "assistant", "content": notice} for notice in screened.notices]
            draft.remember(route, said)
        score = rating.read(conversation, texts) if conversation.rating_asked_at else None
        if score is not None:
            rating.take(draft, route, texts[0], score)
        elif texts:
            draft.begin_session(channel)
            if draft.conversation.paused:
                agent_pause.keep_texts(draft, route, texts)
            else:
                pictures = await self._pictures(screened.pictures) if self._pictures and screened.pictures else ()
                answer = await run_agent(
                    self._runner.run, draft, route, covers, texts=texts, steering=steering, pictures=pictures
                )
                draft.reply(route, answer)
            if screened.asked_how:
                draft.reply(route, draft.composer.translations.say(phrases.HOW_TO_STOP, screened.asked_how).text)
            if is_goodbye(texts[-1]):
                draft.end_session(channel)
                rating.ask(draft)
        return draft.change(consumed=covers)

    def _record(self, draft: Draft, batch: Sequence[tuple[Waiting, TextReceived]], covers: Sequence[str]) -> Change:
        """Keep texts of a sender who cannot be answered, such as SUPPORT: people may want to read them."""
        route = batch[-1][1].route
        draft.conversation = replace(draft.conversation, last_channel=route.channel)
        number = draft.remember(route, [{"role": "user", "content": body.text} for _, body in batch])
        sender = route.customer.value
        draft.note(EventName.SENDER_UNREACHABLE, route.channel, turn=number, covers=covers, sender=sender)
        return draft.change(consumed=covers)

    async def _undelivered(self, draft: Draft, key: str, body: Undelivered) -> Change:
        """Draw the conclusions from a reply that did not arrive: a landline cannot be texted, for example."""
        route, told = body.reply.route, False
        other = self._composer.other_way(route)
        if body.code == OPTED_OUT:
            draft.conversation = opt(draft.conversation, route.channel, out=True)
            draft.blocked.append(route.channel)
            draft.note(EventName.OPTED_OUT, route.channel, tone=Tone.WARNING, code=body.code)
        elif body.code == WINDOW_CLOSED and self._limits.template and not body.reply.template:
            draft.note(EventName.SENT_ANOTHER_WAY, route.channel, tone=Tone.WARNING, code=body.code, template=True)
            told = draft.reply(route, body.reply.text, template=True)
        elif body.code in (WINDOW_CLOSED, CALL_ENDED) and other is not None:
            draft.note(EventName.SENT_ANOTHER_WAY, other.channel, tone=Tone.WARNING, code=body.code)
            text = body.reply.text
            told = draft.reply(other, as_written(text) if body.code == CALL_ENDED else text)
        if not told and _settled_in(draft.conversation, body.reply.turn):
            await _leave_to_staff(draft, route, body.reply.text)
        return draft.change(consumed=[key])

    def _set_aside(self, draft: Draft, waiting: Waiting, route: Route) -> Change:
        """Give up a text that never let a turn end, tell the customer, and let the lane go on."""
        log.error("entry_set_aside", subject=subject_label(draft.conversation.subject), tries=waiting.tries)
        draft.note(EventName.ENTRY_SET_ASIDE, route.channel, tone=Tone.ERROR, covers=[waiting.entry.key])
        draft.reply(route, draft.words(route, phrases.FAILURE))
        return draft.change(set_aside=[waiting.entry.key])


def _apply_facts(draft: Draft, batch: Sequence[Waiting]) -> Sequence[Waiting]:
    """Write into the draft what was heard of earlier answers; return the entries that are left."""
    left: list[Waiting] = []
    for waiting in batch:
        if isinstance(waiting.entry.body, Heard):
            spoken_turn.correct(draft, waiting.entry.body)
            draft.consumed.append(waiting.entry.key)
        else:
            left.append(waiting)
    return left


# --- decisions of staff, clock and customer about calls that wait -------------------------------------------

_DECIDED = {Verdict.FIRST: EventName.APPROVAL_FIRST, Verdict.EXPIRE: EventName.APPROVAL_EXPIRED}
DECISION_TRIES = 6
"""Claims that may find a decision first in line. It takes two commits: one to say that it is carried out, one for the
outcome."""


async def decide(runner: AgentRunner, draft: Draft, waiting: Waiting, decision: Decision) -> Change:
    """Carry out a decision as far as one commit goes, and tell the customer once it is settled."""
    key = waiting.entry.key
    conversation = draft.conversation
    approval = approvals.decided_by(decision, conversation)
    if approval is None:
        draft.note(EventName.DECISION_IGNORED, conversation.last_channel, covers=[key])
        return draft.change(consumed=[key])
    given_up = waiting.tries > DECISION_TRIES
    if approval.status is not ApprovalStatus.EXECUTING:
        approval = approvals.decided(approval, decision)
        name = _DECIDED.get(decision.verdict, EventName.APPROVAL_DECIDED)
        draft.events.append(approval_event(name, approval, decision))
        if decision.verdict is Verdict.FIRST:  # nothing follows yet, and the customer is not told
            draft.conversation = approvals.put(conversation, approval)
            return draft.change(consumed=[key])
        if approval.status is ApprovalStatus.EXECUTING and not given_up:
            # Committed first, so that all colleagues see that it is being carried out; the entry stays.
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
        answer = _outcome(draft, note, route)
    if answer is not None:
        draft.remember(route, (note_item(note), {"role": "assistant", "content": answer}))
    else:
        otherwise = _outcome(draft, note, route)
        answer = await run_agent(runner.run, draft, route, [key], notes=[note], otherwise=otherwise)
    if not draft.reply(route, answer):
        await _leave_to_staff(draft, route, answer)


def _settled_in(conversation: Conversation, turn: int) -> bool:
    """Tell whether a turn told the customer what became of a request."""
    items = (item for one in conversation.history if one.number == turn for item in one.items)
    return any(isinstance(read_note(item), RequestSettled) for item in items)


async def _leave_to_staff(draft: Draft, route: Route, told: str) -> None:
    """Open a ticket for an outcome that cannot reach the customer, or add to the open one: a colleague may call."""
    await outages.passed_on(draft, route.channel, [told], key=UNTOLD_TICKET, title=UNTOLD)


async def _give_up(draft: Draft, key: str, approval: Approval, route: Route) -> Change:
    """End a decision that never let its turn end; one that may have been carried out is for staff to settle."""
    approval = approvals.given_up(approval)
    draft.conversation = approvals.put(draft.conversation, approval)
    draft.note(EventName.ENTRY_SET_ASIDE, route.channel, tone=Tone.ERROR, covers=[key])
    if approval.tool == REPLY_TO_TICKET:
        await ticket_work.decided(draft, approval)
    else:
        draft.reply(route, _outcome(draft, approvals.note(approval), route))
    return draft.change(set_aside=[key])


def _outcome(draft: Draft, note: RequestSettled, route: Route) -> str:
    """Return what became of a request, for when the agent does not tell it."""
    words = partial(draft.composer.words, draft.conversation, route)
    told = words(phrases.OUTCOMES[note.status])
    return f"{told} {words(phrases.REASON)} {note.reason}" if note.reason else told
