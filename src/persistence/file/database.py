"""The database file: making it, noticing damage, and replacing it by what could be salvaged."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from pathlib import Path
from typing import Final

import structlog

from ..file_permissions import close_database, make_folder, open_to
from .salvage import salvage
from .schema import FILE_NAME, connect, is_damage
from .storage import DatabaseView, identity_of

log = structlog.get_logger(__name__)

SALVAGED_NAME: Final = "tandem.db.salvaged"
CHECKED_BYTES: Final = 64 * 1024 * 1024
"""A file up to this size is read through when it is opened (0.1 s); damage in a larger one is noticed in use."""


class DatabaseFile(DatabaseView):
    """A view that creates the file where it is missing, and replaces it when it is damaged."""

    @property
    def _salvaged(self) -> Path:
        return self.path.with_name(SALVAGED_NAME)

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

    def repair(self, reason: str) -> None:
        """Replace the file that this connection found damaged, unless another process has done so already."""
        if not self._repairs:
            super().repair(reason)
        found = self._identity
        self.disconnect()
        with self._locked(fcntl.LOCK_EX):
            if found == identity_of(self.path):
                self._replace(reason)

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


def has_store(folder: Path) -> bool:
    """Say whether a store was ever made in a folder; makes nothing itself."""
    return any((folder / name).exists() for name in (FILE_NAME, SALVAGED_NAME))


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
