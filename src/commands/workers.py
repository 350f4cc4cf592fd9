"""The parent of a server: holds the port, starts its workers, and starts those anew that die or hang.

A worker is a full replica: nothing of a conversation is kept here. The parent is one thread without an event loop, so
that it can fork, and has no log of its own: what became of a worker, the next one tells.
"""

from __future__ import annotations

import gc
import os
import select
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from ..settings import Settings, hand_down
from ..telemetry.streams import forgive
from .serve import BEAT_SECONDS, DRAIN, STOP, Worker, banner, listen, serve

HUNG_SECONDS = 10.0
"""Silence after which a worker is killed; its calls and turns go on at the others."""
START_SECONDS = 60.0
"""The same for one that does not serve yet, while others do. The first one may have data to upgrade."""
STEADY_SECONDS = 60.0
"""A worker that lived this long is started anew at once."""
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds until one is started anew that did not: a fault that comes back shall not use up the machine."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)
AS_TOLD = frozenset({0, 130, -signal.SIGTERM, -signal.SIGINT})
"""Ends of workers that were told to end, perhaps before they served."""
MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of our own is made in it)
"""Files here are never written to a disk, and no cleaner of old temporary files finds them."""
PREFIX = "tandem-workers-"


def run(settings: Settings) -> int:
    """Serve with as many processes as are set; return the exit code. Raises ConfigurationError."""
    forgive()
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup has it ignored
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    listeners = listen(settings)
    for notice in settings.notices:
        print(f"notice: {notice}", flush=True)
    if settings.workers == 1:
        serve(settings, listeners)
        return 0
    parent = os.getpid()
    memory = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    clear(memory)
    figures = tempfile.mkdtemp(prefix=f"{PREFIX}{parent}-", dir=memory)
    hand_down("PROMETHEUS_MULTIPROC_DIR", figures)
    try:
        return _Parent(settings, listeners, Path(figures)).run()
    finally:
        if os.getpid() == parent:
            shutil.rmtree(figures, ignore_errors=True)


def clear(memory: Path) -> None:
    """Remove the figures of parents that were killed, and could not do it themselves."""
    for folder in memory.glob(f"{PREFIX}*-*"):
        parent = folder.name.removeprefix(PREFIX).partition("-")[0]
        if parent.isdecimal() and not _runs(int(parent)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    """Tell whether there is a process with this id."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return True


@dataclass(slots=True)
class _Running:
    """A worker that runs. ``silence`` counts seconds without a sign of life."""

    number: int
    pid: int
    link: socket.socket
    began: float
    serves: bool = False
    silence: float = 0.0


class _Parent:
    """Keeps the workers running until it is told to stop. In a worker, :meth:`run` returns when that has ended."""

    def __init__(self, settings: Settings, listeners: Sequence[socket.socket], figures: Path) -> None:
        self._settings = settings
        self._listeners = listeners
        self._figures = figures
        self._running: list[_Running] = []
        self._due = {1: 0.0}
        """Numbers of workers to start, and when. The first one makes tables and files alone, then the others follow."""
        self._ended: dict[int, str] = {}
        self._early = dict.fromkeys(range(1, settings.workers + 1), 0)
        """How often in a row a worker did not live for long."""
        self._serving = False
        self._stopping = False
        self._looked = 0.0
        self._code = 0

    def run(self) -> int:
        """Return the exit code: 0 when all have ended as they were told to."""
        gc.collect()
        gc.freeze()  # pages that no collection touches are shared by all of them
        for caught in SIGNALS:
            signal.signal(caught, self._stop)
        while self._running or self._due:
            for number in [number for number, at in self._due.items() if at <= time.monotonic()]:
                self._due.pop(number, None)  # unless a signal just did
                worker = self._start(number)
                if worker is not None:
                    serve(self._settings, self._listeners, worker)
                    return 0
            self._look()
        return self._code

    def _start(self, number: int) -> Worker | None:
        """Start a worker, later if the machine has no room for it; return it in the new process."""
        try:
            return self._fork(number)
        except OSError:
            if not self._serving:
                raise
            self._due[number] = time.monotonic() + PAUSES[-1]
            return None

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Let all workers drain at the first signal, and stop at once at a second one."""
        told = STOP if self._stopping else DRAIN
        self._stopping = True
        self._due.clear()
        for worker in self._running:
            with suppress(OSError):
                worker.link.send(told)

    def _fork(self, number: int) -> Worker | None:
        """Start a worker; return it in the new process, None in the old one."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            if self._stopping:
                return None
            ours, theirs = socket.socketpair()
            if (pid := os.fork()) == 0:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                for link in (ours, *(one.link for one in self._running)):
                    link.close()  # or its worker would not notice that the parent has gone
                return Worker(number, theirs, self._figures, self._ended.get(number, ""))
            theirs.close()
            self._running.append(_Running(number, pid, ours, time.monotonic()))
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return None

    def _look(self) -> None:
        """Wait for a sign of life for a moment, and see to those that have ended or hang."""
        readable, _, _ = select.select([one.link for one in self._running], [], [], BEAT_SECONDS)
        for one in [one for one in self._running if one.link in readable]:
            if _recv(one.link):
                one.serves, one.silence = True, 0.0
                self._serves()
            else:
                self._bury(one)
        # However long that was, a look counts little: stopping all of these processes for a while kills none.
        passed, self._looked = min(time.monotonic() - self._looked, 2 * BEAT_SECONDS), time.monotonic()
        for one in self._running:
            one.silence += passed if self._serving else 0.0
            if one.silence > (HUNG_SECONDS if one.serves else START_SECONDS):
                os.kill(one.pid, signal.SIGKILL)

    def _serves(self) -> None:
        if not self._serving:
            self._serving = True
            print(banner(self._settings, int(self._listeners[0].getsockname()[1])), flush=True)
            if not self._stopping:
                self._due |= dict.fromkeys(range(2, self._settings.workers + 1), 0.0)

    def _bury(self, one: _Running) -> None:
        """Take leave of a worker that has ended, and see that another one takes its place."""
        self._running.remove(one)
        one.link.close()
        _, status = os.waitpid(one.pid, 0)
        mark_process_dead(one.pid, str(self._figures))  # type: ignore[no-untyped-call]
        code = os.waitstatus_to_exitcode(status)
        if self._stopping or not self._serving:  # why it did not start is on the screen
            self._code = self._code if self._stopping and code in AS_TOLD else 1
            return
        steady = time.monotonic() - one.began >= STEADY_SECONDS
        early = self._early[one.number] = 0 if steady else self._early[one.number] + 1
        self._ended[one.number] = _name(-code) if code < 0 else f"exit {code}"
        self._due[one.number] = time.monotonic() + (PAUSES[min(early, len(PAUSES)) - 1] if early else 0.0)


def _name(number: int) -> str:
    """Return the name of a signal; real-time ones have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _recv(link: socket.socket) -> bytes:
    try:
        return link.recv(4096)
    except OSError:
        return b""
