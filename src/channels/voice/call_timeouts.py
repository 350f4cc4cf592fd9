"""When something has to be said because nobody says anything, or because a call has gone on for long. Pure.

Times are seconds of a clock that only goes forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ...conversation import phrases

WARNING_SECONDS = 60.0
"""How long before the end of the longest call the caller is told."""


class TimeoutKind(StrEnum):
    """Sentences that a timeout asks for."""

    STILL_THERE = "still_there"
    GOODBYE_SILENCE = "goodbye_silence"
    ALMOST_OVER = "almost_over"
    GOODBYE_LENGTH = "goodbye_length"


WORDS: Final = {
    TimeoutKind.STILL_THERE: phrases.STILL_THERE,
    TimeoutKind.ALMOST_OVER: phrases.ALMOST_OVER,
    TimeoutKind.GOODBYE_SILENCE: phrases.GOODBYE_SILENCE,
    TimeoutKind.GOODBYE_LENGTH: phrases.GOODBYE_LENGTH,
}
GOODBYES: Final = frozenset({TimeoutKind.GOODBYE_SILENCE, TimeoutKind.GOODBYE_LENGTH})
"""What ends the call."""


@dataclass(slots=True)
class CallTimeouts:
    """The patience of one call: ``silence`` seconds of quiet, ``longest`` seconds in all."""

    started: float
    silence: float
    longest: float
    active_at: float = 0.0
    asked: bool = False
    warned: bool = False

    def touch(self, now: float) -> None:
        """Note that somebody spoke or pressed a key."""
        self.active_at, self.asked = now, False

    def keep(self, now: float) -> None:
        """Note that the agent is speaking or thinking: quiet has not begun."""
        self.active_at = max(self.active_at, now)

    def look(self, now: float) -> TimeoutKind | None:
        """Return what is due now, each once per silence and call."""
        age = now - self.started
        if age >= self.longest:
            return TimeoutKind.GOODBYE_LENGTH
        if age >= self.longest - WARNING_SECONDS and not self.warned and self.longest > WARNING_SECONDS:
            self.warned = True
            return TimeoutKind.ALMOST_OVER
        if now - self.active_at < self.silence:
            return None
        if self.asked:
            return TimeoutKind.GOODBYE_SILENCE
        self.asked, self.active_at = True, now
        return TimeoutKind.STILL_THERE
