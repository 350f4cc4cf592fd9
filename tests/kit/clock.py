"""A clock that a test moves by hand, for simulated calls."""

from __future__ import annotations

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from functools import wraps
from itertools import count
from typing import Any

from tandem.simulator.clock import Clock

ROUNDS = 20
"""How often the event loop turns after each step, so that whoever was woken can act."""


class ManualClock(Clock):
    """Time stands until :meth:`advance`, or until a caller spends some by speaking."""

    def __init__(self) -> None:
        self._now = 0.0
        self._timers: list[tuple[float, int, _Timer]] = []
        self._numbers = count()

    def time(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], None], /) -> _Timer:
        timer = _Timer(callback)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    async def spend(self, seconds: float) -> None:
        await self.advance(seconds)

    async def advance(self, seconds: float) -> None:
        """Move on, stopping at everything that is due on the way."""
        until = self._now + seconds
        await _settle()
        while self._timers and self._timers[0][0] <= until:
            when, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, when)
            if timer.callback is not None:
                timer.callback()
                await _settle()
        self._now = max(self._now, until)
        await _settle()


class _Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


async def _settle() -> None:
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


class _LeapingSelector(selectors.DefaultSelector):
    """A selector whose waits are over at once; ``now`` is how long they would have taken."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("nothing will ever happen")
        if not ready:
            self.now += timeout or 0.0
        return ready


class _LeapingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._leaping = _LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now


def timeless(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test of pure waiting in no time: ``loop.time()`` leaps to what is due, and tells waits to the millisecond.

    Nothing else may run beside it: no threads, no sockets.
    """

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=_LeapingLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
