"""The vocabulary of the gateway: frozen values that every room understands.

Nothing here reads a clock, a setting or a network. Times are seconds since the epoch by the store's clock.
``Items`` are plain OpenAI Responses input items (role and content, calls, outputs); see ``docs/persistence.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NewType

from .meter import Meter

SubjectId = NewType("SubjectId", str)
"""One customer, whatever the channel: ``phone_14155550100``. Any non-empty string is a legal id."""

Item = Mapping[str, Any]
"""One plain Responses input item: JSON values only, no provider ids."""


class Channel(StrEnum):
    """Channels on which customers write, call and are answered."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    RCS = "rcs"
    VOICE = "voice"


NUMBERED: Final = frozenset({"tel", "sms", "whatsapp", "rcs"})
"""Schemes whose network says that the sender has the number. A name of ``client`` or ``sip`` is what its app chose."""
NOBODY: Final = "withheld"
"""The scheme of somebody who cannot be told from others or answered; what stands behind it tells them apart here."""


@dataclass(frozen=True, slots=True)
class Address:
    """A provider's address: ``+14155550100`` has scheme ``tel``, ``whatsapp:+14155550100`` has ``whatsapp``."""

    scheme: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read the provider's spelling; a text without a scheme is a telephone address."""
        scheme, colon, rest = text.strip().partition(":")
        return cls(scheme.lower(), rest.strip()) if colon and scheme.isalpha() else cls("tel", text.strip())

    @property
    def reachable(self) -> bool:
        """Tell whether anything can be sent there."""
        return self.scheme != NOBODY

    def __str__(self) -> str:
        """Give the provider's spelling, which a reply must repeat."""
        return self.value if self.scheme == "tel" else f"{self.scheme}:{self.value}"


@dataclass(frozen=True, slots=True)
class Route:
    """The way back to a customer: the channel, their address, and the one of ours that they used."""

    channel: Channel
    customer: Address
    ours: Address


@dataclass(frozen=True, slots=True)
class Reply:
    """One provider message to the customer. Its ``id`` travels in the status callback: lost ones are found by it.

    ``to_another``: it goes to somebody else than the lane's customer, so it is handed to that person's own lane.
    ``template``: it leaves in the words of a template that WhatsApp approved, with ``text`` in them.
    ``media`` are addresses of pictures and documents that go with it; with some, the text may be empty.
    """

    id: str
    route: Route
    text: str
    turn: int
    created_at: float
    to_another: bool = False
    template: bool = False
    media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange: what the customer said and everything the agent did about it, as plain items."""

    number: int
    channel: Channel
    at: float
    items: tuple[Item, ...]


class ApprovalStatus(StrEnum):
    """The life of a gated call; see ``docs/approvals.md``."""

    PENDING = "pending"
    APPROVED = "approved"
    EXECUTING = "executing"
    EXECUTED = "executed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Approval:
    """One gated call that waits, or waited, for people; or an ungated one whose effect is unknown.

    ``snapshot`` is the serialised RunState that resumes the call, ``fingerprint`` what it depends on; both are empty
    for an ungated call, whose ledger key is then ``effect_key``. ``version`` grows with each change. ``reason`` is told
    to the customer of a rejection, ``note`` to staff alone. Above ``second_above`` cents two approve: ``first_by`` did.
    """

    id: str
    subject: SubjectId
    call_id: str
    tool: str
    arguments: Mapping[str, Any]
    customer_text: str
    channel: Channel
    requested_at: float
    expires_at: float
    snapshot: str = ""
    fingerprint: str = ""
    effect_key: str = ""
    status: ApprovalStatus = ApprovalStatus.PENDING
    version: int = 1
    retries: int = 0
    edited_arguments: Mapping[str, Any] | None = None
    final_message: str | None = None
    second_above: int | None = None
    first_by: str | None = None
    first_at: float | None = None
    decided_by: str | None = None
    decided_at: float | None = None
    reason: str | None = None
    note: str | None = None
    result: str | None = None


class Priority(StrEnum):
    """Urgency of a ticket."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


