"""The calls of this replica: who is on the line, who may be back in a moment, and how all of them move elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import structlog

from ...model import Route
from ...telemetry.metrics import Metrics
from .call import LiveCall

log = structlog.get_logger(__name__)

RECONNECT_SECONDS = 10.0
"""How long a call whose socket was lost is waited for with what is to be said in it."""
MOVE_SECONDS = 30.0
"""How long a call that is to be moved may be in the middle of a turn; it is left to its lost socket after that."""
AFTERWARDS_SECONDS = 2.0
"""How long HTTP is served for the action callbacks of moved calls, which come just after their sockets closed."""


class CallRegistry:
    """Keeps the live calls. ``leaving`` says that no further call may begin here.

    ``metrics`` tell others how many there are, and how many the workers of this server have together.
    """

    def __init__(self, metrics: Metrics | None = None) -> None:
        self._calls: set[LiveCall] = set()
        self._metrics = metrics or Metrics()
        self._changed = asyncio.Event()
        self._until: dict[str, tuple[Route, float]] = {}
        self.draining = False
        self.leaving = False

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def in_all(self) -> int:
        """Number of calls that are on the line of this server, whichever of its workers has them."""
        return self._metrics.value("open_calls")

    def on(self, route: Route) -> Iterator[LiveCall]:
        """Yield the calls to a customer over a route."""
        yield from [call for call in self._calls if call.route == route]

    def add(self, call: LiveCall) -> None:
        """Note that a call is connected here."""
        self._calls.add(call)
        self._metrics.calls(len(self))

    def remove(self, call: LiveCall) -> None:
        """Note that a call's socket closed."""
        self._calls.discard(call)
        self._metrics.calls(len(self))
        if not self._calls:
            self._changed.set()

    # --- calls that may come back -----------------------------------------------------------------------

    def expect(self, call: str, route: Route) -> None:
        """Wait a while for a call (its CallSid) whose socket was lost."""
        now = asyncio.get_running_loop().time()
        self._until = {sid: known for sid, known in self._until.items() if known[1] > now}
        self._until[call] = route, now + RECONNECT_SECONDS

    def forget(self, call: str) -> None:
        """Wait for a call no more."""
        self._until.pop(call, None)

    def expects(self, route: Route) -> bool:
        """Tell whether a call over a route may be back in a moment."""
        now = asyncio.get_running_loop().time()
        return any(known == route and until > now for known, until in self._until.values())

    # --- leaving ----------------------------------------------------------------------------------------

    async def leave(self, seconds: float) -> None:
        """Let the calls go on for ``seconds``; then move each one between its turns. Return when none is left.

        A turn that takes longer than MOVE_SECONDS is not waited for: its call is reconnected when its socket is lost.
        """
        self.draining = True
        if await self._none_within(seconds):
            return
        self.leaving = True
        log.info("moving_calls", calls=len(self._calls))
        moving = [asyncio.create_task(call.move()) for call in self._calls]
        await asyncio.wait(moving, timeout=MOVE_SECONDS)
        for task in moving:
            task.cancel()
        await asyncio.gather(*moving, return_exceptions=True)
        await self._none_within(AFTERWARDS_SECONDS)
        await asyncio.sleep(AFTERWARDS_SECONDS)

    async def _none_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while self._calls:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True
