"""Standard output and error of a server, whose reader may leave at any time: ``tandem serve 2>&1 | head``."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import Any

READER_LEFT = frozenset({errno.EPIPE, errno.EIO, errno.EBADF})
"""Errors of a stream that nobody reads any more: a pipe, a terminal that was closed, a closed descriptor."""


def let_go(descriptor: int) -> None:
    """Point a descriptor at nothing, so that no later write to it fails."""
    with suppress(OSError):
        nothing = os.open(os.devnull, os.O_RDWR)
        if nothing != descriptor:
            os.dup2(nothing, descriptor)
            os.close(nothing)


def open_missing() -> None:
    """Give what was started without standard streams (``2>&-``) empty ones; else a socket would take their place."""
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            let_go(descriptor)
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, closefd=False))  # noqa: SIM115 - for as long as the process


class ForgivingStream:
    """A text stream that takes everything, also when its reader has gone or its disk is full."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        self._try(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        self._try(self._stream.flush)

    def _try(self, do: Any, *arguments: str) -> None:
        try:
            do(*arguments)
        except OSError as error:
            if error.errno in READER_LEFT:
                with suppress(OSError, ValueError):
                    let_go(self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        """Be like the stream in everything else."""
        return getattr(self._stream, name)


def forgive() -> None:
    """Let nothing that this process prints fail; its own code, an operator's tools and libraries alike."""
    for name in ("stdout", "stderr"):
        if not isinstance(stream := getattr(sys, name), ForgivingStream):
            setattr(sys, name, ForgivingStream(stream))
