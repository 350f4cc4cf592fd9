"""Reads of a lane store; they change nothing."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Final, TypeVar

from ..entries import Waiting
from ..errors import MalformedRequest, UnreadableRecord
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
from . import acts, conversations, kinds, lane, upkeep
from .mending import mend
from .rows import MICRO, Indexed, LaneIndex, Missing, Row, Want
from .state import Kind, Lane
from .storage import Storage
from .values import Act, ConversationHead, Counts, Erasure, Hour, Looker, Page, Presence

T = TypeVar("T")

NOTHING: Final = Want()
_HOURS_AT_ONCE: Final = 500
_SNAPSHOTS: Final = Want(kinds=frozenset({kinds.SNAPSHOT}))
_CONVERSATION: Final = Want(rows=frozenset({(kinds.CONVERSATION, "")}), kinds=frozenset({kinds.SNAPSHOT}))


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

    async def effect_known(self, subject: SubjectId, key: str) -> bool:
        """See :meth:`LaneStore.effect_known`."""
        loaded = await self.storage.load(subject, Want(rows=frozenset({(kinds.EFFECT, key)})))
        return loaded.rows[kinds.EFFECT, key] is not None

    async def present(self, subject: SubjectId) -> Presence | None:
        """See :meth:`LaneStore.present`."""
        return await self._look(subject, NOTHING, lane.present)

    async def conversation(self, subject: SubjectId) -> Conversation | None:
        """See :meth:`LaneStore.conversation`."""
        return await self._look(subject, _CONVERSATION, conversations.read_conversation)

    async def waiting(self, subject: SubjectId) -> tuple[Waiting, ...]:
        """See :meth:`LaneStore.waiting`; what cannot be read is left out."""
        it = await self._look(subject, Want(kinds=frozenset({kinds.WAITING})), lambda it: it)
        tries = {one.key: one.tries for one in it.head.waiting}
        found = []
        for row in it.all(kinds.WAITING):
            with suppress(UnreadableRecord):
                entry = kinds.WAITING.read(row.record).entry
                found.append(Waiting(entry, row.sequence / MICRO, tries.get(row.key, 0)))
        return tuple(found)

    async def consumed(self, subject: SubjectId, *, limit: int) -> tuple[Waiting, ...]:
        """See :meth:`LaneStore.consumed`; what cannot be read is left out."""
        found = []
        for row in await self._newest(subject, limit, kinds.KEY):
            with suppress(UnreadableRecord):
                found.append(Waiting(kinds.KEY.read(row.record).entry, row.sequence / MICRO, 0))
        return tuple(found)

    async def timeline(self, subject: SubjectId, *, limit: int = 200) -> tuple[TimelineEvent, ...]:
        """See :meth:`LaneStore.timeline`; a row that cannot be read is left out."""
        return _readable(kinds.TIMELINE, await self._newest(subject, limit, kinds.TIMELINE))

    async def replies(self, subject: SubjectId, *, limit: int = 200) -> tuple[StoredReply, ...]:
        """See :meth:`LaneStore.replies`; a row that cannot be read is left out."""
        wanted = Want(newest={kinds.REPLY: limit, kinds.UNSETTLED: limit})
        it = await self._look(subject, wanted, lambda it: it)
        tries = {one.id: one.tries for line in it.head.lines.values() for one in line.queue}
        rows = _in_order(*it.loaded.newest.values())[-limit:] if limit > 0 else ()
        stored = _readable(kinds.REPLY, rows)
        return tuple(replace(one, tries=tries.get(one.reply.id, one.tries)) for one in stored)

    async def recent(self, *, limit: int, cursor: str | None = None) -> Page[ConversationHead]:
        """See :meth:`LaneStore.recent`."""
        found, following = await self._page(LaneIndex.RECENT, kinds.GLANCE, limit, cursor, descending=True)
        return Page(tuple(conversations.read_head(one.subject, one.sort, one.record) for one in found), following)

    async def approvals(
        self, *, status: ApprovalStatus | None, limit: int, cursor: str | None = None
    ) -> Page[Approval]:
        """See :meth:`LaneStore.approvals`; what cannot be read is left out, and so are the snapshots."""
        index = LaneIndex.APPROVALS if status is None else f"{LaneIndex.APPROVALS}:{status}"
        rows, following = await self._page(index, kinds.APPROVAL, limit, cursor)
        return Page(tuple(replace(one, snapshot="") for one in _readable(kinds.APPROVAL, rows)), following)

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
        approval = kinds.APPROVAL.read(found.record or "")
        if not approval.snapshot:
            return approval
        return await self._look(found.subject, _SNAPSHOTS, lambda it: conversations.whole_approval(it, approval))

    async def counts(self) -> Counts:
        """See :meth:`LaneStore.counts`."""
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

    async def ticket(self, ticket_id: str) -> Ticket | None:
        """See :meth:`LaneStore.ticket`."""
        found = await self.storage.find(kinds.TICKET, ticket_id)
        return kinds.TICKET.read(found.record or "") if found else None

    async def tickets(self, subject: SubjectId, *, limit: int = 50) -> tuple[Ticket, ...]:
        """See :meth:`LaneStore.tickets`; a row that cannot be read is left out."""
        return _readable(kinds.TICKET, reversed(await self._newest(subject, limit, kinds.TICKET)))

    async def all_tickets(self, *, status: TicketStatus | None, limit: int, cursor: str | None = None) -> Page[Ticket]:
        """See :meth:`LaneStore.all_tickets`; a row that cannot be read is left out."""
        index = LaneIndex.TICKETS if status is None else f"{LaneIndex.TICKETS}:{status}"
        rows, following = await self._page(index, kinds.TICKET, limit, cursor)
        return Page(_readable(kinds.TICKET, rows), following)

    async def acts(self, *, limit: int, cursor: str | None = None) -> Page[Act]:
        """See :meth:`LaneStore.acts`; what cannot be read is left out."""
        rows, following = await self._page(LaneIndex.ACTS, kinds.ACT, limit, cursor, descending=True)
        found = (acts.read_act(one.record or "", subject=one.subject or None) for one in rows)
        return Page(tuple(one for one in found if one is not None), following)

    async def lookers(self) -> tuple[Looker, ...]:
        """See :meth:`LaneStore.lookers`; what cannot be read is left out."""
        loaded = await self.storage.load(upkeep.NOBODY, Want(kinds=frozenset({kinds.LOOKER})))
        return tuple(one for one in _readable(kinds.LOOKER, loaded.kinds[kinds.LOOKER]) if one.until > loaded.now)

    async def hours(self, *, since: float) -> tuple[Hour, ...]:
        """See :meth:`LaneStore.hours`; what cannot be read is left out."""
        found: list[Indexed] = []
        after = None
        while rows := await self.storage.scan(
            LaneIndex.HOURS, limit=_HOURS_AT_ONCE, after=after, descending=True, kind=kinds.HOUR
        ):
            found += (one for one in rows if one.sort >= since)
            if rows[-1].sort < since:
                break
            after = rows[-1].sort, rows[-1].position
        return _readable(kinds.HOUR, found)

    async def erased(self, key: str) -> bool:
        """See :meth:`LaneStore.erased`."""
        name = lane.erased_key(key)
        loaded = await self.storage.load(upkeep.NOBODY, Want(rows=frozenset({(kinds.KEY, name)})))
        return loaded.rows[kinds.KEY, name] is not None

    async def erasures(self, subject: SubjectId) -> tuple[Erasure, ...]:
        """See :meth:`LaneStore.erasures`."""
        secret = (await self.storage.load(upkeep.NOBODY, upkeep.WANTS_SECRET)).rows[kinds.SECRET, ""]
        if secret is None:
            return ()
        names = upkeep.erasure_kinds(secret.record, subject)
        loaded = await self.storage.load(upkeep.NOBODY, Want(kinds=frozenset(names)))
        return _readable(kinds.AUDIT, _in_order(*loaded.kinds.values()))


def _in_order(*rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(sorted(chain(*rows), key=lambda row: row.sequence))


def _readable(kind: Kind[T], rows: Iterable[Row | Indexed]) -> tuple[T, ...]:
    found = []
    for row in rows:
        with suppress(UnreadableRecord):
            found.append(kind.read(row.record or ""))
    return tuple(found)


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
