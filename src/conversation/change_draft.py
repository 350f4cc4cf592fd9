"""A change in the making: what a turn adds to the conversation, the outbox and the timeline before it is committed."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..entries import Decision, Verdict
from ..events import EventName
from ..guardrails.language import professional
from ..guardrails.pii import Kind, mask, mask_value
from ..guardrails.thoughts import said
from ..identity.phone import proven_number
from ..model import (
    Approval,
    ApprovalStatus,
    Channel,
    Conversation,
    FollowUp,
    Item,
    Priority,
    Reply,
    Route,
    Source,
    Ticket,
    TimelineEvent,
    Tone,
    Turn,
)
from ..persistence.values import Change
from .base import EngineLimits, PendingWrites
from .bounds import Bound, allowance, spend
from .history import remember, with_remembered
from .reply_composer import ReplyComposer
from .ticket_history import ids_of, new_ticket

_BY = {Verdict.EXPIRE: Source.SYSTEM, Verdict.WITHDRAW: Source.CUSTOMER}
_TONES = {
    ApprovalStatus.EXECUTED: Tone.SUCCESS,
    ApprovalStatus.PENDING: Tone.WARNING,
    ApprovalStatus.FAILED: Tone.ERROR,
    ApprovalStatus.UNKNOWN: Tone.ERROR,
    ApprovalStatus.VOID: Tone.ERROR,
}

MEDIA_OF_A_MESSAGE = {Channel.WHATSAPP: 1, Channel.RCS: 1}
"""Pictures and documents that a message takes; by SMS all of an answer's."""

FindTicket = Callable[[str], Awaitable[Ticket | None]]
"""Finds a stored ticket by its id in any lane. Raises StoreUnavailable."""


