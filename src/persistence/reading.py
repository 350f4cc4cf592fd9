"""The questions that a lane store answers; they change nothing."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final, TypeVar

from ..entries import Waiting
from ..errors import MalformedRequest, UnreadableRecord
from ..model import (
    Approval,
    ApprovalStatus,
    Channel,
    Conversation,
    StoredReply,
    SubjectId,
    Ticket,
    TicketStatus,
    TimelineEvent,
)
from . import conversations, kinds, lane, upkeep
from .mending import mend
from .rows import MICRO, Indexed, LaneIndex, Missing, Row, Want
from .state import Kind, Lane
from .storage import LISTED, Storage
from .values import Act, ConversationHead, Counts, Due, Erasure, Hour, Looker, Page, Presence

T = TypeVar("T")

NOTHING: Final = Want()
_CHANNELS: Final = frozenset(Channel)
_WANTS_BOTH: Final = conversations.WANTS_CONVERSATION | Want(kinds=frozenset({kinds.WAITING}))


class Reading:
    """The part of a lane store that reads. Rows that cannot be read are left out of lists.

    ``poll_seconds``: how often to look for work without hints.
    """

    def __init__(self, storage: Storage, *, poll_seconds: float = 1.0) -> None:
        self.storage = storage
        self._poll_seconds = poll_seconds
        self._tidying: set[asyncio.Future[None]] = set()

    @property
    def clock_offset(self) -> float:
        """Seconds that are added to the store's clock."""
        return self.storage.clock_offset

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self.storage.clock_offset = seconds

    async def _look(self, subject: SubjectId, wanted: Want, look: Callable[[Lane], T]) -> T:
        """Look at a lane without changing it."""
        while True:
            loaded = await self.storage.load(subject, wanted)
            try:
                it = Lane(loaded)
                if it.ails:
                    mend(it)
                return look(it)
            except Missing as missing:
                wanted |= missing.wanted

    async def _newest(self, subject: SubjectId, limit: int, *of: str) -> tuple[Row, ...]:
        """Return the newest rows of these kinds together, oldest first."""
        loaded = await self.storage.load(subject, Want(newest=dict.fromkeys(of, limit)))
        return _in_order(*loaded.newest.values())[-limit:] if limit > 0 else ()

    async def _own(self, kind: Kind[T]) -> tuple[float, tuple[T, ...]]:
        """Return the store's clock, and the store's own rows of a kind."""
        loaded = await self.storage.load(upkeep.NOBODY, Want(kinds=frozenset({kind})))
        return loaded.now, _readable(kind, loaded.kinds[kind])

    async def _has(self, subject: SubjectId, kind: str, key: str) -> bool:
        loaded = await self.storage.load(subject, Want(rows=frozenset({(kind, key)})))
        return loaded.rows[kind, key] is not None

    async def _page(
        self, index: str, kind: str, limit: int, cursor: str | None, *, descending: bool = False
    ) -> tuple[Sequence[Indexed], str | None]:
        after = read_cursor(cursor) if cursor else None
        rows = await self.storage.scan(index, limit=limit + 1, after=after, descending=descending, kind=kind)
        if len(rows) <= limit:
            return rows, None
        return rows[:limit], write_cursor(rows[limit - 1].sort, rows[limit - 1].position)

    async def _listed(
        self, index: str, *, upto: float | None = None, descending: bool = False, kind: str = ""
    ) -> AsyncIterator[Indexed]:
        """Yield the entries of an index, which may change meanwhile."""
        after = None
        while found := await self.storage.scan(
            index, limit=LISTED, after=after, upto=upto, descending=descending, kind=kind
        ):
            for one in found:
                yield one
            after = found[-1].sort, found[-1].position

    # --- one lane ---------------------------------------------------------------------------------------

    async def conversation(self, subject: SubjectId) -> Conversation | None:
        """Return the last committed conversation. Raises UnreadableRecord."""
        return await self._look(subject, conversations.WANTS_CONVERSATION, conversations.read_conversation)

    async def found_by_turns(self, subject: SubjectId) -> Conversation | None:
        """Return the conversation that a turn would find: a new one, where only opt-outs are left of a customer."""
        wanted = conversations.WANTS_CONVERSATION | Want(rows=frozenset({(kinds.OPT_OUT, "")}))
        return await self._look(subject, wanted, lane.found_by_turns)

    async def waiting(self, subject: SubjectId) -> tuple[Waiting, ...]:
        """Return the entries that no turn consumed yet, oldest first."""
        return await self._look(subject, Want(kinds=frozenset({kinds.WAITING})), _waiting)

    async def conversation_and_waiting(self, subject: SubjectId) -> tuple[Conversation | None, tuple[Waiting, ...]]:
        """Return both as of one moment; a conversation that cannot be read is none: the next turn sets it aside."""
        return await self._look(subject, _WANTS_BOTH, _conversation_and_waiting)

    async def consumed(self, subject: SubjectId, *, limit: int) -> tuple[Waiting, ...]:
        """Return the newest ``limit`` entries that turns consumed, oldest first; they are kept for 7 days at least."""
        found = kinds.records(kinds.KEY, await self._newest(subject, limit, kinds.KEY))
        return tuple(Waiting(stored.entry, row.sequence / MICRO, 0) for row, stored in found)

    async def timeline(self, subject: SubjectId, *, limit: int = 200) -> tuple[TimelineEvent, ...]:
        """Return the newest ``limit`` rows, oldest first."""
        return _readable(kinds.TIMELINE, await self._newest(subject, limit, kinds.TIMELINE))

    async def replies(self, subject: SubjectId, *, limit: int = 200) -> tuple[StoredReply, ...]:
        """Return the newest ``limit`` replies, oldest first."""
        wanted = Want(newest={kinds.REPLY: limit, kinds.UNSETTLED: limit})
        it = await self._look(subject, wanted, lambda it: it)
        tries = {one.id: one.tries for line in it.head.lines.values() for one in line.queue}
        rows = _in_order(*it.loaded.newest.values())[-limit:] if limit > 0 else ()
        stored = _readable(kinds.REPLY, rows)
        return tuple(replace(one, tries=tries.get(one.reply.id, one.tries)) for one in stored)

    async def tickets(self, subject: SubjectId, *, limit: int = 50) -> tuple[Ticket, ...]:
        """Return the newest ``limit`` tickets of a subject, newest first."""
        return _readable(kinds.TICKET, reversed(await self._newest(subject, limit, kinds.TICKET)))

    async def newest(
        self, subject: SubjectId, *, rows: int, tickets: int
    ) -> tuple[tuple[TimelineEvent, ...], tuple[Ticket, ...]]:
        """Return the newest rows of the timeline, oldest first, and the newest tickets, newest first, in one load."""
        of = (await self.storage.load(subject, Want(newest={kinds.TIMELINE: rows, kinds.TICKET: tickets}))).newest
        return _readable(kinds.TIMELINE, of[kinds.TIMELINE]), _readable(kinds.TICKET, reversed(of[kinds.TICKET]))

    async def present(self, subject: SubjectId) -> Presence | None:
        """Return who holds the socket of a subject's call, None when nobody does or the time ran out."""
        return await self._look(subject, NOTHING, lane.present)

    async def effect_known(self, subject: SubjectId, key: str) -> bool:
        """Tell whether an effect was ever begun, by whomever; changes nothing."""
        return await self._has(subject, kinds.EFFECT, key)

    # --- all lanes --------------------------------------------------------------------------------------

    async def due(self, *, limit: int, replica: str = "", grace: float = 0.0) -> Due:
        """Find work that no lease covers, oldest first: ``limit`` lanes, as many lines that ``replica`` would get.

        Lanes only when they have been due for ``grace`` seconds.
        """
        now = await self.storage.now()
        names = [LaneIndex.LINES, *([f"{LaneIndex.LINES}@{replica}"] if replica else [])]
        lanes = await self.storage.scan(LaneIndex.DUE, upto=now - grace, limit=limit)
        found = [await self.storage.scan(name, upto=now, limit=limit) for name in names]
        lines = sorted(chain(*found), key=lambda one: one.sort)
        named = dict.fromkeys((one.subject, Channel(one.key)) for one in lines if one.key in _CHANNELS)
        return Due(tuple(one.subject for one in lanes), tuple(named)[:limit])

    async def recent(self, *, limit: int, cursor: str | None = None) -> Page[ConversationHead]:
        """List conversations, last changed first."""
        found, following = await self._page(LaneIndex.RECENT, kinds.GLANCE, limit, cursor, descending=True)
        return Page(tuple(conversations.read_head(one.subject, one.sort, one.record) for one in found), following)

    async def approvals(
        self, *, status: ApprovalStatus | None, limit: int, cursor: str | None = None
    ) -> Page[Approval]:
        """List approvals without their snapshots, soonest expiry first; None lists every status."""
        index = LaneIndex.APPROVALS if status is None else f"{LaneIndex.APPROVALS}:{status}"
        rows, following = await self._page(index, kinds.APPROVAL, limit, cursor)
        return Page(tuple(replace(one, snapshot="") for one in _readable(kinds.APPROVAL, rows)), following)

    async def approval(self, approval_id: str) -> Approval | None:
        """Find one approval by its id, in whichever lane, without its snapshot."""
        found = await self.storage.find(kinds.APPROVAL, approval_id)
        return replace(kinds.APPROVAL.read(found.record or ""), snapshot="") if found else None

    async def ticket(self, ticket_id: str) -> Ticket | None:
        """Find one ticket by its id, whoever it belongs to."""
        found = await self.storage.find(kinds.TICKET, ticket_id)
        return kinds.TICKET.read(found.record or "") if found else None

    async def all_tickets(self, *, status: TicketStatus | None, limit: int, cursor: str | None = None) -> Page[Ticket]:
        """List the tickets of all customers, the earliest ``respond_by`` first; None lists every status."""
        index = LaneIndex.TICKETS if status is None else f"{LaneIndex.TICKETS}:{status}"
        rows, following = await self._page(index, kinds.TICKET, limit, cursor)
        return Page(_readable(kinds.TICKET, rows), following)

    async def counts(self) -> Counts:
        """Return the figures for ``/status``."""
        pending = f"{LaneIndex.APPROVALS}:{ApprovalStatus.PENDING}"
        names = (LaneIndex.RECENT, pending, LaneIndex.OLDEST_ENTRY, LaneIndex.OLDEST_REPLY, LaneIndex.SET_ASIDE)
        figures = await self.storage.figures((*names, LaneIndex.ANNOUNCED, LaneIndex.UNTOLD))
        large = await self.storage.scan(LaneIndex.LARGE, limit=1, descending=True)
        now = await self.storage.now()
        ages = [max(0.0, now - one.first) if one.count else 0.0 for one in (figures[names[2]], figures[names[3]])]
        return Counts(
            conversations=figures[LaneIndex.RECENT].count,
            pending_approvals=figures[pending].count,
            oldest_pending_entry_seconds=ages[0],
            oldest_unsettled_reply_seconds=ages[1],
            set_aside=figures[LaneIndex.SET_ASIDE].count + await self.storage.copies(),
            announced=figures[LaneIndex.ANNOUNCED].count,
            untold=figures[LaneIndex.UNTOLD].count,
            largest_record=int(large[0].sort) if large else 0,
        )

    # --- the store's own books --------------------------------------------------------------------------

    async def acts(self, *, limit: int, cursor: str | None = None) -> Page[Act]:
        """List what staff did, newest first, without looking into conversations.

        * An act is written with the timeline row that tells of it, whenever its source is staff.
        * What is erased, and what a purge deletes, leaves its acts behind, without the person and without ids that lead
          to them; an erasure that was asked for is an act as well. An act is kept for :data:`.acts.KEPT_SECONDS`.
        """
        rows, following = await self._page(LaneIndex.ACTS, kinds.ACT, limit, cursor, descending=True)
        found = kinds.records(kinds.ACT, rows)
        return Page(tuple(replace(act, subject=one.subject or None) for one, act in found), following)

    async def lookers(self) -> tuple[Looker, ...]:
        """Return who looks at which conversation now, erased customers left out."""
        now, known = await self._own(kinds.LOOKER)
        return tuple(one for one in known if one.until > now)

    async def hours(self, *, since: float) -> tuple[Hour, ...]:
        """Return the hours of all processes that began at or after a time, newest first."""
        found: list[Indexed] = []
        async for one in self._listed(LaneIndex.HOURS, descending=True, kind=kinds.HOUR):
            if one.sort < since:
                break
            found.append(one)
        return _readable(kinds.HOUR, found)

    async def erased(self, key: str) -> bool:
        """Tell by a hash of it whether an entry's key was erased with its lane, in the last 7 days or longer."""
        return await self._has(upkeep.NOBODY, kinds.KEY, lane.erased_key(key))

    async def erasures(self, subject: SubjectId) -> tuple[Erasure, ...]:
        """Return the audit rows of a subject, oldest first: what proves its erasure to those who ask for it by id."""
        secret = (await self.storage.load(upkeep.NOBODY, upkeep.WANTS_SECRET)).rows[kinds.SECRET, ""]
        if secret is None:
            return ()
        names = upkeep.erasure_kinds(secret.record, subject)
        loaded = await self.storage.load(upkeep.NOBODY, Want(kinds=frozenset(names)))
        return _readable(kinds.AUDIT, _in_order(*loaded.kinds.values()))

    async def ping(self) -> None:
        """Return when the store can read and write; raise StoreUnavailable otherwise."""
        await self.storage.ping()


