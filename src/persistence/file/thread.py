"""One thread, one SQLite connection, and operations in groups: whatever waits together is committed together.

A commit costs a flush of the disk; grouping spreads it over every caller that waits. Each operation runs in a
savepoint, so a failing one takes nothing with it, and answers are given only after the commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from ...errors import StoreUnavailable, TandemError
from .database import DatabaseFile, is_damage

T = TypeVar("T")

Operation = Callable[[sqlite3.Connection], Any]
Job = tuple[Operation, "asyncio.Future[Any]"]
Answer = tuple["asyncio.Future[Any]", Any, BaseException | None]

GROUP_LIMIT = 512
"""Operations in one commit: bounds how long the first of them waits for the last."""
ANSWER_SECONDS = 8.0
"""A disk that hangs longer than this counts as a store that does not answer."""


class DatabaseThread:
    """Runs operations one after the other; ``begin`` is the statement that opens a group's transaction."""

    def __init__(self, file: DatabaseFile, *, name: str, begin: str) -> None:
        self._file = file
        self._begin = begin
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Run an operation and return its answer once it is durable.

        Raises StoreUnavailable when the database does not answer; else whatever the operation raises.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((operation, future))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await future
        except TimeoutError as error:
            raise StoreUnavailable("(no answer in time)") from error

    async def close(self) -> None:
        """Finish what is queued and close the connection."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join, ANSWER_SECONDS)

    def _work(self) -> None:
        while group := self._take():
            answers = self._answer(group)
            try:
                self._loop.call_soon_threadsafe(_give, answers)
            except RuntimeError:  # the loop is closed: nobody is left to be told
                break
        self._file.close()

    def _take(self) -> list[Job]:
        """Wait for an operation and take all that queued up with it; nothing means the end."""
        group: list[Job] = []
        job = self._jobs.get()
        with contextlib.suppress(Empty):
            while job is not None:
                group.append(job)
                if len(group) == GROUP_LIMIT:
                    return group
                job = self._jobs.get_nowait()
            if group:
                self._jobs.put(None)  # the end comes after this group
        return group

    def _answer(self, group: list[Job]) -> list[Answer]:
        """Run a group, once more when the file turned out to be damaged and was repaired."""
        try:
            try:
                return self._run_group(group)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                self._file.repair(str(error))
                return self._run_group(group)
        except (sqlite3.Error, OSError, TandemError) as error:
            self._file.disconnect()  # the next group begins with a fresh connection
            return [(future, None, _unavailable(error)) for _, future in group]

    def _run_group(self, group: list[Job]) -> list[Answer]:
        with self._file.use() as connection:
            connection.execute(self._begin)
            answers = [_run_one(connection, operation, future) for operation, future in group]
            connection.execute("COMMIT")
            return answers


def _run_one(connection: sqlite3.Connection, operation: Operation, future: asyncio.Future[Any]) -> Answer:
    if future.cancelled():
        return future, None, None
    connection.execute("SAVEPOINT operation")
    try:
        answer: Answer = (future, operation(connection), None)
    except Exception as error:
        # A file that is damaged, or a disk that is full and has rolled back everything, is the group's affair.
        if is_damage(error) or not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO operation")
        answer = (future, None, _unavailable(error) if isinstance(error, sqlite3.Error) else error)
    connection.execute("RELEASE operation")
    return answer


def _unavailable(error: Exception) -> StoreUnavailable:
    if isinstance(error, StoreUnavailable):
        return error
    unavailable = StoreUnavailable(f"({type(error).__name__}: {error})")
    unavailable.__cause__ = error
    return unavailable


def _give(answers: list[Answer]) -> None:
    for future, value, error in answers:
        if future.done():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
