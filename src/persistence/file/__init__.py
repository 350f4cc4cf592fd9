"""The file store: one SQLite database file, for one machine. Several processes may share it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ...errors import StoreMissing, StoreUnavailable
from ..base import LaneStore
from .database import DatabaseFile, has_store, prepare
from .schema import BUSY_SECONDS, FILE_NAME
from .storage import DatabaseThread, FileStorage


@asynccontextmanager
async def open_file_store(
    folder: Path,
    *,
    create: bool = True,
    repair: bool = True,
    clock_offset: float = 0.0,
    poll_seconds: float = 1.0,
    busy_seconds: float = BUSY_SECONDS,
) -> AsyncIterator[LaneStore]:
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
    store = LaneStore(FileStorage(folder, writer, reader, clock_offset=clock_offset), poll_seconds=poll_seconds)
    try:
        yield store
    finally:
        await store.tidy()
        await reader.close()
        await writer.close()
