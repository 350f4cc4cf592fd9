"""A customer's line to an agent, with the staff desk at hand: the real runner, no engine and no store.

What the engine does between turns is done here in memory: remembering the turn, keeping approvals, applying decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agents import Agent, Model

from tandem.agents.agent_choice import only
from tandem.agents.caller_context import CallerContexts
from tandem.agents.models import OneModel
from tandem.agents.runner import RunLimits, SdkRunner
from tandem.conversation import approvals
from tandem.conversation.base import EngineLimits, PendingWrites, TurnRequest, TurnResult
from tandem.conversation.notes import Note, for_model
from tandem.entries import Decision, Entry, Verdict
from tandem.errors import StoreUnavailable
from tandem.model import Approval, ApprovalStatus, Channel, Conversation, Item, Route, Ticket, TimelineEvent, Turn
from tandem.persistence.values import Effect, EffectState, Outcome, Receipt
from tandem.shop.base import Shop

from .callers import NOW, caller_of, route_of
from .plain import check_plain


@dataclass(slots=True)
class Memory:
    """The ledger, the lane and the tickets of one subject."""

    rows: dict[str, str | None] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    known_tickets: dict[str, Ticket] = field(default_factory=dict)
    timeline_rows: list[TimelineEvent] = field(default_factory=list)
    down: bool = False

    async def effect_begin(self, subject: str, key: str, *, token: str) -> Effect:
        if key not in self.rows:
            self.rows[key] = None
            return Effect(EffectState.NEW)
        result = self.rows[key]
        return Effect(EffectState.UNKNOWN if result is None else EffectState.DONE, result)

    async def effect_finish(self, subject: str, key: str, *, result: str) -> None:
        self.rows[key] = result

    async def effect_known(self, subject: str, key: str) -> bool:
        return key in self.rows

    async def accept(
        self, subject: str, entries: Sequence[Entry], *, token: str, not_after: float | None = None
    ) -> tuple[Receipt, ...]:
        receipts = []
        for entry in entries:
            earlier = self.entries.setdefault(entry.key, entry)
            outcome = Outcome.ACCEPTED if earlier is entry else Outcome.DUPLICATE
            receipts.append(Receipt(entry.key, outcome, None if earlier is entry else earlier))
        return tuple(receipts)

    async def ticket(self, ticket_id: str) -> Ticket | None:
        if self.down:
            raise StoreUnavailable
        return self.known_tickets.get(ticket_id)

    async def newest(
        self, subject: str, *, rows: int, tickets: int
    ) -> tuple[tuple[TimelineEvent, ...], tuple[Ticket, ...]]:
        theirs = [ticket for ticket in self.known_tickets.values() if ticket.subject == subject]
        return tuple(self.timeline_rows[-rows:]), tuple(theirs[-tickets:])


class Line:
    """One customer's conversation with an agent."""

    def __init__(self, shop: Shop, phone: str | None, model: Model, agent: Agent[Any], **known: Any) -> None:
        """Open it; ``known`` is what callers know besides: facts of the identity source, articles."""
        self.memory = Memory()
        self.runner = SdkRunner(
            only(agent),
            models=OneModel(model, call_timeout=5),
            callers=CallerContexts(shop, self.memory, region="US", **known),
            ledger=self.memory,
            limits=RunLimits(),
            workflow_name="test",
            tracing=False,
        )
        self.route: Route = route_of(phone)
        subject = caller_of(shop, phone).subject
        self.conversation = Conversation(subject, created_at=NOW, updated_at=NOW)
        self.requested: list[PendingWrites] = []
        self.results: list[TurnResult] = []

    async def say(self, *texts: str) -> str:
        """Take one turn and return the answer."""
        return await self._turn(texts=texts)

    async def decide(self, verdict: Verdict, **more: Any) -> str:
        """Let a colleague decide the oldest request that waits, and return what the customer is told."""
        waiting = self.waiting[0]
        decision = Decision(waiting.id, verdict, actor="alice", decided_at=NOW, **more)
        await self.memory.accept(self.conversation.subject, [Entry(f"decision:{waiting.id}", decision)], token="t")
        approval = approvals.decided(waiting, decision)
        if approval.status is ApprovalStatus.EXECUTING:
            execution = await self.runner.execute(approval, self.conversation, self.route, now=NOW)
            self.requested.append(execution.requested)
            approval = approvals.executed(approval, execution)
        self.conversation = approvals.put(self.conversation, approval)
        return await self._turn(notes=(approvals.note(approval),))

    @property
    def waiting(self) -> list[Approval]:
        """The requests that wait for a colleague, oldest first."""
        return [one for one in self.conversation.approvals if one.status is ApprovalStatus.PENDING]

    @property
    def history(self) -> list[Item]:
        """All items so far."""
        return for_model(item for turn in self.conversation.history for item in turn.items)

    @property
    def outputs(self) -> list[str]:
        """What the tools answered so far."""
        return [item["output"] for item in self.history if item.get("type") == "function_call_output"]

    @property
    def calls(self) -> list[str]:
        """The names of the tools called so far."""
        return [item["name"] for item in self.history if item.get("type") == "function_call"]

    async def _turn(self, texts: tuple[str, ...] = (), notes: tuple[Note, ...] = ()) -> str:
        number = self.conversation.turns_taken + 1
        request = TurnRequest(self.conversation, self.route, texts, number, NOW, key=f"SM{number}", notes=notes)
        result = await self.runner.run(request)
        if result.error is not None:
            raise result.error
        check_plain(result.items)
        self.results.append(result)
        self.requested.append(result.requested)
        self._remember(request, result)
        return result.text

    def _remember(self, request: TurnRequest, result: TurnResult) -> None:
        turn = Turn(request.number, Channel.SMS, NOW, result.items)
        history = (*self.conversation.history, turn)
        self.conversation = replace(self.conversation, history=history, turns_taken=request.number)
        self.memory.known_tickets |= {ticket.id: ticket for ticket in result.requested.tickets}
        said = "\n".join(request.texts)
        new = [
            approvals.requested(call, self.conversation, said=said, channel=Channel.SMS, now=NOW, limits=EngineLimits())
            for call in result.gated
        ]
        withdrawn = [
            approvals.decided(approval, entry.body)
            for approval in self.waiting
            if (entry := self.memory.entries.get(f"decision:{approval.id}")) and isinstance(entry.body, Decision)
        ]
        self.conversation = approvals.put(self.conversation, *new, *withdrawn)
