"""Protocols that the turn engine needs: an agent that runs turns, senders that reach customers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import TurnError
from ..model import Approval, ApprovalStatus, Channel, Conversation, FollowUp, Item, Priority, Reply, Route, Ticket
from .bounds import UNLIMITED, Allowance, Bound, Bounds, Tokens
from .notes import Note
from .opening_hours import ANY_TIME, ContactHours, Hours, always
from .speech_stream import SpeechStream


@dataclass(slots=True)
class Steering:
    """Signals between a run and its surroundings while it goes on.

    ``tools_begun`` counts calls that began: a turn in which none began may be cancelled and run again. ``speech`` is
    the voice of a spoken turn; the run then streams, and stops when the caller speaks over it. Where there is
    ``confirmed``, no tool begins before it is set.
    """

    tools_begun: int = 0
    speech: SpeechStream | None = None
    confirmed: asyncio.Event | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """Picture that the customer sent: for one turn, and kept nowhere."""

    media_type: str
    data: bytes = field(repr=False)


FetchPictures = Callable[[Sequence[str]], Awaitable[tuple[Picture, ...]]]
"""Returns the pictures of some addresses that can be had in time. Never fails."""


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """One turn to run: what the customer said (in order), on which channel, over which conversation.

    ``number`` is the turn's number in the conversation; ``now`` is the store's clock. ``allowance`` is what tools may
    still do. ``notes`` tell the agent what
    happened meanwhile (a decision by staff), ``before`` are items that precede the turn's own (a greeting). ``key`` is
    the key of the entry that the turn covers: it stays the same when the turn is run again, so side effects are told
    by it. ``pictures`` came along with the texts.
    """

    conversation: Conversation
    route: Route
    texts: tuple[str, ...]
    number: int
    now: float
    key: str
    notes: tuple[Note, ...] = ()
    before: tuple[Item, ...] = ()
    steering: Steering = field(default_factory=Steering)
    allowance: Allowance = UNLIMITED
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool that ran during a turn, for the timeline. ``failed`` means that it raised or refused.

    One that is not ``known`` does not exist: a model made up its name.
    """

    name: str
    call_id: str
    arguments: Mapping[str, Any]
    output: str
    failed: bool = False
    known: bool = True


@dataclass(frozen=True, slots=True)
class GatedCall:
    """A call that waits for people: ``snapshot`` resumes it, as long as ``fingerprint`` still fits."""

    approval_id: str
    call_id: str
    tool: str
    arguments: Mapping[str, Any]
    snapshot: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class UnknownEffect:
    """An ungated call that began and whose end is not known; ``key`` is its row in the ledger."""

    key: str
    call_id: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class PendingWrites:
    """Writes that tools ask for and the turn's commit makes: a turn that is lost makes none of them."""

    tickets: list[Ticket] = field(default_factory=list)
    messages: list[tuple[Route, str]] = field(default_factory=list)
    escalation: Priority | None = None
    refused: list[Bound] = field(default_factory=list)
    """Bounds for which something was refused; the timeline notes them."""
    transfer: str = ""
    """Ticket with which the caller is put through to a person when the turn is over."""
    remembered: dict[str, Any] = field(default_factory=dict)
    """Values to remember of the customer, by name; None forgets."""
    follow_ups: list[FollowUp] = field(default_factory=list)
    media: list[str] = field(default_factory=list)
    """Addresses of pictures and documents that go with the answer."""


