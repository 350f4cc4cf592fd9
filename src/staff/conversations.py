"""Conversations for staff: the list, one of them in full, and what staff do in it. No HTTP."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from ..conversation.approvals import as_seen
from ..conversation.engine import TurnEngine
from ..conversation.staff_actions import paused_as_seen
from ..entries import (
    Assigned,
    Handled,
    Handling,
    Hold,
    Outreach,
    Revealed,
    SpokenPrompt,
    StaffAct,
    StaffMessage,
    StaffNote,
    StaffWhisper,
    Waiting,
)
from ..errors import LeaseLost, MalformedRequest, NoCall, NotFound, NoWay, TurnRunning
from ..guardrails.pii import mask
from ..model import Channel, Conversation, StoredReply, SubjectId, Ticket, TimelineEvent
from ..persistence.base import LaneStore
from ..persistence.merging import erase_person
from ..persistence.reading import conversation_of
from ..persistence.values import Outcome
from ..telemetry.logs import subject_label
from .answers import ApprovalView, FollowUpView, ReplyView, TicketView, TimelineRow, written
from .bodies import FirstMessage, NewMessage
from .conversation_list import ConversationList, shown_of
from .customer_directory import CustomerDirectory, masked_number
from .earlier_words import KEPT, earlier_words, memory_begins
from .subject_lookup import SubjectLookup
from .transcript import transcript, waiting_words

log = structlog.get_logger(__name__)


class Conversations:
    """Reads conversations from the store and acts in their lanes."""

    def __init__(
        self,
        store: LaneStore,
        engine: TurnEngine,
        people: CustomerDirectory,
        whose: SubjectLookup,
        *,
        ours: str | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``ours`` is the number that texts to new customers leave from; ``clock`` dates exports."""
        self._clock = clock
        self._store = store
        self._engine = engine
        self._people = people
        self._whose = whose
        self._composer = engine.composer
        self._ours = ours
        self.list = ConversationList(store, people, whose)
        """What a list shows of all of them."""

    # --- one conversation -------------------------------------------------------------------------------

    async def detail(self, spelling: str) -> dict[str, Any]:
        """Return everything that is shown of a conversation. Raises NotFound."""
        subject = await self._whose.one(spelling)
        records = await self._records(subject)
        # Read last: whatever the timeline speaks of is in the transcript, though not the other way round.
        conversation, waiting = await self._store.conversation_and_waiting(subject)
        if conversation is None and not waiting:
            raise NotFound("(conversation)")
        if conversation is None:
            first = waiting[0].accepted_at
            conversation = Conversation(subject=subject, created_at=first, updated_at=first)
        contact = masked_number(await self._people.number(subject, conversation))
        return {**await self._header(conversation, contact), **_body(conversation, waiting, records)}

    async def earlier(self, spelling: str, *, before: float | None, limit: int) -> dict[str, Any]:
        """Return words from before the agent's memory, as far as they are kept. Raises NotFound."""
        subject = await self._whose.one(spelling)
        conversation = await conversation_of(self._store, subject)
        if conversation is None:
            raise NotFound("(conversation)")
        consumed, replies = await asyncio.gather(
            self._store.consumed(subject, limit=KEPT), self._store.replies(subject, limit=KEPT)
        )
        messages, following = earlier_words(conversation, consumed, replies, before=before, limit=limit)
        return {"subjectId": subject, "messages": messages, "before": following and repr(following)}

    async def export(self, spelling: str, *, actor: str) -> dict[str, Any]:
        """Return all that is shown of a conversation and all that is kept of before, once that is written down."""
        whole = await self.detail(spelling)
        before = await self.earlier(spelling, before=None, limit=KEPT) if whole["version"] else {"messages": []}
        await self._act(whole["subjectId"], Revealed(actor, copied=True), f"exported:{uuid.uuid4().hex}")
        del whole["lookers"], whole["liveCall"]
        return {"exportedAt": written(self._clock()), "exportedBy": actor, **whole, "earlier": before["messages"]}

    async def reveal(self, spelling: str, *, actor: str) -> dict[str, Any]:
        """Return a customer's full number, once it is written down who sees it. Raises NotFound."""
        subject = await self._whose.one(spelling)
        conversation, waiting = await self._store.conversation_and_waiting(subject)
        if conversation is None and not waiting:
            raise NotFound("(conversation)")
        await self._engine.act(subject, Revealed(actor), key=f"revealed:{uuid.uuid4().hex}")
        return {"subjectId": subject, "contact": await self._people.number(subject, conversation)}

    async def _header(self, conversation: Conversation, contact: str | None) -> dict[str, Any]:
        subject = conversation.subject
        known, live, lookers = await asyncio.gather(
            self._people.glance([subject]), self._store.present(subject), self._store.lookers()
        )
        _, customer = known.get(subject, (None, None))
        return {
            **shown_of(conversation, customer, contact, live=live is not None),
            "createdAt": written(conversation.created_at),
            "channels": [channel.value for channel in Channel if channel in conversation.routes],
            "reminders": {who: written(at) for who, at in conversation.reminders.items()},
            "rating": conversation.rating,
            "lookers": [{"actor": one.actor, "writing": one.writing} for one in lookers if one.subject == subject],
            "optedOut": [channel.value for channel in conversation.opted_out],
            "summary": conversation.summary,
        }

    async def _records(self, subject: SubjectId) -> _Records:
        return _Records(
            *await asyncio.gather(
                self._store.timeline(subject), self._store.replies(subject), self._store.tickets(subject)
            )
        )

    # --- acts -------------------------------------------------------------------------------------------

    async def begin(self, sent: FirstMessage, *, actor: str, key: str) -> dict[str, Any]:
        """Text a customer who agreed to it and may never have written or called. Raises MalformedRequest and NoWay."""
        number, subject = self._whose.number(sent.to), await self._whose.one(sent.to)
        if number is None:
            raise MalformedRequest("to must be a telephone number.")
        route = self._composer.first_route(await self._store.found_by_turns(subject), number, self._ours)
        if route is None:
            raise NoWay
        at = sent.at.timestamp() if sent.at else 0.0
        how, when = mask(sent.consent.how).text, sent.consent.at.timestamp()
        told = await self._act(subject, Outreach(actor, mask(sent.text).text, at, route, how, when), key)
        return {**told, "channel": route.channel.value}

    async def write(self, spelling: str, sent: NewMessage, *, actor: str, key: str) -> dict[str, Any]:
        """Text the customer in a person's name, now or later. Raises NotFound and NoWay."""
        conversation = await conversation_of(self._store, await self._whose.one(spelling))
        if conversation is None:
            raise NotFound("(conversation)")
        route = self._composer.text_route(conversation)
        if route is None:
            raise NoWay
        # Staff may quote the customer: no card or social security number is stored through this door either.
        text = mask(sent.text).text
        act = Outreach(actor, text, sent.at.timestamp()) if sent.at else StaffMessage(actor, text)
        told = await self._act(conversation.subject, act, key)
        return {**told, "channel": route.channel.value}

    async def say(self, spelling: str, text: str, *, actor: str, key: str) -> dict[str, Any]:
        """Let a person's words be spoken in the customer's call, between turns. Raises NotFound and NoCall."""
        subject = await self._somebody(spelling)
        # Where a caller is to be reached is stored with the first thing they say, or waits to be.
        speaks = any(isinstance(one.entry.body, SpokenPrompt) for one in await self._store.waiting(subject))
        conversation = await conversation_of(self._store, subject)
        known = speaks or (conversation is not None and Channel.VOICE in conversation.routes)
        if not known or await self._store.present(subject) is None:
            raise NoCall
        return await self._act(subject, StaffMessage(actor, mask(text).text, spoken=True), key)

    async def whisper(self, spelling: str, text: str, *, actor: str, key: str) -> dict[str, Any]:
        """Tell the agent something that the customer does not hear. Raises NotFound."""
        return await self._act(await self._somebody(spelling), StaffWhisper(actor, mask(text).text), key)

    async def note(
        self, spelling: str, text: str, *, actor: str, key: str, colleagues: Sequence[str]
    ) -> dict[str, Any]:
        """Leave a note for colleagues; those of them whom it names find it in their queue. Raises NotFound."""
        note = StaffNote(actor, mask(text).text, mentioned(text, colleagues))
        return {**await self._act(await self._somebody(spelling), note, key), "mentions": note.mentions}

    async def assign(self, spelling: str, to: str | None, *, actor: str, key: str) -> dict[str, Any]:
        """Give the conversation to a colleague, or to nobody. Raises NotFound."""
        return {**await self._act(await self._somebody(spelling), Assigned(actor, to), key), "assignee": to}

    async def handle(
        self, spelling: str, state: Handling, until: datetime | None = None, *, actor: str, key: str
    ) -> dict[str, Any]:
        """Resolve the conversation, open it again, or let it rest. Raises NotFound."""
        act = Handled(actor, state, until.timestamp() if until else None)
        return {**await self._act(await self._somebody(spelling), act, key), "handling": state}

    async def hold(self, spelling: str, *, on: bool, actor: str, key: str) -> dict[str, Any]:
        """Hold the agent, or let it go on. Raises NotFound."""
        return {**await self._act(await self._somebody(spelling), Hold(actor, on), key), "paused": on}

    async def erase(self, spelling: str, *, actor: str) -> dict[str, Any]:
        """Erase everything that is kept of a person. Raises NotFound and TurnRunning."""
        subjects, deleted = await self._whose.every(spelling), 0
        for subject in subjects:
            try:
                deleted += await erase_person(self._store, subject, actor=actor)
            except LeaseLost as error:
                raise TurnRunning from error
            self._people.forget(subject)
        if not deleted:
            raise NotFound("(conversation)")
        log.info("subject_erased", subject=subject_label(subjects[0]), deleted=deleted)
        return {"success": True, "subjectId": subjects[0], "deleted": deleted}

    async def _somebody(self, spelling: str) -> SubjectId:
        """Return whose conversation it is. Raises NotFound where there is none."""
        subject = await self._whose.one(spelling)
        # Somebody who calls for the first time is there before anything is stored of them.
        known = await conversation_of(self._store, subject) or await self._store.waiting(subject)
        if not known and await self._store.present(subject) is None:
            raise NotFound("(conversation)")
        return subject

    async def _act(self, subject: SubjectId, act: StaffAct, key: str) -> dict[str, Any]:
        receipt = await self._engine.act(subject, act, key=key)
        repeated = receipt.outcome is Outcome.DUPLICATE
        if not repeated:
            kind = ("pause" if act.on else "resume") if isinstance(act, Hold) else act.kind
            log.info("staff_act_accepted", subject=subject_label(subject), act=kind)
        return {"success": True, "subjectId": subject, "repeated": repeated}


