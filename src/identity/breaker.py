"""A circuit breaker: a source that keeps failing is left alone for a while, then tried once. Pure; seconds."""

from __future__ import annotations

from enum import StrEnum

FAILURES = 3
"""Failures in a row that open the circuit."""
FIRST_REST, LONGEST_REST = 5.0, 60.0


class May(StrEnum):
    """Permissions of a circuit breaker."""

    ASK = "ask"
    PROBE = "probe"
    """Ask, but let nobody wait for it: it is how an open circuit finds out that the source is back."""
    NOT = "not"


class Breaker:
    """Counts failures. Times are those of one monotonic clock, given with each call."""

    def __init__(self) -> None:
        self._failures = 0
        self._rest = FIRST_REST
        self._until: float | None = None

    def may(self, now: float) -> May:
        """Say whether the source may be asked now; the one probe of a rest that is over is given out once."""
        if self._until is None:
            return May.ASK
        if now < self._until:
            return May.NOT
        self._until = now + self._rest
        return May.PROBE

    def failed(self, now: float, *, probe: bool = False, rest: float | None = None) -> bool:
        """Note a failure; return whether the circuit opened just now. ``rest`` is what the source itself asked for.

        While it is open only the probe counts: questions that were under way when it opened say nothing new.
        """
        if self._until is not None:
            if probe:
                self._rest = min(self._rest * 2, LONGEST_REST)
                self._until = now + self._rest
            return False
        self._failures += 1
        if self._failures < FAILURES and rest is None:
            return False
        self._until = now + min(max(rest or 0.0, self._rest), LONGEST_REST)
        return True

    def succeeded(self) -> bool:
        """Note an answer in time; return whether the circuit closed just now."""
        closed = self._until is not None
        self._failures, self._rest, self._until = 0, FIRST_REST, None
        return closed
