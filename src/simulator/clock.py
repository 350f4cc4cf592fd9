"""The time that a simulated call lives in: the event loop's, or one that a test moves by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> None:
        """Let it not happen."""


class Clock(Protocol):
    """Time in seconds, from any beginning."""

    def time(self) -> float:
        """Return what time it is."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        """Call back at a time, or at once when it has passed."""

    async def spend(self, seconds: float) -> None:
        """Let time pass while the caller does something: a manual clock moves by itself here."""


class LoopClock:
    """The running event loop's time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def time(self) -> float:
        """Return the loop's time."""
        return self._loop.time()

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        """Call back in the loop."""
        return self._loop.call_at(when, callback)

    async def spend(self, seconds: float) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)


async def wait_until(clock: Clock, when: float) -> None:
    """Return at a time; unlike a caller's doing, this does not move a manual clock."""
    event = asyncio.Event()
    timer = clock.call_at(when, event.set)
    try:
        await event.wait()
    finally:
        timer.cancel()
