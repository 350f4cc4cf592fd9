"""Lanes in one SQLite file: all writes go through one thread that groups them into commits, reads through another."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from ...errors import StoreMissing, StoreUnavailable
from ...model import SubjectId
from ..rows import Figure, Indexed, Loaded, Want, Writes
from ..storage import NOTHING_AHEAD, Operation, Storage
from ..store import Store
from . import primitives
from .database import FILE_NAME, DatabaseFile, damaged_copies, empty_log, has_store, prepare
from .schema import BUSY_SECONDS
from .thread import DatabaseThread
from .upgrade import delete_copies

T = TypeVar("T")


@asynccontextmanager
async def open_file_store(
    folder: Path,
    *,
    create: bool = True,
    repair: bool = True,
    clock_offset: float = 0.0,
    poll_seconds: float = 1.0,
    busy_seconds: float = BUSY_SECONDS,
) -> AsyncIterator[Store]:
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
    store = Store(FileStorage(folder, writer, reader, clock_offset=clock_offset), poll_seconds=poll_seconds)
    try:
        yield store
    finally:
        await store.tidy()
        await reader.close()
        await writer.close()


class FileStorage(Storage):
    """The primitives over two threads. A step is one transaction, so nobody can be faster."""

    def __init__(
        self, folder: Path, writer: DatabaseThread, reader: DatabaseThread, *, clock_offset: float = 0.0
    ) -> None:
        self.clock_offset = clock_offset
        self._folder = folder
        self._writer = writer
        self._reader = reader

    def _now(self) -> float:
        return time.time() + self.clock_offset

    async def now(self) -> float:
        """Return the machine's clock."""
        return self._now()

    async def step(
        self,
        wanted: Sequence[tuple[SubjectId, Want]],
        operation: Operation[T],
        *,
        blind: bool = False,
        ahead: Want = NOTHING_AHEAD,
    ) -> T:
        """Load, decide and apply in one transaction, for which nothing need be loaded ahead."""
        return await self._writer.run(lambda db: primitives.decide(db, self._now(), dict(wanted), operation))

    async def load(self, subject: SubjectId, wanted: Want) -> Loaded:
        """See :meth:`Storage.load`."""
        return await self._reader.run(lambda db: primitives.load(db, self._now(), subject, wanted))

    async def apply(self, changes: Sequence[Writes]) -> bool:
        """See :meth:`Storage.apply`."""
        return await self._writer.run(partial(primitives.apply, changes=changes))

    async def scan(
        self,
        index: str,
        *,
        limit: int,
        after: tuple[float, str] | None = None,
        upto: float | None = None,
        descending: bool = False,
        kind: str = "",
    ) -> Sequence[Indexed]:
        """See :meth:`Storage.scan`."""
        return await self._reader.run(
            lambda db: primitives.scan(db, index, limit, after, upto, kind, descending=descending)
        )

    async def find(self, kind: str, key: str) -> Indexed | None:
        """See :meth:`Storage.find`."""
        return await self._reader.run(partial(primitives.find, kind=kind, key=key))

    async def figures(self, indexes: Sequence[str]) -> Mapping[str, Figure]:
        """See :meth:`Storage.figures`."""
        return await self._reader.run(partial(primitives.figures, indexes=indexes))

    async def ping(self) -> None:
        """See :meth:`Storage.ping`."""
        await self._reader.run(partial(primitives.figures, indexes=()))
        await self._writer.run(primitives.ping)

    async def after_erasure(self) -> None:
        """See :meth:`Storage.after_erasure`: the write-ahead log is emptied, the copy from before an upgrade goes."""
        await asyncio.to_thread(delete_copies, self._folder)
        await asyncio.to_thread(empty_log, self._folder)

    async def after_purge(self) -> None:
        """See :meth:`Storage.after_purge`."""
        await asyncio.to_thread(delete_copies, self._folder)

    async def copies(self) -> int:
        """See :meth:`Storage.copies`."""
        return len(await asyncio.to_thread(damaged_copies, self._folder))
