"""How long the model took in a turn: what is left of the turn is ours."""

from __future__ import annotations

import time
from typing import Any

from agents import RunHooks


class Stopwatch(RunHooks[Any]):
    """Measures the model calls of one turn, one after the other; give it to the runner as its hooks."""

    def __init__(self) -> None:
        self._total = 0.0
        self._asked: float | None = None

    @property
    def seconds(self) -> float:
        """Return how long the model was asked so far, a call that was cut off included."""
        running = time.perf_counter() - self._asked if self._asked is not None else 0.0
        return self._total + running

    async def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        """Note that the model is asked."""
        self._asked = time.perf_counter()

    async def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        """Note that the model has answered."""
        self._total, self._asked = self.seconds, None
