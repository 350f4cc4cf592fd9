"""A change in the making: what a turn adds to the conversation, the outbox and the timeline before it is committed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..guardrails.language import professional
from ..guardrails.pii import Kind, mask, mask_value
from ..model import Channel, Conversation, Item, Priority, Reply, Route, Source, Ticket, TimelineEvent, Tone, Turn
from ..persistence.base import Change
from . import approvals
from .base import EngineLimits, Requested
from .delivery import Delivery
from .goodbye import is_goodbye
from .history import trim


@dataclass(slots=True)
class Draft:
    """One change. ``now`` is the store's clock at the claim, seconds."""

    conversation: Conversation
    now: float
    limits: EngineLimits
    delivery: Delivery
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
            wake_at=approvals.wake_at(self.conversation),
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
        """Add a turn to the history, and let old ones go."""
        kept = tuple(mask_value(_as_told(item)) for item in items)
        turn = Turn(number=number, channel=route.channel, at=self.now, items=kept)
        history = trim((*self.conversation.history, turn), max_items=self.limits.history_max_items)
        self.conversation = replace(self.conversation, history=history, turns_taken=number)

    def grant(self, requested: Requested) -> None:
        """Add what tools asked for. The level of escalation is raised, never lowered."""
        self.tickets += requested.tickets
        own = {route.customer.value for route in self.conversation.routes.values()}
        for route, text in requested.messages:
            self.reply(route, text, to_another=route.customer.value not in own)
        levels = [level for level in (self.conversation.escalation, requested.escalation) if level is not None]
        if levels:
            self.conversation = replace(self.conversation, escalation=max(levels, key=list(Priority).index))

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

    def note(self, name: str, channel: Channel, *, tone: Tone = Tone.INFO, **data: object) -> None:
        """Add a row of the gateway's own to the timeline."""
        self.events.append(TimelineEvent(name=name, source=Source.SYSTEM, tone=tone, channel=channel, data=data))


def _as_told(item: Item) -> Item:
    """Return an item with the agent's words as the customer is told them."""
    content = item.get("content")
    if item.get("role") != "assistant" or not isinstance(content, str):
        return item
    return {**item, "content": professional(content).text}
