"""The file store: one SQLite database file, for one machine. Several processes may share it.

All writes go through one thread that groups them into commits (write-ahead log, ``synchronous=FULL``); reads have a
thread and a connection of their own. Subject ids, keys and texts are only ever bound parameters.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from ..entries import Entry, Waiting
from ..errors import StoreMissing, StoreUnavailable
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
    TimelineEvent,
)
from . import (
    file_approvals,
    file_audit,
    file_effects,
    file_entries,
    file_joining,
    file_lanes,
    file_outbox,
    file_presence,
    file_purge,
    file_read,
    file_tickets,
    file_timeline,
)
from .base import (
    Change,
    Claim,
    Committed,
    ConversationHead,
    Counts,
    Due,
    Effect,
    Erasure,
    Page,
    Presence,
    PurgeReport,
    Receipt,
    Settlement,
)
from .file_database import FILE_NAME, DatabaseFile, damaged_copies, empty_log, has_store, prepare
from .file_schema import BUSY_SECONDS
from .file_thread import DatabaseThread
from .joining import Joining, merge

P = ParamSpec("P")
T = TypeVar("T")

LISTEN_LIMIT = 100


@asynccontextmanager
async def open_file_store(
    folder: Path,
    *,
    create: bool = True,
    repair: bool = True,
    clock_offset: float = 0.0,
    poll_seconds: float = 1.0,
    busy_seconds: float = BUSY_SECONDS,
) -> AsyncIterator[FileStore]:
    """Open, or create, the store in ``folder`` (created with mode 0700). Without ``create`` it must be there.

    * A damaged file is set aside as ``tandem.db.damaged-…`` and its readable rows are carried over. Without
      ``repair`` it is a StoreDamaged instead, here or from any method, and nothing of it is changed; nor is the
      schema of an older version, which is a ConfigurationError then.
    * Files are made with mode 0600, and with ``repair`` given it when they are there.
    * ``clock_offset`` is for tests; ``busy_seconds`` is how long another process's commit is waited for.
    * Raises StoreUnavailable when the folder cannot be used, and ConfigurationError when the file was written by a
      newer version.
    """
    if not create and not await asyncio.to_thread(has_store, folder):
        raise StoreMissing(f"(there is no {folder / FILE_NAME})")
    try:
        await asyncio.to_thread(prepare, folder, repairs=repair)
        files = [DatabaseFile(folder, busy_seconds=busy_seconds, repairs=repair) for _ in range(2)]
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"({type(error).__name__}: {error})") from error
    writer = DatabaseThread(files[0], name="store-writer", begin="BEGIN IMMEDIATE")
    reader = DatabaseThread(files[1], name="store-reader", begin="BEGIN")
    try:
        yield FileStore(folder, writer, reader, clock_offset=clock_offset, poll_seconds=poll_seconds)
    finally:
        await reader.close()
        await writer.close()


class FileStore:
    """A :class:`LaneStore`; get one from :func:`open_file_store`."""

    def __init__(self, folder: Path, *threads: DatabaseThread, clock_offset: float, poll_seconds: float) -> None:
        self._folder = folder
        self._writer, self._reader = threads
        self._poll_seconds = poll_seconds
        self.clock_offset = clock_offset

    # --- entries and turns ------------------------------------------------------------------------------

    async def accept(
        self, subject: SubjectId, entries: Sequence[Entry], *, token: str, not_after: float | None = None
    ) -> tuple[Receipt, ...]:
        """See :meth:`LaneStore.accept`."""
        return await self._write(file_entries.accept, subject, entries, token, not_after)

    async def claim(
        self, subject: SubjectId, *, holder: str, seconds: float, accept: Sequence[Entry] = ()
    ) -> Claim | None:
        """See :meth:`LaneStore.claim`."""
        return await self._write(file_lanes.claim, subject, holder, seconds, accept)

    async def renew(self, claim: Claim, *, seconds: float) -> None:
        """See :meth:`LaneStore.renew`."""
        await self._write(file_lanes.renew, claim, seconds)

    async def release(self, claim: Claim, *, forgive: bool = False) -> None:
        """See :meth:`LaneStore.release`."""
        await self._write(file_lanes.release, claim, forgive)

    async def commit(
        self, claim: Claim, change: Change, *, token: str, deliver: float | None = None, replica: str = ""
    ) -> Committed:
        """See :meth:`LaneStore.commit`."""
        return await self._write(file_lanes.commit, claim, change, token, deliver, replica)

    # --- side effects -----------------------------------------------------------------------------------

    async def effect_begin(self, subject: SubjectId, key: str, *, token: str) -> Effect:
        """See :meth:`LaneStore.effect_begin`."""
        return await self._write(file_effects.begin, subject, key, token)

    async def effect_finish(self, subject: SubjectId, key: str, *, result: str) -> None:
        """See :meth:`LaneStore.effect_finish`."""
        await self._write(file_effects.finish, subject, key, result)

    async def effect_known(self, subject: SubjectId, key: str) -> bool:
        """See :meth:`LaneStore.effect_known`."""
        return await self._read(file_effects.known, subject, key)

    # --- outbox -----------------------------------------------------------------------------------------

    async def next_reply(
        self, subject: SubjectId, channel: Channel, *, holder: str, seconds: float, replica: str = ""
    ) -> Outgoing | None:
        """See :meth:`LaneStore.next_reply`."""
        return await self._write(file_outbox.next_reply, subject, channel, holder, seconds, replica)

    async def settle(
        self, subject: SubjectId, outgoing: Outgoing, settlement: Settlement, *, seconds: float, replica: str = ""
    ) -> Outgoing | None:
        """See :meth:`LaneStore.settle`."""
        return await self._write(file_outbox.settle, subject, outgoing, settlement, seconds, replica)

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
        """See :meth:`LaneStore.delivery_status`."""
        return await self._write(
            file_outbox.delivery_status, subject, reply_id, status, provider_id, error_code, timeline
        )

    # --- who holds a call -------------------------------------------------------------------------------

    async def presence(
        self, subject: SubjectId, *, call: str, replica: str, seconds: float, renew: bool = False
    ) -> None:
        """See :meth:`LaneStore.presence`."""
        await self._write(file_presence.note, subject, call, replica, seconds, renew)

    async def present(self, subject: SubjectId) -> Presence | None:
        """See :meth:`LaneStore.present`."""
        return await self._read(file_presence.present, self._now(), subject)

    # --- finding work -----------------------------------------------------------------------------------

    async def due(self, *, limit: int, replica: str = "") -> Due:
        """See :meth:`LaneStore.due`."""
        return await self._read(file_read.due, self._now(), limit, replica)

    async def notify(self, subject: SubjectId) -> None:
        """See :meth:`LaneStore.notify`; other processes poll."""

    async def listen(self) -> AsyncIterator[SubjectId]:
        """See :meth:`LaneStore.listen`; what is due, every second."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            due = await self.due(limit=LISTEN_LIMIT)
            for subject in dict.fromkeys((*due.lanes, *(subject for subject, _ in due.lines))):
                yield subject

    # --- reading ----------------------------------------------------------------------------------------

    async def conversation(self, subject: SubjectId) -> Conversation | None:
        """See :meth:`LaneStore.conversation`."""
        return await self._read(file_read.conversation, subject)

    async def waiting(self, subject: SubjectId) -> tuple[Waiting, ...]:
        """See :meth:`LaneStore.waiting`."""
        readable, _ = await self._read(file_entries.read_waiting, subject)
        return tuple(waiting for _, waiting in readable)

    async def timeline(self, subject: SubjectId, *, limit: int = 200) -> tuple[TimelineEvent, ...]:
        """See :meth:`LaneStore.timeline`."""
        return await self._read(file_timeline.newest, subject, limit)

    async def replies(self, subject: SubjectId, *, limit: int = 200) -> tuple[StoredReply, ...]:
        """See :meth:`LaneStore.replies`."""
        return await self._read(file_read.replies, subject, limit)

    async def recent(self, *, limit: int, cursor: str | None = None) -> Page[ConversationHead]:
        """See :meth:`LaneStore.recent`."""
        return await self._read(file_read.recent, limit, cursor)

    async def approvals(
        self, *, status: ApprovalStatus | None, limit: int, cursor: str | None = None
    ) -> Page[Approval]:
        """See :meth:`LaneStore.approvals`."""
        return await self._read(file_approvals.list_approvals, status, limit, cursor)

    async def approval(self, approval_id: str) -> Approval | None:
        """See :meth:`LaneStore.approval`."""
        return await self._read(file_approvals.find_approval, approval_id)

    async def counts(self) -> Counts:
        """See :meth:`LaneStore.counts`."""
        counts = await self._read(file_read.counts, self._now())
        copies = await asyncio.to_thread(damaged_copies, self._folder)
        return replace(counts, set_aside=counts.set_aside + len(copies))

    async def ticket(self, ticket_id: str) -> Ticket | None:
        """See :meth:`LaneStore.ticket`."""
        return await self._read(file_tickets.find_ticket, ticket_id)

    async def tickets(self, subject: SubjectId, *, limit: int = 50) -> tuple[Ticket, ...]:
        """See :meth:`LaneStore.tickets`."""
        return await self._read(file_tickets.newest_tickets, subject, limit)

    # --- one person, two lanes --------------------------------------------------------------------------

    async def merge(self, old: SubjectId, new: SubjectId, *, token: str) -> bool:
        """See :meth:`LaneStore.merge`."""

        async def absorb(joining: Joining) -> None:
            await self._write(file_joining.absorb, joining)

        return await merge(self, old, new, token, absorb)

    # --- keeping house ----------------------------------------------------------------------------------

    async def purge(self, *, older_than: float, dry_run: bool = False) -> PurgeReport:
        """See :meth:`LaneStore.purge`; in many small transactions, so it may be broken off and run again."""
        return await file_purge.purge(self._reader.run, self._writer.run, self._now, older_than, dry_run=dry_run)

    async def erase(self, subject: SubjectId, *, actor: str = "") -> int:
        """See :meth:`LaneStore.erase`."""
        deleted = await self._write(file_purge.erase, subject, actor)
        await asyncio.to_thread(empty_log, self._folder)
        return deleted

    async def erasures(self, subject: SubjectId) -> tuple[Erasure, ...]:
        """See :meth:`LaneStore.erasures`."""
        return await self._read(file_audit.erasures, subject)

    async def ping(self) -> None:
        """See :meth:`LaneStore.ping`."""
        await self._read(file_read.ping)
        await self._write(file_lanes.ping)

    # --- the two threads --------------------------------------------------------------------------------

    def _now(self) -> float:
        return time.time() + self.clock_offset

    async def _write(
        self, step: Callable[Concatenate[sqlite3.Connection, float, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a step in the writer thread; it gets the connection and the clock's time at that moment."""
        return await self._writer.run(lambda db: step(db, self._now(), *args, **kwargs))

    async def _read(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._reader.run(lambda db: query(db, *args, **kwargs))