def mentioned(text: str, colleagues: Sequence[str]) -> tuple[str, ...]:
    """Return the colleagues whom a text names behind an ``@``."""
    return tuple(
        name
        for name in colleagues
        if re.search(rf"(?<![\w@.]){re.escape(f'@{name}')}(?![\w@-]|\.\w)", text, re.IGNORECASE)
    )


@dataclass(frozen=True, slots=True)
class _Records:
    """Records of a customer beside the conversation."""

    timeline: tuple[TimelineEvent, ...]
    replies: tuple[StoredReply, ...]
    tickets: tuple[Ticket, ...]


def _body(conversation: Conversation, waiting: tuple[Waiting, ...], records: _Records) -> dict[str, Any]:
    newest = sorted(conversation.approvals, key=lambda one: one.requested_at, reverse=True)
    approvals = [as_seen(one, waiting) for one in newest]
    return {
        "paused": paused_as_seen(conversation, waiting),
        "transcript": transcript(conversation, records.timeline, approvals, records.replies),
        "memoryBegins": written(begins) if (begins := memory_begins(conversation)) is not None else None,
        "waiting": waiting_words(waiting),
        "approvals": [ApprovalView.of(one) for one in approvals],
        "tickets": [TicketView.of(one) for one in records.tickets],
        "followUps": [FollowUpView.of(one) for one in sorted(conversation.follow_ups, key=lambda one: one.at)],
        "timeline": [TimelineRow.of(one) for one in records.timeline],
        "replies": [ReplyView.of(one) for one in records.replies],
    }
