"""What the contract suite needs to know of this store: how to open it empty, twice, and how to do damage to it.

From the checkout's folder::

    PYTHONPATH=examples/store TANDEM_STORE_KIT=store_kit:journal_kit python -m pytest tests/contracts
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from journal_store import JournalStorage, Kept, Lanes, open_lanes

from tandem.model import SubjectId
from tandem.persistence.base import LaneStore

T = TypeVar("T")


class JournalKit:
    """Handles on the lanes of one process. No connection can be cut: a lost answer is one that nobody looked at."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._handles = [LaneStore(JournalStorage(lanes), poll_seconds=0.01)]
        self.store = self._handles[0]

    async def second(self) -> LaneStore:
        """Open another handle on the same data."""
        offset = self._handles[0].clock_offset
        self._handles.append(LaneStore(JournalStorage(self._lanes, clock_offset=offset), poll_seconds=0.01))
        return self._handles[-1]

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        for handle in self._handles:
            handle.clock_offset += seconds

    async def repeat(self, write: Callable[[], Awaitable[T]]) -> T:
        """Run a write twice."""
        await write()
        return await write()

    reread = repeat

    async def corrupt(self, subject: SubjectId, kind: str = "conversation", key: str = "") -> None:
        """Damage a row."""
        rows = self._lanes.lane(subject).rows
        rows[kind, key] = replace(rows[kind, key], record='{"format":')
        self._forget()

    async def corrupt_head(self, subject: SubjectId) -> None:
        """Damage the head."""
        self._lanes.lane(subject).head = "["
        self._forget()

    async def stray(self, index: str, subject: SubjectId, key: str, sort: float) -> None:
        """Put an entry into an index that leads nowhere."""
        self._lanes.kept.setdefault(subject, Kept()).index[index, key] = sort

    def _forget(self) -> None:
        for handle in self._handles:
            handle.storage.forget()  # as a replica that never saw the lane


@asynccontextmanager
async def journal_kit(folder: Path) -> AsyncIterator[JournalKit]:
    """Give an empty store in a folder of its own."""
    async with open_lanes(folder / "state") as lanes:
        yield JournalKit(lanes)
