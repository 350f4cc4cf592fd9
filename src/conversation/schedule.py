"""Schedules keys on a bounded pool of workers: one run per woken key at a time.
Urgent keys do not wait for a worker.

The engine uses one schedule for lanes and one for outbox lines. It only decides *when*; that two processes never run
the same lane is the store's lease, not this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from types import TracebackType
from typing import Generic, Self, TypeVar

import structlog

K = TypeVar("K", bound=Hashable)

log = structlog.get_logger(__name__)

CRASH_BACKOFF = (1.0, 2.0, 5.0)
"""Seconds before a key whose run raised is run again."""


class Schedule(Generic[K]):
    """Runs woken keys. ``run`` returns the seconds after which its key wants to run again, or None."""

    def __init__(self, name: str, run: Callable[[K], Awaitable[float | None]], *, workers: int) -> None:
        self._name = name
        self._run = run
        self._workers = workers
        self._queue: asyncio.Queue[K] = asyncio.Queue()
        self._queued: set[K] = set()
        self._running: dict[K, bool] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._crashes: dict[K, int] = {}
        self._urgent: set[K] = set()
        self._extra: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._draining = False
        self._idle = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._work(), name=f"{self._name}-{n}") for n in range(self._workers)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [*self._tasks, *self._extra]
        for task in tasks:
            task.cancel()
        for handle in self._timers.values():
            handle.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self, key: K, *, after: float = 0.0, urgent: bool = False) -> None:
        """Run a key, ``after`` seconds from now; a key that waits for a later moment is brought forward.

        A key that runs already runs once more afterwards, so that nothing which came in between is left lying. An
        ``urgent`` one (a caller is on the line) runs at once, also when all workers are busy.
        """
        if self._draining:
            return
        if key in self._running:
            self._running[key] = True
            if urgent:
                self._urgent.add(key)
            return
        timer = self._timers.get(key)
        if urgent:
            self._rush(key, timer)
            return
        if key in self._queued:
            return
        loop = asyncio.get_running_loop()
        if timer is not None:
            if timer.when() <= loop.time() + after:
                return
            timer.cancel()
        if after > 0:
            self._timers[key] = loop.call_later(after, self._enqueue, key)
        else:
            self._enqueue(key)

    @property
    def running(self) -> int:
        """Return how many keys run now."""
        return len(self._running)

    @property
    def room(self) -> int:
        """Return how many more keys could run now."""
        return max(0, self._workers - len(self._running) - len(self._queued))

    async def drain(self, seconds: float) -> bool:
        """Start nothing new and wait for what runs; return whether all of it ended in time."""
        self._draining = True
        for handle in self._timers.values():
            handle.cancel()
        self._timers.clear()
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queued.clear()
        if not self._running:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _enqueue(self, key: K) -> None:
        self._timers.pop(key, None)
        self._queued.add(key)
        self._queue.put_nowait(key)

    def _rush(self, key: K, timer: asyncio.TimerHandle | None) -> None:
        """Run a key in a task of its own; what still waits for it comes to nothing."""
        if timer is not None:
            timer.cancel()
            del self._timers[key]
        self._queued.discard(key)
        self._running[key] = False
        task = asyncio.create_task(self._run_one(key), name=f"{self._name}-urgent")
        self._extra.add(task)
        task.add_done_callback(self._extra.discard)

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            if key in self._queued:  # else it was urgent and has been run
                self._queued.discard(key)
                self._running[key] = False
                await self._run_one(key)

    async def _run_one(self, key: K) -> None:
        again: float | None = None
        try:
            again = await self._run(key)
            self._crashes.pop(key, None)
        except Exception:
            # The edge of a worker: one lane's trouble must not end the pool.
            crashes = self._crashes[key] = self._crashes.get(key, 0) + 1
            again = CRASH_BACKOFF[min(crashes, len(CRASH_BACKOFF)) - 1]
            log.exception("run_failed", schedule=self._name, crashes=crashes)
        finally:
            woken, urgent = self._running.pop(key), key in self._urgent
            self._urgent.discard(key)
        if self._draining and not self._running:
            self._idle.set()
        if woken:
            self.wake(key, urgent=urgent)
        elif again is not None:
            self.wake(key, after=again)
