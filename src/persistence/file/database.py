"""The database file: opening it, noticing damage, and replacing it by what could be salvaged.

Processes that share the file agree through a lock file. Using the database takes it shared, for one group of
operations; replacing the file takes it alone. So nobody writes into a file that was just set aside.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

from ...errors import StoreDamaged
from ..file_permissions import close_database, make_folder, open_to
from .salvage import salvage
from .schema import BUSY_SECONDS, connect

log = structlog.get_logger(__name__)

FILE_NAME: Final = "tandem.db"
SALVAGED_NAME: Final = "tandem.db.salvaged"
CHECKED_BYTES: Final = 64 * 1024 * 1024
"""A file up to this size is read through when it is opened (0.1 s); damage in a larger one is noticed in use."""


def is_damage(error: BaseException) -> bool:
    """Say whether an error means that the file itself is broken."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, sqlite3.DatabaseError) and code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class DatabaseFile:
    """One thread's view of ``tandem.db`` in a folder. Nothing is opened before it is needed.

    Only a server ``repairs``; for everybody else a damaged file is a StoreDamaged, and nothing about it is changed.
    """

    def __init__(self, folder: Path, *, busy_seconds: float = BUSY_SECONDS, repairs: bool = True) -> None:
        self._busy_seconds = busy_seconds
        self._repairs = repairs
        self.path = folder / FILE_NAME
        self._salvaged = folder / SALVAGED_NAME
        self._lock = _open_lock(folder, create=repairs)
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def check(self) -> None:
        """Create the file where it is missing, and replace it when it is damaged."""
        if self._salvaged.exists() and not self._repairs:
            raise self._damaged("a repair was broken off")
        if self._salvaged.exists() or not self.path.exists():
            with self._locked(fcntl.LOCK_EX):
                if self._salvaged.exists():  # a crash came between salvaging and putting the result in place
                    self._swap()
                elif not self.path.exists():
                    connect(self.path).close()  # alone: processes that switch to the log together refuse each other
        if self._repairs:
            close_database(self.path)
        reason = self._find_damage()
        if reason is not None:
            self.repair(reason)
        self.disconnect()

    def _find_damage(self) -> str | None:
        look_only = not self._repairs and Path(f"{self.path}-wal").exists()
        try:
            with self.use(read_only=look_only) as connection:
                if self.path.stat().st_size > CHECKED_BYTES:
                    return None
                (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
                return None if verdict == "ok" else str(verdict)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            return str(error)

    @contextlib.contextmanager
    def use(self, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
        """Give the connection for one group of operations; the file stays in place meanwhile."""
        with self._locked(fcntl.LOCK_SH):
            if self._connection is None or self._identity != _identity(self.path):
                self.disconnect()
                self._connect(read_only=read_only)
            assert self._connection is not None
            yield self._connection

    def repair(self, reason: str) -> None:
        """Replace the file that this connection found damaged, unless somebody has done so already."""
        found = self._identity
        self.disconnect()
        if not self._repairs:
            raise self._damaged(reason)
        with self._locked(fcntl.LOCK_EX):
            if found == _identity(self.path):
                self._replace(reason)

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
        self._identity = _identity(self.path)  # known also when opening shows the damage
        self._connection = connect(self.path, busy_seconds=self._busy_seconds, lift=self._repairs, read_only=read_only)
        self._identity = _identity(self.path)

    def _damaged(self, reason: str) -> StoreDamaged:
        return StoreDamaged(
            f"({reason}) Nothing was changed. Start the server, again if it runs: it sets the file aside as"
            f" {self.path}.damaged-… and carries over what can be read."
        )

    def _replace(self, reason: str) -> None:
        """Set the damaged file aside and put a new one with its readable rows in its place."""
        building = self.path.with_name("tandem.db.salvaging")
        _remove(building)
        target = connect(building)
        try:
            rows = salvage(self.path, target)
            target.execute("PRAGMA journal_mode=DELETE")  # one complete file, so that renaming it is enough
        finally:
            target.close()
        building.rename(self._salvaged)
        log.error("database_damaged", reason=reason, salvaged_rows=rows, kept_as=self._swap())

    def _swap(self) -> str:
        """Put the salvaged file in place of the damaged one and return the name that the latter has now."""
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns() // 1000}")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").rename(f"{aside}{suffix}")
        self._salvaged.rename(self.path)
        connect(self.path).close()
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return aside.name


def prepare(folder: Path, *, repairs: bool) -> None:
    """Make folder and file where they are missing, and see that the file can be used."""
    make_folder(folder)
    if repairs and (mode := open_to(folder)):
        log.warning("state_folder_open_to_others", mode=mode)
    with contextlib.closing(DatabaseFile(folder, repairs=repairs)) as file:
        file.check()


def damaged_copies(folder: Path) -> tuple[Path, ...]:
    """Return the files in a folder that were set aside after damage, oldest first, without the logs beside them."""
    found = folder.glob(f"{FILE_NAME}.damaged-*")
    return tuple(sorted(path for path in found if not path.name.endswith(("-wal", "-shm"))))


def has_store(folder: Path) -> bool:
    """Say whether a store was ever made in a folder; makes nothing itself."""
    return any((folder / name).exists() for name in (FILE_NAME, SALVAGED_NAME))


def empty_log(folder: Path) -> None:
    """Carry the write-ahead log over into the file and cut it to nothing, so that it holds no deleted text either.

    Where somebody reads for longer than the usual wait, the log stays as it is until it is written over.
    """
    with (
        contextlib.suppress(sqlite3.Error, OSError),
        contextlib.closing(DatabaseFile(folder)) as file,
        file.use() as connection,
    ):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _open_lock(folder: Path, *, create: bool) -> int:
    """Open the lock file. Where there is none and none may be made, no server is there either: any lock will do."""
    path = folder / "tandem.lock"
    if not create and not path.exists():
        return os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
