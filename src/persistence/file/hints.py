"""Hints between processes that share the file: each listener has a named pipe in a folder beside it.

A pipe whose process died has no reader; the process that notices removes it. One that is full belongs to a process
that does not get round to listening, which looks for work by itself then.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import select
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from ...model import SubjectId
from ..file_permissions import make_folder

FOLDER: Final = "hints"
_END: Final = b"\0"
_CHUNK: Final = 65_536


class HintPipes:
    """Hints of the file storage. Where there are no named pipes, nothing is heard, and the store is polled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pipes = folder / FOLDER
        self._own: set[str] = set()

    async def notify(self, subject: SubjectId) -> None:
        """See :meth:`Storage.notify`; of a subject that is too long, listeners only hear that there is work."""
        told = subject.encode() + _END
        if len(told) > select.PIPE_BUF:  # what is longer may be torn apart
            told = _END
        with contextlib.suppress(OSError):
            for name in os.listdir(self._pipes):
                if name not in self._own and not name.startswith("."):
                    _tell(self._pipes / name, told)

    async def hints(self) -> AsyncGenerator[SubjectId | None, None]:
        """Yield subjects of hints, None where one names none; end at once where none can be heard."""
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        name = secrets.token_hex(8)
        try:
            reader = self._open(name)
        except OSError:
            return
        rest = b""

        def read() -> None:
            nonlocal rest
            with contextlib.suppress(BlockingIOError):
                *whole, rest = (rest + os.read(reader, _CHUNK)).split(_END)
                for hint in whole:
                    heard.put_nowait(hint)

        loop = asyncio.get_running_loop()
        loop.add_reader(reader, read)
        try:
            yield None  # from now on they are heard
            while True:
                hint = await heard.get()
                yield SubjectId(hint.decode(errors="replace")) if hint else None
        finally:
            loop.remove_reader(reader)
            os.close(reader)
            self._own.discard(name)
            (self._pipes / name).unlink(missing_ok=True)

    def _open(self, name: str) -> int:
        """Make a pipe of our own, and give its reading end. Raises OSError."""
        make_folder(self._pipes)
        draft = self._pipes / f".{name}"
        os.mkfifo(draft, 0o600)
        try:
            # For writing too, or it would end with each of its writers.
            reader = os.open(draft, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            self._own.add(name)
            draft.rename(self._pipes / name)  # with a reader already, so that no other process takes it for a dead one
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        return reader


def _tell(pipe: Path, told: bytes) -> None:
    try:
        writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError:  # it is read no more
        pipe.unlink(missing_ok=True)
        return
    try:
        with contextlib.suppress(BlockingIOError):
            os.write(writer, told)
    finally:
        os.close(writer)