def _waiting(it: Lane) -> tuple[Waiting, ...]:
    tries = {one.key: one.tries for one in it.head.waiting}
    found = kinds.records(kinds.WAITING, it.all(kinds.WAITING))
    return tuple(Waiting(stored.entry, row.sequence / MICRO, tries.get(row.key, 0)) for row, stored in found)


def _conversation_and_waiting(it: Lane) -> tuple[Conversation | None, tuple[Waiting, ...]]:
    try:
        return conversations.read_conversation(it), _waiting(it)
    except UnreadableRecord:
        return None, _waiting(it)


async def conversation_of(store: Reading, subject: SubjectId) -> Conversation | None:
    """Return a conversation; one that cannot be read is none: the next turn sets it aside."""
    try:
        return await store.conversation(subject)
    except UnreadableRecord:
        return None


def _in_order(*rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(sorted(chain(*rows), key=lambda row: row.sequence))


def _readable(kind: Kind[T], rows: Iterable[Row | Indexed]) -> tuple[T, ...]:
    return tuple(said for _, said in kinds.records(kind, rows))


# --- cursors of listings: the sort key of the last row shown, as text that means nothing to its carrier -----------


def write_cursor(number: float, text: str) -> str:
    """Return the cursor for what follows the row with this sort key (the number first, then the text)."""
    return base64.urlsafe_b64encode(json.dumps([number, text]).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[float, str]:
    """Return the sort key in a cursor. Raises MalformedRequest when no listing gave it."""
    try:
        number, text = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(number, int | float) and math.isfinite(number) and isinstance(text, str):
            text.encode()  # a lone surrogate cannot be asked for
            return float(number), text
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise MalformedRequest("(cursor)") from error
    raise MalformedRequest("(cursor)")
