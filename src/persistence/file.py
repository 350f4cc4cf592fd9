"""The file store: one SQLite database file, for one machine. Several processes may share it.

All writes go through one thread that groups them into commits (write-ahead log, ``synchronous=FULL``); reads have a
thread and a connection of their own. Subject ids, keys and texts are only ever bound parameters.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

from ..errors import StoreMissing, StoreUnavailable
from ..model import SubjectId
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
from .file_database import FILE_NAME, DatabaseFile, damaged_copies, empty_log, has_store, prepare
from .file_schema import BUSY_SECONDS
from .file_thread import DatabaseThread
from .file_threads import Threads, queried, queried_now, written
from .joining import Joining, merge
from .values import Counts, PurgeReport

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
        yield FileStore(folder, Threads(writer, reader, clock_offset=clock_offset), poll_seconds=poll_seconds)
    finally:
        await reader.close()
        await writer.close()


class FileStore:
    """A :class:`LaneStore`; get one from :func:`open_file_store`."""

    def __init__(self, folder: Path, threads: Threads, *, poll_seconds: float) -> None:
        self.handle = threads
        self._folder = folder
        self._poll_seconds = poll_seconds

    @property
    def clock_offset(self) -> float:
        """Seconds that are added to the clock."""
        return self.handle.clock_offset

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self.handle.clock_offset = seconds

    # --- entries and turns ------------------------------------------------------------------------------

    accept = written(file_entries.accept)
    claim = written(file_lanes.claim)
    renew = written(file_lanes.renew)
    release = written(file_lanes.release)
    commit = written(file_lanes.commit)

    # --- side effects -----------------------------------------------------------------------------------

    effect_begin = written(file_effects.begin)
    effect_finish = written(file_effects.finish)
    effect_known = queried(file_effects.known)

    # --- outbox -----------------------------------------------------------------------------------------

    next_reply = written(file_outbox.next_reply)
    settle = written(file_outbox.settle)
    delivery_status = written(file_outbox.delivery_status)

    # --- who holds a call -------------------------------------------------------------------------------

    presence = written(file_presence.note)
    present = queried_now(file_presence.present)

    # --- finding work -----------------------------------------------------------------------------------

    due = queried_now(file_read.due)

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

    conversation = queried(file_read.conversation)
    waiting = queried(file_entries.waiting)
    timeline = queried(file_timeline.newest)
    replies = queried(file_read.replies)
    recent = queried(file_read.recent)
    approvals = queried(file_approvals.list_approvals)
    approval = queried(file_approvals.find_approval)
    ticket = queried(file_tickets.find_ticket)
    tickets = queried(file_tickets.newest_tickets)

    async def counts(self) -> Counts:
        """See :meth:`LaneStore.counts`."""
        counts = await self.handle.read(file_read.counts, self.handle.now())
        copies = await asyncio.to_thread(damaged_copies, self._folder)
        return replace(counts, set_aside=counts.set_aside + len(copies))

    # --- one person, two lanes --------------------------------------------------------------------------

    async def merge(self, old: SubjectId, new: SubjectId, *, token: str) -> bool:
        """See :meth:`LaneStore.merge`."""

        async def absorb(joining: Joining) -> None:
            await self.handle.write(file_joining.absorb, joining)

        return await merge(self, old, new, token, absorb)

    # --- keeping house ----------------------------------------------------------------------------------

    erasures = queried(file_audit.erasures)

    async def purge(self, *, older_than: float, dry_run: bool = False) -> PurgeReport:
        """See :meth:`LaneStore.purge`; in many small transactions, so it may be broken off and run again."""
        threads = self.handle
        return await file_purge.purge(threads.reader.run, threads.writer.run, threads.now, older_than, dry_run=dry_run)

    async def erase(self, subject: SubjectId, *, actor: str = "") -> int:
        """See :meth:`LaneStore.erase`."""
        deleted = await self.handle.write(file_purge.erase, subject, actor)
        await asyncio.to_thread(empty_log, self._folder)
        return deleted

    async def ping(self) -> None:
        """See :meth:`LaneStore.ping`."""
        await self.handle.read(file_read.ping)
        await self.handle.write(file_lanes.ping)
