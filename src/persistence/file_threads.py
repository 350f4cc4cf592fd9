"""The file store's two threads, and the methods that are steps or queries in one of them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from .file_thread import DatabaseThread
from .operation import Handled, operation

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """One thread writes, in groups that are committed together; another reads. ``clock_offset`` is for tests."""

    def __init__(self, writer: DatabaseThread, reader: DatabaseThread, *, clock_offset: float) -> None:
        self.writer = writer
        self.reader = reader
        self.clock_offset = clock_offset

    def now(self) -> float:
        """Return the store's time."""
        return time.time() + self.clock_offset

    async def write(
        self, step: Callable[Concatenate[sqlite3.Connection, float, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a step in the writer thread; it gets the connection and the clock's time at that moment."""
        return await self.writer.run(lambda db: step(db, self.now(), *args, **kwargs))

    async def read(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query in the reader thread."""
        return await self.reader.run(lambda db: query(db, *args, **kwargs))


def written(
    step: Callable[Concatenate[sqlite3.Connection, float, P], T],
) -> Callable[Concatenate[Handled[Threads], P], Coroutine[Any, Any, T]]:
    """Return a method that runs a step in the writer thread."""

    @wraps(step)
    async def run(threads: Threads, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await threads.write(step, *args, **kwargs)

    return operation(run)


def queried(
    query: Callable[Concatenate[sqlite3.Connection, P], T],
) -> Callable[Concatenate[Handled[Threads], P], Coroutine[Any, Any, T]]:
    """Return a method that runs a query in the reader thread."""

    @wraps(query)
    async def run(threads: Threads, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await threads.read(query, *args, **kwargs)

    return operation(run)


def queried_now(
    query: Callable[Concatenate[sqlite3.Connection, float, P], T],
) -> Callable[Concatenate[Handled[Threads], P], Coroutine[Any, Any, T]]:
    """Return a method that runs a query in the reader thread, which is told the time."""

    @wraps(query)
    async def run(threads: Threads, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await threads.reader.run(lambda db: query(db, threads.now(), *args, **kwargs))

    return operation(run)
