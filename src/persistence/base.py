"""The lane store: what every backend must do. The docstrings are the specification; ``tests/contracts`` checks it.

A *lane* is everything about one subject: waiting entries, the conversation, replies, timeline, effects.
Anyone may append entries; only the holder of the lane's *lease* may run a turn and commit.

Rules that hold for every method:

* **Durable**: what a method answered survives ``kill -9`` of this process (and of the machine, where the store can).
* **Repeatable**: every write carries a token made by the caller (``token``, ``holder``, the ids inside a change). The
  same token again gets the first answer and changes nothing: drivers repeat commands after a cut connection.
* **The store's clock**: leases, deadlines and times use the store server's clock.
* **Errors**: :class:`~tandem.errors.StoreUnavailable` (and no driver's) when it does not answer within seconds.
* **Any id**: subject ids, keys and texts are arbitrary non-empty strings without NUL; they never become file names,
  SQL or scripts. They are valid Unicode: a lone surrogate, which UTF-8 cannot carry, is a ValueError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from ..entries import Entry, Waiting
from ..model import (
    Approval,
    ApprovalStatus,
    Channel,
    Conversation,
    Outgoing,
    ReplyStatus,
    StoredReply,
    SubjectId,
    Ticket,
    TicketStatus,
    TimelineEvent,
)
from .bookkeeping import Bookkeeping
from .erasing import Erasing
from .values import (
    Change,
    Claim,
    Committed,
    ConversationHead,
    Counts,
    Due,
    Effect,
    Folding,
    Page,
    Presence,
    PurgeReport,
    Receipt,
    Settlement,
)


class LaneStore(Bookkeeping, Erasing, Protocol):
    """See the module's docstring. Backends are opened by their module's ``open_…`` context manager."""

    # --- entries and turns ------------------------------------------------------------------------------

    async def accept(
        self, subject: SubjectId, entries: Sequence[Entry], *, token: str, not_after: float | None = None
    ) -> tuple[Receipt, ...]:
        """Append entries to a lane, needing no lease; all are durable when this returns.

        * A key already in the lane, waiting or consumed, is DUPLICATE, unless it was put there with this ``token``
          (then the first answer is repeated).
        * With ``not_after``, a new key that arrives when the store's clock is past it is LATE and not stored, in the
          same atomic step.
        * Receipts are in the order of ``entries``; the same key twice in one call: the second is a duplicate
          of the first (late both, when the first is late).
        * ``earlier`` is None when the earlier entry cannot be read.
        """
        ...

    async def claim(
        self, subject: SubjectId, *, holder: str, seconds: float, accept: Sequence[Entry] = ()
    ) -> Claim | None:
        """Take the lane's lease for ``seconds``, or return None while another holder's lease runs.

        * ``holder`` is new for every claim, never a replica's name. The same holder claiming again gets the same
          fence, as long as it still holds the lane (also when the lease ran out and nobody took it); the lease runs
          anew and no try is raised.
        * ``accept`` entries are accepted in the same step (token = holder), whether or not the lease is granted.
        * Granting raises ``tries`` of the first waiting entry by one.
        * Where only opt-outs are left of a lane, or its record is unreadable, a new conversation carries them.
        * An unreadable conversation, or an unreadable entry, is set aside in the same step and never blocks the lane.
        """
        ...

    async def renew(self, claim: Claim, *, seconds: float) -> None:
        """Extend the lease from now.

        Raises LeaseLost when the lane has another fence or the lease was released (so that a late renewal does not
        block the lane); an expired lease that nobody took is taken back.
        """
        ...

    async def release(self, claim: Claim, *, forgive: bool = False) -> None:
        """Give the lease back; nothing happens when it is lost already.

        ``forgive`` undoes the claim's last try: the one that the claim, or its latest commit, raised.
        """
        ...

    async def commit(
        self, claim: Claim, change: Change, *, token: str, deliver: float | None = None, replica: str = ""
    ) -> Committed:
        """Write a change atomically and give the lease back, unless entries wait.

        * Raises LeaseLost, and writes nothing, when the lane's fence is not the claim's. A lease that ran out, and that
          nobody took, may still commit.
        * A repeated ``token`` is answered first of all, for at least ten minutes, even when others committed since.
        * When entries wait, they are returned and the lease is kept for as long as it lasted, first entry's ``tries``
          raised as by a claim; otherwise the lease is released in the same step.
        * With ``deliver`` (seconds), each line that received replies and that nobody delivers is claimed under the
          claim's holder for ``replica`` as by :meth:`next_reply`, and its first reply returned in ``outgoing``.
        * A line that this holder delivers already counts as delivered by somebody: its reply is not handed out twice.
        * A record larger than a MiB loses its oldest turns; where that does not suffice, RecordTooLarge.
        * Approvals of the conversation are indexed for :meth:`approvals`. One that the conversation no longer carries
          keeps its last state there, but pending becomes VOID: nobody can decide it.
        """
        ...

    # --- side effects -----------------------------------------------------------------------------------

    async def effect_begin(self, subject: SubjectId, key: str, *, token: str) -> Effect:
        """Record that a side effect is about to happen.

        NEW: go ahead (also for the same token again, as long as it is unfinished). DONE: it happened, here is its
        result. UNKNOWN: somebody began it and never finished; it may have happened.
        """
        ...

    async def effect_finish(self, subject: SubjectId, key: str, *, result: str) -> None:
        """Record the result of an effect, begun or not; the first result stays."""
        ...

    async def effect_known(self, subject: SubjectId, key: str) -> bool:
        """Tell whether an effect was ever begun, by whomever; changes nothing."""
        ...

    # --- outbox -----------------------------------------------------------------------------------------

    async def next_reply(
        self, subject: SubjectId, channel: Channel, *, holder: str, seconds: float, replica: str = ""
    ) -> Outgoing | None:
        """Take a line (subject and channel) for ``seconds`` and its oldest waiting reply, ``tries`` raised by one.

        None when the line is empty, rests until a retry, or is held by another holder. The same holder asking again
        gets the same reply with the same ``tries``, claimed for ``seconds`` from now, unless a status callback settled
        it: then the line's next. An unreadable reply is set aside and the line goes on.

        The VOICE line of a subject whose call is at another replica than ``replica`` (:meth:`presence`) gives None and
        stays as it is, whoever holds it: only where the socket is can it be said.
        """
        ...

    async def settle(
        self,
        subject: SubjectId,
        outgoing: Outgoing,
        settlement: Settlement,
        *,
        seconds: float,
        replica: str = "",
    ) -> Outgoing | None:
        """Record an attempt's end and return the line's next reply, claimed for ``seconds``; None frees the line.

        A reply that is settled already (status not WAITING), or held by another holder since, keeps its state; the
        settlement's timeline rows are then not written. A holder that still holds the line goes on with its next
        reply; one that does not gets None, also when the line is free, and so does an attempt (``tries``) that its
        own holder has begun anew since. A line that is ``replica``'s no more (see :meth:`next_reply`) is freed.
        """
        ...

    async def delivery_status(
        self,
        subject: SubjectId,
        reply_id: str,
        status: ReplyStatus,
        *,
        provider_id: str,
        error_code: int | None = None,
        timeline: Sequence[TimelineEvent] = (),
    ) -> bool:
        """Store what a status callback says and return whether it moved the reply.

        Order: WAITING < FAILED, BLOCKED, SENT < UNDELIVERED < DELIVERED < READ; a reply never moves backwards, and
        equal is no move: a repeated callback writes nothing and answers False. A WAITING reply moves too (its
        create's answer was lost) and is then settled.
        """
        ...

    # --- who holds a call -------------------------------------------------------------------------------

    async def presence(
        self, subject: SubjectId, *, call: str, replica: str, seconds: float, renew: bool = False
    ) -> None:
        """Note that ``replica`` holds the socket of a subject's ``call``, for ``seconds`` from now.

        * The latest call of this counts: another replica, or another call, takes over. With ``renew`` it counts only
          while nobody else took over, so that a socket which is dead already does not take its call back.
        * ``seconds=0`` ends it for the ``call`` and ``replica`` that hold it, and does nothing for anybody else.
        * Erased with the subject. A lane is not purged while somebody is present in it; what ran out goes with any
          purge.
        """
        ...

    async def present(self, subject: SubjectId) -> Presence | None:
        """Return who holds the socket of a subject's call, None when nobody does or the time ran out."""
        ...

    # --- finding work -----------------------------------------------------------------------------------

    async def due(self, *, limit: int, replica: str = "") -> Due:
        """Find work that no lease covers, oldest first: ``limit`` lanes, as many lines that ``replica`` would get."""
        ...

    async def notify(self, subject: SubjectId) -> None:
        """Hint to other processes that a lane has work. Losing a hint costs seconds, never a message."""
        ...

    def listen(self) -> AsyncIterator[SubjectId]:
        """Yield hints of other processes until cancelled; a store without notifications polls :meth:`due`."""
        ...

    # --- reading ----------------------------------------------------------------------------------------

    async def conversation(self, subject: SubjectId) -> Conversation | None:
        """Return the last committed conversation. Raises UnreadableRecord."""
        ...

    async def waiting(self, subject: SubjectId) -> tuple[Waiting, ...]:
        """Return the entries that no turn consumed yet, oldest first."""
        ...

    async def consumed(self, subject: SubjectId, *, limit: int) -> tuple[Waiting, ...]:
        """Return the newest ``limit`` entries that turns consumed, oldest first; they are kept for 7 days at least."""
        ...

    async def timeline(self, subject: SubjectId, *, limit: int = 200) -> tuple[TimelineEvent, ...]:
        """Return the newest ``limit`` rows, oldest first."""
        ...

    async def replies(self, subject: SubjectId, *, limit: int = 200) -> tuple[StoredReply, ...]:
        """Return the newest ``limit`` replies, oldest first."""
        ...

    async def recent(self, *, limit: int, cursor: str | None = None) -> Page[ConversationHead]:
        """List conversations, last changed first."""
        ...

    async def approvals(
        self, *, status: ApprovalStatus | None, limit: int, cursor: str | None = None
    ) -> Page[Approval]:
        """List approvals, soonest expiry first; None lists every status."""
        ...

    async def approval(self, approval_id: str) -> Approval | None:
        """Find one approval by its id, in whichever lane."""
        ...

    async def counts(self) -> Counts:
        """Return the figures for ``/status``."""
        ...

    async def ticket(self, ticket_id: str) -> Ticket | None:
        """Find one ticket by its id, whoever it belongs to."""
        ...

    async def tickets(self, subject: SubjectId, *, limit: int = 50) -> tuple[Ticket, ...]:
        """Return the newest ``limit`` tickets of a subject, newest first."""
        ...

    async def all_tickets(self, *, status: TicketStatus | None, limit: int, cursor: str | None = None) -> Page[Ticket]:
        """List everybody's tickets, the earliest ``respond_by`` first; None lists every status."""
        ...

    # --- joining lanes, and keeping house ---------------------------------------------------------------

    async def merge(self, old: SubjectId, new: SubjectId, *, token: str) -> bool:
        """Move everything of ``old`` into the lane of ``new``, in one atomic step: one person turned out to be both.

        * Conversations are joined (:func:`~.merging.joined`); keys, effects, replies, timeline, approvals, tickets and
          set-aside records change lanes, those of ``new`` winning where both have one of the same id.
        * A row ``joined`` is on the timeline of ``new``, a row ``moved`` is all that is left of ``old``.
        * False, and nothing is changed, when ``old`` has no conversation. Repeating a call that moved answers True.
        * Raises LeaseLost, changing nothing, while anybody holds either lane, or ``old`` has a call, entries that wait,
          replies that are unsettled or an approval that is being carried out: later.
        """
        ...

    async def purge(self, *, older_than: float, dry_run: bool = False) -> PurgeReport:
        """Delete what nothing touched for ``older_than`` seconds: conversations with timeline and settled replies,
        deduplication keys (never younger than 7 days), effects.

        Never: a lane with a pending approval, an open ticket, a waiting entry, an unsettled reply, a time to wake or a
        running lease; a fence. Keys, effects and set-aside records go by their own age, also in a busy lane; the rest
        goes with its lane, which every granted claim, commit, new entry, settlement and status touches. The report has
        conversations, timeline, replies, keys, effects, tickets, set_aside. A failing step is counted and ends it.
        """
        ...

    async def fold(self, folded: Folding, *, older_than: float, dry_run: bool = False) -> int:
        """Replace what nothing changed for ``older_than`` seconds by ``folded`` of it, in idle lanes; count them."""
        ...

    async def ping(self) -> None:
        """Return when the store can read and write; raise StoreUnavailable otherwise."""
        ...
