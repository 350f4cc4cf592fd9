"""A change in the making: what a turn adds to the conversation, the outbox and the timeline before it is committed."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..guardrails.language import professional
from ..guardrails.pii import Kind, mask, mask_value
from ..model import Channel, Conversation, Item, Priority, Reply, Route, Source, Ticket, TimelineEvent, Tone, Turn
from ..persistence.values import Change
from .base import EngineLimits, Requested
from .delivery import Delivery
from .goodbye import is_goodbye
from .history import remember
from .reply_route import text_route
from .summarising import wake_at
from .ticket_history import ids_of

FindTicket = Callable[[str], Awaitable[Ticket | None]]
"""Finds a stored ticket by its id, whoever it belongs to. Raises StoreUnavailable."""


@dataclass(slots=True)
class Draft:
    """One change. ``now`` is the store's clock at the claim, seconds."""

    conversation: Conversation
    now: float
    limits: EngineLimits
    delivery: Delivery
    find_ticket: FindTicket
    events: list[TimelineEvent] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    blocked: list[Channel] = field(default_factory=list)

    def change(self, *, consumed: Sequence[str] = (), set_aside: Sequence[str] = ()) -> Change:
        """Return what to commit."""
        return Change(
            conversation=self.conversation,
            consumed=tuple(consumed),
            set_aside=tuple(set_aside),
            replies=tuple(self.replies),
            timeline=tuple(self.events),
            tickets=tuple(self.tickets),
            blocked=tuple(self.blocked),
            wake_at=wake_at(self.conversation, now=self.now, after=self.limits.fold_after),
        )

    def reply(self, route: Route, *answers: str, to_another: bool = False) -> None:
        """Queue answers to the customer, as many messages as they need; nobody who opted out is written to."""
        if route.channel in self.conversation.opted_out and not to_another:
            self.note("reply_withheld", route.channel, tone=Tone.WARNING)
            return
        turn = self.conversation.turns_taken
        self.replies += [
            Reply(f"rpl_{uuid.uuid4().hex}", route, part, turn, self.now, to_another)
            for answer in answers
            for part in self.delivery.compose(route.channel, self.masked(answer, route.channel))
        ]

    def masked(self, answer: str, channel: Channel) -> str:
        """Return an answer without what no customer may be sent; the timeline notes what there was."""
        cleaned = professional(answer)
        masked = mask(cleaned.text)
        self.note_filtered(channel, masked.found, cleaned.replaced)
        return masked.text

    def note_filtered(self, channel: Channel, found: Sequence[Kind], replaced: Sequence[str]) -> None:
        """Note which kinds of numbers and which words were taken out of an answer, if any."""
        if found:
            self.note("masked", channel, tone=Tone.WARNING, direction="outgoing", kinds=list(found))
        if replaced:
            self.note("language", channel, tone=Tone.WARNING, direction="outgoing", words=list(replaced))

    def remember(self, route: Route, number: int, items: Iterable[Item]) -> None:
        """Add a turn to the history; old ones go, and what matters of them stays in the summary."""
        kept = tuple(mask_value(_as_told(item)) for item in items)
        self.conversation = remember(
            self.conversation,
            Turn(number=number, channel=route.channel, at=self.now, items=kept),
            max_items=self.limits.history_max_items,
            unfolded_items=self.limits.unfolded_max_items,
        )

    def grant(self, requested: Requested) -> None:
        """Add what tools asked for. The level of escalation is raised, never lowered."""
        self.tickets += requested.tickets
        own = {route.customer.value for route in self.conversation.routes.values()}
        for route, text in requested.messages:
            self.reply(route, text, to_another=route.customer.value not in own)
        levels = [level for level in (self.conversation.escalation, requested.escalation) if level is not None]
        if levels:
            self.conversation = replace(self.conversation, escalation=max(levels, key=list(Priority).index))

    async def ticket(self, ticket_id: str) -> Ticket | None:
        """Return a ticket as it is after this change, whoever it belongs to, or None."""
        new = next((one for one in self.tickets if one.id == ticket_id), None)
        return new or await self.find_ticket(ticket_id)

    async def own_ticket(self, name: str) -> Ticket | None:
        """Return this customer's ticket by its id, in any case, or by its external id; or None."""
        for ticket_id in ids_of(name):
            ticket = await self.ticket(ticket_id)
            if ticket is not None and ticket.subject == self.conversation.subject:
                return ticket
        return None

    def put_ticket(self, ticket: Ticket) -> None:
        """Add a ticket, new or changed."""
        self.tickets = [*(one for one in self.tickets if one.id != ticket.id), ticket]

    def text_route(self) -> Route | None:
        """Return the way to text the customer, or None; see :mod:`.reply_route`."""
        return text_route(self.conversation, self.delivery.other_way)

    def begin_session(self, channel: Channel) -> None:
        """Note that the customer is here, unless they were already."""
        if not self.conversation.in_session:
            self.conversation = replace(self.conversation, in_session=True)
            self.note("conversation_start", channel)

    def end_session(self, channel: Channel, last_words: str) -> None:
        """Note that the customer said goodbye, if they did."""
        if is_goodbye(last_words):
            self.conversation = replace(self.conversation, in_session=False)
            self.note("conversation_end", channel)

    def note(
        self,
        name: str,
        channel: Channel,
        *,
        tone: Tone = Tone.INFO,
        source: Source = Source.SYSTEM,
        turn: int | None = None,
        **data: object,
    ) -> None:
        """Add a row to the timeline; the gateway's own unless ``source`` says otherwise."""
        self.events.append(TimelineEvent(name=name, source=source, tone=tone, channel=channel, turn=turn, data=data))


def _as_told(item: Item) -> Item:
    """Return an item with the agent's words as the customer is told them."""
    content = item.get("content")
    if item.get("role") != "assistant" or not isinstance(content, str):
        return item
    return {**item, "content": professional(content).text}
