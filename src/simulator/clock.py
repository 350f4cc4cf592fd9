"""The time that a simulated call lives in: the event loop's, or one that a test moves by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Clock:
    """The running event loop's time, in seconds."""

    def time(self) -> float:
        """Return what time it is, from any beginning."""
        return asyncio.get_running_loop().time()

    def call_at(self, when: float, callback: Callable[[], None], /) -> Any:
        """Call back at a time, or at once when it has passed; what is returned has ``cancel()``."""
        return asyncio.get_running_loop().call_at(when, callback)

    async def spend(self, seconds: float) -> None:
        """Let time pass while the caller does something: a manual clock moves by itself here."""
        await asyncio.sleep(seconds)

    async def wait(self, seconds: float) -> None:
        """Return after a time; unlike a caller's doing, this does not move a manual clock."""
        event = asyncio.Event()
        timer = self.call_at(self.time() + seconds, event.set)
        try:
            await event.wait()
        finally:
            timer.cancel()
