"""Arguments and answers of a store: the values of :class:`~.base.LaneStore`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from ..entries import Entry, Waiting
from ..model import Channel, Conversation, Outgoing, Priority, Reply, ReplyStatus, SubjectId, Ticket, TimelineEvent

T = TypeVar("T")

Folding = Callable[[Conversation, float], Conversation]
"""Returns what is left of a conversation at a time by the store's clock. Pure: it may be called twice."""

Announced = Callable[[TimelineEvent], TimelineEvent | None]
"""Returns an event as another system is to be told of it, None when it is not. Pure; see announcements.py."""


class Outcome(StrEnum):
    """Outcomes of an entry that was offered to a lane."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to one offered entry. ``earlier`` is the entry that holds the key when it was a duplicate."""

    key: str
    outcome: Outcome
    earlier: Entry | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease on a lane. ``fence`` grows with every claim of the lane and survives purging and
    erasing: a backend may draw it from a counter that many lanes share, so that no row of the lane has to stay.

    ``conversation`` is None for a new subject, and when the stored record could not be read: it was then set aside
    and ``unreadable`` is true for this claim. ``waiting`` is in the order of acceptance. ``now`` is the store's clock.
    """

    subject: SubjectId
    holder: str
    fence: int
    now: float
    conversation: Conversation | None
    waiting: tuple[Waiting, ...]
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """Contents of one commit, written whole or not at all.

    ``consumed`` and ``set_aside`` are keys of waiting entries; the latter are kept for staff. ``replies`` go to the
    ends of their lines in this order; an id that the lane has already is not queued again. ``tickets`` are stored
    under their ids, new or changed. ``blocked`` names channels whose waiting replies to the customer are settled as
    BLOCKED, before the new ones are queued. ``wake_at`` is when the lane becomes due although nothing waits (an
    approval's expiry), or None. The store sets the conversation's ``version`` and ``updated_at``, and the rows' ``at``.
    """

    conversation: Conversation
    consumed: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    replies: tuple[Reply, ...] = ()
    timeline: tuple[TimelineEvent, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    blocked: tuple[Channel, ...] = ()
    wake_at: float | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit's answer: the new version, entries that arrived meanwhile, replies claimed for delivery, its time."""

    version: int
    waiting: tuple[Waiting, ...]
    outgoing: tuple[Outgoing, ...]
    at: float = 0.0


class EffectState(StrEnum):
    """States of a side effect in the ledger."""

    NEW = "new"
    DONE = "done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Effect:
    """A ledger row: ``result`` is set when done. Unknown means begun by another call and never finished."""

    state: EffectState
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """Result of one attempt to send a reply.

    ``retry_in`` (seconds) with status WAITING keeps the reply at the head of its line; the line rests until then.
    """

    status: ReplyStatus
    provider_id: str | None = None
    error_code: int | None = None
    retry_in: float | None = None
    timeline: tuple[TimelineEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Due:
    """Work that is not held: lanes with waiting entries or a passed ``wake_at``, and lines with replies to send."""

    lanes: tuple[SubjectId, ...]
    lines: tuple[tuple[SubjectId, Channel], ...]


@dataclass(frozen=True, slots=True)
class Presence:
    """Replica that holds the socket of a subject's live call."""

    call: str
    replica: str


@dataclass(frozen=True, slots=True)
class ConversationHead:
    """One row of the list of conversations.

    ``preview`` is what the customer said last, or was told if they said nothing: one line, 120 characters. ``pending``
    counts the approvals that are not decided yet. ``words`` are codes of what is remembered (search.py). What the
    last commit of an older version did not store is empty.
    """

    subject: SubjectId
    version: int
    updated_at: float
    last_channel: Channel
    preview: str = ""
    escalation: Priority | None = None
    paused: bool = False
    pending: int = 0
    assignee: str | None = None
    handling: str = "open"
    snoozed_until: float | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a listing. ``next`` is an opaque cursor for the following part, or None at the end.

    A cursor that no listing gave raises MalformedRequest.
    """

    items: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Figures for ``/status``. Ages are seconds, 0.0 when there is nothing."""

    conversations: int = 0
    pending_approvals: int = 0
    oldest_pending_entry_seconds: float = 0.0
    oldest_unsettled_reply_seconds: float = 0.0
    set_aside: int = 0
    """Records, and whole database files, that were set aside because they could not be used."""
    announced: int = 0
    """Events that another system is still to be told of; ``untold`` counts those that were tried too often."""
    untold: int = 0
    largest_record: int = 0
    """Characters of the largest conversation; 0 while none has more than 65,536."""


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """Counts of what a purge deleted, or would delete, per kind of record."""

    deleted: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    """Steps that failed; what they should have deleted stays for the next purge."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """Audit row of an erasure: when, by whom, how many records. Not who was erased."""

    at: float
    actor: str
    deleted: int


USED_TOKENS: Final = SubjectId("socket_tokens")
"""In whose ledger used socket tokens are noted."""
TAKEN_MESSAGES: Final = SubjectId("message_sids")
"""In whose ledger it is noted which messages were taken, whatever lane took them."""
SPENDING: Final = SubjectId("spending")
"""In whose ledger it is noted which pieces of a day's budget were taken."""
OWN_LANES: Final = frozenset({USED_TOKENS, TAKEN_MESSAGES, SPENDING})


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a colleague did: ``name`` is that of the timeline's row, ``data`` holds no words.

    ``subject`` is the customer; None for one who is erased, or of whom a purge left nothing.
    """

    at: float
    actor: str
    name: str
    data: Mapping[str, Any] = field(default_factory=dict)
    subject: SubjectId | None = None


@dataclass(frozen=True, slots=True)
class Hour:
    """Figures of one process in one hour, which ``start``s it: sums by name.

    ``seen`` are sketches of how many different ones there were, by name: rank by register.
    """

    start: float
    counts: Mapping[str, int] = field(default_factory=dict)
    seen: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reminder:
    """Colleague who is asked to look at a conversation since a time: by a note, or because their snooze is over."""

    actor: str
    subject: SubjectId
    at: float


@dataclass(frozen=True, slots=True)
class Colleague:
    """Colleague who signed in ``at`` a time through a provider, which knows them by ``identity``."""

    name: str
    identity: str
    at: float


@dataclass(frozen=True, slots=True)
class SavedView:
    """Filters and order of what waits under a name, as the page writes them into its address."""

    name: str
    query: str


@dataclass(frozen=True, slots=True)
class Looker:
    """A colleague who has a conversation on the screen until a time, and may be ``writing`` in it."""

    actor: str
    subject: SubjectId
    writing: bool
    until: float
