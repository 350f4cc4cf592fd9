"""Log lines on their way out: a thread writes them, so that neither a slow reader nor a full disk holds up a call."""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog

from .streams import READER_LEFT, let_go

log = structlog.get_logger(__name__)

MOST_WAITING = 10_000
"""Lines that wait for a reader or disk; more are dropped and counted."""
LAST_SECONDS = 1.0
"""How long the end of the process waits for what is not written yet."""
FILE_BYTES, FILES_KEPT = 10_000_000, 5


class LineHandler(logging.Handler):
    """Formats records where they are logged, and lets a thread write them to ``target``, in order.

    What the target does not take is lost, and told once: to the other targets when it begins, to this one when it is
    over. Nothing is raised, and nothing waits.
    """

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target
        self._lines: deque[str] = deque()
        self._changed = threading.Condition()
        self._writing = False
        self._closing = False
        self._lost = 0
        threading.Thread(target=self._run, name=f"log-{target.name}", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line."""
        try:
            line = self.format(record) + "\n"
        except Exception:
            # The standard way would show the record unmasked.
            line = f"tandem: a log line of {record.name} could not be written\n"
        with self._changed:
            if len(self._lines) < MOST_WAITING:
                self._lines.append(line)
            else:
                self._lost += 1
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all is written, for at most ``LAST_SECONDS``."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and not self._writing, LAST_SECONDS)

    def close(self) -> None:
        """Write what waits, and end."""
        self.flush()
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        super().close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines or self._closing)
                if not self._lines:
                    break
                line, self._writing = self._lines.popleft(), True
            self._write(line)
        self._target.close()

    def _write(self, line: str) -> None:
        try:
            self._target.write(line)
        except OSError as error:
            with self._changed:
                self._lost += 1
            if not self._target.fails:
                self._target.fails = True
                log.error("log_not_written", target=self._target.name, reason=error.strerror or type(error).__name__)
            return
        with self._changed:
            lost, self._lost = self._lost, 0
        if lost or self._target.fails:
            self._target.fails = False
            log.warning("log_lines_lost", target=self._target.name, lines=lost)


class Target(ABC):
    """A place for lines. ``fails`` tells that it took none the last time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fails = False

    @abstractmethod
    def write(self, line: str) -> None:
        """Write a line at once. Raises OSError."""

    def close(self) -> None:  # noqa: B027 (not every place has something open)
        """Let go of what is open."""


class StreamTarget(Target):
    """A standard stream. When its reader has gone, it is let go."""

    def __init__(self, stream: Any) -> None:
        super().__init__("stderr")
        self._stream = stream

    def write(self, line: str) -> None:
        """Write past the stream's buffer, whose lock a writing thread must not hold when the process ends."""
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError, AttributeError):  # in memory
            self._stream.write(line)
            return
        rest = line.encode("utf-8", "backslashreplace")
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:  # whoever shares the pipe made it so
                time.sleep(0.05)
            except OSError as error:
                if error.errno not in READER_LEFT:
                    raise
                let_go(descriptor)


class FileTarget(Target):
    """A file that is moved aside when it is full; the workers of a server write into the same one."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self._folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        self._file = _Raising(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")
        self._file.terminator = ""

    def write(self, line: str) -> None:
        """Append a line, alone: of two processes that move a full file aside, one would lose what the other wrote."""
        fcntl.flock(self._folder, fcntl.LOCK_EX)
        try:
            self._file.follow()
            self._file.handle(logging.LogRecord("", logging.INFO, "", 0, line, None, None))
        finally:
            fcntl.flock(self._folder, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            self._file.close()
        os.close(self._folder)


class _Raising(RotatingFileHandler):
    def follow(self) -> None:
        """Open the file anew when it was moved aside."""
        if self.stream is None:
            return
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(self.baseFilename), os.fstat(self.stream.fileno())):
                return
        self.stream.close()
        self.stream = self._open()

    def handleError(self, record: logging.LogRecord) -> None:
        """Hand the error to whoever counts them; the standard way would print the line."""
        error = sys.exc_info()[1]
        raise error if isinstance(error, OSError) else OSError(type(error).__name__)
