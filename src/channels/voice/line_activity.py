"""Activity on the line of one call: who speaks, since when nobody does, and a trace for whoever looks at it later."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Literal

from .call_timeouts import CallTimeouts, TimeoutKind
from .relay_session import Phase, RelaySession
from .voice_config import CallRules

CHARS_PER_SECOND = 15.0
"""How fast Twilio speaks, where its speaker events do not tell."""
QUIET_SECONDS = 0.4
"""How long nobody may have spoken before something is said unasked."""
MOST_MARKS = 200
"""Marks of one turn; a line on which more happens is drawn without the rest."""


class LineActivity:
    """The activity of one line, by the clock of the event loop."""

    def __init__(self, session: RelaySession, rules: CallRules) -> None:
        self._session = session
        self._began, self._first = time.time(), _now()
        self._marks: list[tuple[float, str]] = []
        self._timeouts = CallTimeouts(_now(), rules.silence, rules.longest, active_at=_now())
        self._quiet_at = 0.0
        self._voices = 0

    def mark(self, what: str) -> None:
        """Note for the picture of the call that something happens now; no word of anybody is kept."""
        if len(self._marks) < MOST_MARKS:
            self._marks.append((round(_now() - self._first, 2), what))

    def trace(self) -> dict[str, Any]:
        """Return what happened since this was last asked, as a timeline row holds it (docs/events.md)."""
        marks, self._marks = self._marks, []
        seconds = round(_now() - self._first, 2)
        return {"began": self._began, "seconds": seconds, "marks": [list(mark) for mark in marks]}

    def touch(self) -> None:
        """Note that the caller spoke or pressed a key."""
        self._quiet_at = _now() + QUIET_SECONDS
        self._timeouts.touch(_now())

    def spoke(self, who: Literal["agent", "client"], *, on: bool) -> None:
        """Note that somebody began or ended to speak."""
        self.mark(f"{who}_{'on' if on else 'off'}")
        self._quiet_at = _now() + QUIET_SECONDS
        if who == "client":
            self.touch()
        else:
            self._voices += 1
            self._timeouts.keep(_now())

    @property
    def _busy(self) -> bool:
        session = self._session
        return bool(session.agent_speaking or session.client_speaking or session.phase is not Phase.LISTENING)

    @property
    def silent(self) -> bool:
        """Return True if the line is idle: no open turn, nobody speaking, QUIET_SECONDS since the last speech."""
        return not self._busy and _now() >= self._quiet_at

    def due(self) -> TimeoutKind | None:
        """Return what has to be said because nobody says anything, or the call has gone on for long."""
        if self._busy:
            self._timeouts.keep(_now())
        return self._timeouts.look(_now())

    async def until_spoken(self, said: str) -> None:
        """Return when a sentence that was just sent was spoken, or should have been."""
        before, latest = self._voices, _now() + len(said) / CHARS_PER_SECOND + 1.0
        while self._session.phase is not Phase.CLOSED and _now() < latest:
            if self._voices > before and not self._session.agent_speaking:
                return
            await asyncio.sleep(0.05)


def _now() -> float:
    return asyncio.get_running_loop().time()
