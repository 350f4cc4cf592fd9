"""Lanes in one SQLite file: all writes go through one thread that groups them into commits, reads through another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from ...model import SubjectId
from ..rows import Figure, Indexed, Loaded, Want, Writes
from ..storage import NOTHING_AHEAD, Rule, Storage
from . import primitives
from .database import damaged_copies, empty_log
from .thread import DatabaseThread
from .upgrade import delete_copies

T = TypeVar("T")


class FileStorage(Storage):
    """The primitives over two threads. A step is one transaction, so nobody can be faster."""

    def __init__(
        self, folder: Path, writer: DatabaseThread, reader: DatabaseThread, *, clock_offset: float = 0.0
    ) -> None:
        self.clock_offset = clock_offset
        self._folder = folder
        self._writer = writer
        self._reader = reader

    async def now(self) -> float:
        """Return the machine's clock."""
        return time.time() + self.clock_offset

    async def step(
        self, wants: Mapping[SubjectId, Want], rule: Rule[T], *, blind: bool = False, ahead: Want = NOTHING_AHEAD
    ) -> T:
        """Load, decide and apply in one transaction, for which nothing need be loaded ahead."""
        return await self._writer.run(partial(primitives.step, wants=wants, rule=rule, offset=self.clock_offset))

    async def load(self, subject: SubjectId, wanted: Want) -> Loaded:
        """See :meth:`Storage.load`."""
        return await self._reader.run(
            partial(primitives.load, subject=subject, wanted=wanted, offset=self.clock_offset)
        )

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
        asked = partial(primitives.scan, index=index, limit=limit, after=after, upto=upto, kind=kind)
        return await self._reader.run(partial(asked, descending=descending))

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