@dataclass(slots=True)
class Draft:
    """One change. ``now`` is the store's clock at the claim, seconds."""

    conversation: Conversation
    now: float
    limits: EngineLimits
    composer: ReplyComposer
    find_ticket: FindTicket
    events: list[TimelineEvent] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    blocked: list[Channel] = field(default_factory=list)
    consumed: list[str] = field(default_factory=list)
    """Keys of the facts that the change takes in besides what its turn covers."""
    media: tuple[str, ...] = ()
    """Addresses of pictures and documents that go with the next text to the customer."""

    def change(self, *, consumed: Sequence[str] = (), set_aside: Sequence[str] = ()) -> Change:
        """Return what to commit. What was to go with an answer that is spoken is texted."""
        if self.media and (route := self.text_route()) is not None:
            self.spend(Bound.TEXTS, 1)
            self.reply(route)
        elif self.media:
            self.note(EventName.REPLY_WITHHELD, self.conversation.last_channel, tone=Tone.WARNING)
        return Change(
            conversation=self.conversation,
            consumed=(*self.consumed, *consumed),
            set_aside=tuple(set_aside),
            replies=tuple(self.replies),
            timeline=tuple(self.events),
            tickets=tuple(self.tickets),
            blocked=tuple(self.blocked),
            wake_at=self.conversation.wake_at(now=self.now, after=self.limits.fold_after),
        )

    def reply(
        self,
        route: Route,
        *answers: str,
        to_another: bool = False,
        opted_out_too: bool = False,
        template: bool = False,
    ) -> bool:
        """Queue answers to the customer, as many messages as they need; return whether they may leave.

        A customer who opted out gets none, unless ``opted_out_too``: the confirmation of just that. ``template``: they
        leave in an approved one.
        """
        if route.channel in self.conversation.opted_out and not (to_another or opted_out_too):
            self.note(EventName.REPLY_WITHHELD, route.channel, tone=Tone.WARNING)
            self.media = ()
            return False
        compose = self.composer.compose[route.channel]
        texts = [part for answer in answers for part in compose(self.masked(answer, route.channel))]
        media = () if to_another or route.channel is Channel.VOICE else self.media
        self.media = () if media else self.media
        turn = self.conversation.turns_taken
        self.replies += [
            Reply(f"rpl_{uuid.uuid4().hex}", route, text, turn, self.now, to_another, template, own)
            for text, own in _with_media(route.channel, texts, media)
        ]
        return True

    def words(self, route: Route, sentence: str) -> str:
        """Return a fixed sentence as the customer is told it over a route; see :meth:`.ReplyComposer.words`."""
        return self.composer.words(self.conversation, route, sentence)

    def masked(self, answer: str, channel: Channel) -> str:
        """Return words for a customer without what must not be sent.

        They may be the model's, a tool's or a colleague's; the timeline notes what was taken out.
        """
        cleaned = professional(said(answer))
        masked = mask(cleaned.text)
        self.note_filtered(channel, masked.found, cleaned.replaced)
        return masked.text

    def note_filtered(self, channel: Channel, found: Sequence[Kind], replaced: Sequence[str]) -> None:
        """Note which kinds of numbers and which words were taken out of an answer, if any."""
        if found:
            self.note(EventName.MASKED, channel, tone=Tone.WARNING, direction="outgoing", kinds=list(found))
        if replaced:
            self.note(EventName.LANGUAGE, channel, tone=Tone.WARNING, direction="outgoing", words=list(replaced))

    def remember(self, route: Route, items: Iterable[Item]) -> int:
        """Add a turn to the history and return its number; what matters of old ones that go stays in the summary."""
        kept = tuple(mask_value([_as_told(item) for item in items]))
        turn = Turn(self.conversation.turns_taken + 1, route.channel, self.now, kept)
        self.conversation = remember(self.conversation, turn, self.limits)
        return turn.number

    def grant(self, requested: PendingWrites) -> None:
        """Add what tools asked for. The level of escalation is raised, never lowered."""
        if requested.remembered:
            self.conversation = with_remembered(self.conversation, requested.remembered)
        for one in requested.follow_ups:
            self.follow_up(one)
        self.tickets += requested.tickets
        self.spend(Bound.TICKETS, len(requested.tickets))
        self.spend(Bound.TEXTS, len(requested.messages))
        for bound in dict.fromkeys(requested.refused):
            self.note_limit(bound)
        if requested.messages:
            own = {proven_number(route.customer) for route in self.conversation.routes.values()}
            for route, text in requested.messages:
                self.reply(route, text, to_another=proven_number(route.customer) not in own)
        self.media = (*self.media, *requested.media)
        levels = [level for level in (self.conversation.escalation, requested.escalation) if level is not None]
        if levels:
            self.conversation = replace(self.conversation, escalation=max(levels, key=list(Priority).index))

    def spend(self, bound: Bound, count: int) -> None:
        """Count what was done for the customer."""
        if count:
            meter = spend(self.conversation.meter, bound, now=self.now, count=count)
            self.conversation = replace(self.conversation, meter=meter)

    def note_limit(self, bound: Bound) -> None:
        """Note that something was refused because there was too much of it."""
        self.note(EventName.LIMIT_REACHED, self.conversation.last_channel, tone=Tone.WARNING, bound=bound.value)

    async def ticket(self, ticket_id: str) -> Ticket | None:
        """Return a ticket as it is after this change, of any customer, or None."""
        new = next((one for one in self.tickets if one.id == ticket_id), None)
        return new or await self.find_ticket(ticket_id)

    async def own_ticket(self, name: str) -> Ticket | None:
        """Return this customer's ticket by its id, in any case, or by its external id; or None."""
        for ticket_id in ids_of(name):
            ticket = await self.ticket(ticket_id)
            if ticket is not None and ticket.subject == self.conversation.subject:
                return ticket
        return None

    def open_ticket(self, channel: Channel, title: str, description: str, priority: Priority, **data: Any) -> Ticket:
        """Add a ticket that no tool was asked for; ``data`` goes along in its row of the timeline."""
        ticket = new_ticket(self.conversation.subject, title, description, priority, now=self.now)
        self.put_ticket(ticket)
        told: dict[str, Any] = {"ticket": ticket.id, "priority": priority.value, "title": title, **data}
        self.note(EventName.TICKET_CREATED, channel, tone=Tone.WARNING, **told)
        return ticket

    def put_ticket(self, ticket: Ticket) -> None:
        """Add a ticket, new or changed."""
        self.tickets = [*(one for one in self.tickets if one.id != ticket.id), ticket]

    def text_route(self) -> Route | None:
        """Return the way to text the customer, or None; see :meth:`.ReplyComposer.text_route`."""
        return self.composer.text_route(self.conversation)

    def reachable_by(self, route: Route | None) -> None:
        """Know a way to a customer who never wrote or called."""
        if route is not None and not self.conversation.routes:
            routes = {route.channel: route}
            self.conversation = replace(self.conversation, routes=routes, last_channel=route.channel)

    def follow_up(self, one: FollowUp) -> None:
        """Keep what is to be written at its time, unless too much waits already."""
        if not allowance(self.conversation, self.limits.bounds, now=self.now).follow_ups:
            self.note_limit(Bound.FOLLOW_UPS)
            return
        self.conversation = replace(self.conversation, follow_ups=(*self.conversation.follow_ups, one))
        by, channel = {"actor": one.actor} if one.actor else {}, self.conversation.last_channel
        source, data = Source.STAFF if by else Source.AGENT, {"at": one.at, "text": one.text, **by}
        self.events.append(TimelineEvent(EventName.FOLLOW_UP_PLANNED, source, channel=channel, data=data))

    def begin_session(self, channel: Channel) -> None:
        """Note that the customer is here, unless they were already; whatever rested at the desk is open again."""
        if self.conversation.handling != "open":
            reminders = {name: at for name, at in self.conversation.reminders.items() if at <= self.now}
            self.conversation = replace(self.conversation, handling="open", snoozed_until=None, reminders=reminders)
            self.note(EventName.REOPENED, channel, source=Source.CUSTOMER)
        if not self.conversation.in_session:
            self.conversation = replace(self.conversation, in_session=True)
            self.note(EventName.CONVERSATION_START, channel)

    def end_session(self, channel: Channel) -> None:
        """Note that the customer said goodbye."""
        self.conversation = replace(self.conversation, in_session=False)
        self.note(EventName.CONVERSATION_END, channel)

    def note_staff(self, name: EventName, actor: str, *, tone: Tone = Tone.INFO, **data: Any) -> None:
        """Add a row that says what a colleague did."""
        self.note(name, self.conversation.last_channel, tone=tone, source=Source.STAFF, actor=actor, **data)

    def note(
        self,
        name: EventName,
        channel: Channel,
        *,
        tone: Tone = Tone.INFO,
        source: Source = Source.SYSTEM,
        turn: int | None = None,
        **data: object,
    ) -> None:
        """Add a row to the timeline; the gateway's own unless ``source`` says otherwise."""
        self.events.append(TimelineEvent(name=name, source=source, tone=tone, channel=channel, turn=turn, data=data))