@dataclass(frozen=True, slots=True)
class Preempted:
    """Outcome of early runs: whether one became this turn (``hit``), how many were ``missed`` since the last turn, and
    the ``tokens`` that those wrote in vain.
    """

    hit: bool = False
    missed: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class TurnResult:
    """Result of a turn.

    ``items`` are plain (docs/persistence.md), beginning with the customer's words; they hold what really happened,
    also when ``error`` says how the turn broke off: a tool that ran stays in history. ``text`` is the agent's answer.
    ``keeper`` is the agent that goes on with the conversation (empty: whichever the rules choose), ``context`` what is
    kept of the agent's own context object; None leaves what was. ``agent`` answered; each of ``handoffs`` is from one
    agent to another.
    """

    items: tuple[Item, ...]
    text: str
    tools: tuple[ToolUse, ...] = ()
    error: TurnError | None = None
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    model_seconds: float = 0.0
    tool_seconds: float = 0.0
    first_words_seconds: float | None = None
    gated: tuple[GatedCall, ...] = ()
    unknown: tuple[UnknownEffect, ...] = ()
    requested: PendingWrites = field(default_factory=PendingWrites)
    interrupted: bool = False
    keeper: str | None = None
    context: Mapping[str, Any] | None = None
    preempted: Preempted | None = None
    agent: str = ""
    handoffs: tuple[tuple[str, str], ...] = ()
    models: Mapping[str, Tokens] = field(default_factory=dict)
    """Tokens by the name of the model."""
    cost: int | None = None
    """What they cost, in millionths of the currency, as far as their prices are known; None without prices."""
    unpriced: tuple[str, ...] = ()
    """Models without a price."""


@dataclass(frozen=True, slots=True)
class Execution:
    """Outcome of a decided call: EXECUTED, FAILED, UNKNOWN (it may have happened) or VOID (it cannot be run)."""

    status: ApprovalStatus
    output: str
    requested: PendingWrites = field(default_factory=PendingWrites)


RunTurn = Callable[[TurnRequest], Awaitable[TurnResult]]
"""Runs one turn; see :meth:`AgentRunner.run`."""


class AgentRunner(Protocol):
    """Runs one turn of the agent. Fulfilled by :mod:`tandem.agents.runner`."""

    async def run(self, request: TurnRequest) -> TurnResult:
        """Run a turn to its end. Model and tool trouble comes back in ``error``; cancelling cancels the model call.

        When the caller speaks over a spoken answer, the model call is cancelled at once, or after the tools that are
        under way; ``interrupted`` is then true, ``text`` is what was heard, and history holds just that.
        """
        ...

    async def execute(self, approval: Approval, conversation: Conversation, route: Route, *, now: float) -> Execution:
        """Run exactly the call of an approval, with its edited arguments if it has some, asking no model.

        Through the effect ledger: repeating it after a crash gives the first result, or UNKNOWN. For an approval of
        status UNKNOWN that staff ordered to be retried, the ledger row is begun anew.
        """
        ...


class Sender(Protocol):
    """Sends replies of one or more channels to their provider. Each channel's folder has one."""

    channels: frozenset[Channel]

    def compose(self, text: str) -> tuple[str, ...]:
        """Split an answer into the texts of provider messages, in order; at least one unless ``text`` is blank."""
        ...

    async def send(self, reply: Reply) -> str:
        """Hand a reply to the provider and return its id there. Raises a DeliveryError of the fitting kind."""
        ...

    def other_way(self, route: Route) -> Route | None:
        """Return another channel's way to the same customer, for a reply that this one refuses now, or None."""
        ...

    async def find(self, reply: Reply, *, known: frozenset[str]) -> str | None:
        """Look up whether an attempt whose answer was lost reached the provider: its id there, or None.

        ``known`` are provider ids of other replies to the same customer, which are no answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Bounds of the engine, seconds unless said otherwise."""

    coalesce: float = 0.3
    lease: float = 5.0
    history_max_items: int = 60
    history_max_chars: int = 60_000
    unfolded_max_items: int = 0
    """Items of turns that left the window and may wait for a model to fold them into the summary."""
    fold_after: float = 2.0
    """How long a lane is left alone after a turn before it is folded."""
    fold_timeout: float = 20.0
    """A model that takes longer to fold is not waited for."""
    state_max_age: float = 86_400.0
    context_max_age: float = 604_800.0
    max_input_chars: int = 1000
    rate_per_minute: int = 20
    approval_timeout: float = 86_400.0
    second_above: int | None = None
    """Cents of a call above which it takes two colleagues; None: one is always enough."""
    workers: int = 64
    bounds: Bounds = field(default_factory=Bounds)
    """Bounds of each customer."""
    ask_rating: bool = False
    hours: Hours = always
    """When people answer: what is promised of them counts from then on."""
    template: bool = False
    """Whether there is a template for WhatsApp, which may be sent when the 24 hours are over."""
    contact: ContactHours = ANY_TIME
    """When customers may be written to who did not just write."""
    own_number: str | None = None
    """The gateway's own number, from which no customer writes."""
