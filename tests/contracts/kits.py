"""What a backend gives the store suite: handles on one set of data, a clock to move, and ways to do damage.

A backend of ours joins the suite with one entry in KITS. For a store of your own, write a kit and name the function
that gives it in ``TANDEM_STORE_KIT`` (``module:function``): the suite then runs over it alone (docs/extending.md).
"""

from __future__ import annotations

import importlib
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol, TypeVar, cast

from tandem.model import SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store

from ..kit.examples import importable
from .postgres_kit import postgres_kit
from .redis_kit import redis_kit

T = TypeVar("T")


class StoreKit(Protocol):
    """One backend with fresh, empty data."""

    store: LaneStore

    async def second(self) -> LaneStore:
        """Open another handle on the same data, as another process would."""
        ...

    def advance(self, seconds: float) -> None:
        """Move the store's clock, as every handle sees it."""
        ...

    async def repeat(self, write: Callable[[], Awaitable[T]]) -> T:
        """Run a write, lose its answer after it was executed, and run it again with the same token."""
        ...

    async def reread(self, read: Callable[[], Awaitable[T]]) -> T:
        """Read, lose the first answer that the store gives, and read again."""
        ...

    async def corrupt(self, subject: SubjectId, kind: str = "conversation", key: str = "") -> None:
        """Make the record of a row unreadable."""
        ...

    async def corrupt_head(self, subject: SubjectId) -> None:
        """Make the head of a lane unreadable."""
        ...

    async def stray(self, index: str, subject: SubjectId, key: str, sort: float) -> None:
        """Put an entry into an index that leads nowhere."""
        ...


KitMaker = Callable[[Path], AbstractAsyncContextManager[StoreKit]]
EXAMPLE = Path(__file__).parents[2] / "examples" / "store"


class FileKit:
    """The file store; its connections cannot be cut, so a lost answer is one that nobody looked at."""

    def __init__(self, folder: Path, store: LaneStore, stack: AsyncExitStack) -> None:
        self.store = store
        self._folder = folder
        self._stack = stack
        self._handles = [store]

    async def second(self) -> LaneStore:
        store = await self._stack.enter_async_context(
            open_file_store(self._folder, clock_offset=self._handles[0].clock_offset, poll_seconds=0.01)
        )
        self._handles.append(store)
        return store

    def advance(self, seconds: float) -> None:
        for handle in self._handles:
            handle.clock_offset += seconds

    async def repeat(self, write: Callable[[], Awaitable[T]]) -> T:
        await write()
        return await write()

    reread = repeat

    async def corrupt(self, subject: SubjectId, kind: str = "conversation", key: str = "") -> None:
        where = "WHERE subject = ? AND kind = ? AND key = ?"
        self._damage(f"UPDATE lane_row SET record = x'ff' {where}", subject, kind, key)

    async def corrupt_head(self, subject: SubjectId) -> None:
        self._damage("UPDATE lane_head SET head = x'ff' WHERE subject = ?", subject)

    async def stray(self, index: str, subject: SubjectId, key: str, sort: float) -> None:
        self._damage("INSERT INTO lane_index (subject, name, key, sort) VALUES (?, ?, ?, ?)", subject, index, key, sort)

    def _damage(self, statement: str, *values: str | float) -> None:
        connection = sqlite3.connect(self._folder / "tandem.db")
        with connection:
            assert connection.execute(statement, values).rowcount == 1
        connection.close()


@asynccontextmanager
async def file_kit(folder: Path) -> AsyncIterator[StoreKit]:
    """Give a file store in a folder of its own."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_file_store(folder / "state", poll_seconds=0.01))
        yield FileKit(folder / "state", store, stack)


def example_kit(folder: Path) -> AbstractAsyncContextManager[StoreKit]:
    """Give the example of a store of one's own."""
    with importable(EXAMPLE):
        return cast(KitMaker, importlib.import_module("store_kit").journal_kit)(folder)


def chosen_kits() -> Mapping[str, KitMaker]:
    """Return the kits to run: all of ours, or the one that the environment names."""
    named = os.environ.get("TANDEM_STORE_KIT")
    if not named:
        return KITS
    module, _, function = named.partition(":")
    return {named: getattr(importlib.import_module(module), function)}


KITS: Mapping[str, KitMaker] = {
    "example": example_kit,
    "file": file_kit,
    "postgres": postgres_kit,
    "redis": redis_kit,
}
