"""A change in the making: what a turn adds to the conversation, the outbox and the timeline before it is committed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..guardrails.pii import mask, mask_value
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

    def reply(self, route: Route, *answers: str) -> None:
        """Queue answers to the customer, as many messages as they need; nobody who opted out is written to."""
        if route.channel in self.conversation.opted_out:
            self.note("reply_withheld", route.channel, tone=Tone.WARNING)
            return
        turn = self.conversation.turns_taken
        self.replies += [
            Reply(id=f"rpl_{uuid.uuid4().hex}", route=route, text=part, turn=turn, created_at=self.now)
            for answer in answers
            for part in self.delivery.compose(route.channel, self.masked(answer, route.channel))
        ]

    def masked(self, answer: str, channel: Channel) -> str:
        """Return an answer without card and social security numbers; the timeline notes that there were some."""
        masked = mask(answer)
        if masked.found:
            self.note("masked", channel, tone=Tone.WARNING, direction="outgoing", kinds=list(masked.found))
        return masked.text

    def remember(self, route: Route, number: int, items: Iterable[Item]) -> None:
        """Add a turn to the history, and let old ones go."""
        kept = tuple(mask_value(dict(item)) for item in items)
        turn = Turn(number=number, channel=route.channel, at=self.now, items=kept)
        history = trim((*self.conversation.history, turn), max_items=self.limits.history_max_items)
        self.conversation = replace(self.conversation, history=history, turns_taken=number)

    def grant(self, requested: Requested) -> None:
        """Add what tools asked for. The level of escalation is raised, never lowered."""
        self.tickets += requested.tickets
        for route, text in requested.messages:
            self.reply(route, text)
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