def _with_media(channel: Channel, texts: Sequence[str], media: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the messages of an answer: the last of its texts goes with the first pictures, the rest without words."""
    each = MEDIA_OF_A_MESSAGE.get(channel, max(len(media), 1))
    bundles = [tuple(media[begin : begin + each]) for begin in range(0, len(media), each)]
    *before, last = texts or [""]
    yield from ((text, ()) for text in before)
    if texts or media:
        yield last, bundles[0] if bundles else ()
    yield from (("", bundle) for bundle in bundles[1:])


def _as_told(item: Item) -> Item:
    """Return an item with the agent's words as the customer is told them."""
    content = item.get("content")
    if item.get("role") != "assistant" or not isinstance(content, str):
        return item
    return {**item, "content": professional(content).text}


def approval_event(name: EventName, approval: Approval, decision: Decision | None = None) -> TimelineEvent:
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
        data["waited_seconds"] = round(max(0.0, decision.decided_at - approval.requested_at), 3)
    if approval.first_by is not None:
        data["first_by"] = approval.first_by
    if approval.edited_arguments is not None:
        data["edited_arguments"] = dict(approval.edited_arguments)
    if approval.result is not None:
        data["result"] = approval.result
    tone = _TONES.get(approval.status, Tone.INFO)
    return TimelineEvent(name=name, source=source, tone=tone, channel=approval.channel, data=data)
