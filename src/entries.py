"""Entries of a lane: everything that happens to a subject. Frozen values, without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from .model import Channel, Reply, Route, Ticket, TicketStatus


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A text from the customer.

    ``media`` counts attached pictures and files, ``files`` names them, ``told`` names what can be read: a location.
    ``opt_out`` is STOP, START or HELP when the provider understood the text as one of these, else empty. ``masked``
    names the kinds of numbers that were taken out of the text as it came in. ``pictures`` are the addresses of
    pictures, where the model sees.
    """

    route: Route
    text: str
    media: int = 0
    opt_out: str = ""
    masked: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    told: str = ""
    pictures: tuple[str, ...] = ()
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class SpokenPrompt:
    """Caller's words in the call ``call`` (its CallSid), in the language ``lang`` (``en-US``, empty: unknown).

    ``greeting`` is what the caller was told at the start, when this is the first thing they say. ``masked`` is as for
    a text. ``again``: the socket was lost a moment ago, so that these words may be delivered for the second time.
    """

    route: Route
    call: str
    text: str
    lang: str = ""
    greeting: str = ""
    masked: tuple[str, ...] = ()
    again: bool = False
    kind: Literal["speech"] = "speech"


@dataclass(frozen=True, slots=True)
class Heard:
    """Part of turn ``turn`` that a caller heard before they spoke over it, or the call was ``lost``.

    ``announced`` is all that was being said when nobody had asked for it: an outcome, a message of staff. It may belong
    to no turn of its own, so ``turn`` is corrected only when these were its words.
    """

    turn: int
    text: str
    lost: bool = False
    announced: str = ""
    kind: Literal["heard"] = "heard"


@dataclass(frozen=True, slots=True)
class PersonWanted:
    """A caller asked for a person by a key, or was left without an agent: ``ticket`` is the id to open it under."""

    route: Route
    ticket: str
    kind: Literal["person"] = "person"


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call is over in which something was said; ``call`` is what the line's trace holds of its end."""

    call: Mapping[str, Any]
    kind: Literal["call_ended"] = "call_ended"


@dataclass(frozen=True, slots=True)
class OptionRefused:
    """An option of a call that the provider refused, with its error code; ``name`` is "" where it did not say which."""

    route: Route
    code: int
    name: str
    kind: Literal["option_refused"] = "option_refused"


class Verdict(StrEnum):
    """Verdicts on a gated call, or on one whose effect is unknown."""

    APPROVE = "approve"
    REJECT = "reject"
    EXPIRE = "expire"
    WITHDRAW = "withdraw"
    DONE = "done"
    RETRY = "retry"
    FIRST = "first"
    """Approve, as the first of two colleagues."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about an approval. ``arguments`` replace the model's; ``final_message`` replaces its answer.

    ``reason`` is for the customer, who is told it of a rejection; ``note`` is for the record and never told.
    ``first_by`` approved the same call before, where that takes two.
    """

    approval_id: str
    verdict: Verdict
    actor: str
    decided_at: float
    reason: str | None = None
    arguments: Mapping[str, Any] | None = None
    final_message: str | None = None
    note: str | None = None
    first_by: str | None = None
    first_at: float | None = None
    kind: Literal["decision"] = "decision"


