"""Lanes in one SQLite file: all writes go through one thread that groups them into commits, reads through another.

A commit costs a flush of the disk; grouping spreads it over every caller that waits. Each operation runs in a
savepoint, so a failing one takes nothing with it, and answers are given only after the commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from ...errors import StoreDamaged, StoreUnavailable, TandemError
from ...model import SubjectId
from ..rows import Figure, Indexed, Loaded, Want, Whole, Writes
from ..storage import LISTED, NOTHING_AHEAD, Rule, Storage
from . import primitives
from .hints import HintPipes
from .salvage import damaged_copies
from .schema import BUSY_SECONDS, FILE_NAME, connect, is_damage, open_lock
from .upgrade import delete_copies

T = TypeVar("T")

Operation = Callable[[sqlite3.Connection], Any]
Job = tuple[Operation, "asyncio.Future[Any]"]
Answer = tuple["asyncio.Future[Any]", Any, BaseException | None]

GROUP_LIMIT = 512
"""Operations in one commit: bounds how long the first of them waits for the last."""
ANSWER_SECONDS = 8.0
"""A disk that hangs longer than this counts as a store that does not answer."""


class DatabaseView:
    """One thread's view of ``tandem.db`` in a folder. Nothing is opened before it is needed.

    Processes that share the file agree through a lock file. Using the database takes it shared, for one group of
    operations; replacing the file (:class:`.database.DatabaseFile`) takes it alone. So no process writes into a file
    that was just set aside. Only a server ``repairs``.
    """

    def __init__(self, folder: Path, *, busy_seconds: float = BUSY_SECONDS, repairs: bool = True) -> None:
        self._busy_seconds = busy_seconds
        self._repairs = repairs
        self.path = folder / FILE_NAME
        self._lock = open_lock(folder, create=repairs)
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    @contextlib.contextmanager
    def use(self, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
        """Give the connection for one group of operations; the file stays in place meanwhile."""
        with self._locked(fcntl.LOCK_SH):
            if self._connection is None or self._identity != identity_of(self.path):
                self.disconnect()
                self._connect(read_only=read_only)
            assert self._connection is not None
            yield self._connection

    def repair(self, reason: str) -> None:
        """Raise StoreDamaged: only a server replaces a damaged file, and else nothing about it is changed."""
        self.disconnect()
        raise self._damaged(reason)

    def disconnect(self) -> None:
        """Close the connection; the next :meth:`use` opens another one."""
        connection, self._connection, self._identity = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        """Close everything."""
        self.disconnect()
        os.close(self._lock)

    @contextlib.contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        fcntl.flock(self._lock, kind)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _connect(self, *, read_only: bool) -> None:
        self._identity = identity_of(self.path)  # known also when opening shows the damage
        self._connection = connect(self.path, busy_seconds=self._busy_seconds, lift=self._repairs, read_only=read_only)
        self._identity = identity_of(self.path)

    def _damaged(self, reason: str) -> StoreDamaged:
        return StoreDamaged(
            f"({reason}) Nothing was changed. Start the server, again if it runs: it sets the file aside as"
            f" {self.path}.damaged-… and carries over what can be read."
        )


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one of the same name; None without a file."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


class DatabaseThread:
    """Runs operations one after the other; ``begin`` is the statement that opens a group's transaction."""

    def __init__(self, file: DatabaseView, *, name: str, begin: str) -> None:
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
            except RuntimeError:  # the loop is closed, and with it everything that waits for an answer
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


class FileStorage(HintPipes, Storage):
    """The primitives over two threads. A step is one transaction, so no other process can be faster."""

    def __init__(
        self, folder: Path, writer: DatabaseThread, reader: DatabaseThread, *, clock_offset: float = 0.0
    ) -> None:
        self.clock_offset = clock_offset
        HintPipes.__init__(self, folder)
        self._writer = writer
        self._reader = reader

    async def now(self) -> float:
        """Return the machine's clock."""
        return time.time() + self.clock_offset

    async def step(
        self, wants: Mapping[SubjectId, Want], rule: Rule[T], *, blind: bool = False, ahead: Want = NOTHING_AHEAD
    ) -> T:
        """Load, decide and apply in one transaction, for which nothing need be loaded ahead."""
        step = partial(primitives.step, wants=wants, rule=rule, offset=self.clock_offset, announced=self.announced)
        return await self._writer.run(step)

    async def load(self, subject: SubjectId, wanted: Want) -> Loaded:
        """See :meth:`Storage.load`."""
        load = partial(primitives.load, subject=subject, wanted=wanted, offset=self.clock_offset)
        return await self._reader.run(load)

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
        codes: Sequence[str] = (),
    ) -> Sequence[Indexed]:
        """See :meth:`Storage.scan`."""
        asked = partial(primitives.scan, index=index, limit=limit, after=after, upto=upto, kind=kind, codes=codes)
        return await self._reader.run(partial(asked, descending=descending))

    async def find(self, kind: str, key: str) -> Indexed | None:
        """See :meth:`Storage.find`."""
        return await self._reader.run(partial(primitives.find, kind=kind, key=key))

    async def figures(self, indexes: Sequence[str]) -> Mapping[str, Figure]:
        """See :meth:`Storage.figures`."""
        return await self._reader.run(partial(primitives.figures, indexes=indexes))

    async def subjects(self) -> AsyncIterator[SubjectId]:
        """See :meth:`Storage.subjects`."""
        last = ""
        while found := await self._reader.run(partial(primitives.subjects, after=last, limit=LISTED)):
            for subject in found:
                yield subject
            last = found[-1]

    async def whole(self, subject: SubjectId) -> Whole:
        """See :meth:`Storage.whole`; whatever the reader does is one transaction."""
        return await self._reader.run(partial(primitives.whole, subject=subject))

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


def empty_log(folder: Path) -> None:
    """Carry the write-ahead log over into the file and cut it to nothing, so that it holds no deleted text either.

    Where a process reads for longer than the usual wait, the log stays as it is until it is written over.
    """
    with (
        contextlib.suppress(sqlite3.Error, OSError),
        contextlib.closing(DatabaseView(folder)) as file,
        file.use() as connection,
    ):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