class TicketStatus(StrEnum):
    """States of a ticket: open, or solved."""

    OPEN = "open"
    CLOSED = "closed"
    SOLVED = "solved"


@dataclass(frozen=True, slots=True)
class TicketStep:
    """Something that happened to a ticket: ``what``, and ``by`` whom (staff by name; agent, clock)."""

    at: float
    what: str
    by: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Work for people. ``respond_by`` is the promised time of a first response.

    ``external_id`` is what a partner system calls it; ``history`` begins with how it was opened, oldest first.
    """

    id: str
    subject: SubjectId
    title: str
    description: str
    priority: Priority
    created_at: float
    respond_by: float
    escalation: bool = False
    status: TicketStatus = TicketStatus.OPEN
    external_id: str | None = None
    history: tuple[TicketStep, ...] = ()


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Text that we begin at a time: a colleague's words, or without ``actor`` what the agent is to come back about."""

    id: str
    at: float
    text: str
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Everything one subject's next turn starts from; both channels share it. ``version`` grows with each commit."""

    subject: SubjectId
    created_at: float
    updated_at: float
    version: int = 0
    turns_taken: int = 0
    routes: Mapping[Channel, Route] = field(default_factory=dict)
    last_channel: Channel = Channel.SMS
    history: tuple[Turn, ...] = ()
    unfolded: tuple[Turn, ...] = ()  # turns that left the window and are not in the summary yet
    summary: str = ""
    digest: str = ""  # the summary with those turns added by rules, made once when they leave; or to be made
    context: Mapping[str, Any] = field(default_factory=dict)
    approvals: tuple[Approval, ...] = ()
    escalation: Priority | None = None
    opted_out: tuple[Channel, ...] = ()
    meter: Meter = field(default_factory=Meter)
    in_session: bool = False
    paused: bool = False  # staff hold the agent: it answers nothing until they let it go on
    assignee: str | None = None  # the colleague who looks after this customer, by the name of their token
    handling: str = "open"  # or snoozed, or resolved, at the desk; new words of the customer open it again
    snoozed_until: float | None = None
    reminders: Mapping[str, float] = field(default_factory=dict)  # colleagues who are asked to look, from when on
    rating: int | None = None  # the customer's latest, 1 to 5
    rating_asked_at: float = 0.0
    formerly: tuple[SubjectId, ...] = ()  # whose lanes were moved into this one; their rest is erased with it
    follow_ups: tuple[FollowUp, ...] = ()

    @property
    def due_at(self) -> float | None:
        """When something is to be done although nothing waits: a request expires, a follow-up is to be written."""
        expiries = [one.expires_at for one in self.approvals if one.status is ApprovalStatus.PENDING]
        return min([*expiries, *(one.at for one in self.follow_ups)], default=None)

    def wake_at(self, *, now: float, after: float) -> float | None:
        """Return when the lane is due although nothing waits: within ``after`` seconds where turns are to be folded."""
        due, fold = self.due_at, now + after
        return due if not self.unfolded else fold if due is None else min(due, fold)


class Tone(StrEnum):
    """Colours of timeline rows."""

    SUCCESS = "success"
    WARNING = "warning"
    INFO = "info"
    ERROR = "error"


class Source(StrEnum):
    """Actors of timeline rows."""

    AGENT = "agent"
    STAFF = "staff"
    SYSTEM = "system"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One row of the append-only record of who did what. ``data`` is JSON and already masked.

    ``at`` is set by the store when it writes the row.
    """

    name: str
    source: Source
    tone: Tone = Tone.INFO
    channel: Channel | None = None
    turn: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    at: float = 0.0


class ReplyStatus(StrEnum):
    """States of a reply. The last four come from status callbacks; a reply never moves backwards."""

    WAITING = "waiting"
    FAILED = "failed"
    BLOCKED = "blocked"
    SENT = "sent"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A claimed reply. ``tries`` above 1 means that an earlier attempt may have reached the provider."""

    reply: Reply
    tries: int
    holder: str


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A reply as the store knows it."""

    reply: Reply
    status: ReplyStatus
    provider_id: str | None = None
    error_code: int | None = None
    tries: int = 0
