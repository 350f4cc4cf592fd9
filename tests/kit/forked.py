"""``tandem …`` in a process that is forked from one which has imported it already: milliseconds instead of seconds.

Python's own fork server does it (docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods); it starts
with the first of these processes, and so once per worker of a test run. What a library reads of the environment while
it is imported, the process does not see: a test about that, or about the start itself, takes a fresh interpreter.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

ROOT = str(Path(__file__).parents[2])
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(
    [
        "tandem.commands.check",
        "tandem.commands.chat",
        "tandem.commands.serve",
        "tandem.persistence.postgres",
        "tandem.persistence.redis",
        "tests.kit.frozen",
    ]
)


def fork(
    arguments: Sequence[str], *, folder: Path, env: Mapping[str, str], stdin: Path | None, stdout: Path, stderr: Path
) -> ForkServerProcess:
    """Start ``python -m tandem`` with these arguments, this environment alone, and files for what it says.

    Blocks: the first one until the server has imported everything.
    """
    if ROOT not in sys.path:  # the new process finds this module by it
        sys.path.append(ROOT)
    process = _server.Process(target=_run, args=(arguments, folder, dict(env), stdin or os.devnull, stdout, stderr))
    process.start()
    return process


def _run(
    arguments: Sequence[str], folder: Path, env: dict[str, str], stdin: str | Path, stdout: Path, stderr: Path
) -> None:
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    appended = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, path, flags in ((0, stdin, os.O_RDONLY), (1, stdout, appended), (2, stderr, appended)):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", 1, errors="backslashreplace")
    sys.argv = ["tandem", *arguments]
    try:
        runpy.run_module("tandem", run_name="__main__", alter_sys=True)
    finally:
        logging.shutdown()  # the fork server ends its processes past atexit, which would lose the last lines


class Forked:
    """Such a process in the words of :class:`asyncio.subprocess.Process`."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        self._ended = asyncio.Event()
        self.pid = int(process.pid or 0)
        asyncio.get_running_loop().add_reader(process.sentinel, self._note_end)

    @property
    def returncode(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal. Raises ProcessLookupError when it has ended."""
        if not self._process.is_alive():
            raise ProcessLookupError
        os.kill(self.pid, number)

    async def wait(self) -> int:
        """Wait for its end and return the exit code."""
        await self._ended.wait()
        code = self.returncode
        assert code is not None
        return code

    def _note_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._ended.set()
