"""Trace of a call: who spoke when, and what stopped whom. Holds no word of anybody. Pure but for its clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

MOST_MARKS: Final = 200
"""Marks of one turn; a line on which more happens is drawn without the rest."""


class CallTrace:
    """Marks of a call since they were last taken, by seconds since it began.

    ``now`` is a clock that only goes forward; ``began`` is the time of day, which tells the call from others.
    """

    def __init__(self, now: Callable[[], float], *, began: float) -> None:
        self._began = began
        self._now = now
        self._first = now()
        self._marks: list[tuple[float, str]] = []

    def mark(self, what: str) -> None:
        """Note that something happens now."""
        if len(self._marks) < MOST_MARKS:
            self._marks.append((self._seconds(), what))

    def take(self) -> dict[str, Any]:
        """Return what a timeline row holds of the call (docs/events.md), and begin anew."""
        marks, self._marks = self._marks, []
        return {"began": self._began, "seconds": self._seconds(), "marks": [list(mark) for mark in marks]}

    def _seconds(self) -> float:
        return round(self._now() - self._first, 2)
