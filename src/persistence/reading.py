"""Reads of a lane store; they change nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Final, TypeVar

from ..entries import Waiting
from ..errors import UnreadableRecord
from ..model import (
    Approval,
    ApprovalStatus,
    Conversation,
    StoredReply,
    SubjectId,
    Ticket,
    TicketStatus,
    TimelineEvent,
)
from . import codec, kinds, lane, record, upkeep
from .conversation_heads import read_head
from .cursor import read_cursor, write_cursor
from .draft import MICRO, Lane
from .rows import Indexed, Loaded, Missing, Want, want
from .storage import Storage
from .values import ConversationHead, Counts, Erasure, Page, Presence

T = TypeVar("T")

NOTHING: Final = Want()


class Reading:
    """The questions of a :class:`~.base.LaneStore`. ``poll_seconds``: how often to look for work without hints."""

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

    async def _look(self, subject: SubjectId, wanted: Want, look: Callable[[Lane, Loaded], T]) -> T:
        """Look at a lane without changing it."""
        while True:
            loaded = await self.storage.load(subject, wanted)
            try:
                return look(Lane(loaded), loaded)
            except Missing as missing:
                wanted |= missing.wanted

    async def _read(self, subject: SubjectId, wanted: Want) -> Loaded:
        return await self.storage.load(subject, wanted)

    async def effect_known(self, subject: SubjectId, key: str) -> bool:
        """See :meth:`LaneStore.effect_known`."""
        loaded = await self._read(subject, want((kinds.EFFECT, key)))
        return loaded.row(kinds.EFFECT, key) is not None

    async def present(self, subject: SubjectId) -> Presence | None:
        """See :meth:`LaneStore.present`."""
        return await self._look(subject, NOTHING, lambda it, _: lane.present(it))

    async def conversation(self, subject: SubjectId) -> Conversation | None:
        """See :meth:`LaneStore.conversation`."""
        loaded = await self._read(subject, want((kinds.CONVERSATION, ""), kinds=[kinds.SNAPSHOT]))
        row = loaded.row(kinds.CONVERSATION, "")
        return record.whole(loaded, codec.CONVERSATION.decode(row.record)) if row else None

    async def waiting(self, subject: SubjectId) -> tuple[Waiting, ...]:
        """See :meth:`LaneStore.waiting`; what cannot be read is left out."""
        wanted = want(kinds=[kinds.WAITING])
        head, loaded = await self._look(subject, wanted, lambda it, loaded: (it.head, loaded))
        tries = {one.key: one.tries for one in head.waiting}
        found = []
        for row in loaded.all(kinds.WAITING):
            with suppress(UnreadableRecord):
                entry = kinds.ENTRY.decode(row.record).entry
                found.append(Waiting(entry, row.sequence / MICRO, tries.get(row.key, 0)))
        return tuple(found)

    async def timeline(self, subject: SubjectId, *, limit: int = 200) -> tuple[TimelineEvent, ...]:
        """See :meth:`LaneStore.timeline`; a row that cannot be read is left out."""
        loaded = await self._read(subject, Want(newest={kinds.TIMELINE: limit}))
        found = []
        for row in loaded.newest[kinds.TIMELINE]:
            with suppress(UnreadableRecord):
                found.append(codec.TIMELINE.decode(row.record))
        return tuple(found)

    async def replies(self, subject: SubjectId, *, limit: int = 200) -> tuple[StoredReply, ...]:
        """See :meth:`LaneStore.replies`; a row that cannot be read is left out."""
        wanted = Want(newest={kinds.REPLY: limit, kinds.UNSETTLED: limit})
        head, loaded = await self._look(subject, wanted, lambda it, loaded: (it.head, loaded))
        tries = {one.id: one.tries for line in head.lines.values() for one in line.queue}
        rows = sorted(chain(*loaded.newest.values()), key=lambda row: row.sequence)
        found = []
        for row in rows[-limit:] if limit > 0 else ():
            with suppress(UnreadableRecord):
                stored = kinds.STORED_REPLY.decode(row.record)
                found.append(replace(stored, tries=tries.get(row.key, stored.tries)))
        return tuple(found)

    async def recent(self, *, limit: int, cursor: str | None = None) -> Page[ConversationHead]:
        """See :meth:`LaneStore.recent`."""
        found, following = await self._page(kinds.RECENT, kinds.GLANCE, limit, cursor, descending=True)
        return Page(tuple(read_head(one.subject, one.sort, one.record) for one in found), following)

    async def approvals(
        self, *, status: ApprovalStatus | None, limit: int, cursor: str | None = None
    ) -> Page[Approval]:
        """See :meth:`LaneStore.approvals`; what cannot be read is left out, and so are the snapshots."""
        index = kinds.APPROVALS if status is None else f"{kinds.APPROVALS}:{status}"
        rows, following = await self._page(index, kinds.APPROVAL, limit, cursor)
        found = []
        for row in rows:
            with suppress(UnreadableRecord):
                found.append(replace(codec.APPROVAL.decode(row.record or ""), snapshot=""))
        return Page(tuple(found), following)

    async def _page(
        self, index: str, kind: str, limit: int, cursor: str | None, *, descending: bool = False
    ) -> tuple[Sequence[Indexed], str | None]:
        after = read_cursor(cursor) if cursor else None
        rows = await self.storage.scan(index, limit=limit + 1, after=after, descending=descending, kind=kind)
        if len(rows) <= limit:
            return rows, None
        return rows[:limit], write_cursor(rows[limit - 1].sort, rows[limit - 1].position)

    async def approval(self, approval_id: str) -> Approval | None:
        """See :meth:`LaneStore.approval`."""
        found = await self.storage.find(kinds.APPROVAL, approval_id)
        if found is None:
            return None
        approval = codec.APPROVAL.decode(found.record or "")
        if not approval.snapshot:
            return approval
        return record.whole_approval(await self._read(found.subject, want(kinds=[kinds.SNAPSHOT])), approval)

    async def counts(self) -> Counts:
        """See :meth:`LaneStore.counts`."""
        pending = f"{kinds.APPROVALS}:{ApprovalStatus.PENDING}"
        names = (kinds.RECENT, pending, kinds.OLDEST_ENTRY, kinds.OLDEST_REPLY, kinds.SET_ASIDE)
        figures = await self.storage.figures(names)
        now = await self.storage.now()
        ages = [max(0.0, now - one.first) if one.count else 0.0 for one in (figures[names[2]], figures[names[3]])]
        return Counts(
            conversations=figures[kinds.RECENT].count,
            pending_approvals=figures[pending].count,
            oldest_pending_entry_seconds=ages[0],
            oldest_unsettled_reply_seconds=ages[1],
            set_aside=figures[kinds.SET_ASIDE].count + await self.storage.copies(),
        )

    async def ticket(self, ticket_id: str) -> Ticket | None:
        """See :meth:`LaneStore.ticket`."""
        found = await self.storage.find(kinds.TICKET, ticket_id)
        return codec.TICKET.decode(found.record or "") if found else None

    async def tickets(self, subject: SubjectId, *, limit: int = 50) -> tuple[Ticket, ...]:
        """See :meth:`LaneStore.tickets`; a row that cannot be read is left out."""
        loaded = await self._read(subject, Want(newest={kinds.TICKET: limit}))
        found = []
        for row in reversed(loaded.newest[kinds.TICKET]):
            with suppress(UnreadableRecord):
                found.append(codec.TICKET.decode(row.record))
        return tuple(found)

    async def all_tickets(self, *, status: TicketStatus | None, limit: int, cursor: str | None = None) -> Page[Ticket]:
        """See :meth:`LaneStore.all_tickets`; a row that cannot be read is left out."""
        index = kinds.TICKETS if status is None else f"{kinds.TICKETS}:{status}"
        rows, following = await self._page(index, kinds.TICKET, limit, cursor)
        found = []
        for row in rows:
            with suppress(UnreadableRecord):
                found.append(codec.TICKET.decode(row.record or ""))
        return Page(tuple(found), following)

    async def erasures(self, subject: SubjectId) -> tuple[Erasure, ...]:
        """See :meth:`LaneStore.erasures`."""
        secret = (await self._read(upkeep.NOBODY, upkeep.WANTS_SECRET)).row(kinds.SECRET, "")
        if secret is None:
            return ()
        names = upkeep.erasure_kinds(secret.record, subject)
        loaded = await self._read(upkeep.NOBODY, want(kinds=names))
        rows = sorted(chain(*map(loaded.all, names)), key=lambda row: row.sequence)
        return tuple(upkeep.ERASURE.decode(row.record) for row in rows)