@dataclass(frozen=True, slots=True)
class TextFromAnother:
    """A text that another customer had sent to this one: it leaves from this lane, under this person's opt-out."""

    route: Route
    text: str
    kind: Literal["from_another"] = "from_another"


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A reply that the provider gave up, with its error code: what follows from it is decided in the lane."""

    reply: Reply
    code: int
    kind: Literal["undelivered"] = "undelivered"


@dataclass(frozen=True, slots=True)
class StaffMessage:
    """Message of a staff member to the customer: by text, or ``spoken`` in the call that they are in."""

    actor: str
    text: str
    spoken: bool = False
    kind: Literal["staff_message"] = "staff_message"


@dataclass(frozen=True, slots=True)
class Outreach:
    """Text of a staff member that begins a conversation, or that leaves ``at`` a later time.

    ``route`` reaches a customer who never wrote or called; ``consent`` says how, and ``consented_at`` when they agreed
    to be written to.
    """

    actor: str
    text: str
    at: float = 0.0
    route: Route | None = None
    consent: str = ""
    consented_at: float | None = None
    kind: Literal["outreach"] = "outreach"


@dataclass(frozen=True, slots=True)
class FollowUpDue:
    """Sign that the time of a follow-up has come."""

    id: str
    kind: Literal["follow_up_due"] = "follow_up_due"


@dataclass(frozen=True, slots=True)
class Hold:
    """Staff hold the agent (``on``), or let it go on."""

    actor: str
    on: bool
    kind: Literal["hold"] = "hold"


@dataclass(frozen=True, slots=True)
class Revealed:
    """Record that a staff member looked at the customer's full number, or took a copy of the conversation."""

    actor: str
    copied: bool = False
    kind: Literal["revealed"] = "revealed"


@dataclass(frozen=True, slots=True)
class StaffNote:
    """Note of a staff member for colleagues, some of whom it ``mentions``: neither customer nor agent reads it."""

    actor: str
    text: str
    mentions: tuple[str, ...] = ()
    kind: Literal["staff_note"] = "staff_note"


@dataclass(frozen=True, slots=True)
class StaffWhisper:
    """Words of a staff member to the agent, which heeds them from its next turn on; the customer is not told."""

    actor: str
    text: str
    kind: Literal["staff_whisper"] = "staff_whisper"


@dataclass(frozen=True, slots=True)
class Assigned:
    """A conversation is given to a staff member, or to nobody (``to`` is None)."""

    actor: str
    to: str | None
    kind: Literal["assigned"] = "assigned"


@dataclass(frozen=True, slots=True)
class CalledBack:
    """A staff member has a customer called whom a ticket promised that."""

    actor: str
    ticket: str
    kind: Literal["called_back"] = "called_back"


Handling = Literal["open", "snoozed", "resolved"]


@dataclass(frozen=True, slots=True)
class Handled:
    """A colleague resolves a conversation, opens it again, or lets it rest ``until`` a time."""

    actor: str
    state: Handling
    until: float | None = None
    kind: Literal["handled"] = "handled"


@dataclass(frozen=True, slots=True)
class TicketOpened:
    """A ticket that staff or a partner system opened; ``route`` reaches a customer who never wrote or called."""

    actor: str
    ticket: Ticket
    route: Route | None = None
    kind: Literal["ticket_opened"] = "ticket_opened"


@dataclass(frozen=True, slots=True)
class TicketClosed:
    """Staff are done with a ticket: ``status`` says how it ended, ``note`` why."""

    actor: str
    ticket_id: str
    status: TicketStatus
    note: str = ""
    kind: Literal["ticket_closed"] = "ticket_closed"


StaffAct = (
    StaffMessage
    | Outreach
    | StaffNote
    | StaffWhisper
    | Assigned
    | Handled
    | Hold
    | Revealed
    | TicketOpened
    | TicketClosed
    | CalledBack
)
"""What staff do besides deciding."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a subject. ``key`` is unique in its lane for ever.

    It is the MessageSid of a text; ``decision:`` with the approval's id for a decision, so that the first wins;
    ``consent:`` with id and version for the first approval of two; ``undelivered:`` with the reply's id; call, socket
    session and number of a spoken prompt; ``staff:`` with what the caller named the act; ``ticket:`` with the id of a
    ticket; ``follow_up:`` with id and time of one. While it waits, no reply leaves on the channels that it
    ``silences``: the customer asks for no more.
    """

    key: str
    body: (
        TextReceived
        | SpokenPrompt
        | Heard
        | PersonWanted
        | CallEnded
        | OptionRefused
        | TextFromAnother
        | Decision
        | Undelivered
        | FollowUpDue
        | StaffAct
    )
    silences: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """An accepted entry that no turn has consumed. ``tries`` counts claims that found it first in line."""

    entry: Entry
    accepted_at: float
    tries: int
