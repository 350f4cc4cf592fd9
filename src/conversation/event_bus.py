"""The event bus: tells listeners what was committed, and which calls come and go. One bus per process.

A listener is told at most once and never holds up a turn: each has a queue and a task of its own, and one that raises,
hangs or falls behind harms nobody else. What must not be lost belongs into the store, not here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Self

import structlog

from ..events import EventName, Happened
from ..model import Source, SubjectId, TimelineEvent

log = structlog.get_logger(__name__)

LONGEST_QUEUE = 10_000
"""Events that a listener may be behind; what comes on top of that is not told to it."""

Listener = Callable[[Happened], Awaitable[None]]


class EventBus:
    """Tells listeners what happened. Use it with ``async with``; leaving it waits up to ``patience`` seconds.

    ``listeners`` are by the names that the log calls them.
    """

    def __init__(self, listeners: Mapping[str, Listener], *, patience: float = 5.0) -> None:
        self._patience = patience
        self._ears = [_Ear(name, listener) for name, listener in listeners.items()]

    def add(self, name: str, listener: Listener) -> None:
        """Add a listener: what is part of the engine itself listens like anybody else."""
        self._ears.append(_Ear(name, listener))

    def tell(self, subject: SubjectId, events: Iterable[TimelineEvent], *, seconds: float = 0.0) -> None:
        """Tell every listener of rows that were committed; returns at once and never raises."""
        for event in events:
            for ear in self._ears:
                ear.put(Happened(subject, event, seconds))

    def tell_of(self, subject: SubjectId, name: EventName, **data: object) -> None:
        """Tell every listener of something that no commit says."""
        self.tell(subject, [TimelineEvent(name, Source.SYSTEM, data=data)])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(ear.close(self._patience) for ear in self._ears))


class _Ear:
    """One listener with its queue; its task begins with the first event."""

    def __init__(self, name: str, listener: Listener) -> None:
        self._name = name
        self._listener = listener
        self._queue: asyncio.Queue[Happened] = asyncio.Queue(LONGEST_QUEUE)
        self._task: asyncio.Task[None] | None = None
        self._deaf = False

    def put(self, happened: Happened) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name=f"listener-{self._name}")
        try:
            self._queue.put_nowait(happened)
            self._deaf = False
        except asyncio.QueueFull:
            if not self._deaf:
                log.error("listener_too_slow", listener=self._name)
            self._deaf = True

    async def _work(self) -> None:
        while True:
            happened = await self._queue.get()
            try:
                await self._listener(happened)
            except Exception:
                # The edge of a listener: somebody else's code must not end the telling.
                log.exception("listener_failed", listener=self._name, happened=happened.event.name)
            finally:
                self._queue.task_done()

    async def close(self, patience: float) -> None:
        if self._task is None:
            return
        try:
            async with asyncio.timeout(patience):
                await self._queue.join()
        except TimeoutError:
            log.warning("listener_cut_off", listener=self._name, left=self._queue.qsize())
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
