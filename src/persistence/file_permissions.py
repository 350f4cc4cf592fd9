"""Files for their owner alone: what customers said must not depend on the umask of whoever starts a process."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


def make_folder(folder: Path) -> None:
    """Make a folder with mode 0700; one that is there stays as it is. Raises OSError."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)


def make_file(path: Path) -> None:
    """Make an empty file with mode 0600, unless there is a file already. Raises OSError.

    SQLite gives the files that it makes beside a database the database's mode.
    """
    # Never opens one that is there: closing it would end the locks that this process holds on it as a database.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))


def close_database(path: Path) -> None:
    """Take a database and the files beside it from everybody but their owner, as far as this user may."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            os.chmod(f"{path}{suffix}", FILE_MODE)


def open_to(folder: Path) -> str:
    """Return the mode of a folder that others may look into, such as ``0755``; else, or without one, nothing."""
    try:
        mode = stat.S_IMODE(folder.stat().st_mode)
    except OSError:
        return ""
    return f"{mode:04o}" if mode & ~FOLDER_MODE else ""
