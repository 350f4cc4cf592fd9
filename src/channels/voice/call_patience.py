"""Patience of one call: when its line is silent, when a sentence was spoken, and what follows a silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from ...conversation import phrases
from .relay_actions import Actions
from .relay_session import RelaySession
from .voice_config import CallRules

CHARS_PER_SECOND = 15.0
"""How fast Twilio speaks, where its speaker events do not tell."""
QUIET_SECONDS = 0.4
"""How long the line was silent before something is said unasked."""
LOOK_SECONDS = 1.0


class CallPatience:
    """Clock of one call. ``perform`` carries out what the session answers; ``notice`` says a fixed sentence in the
    caller's language and returns it.
    """

    def __init__(
        self, session: RelaySession, perform: Callable[[Actions], None], rules: CallRules, notice: Callable[..., str]
    ) -> None:
        self._session = session
        self._perform = perform
        self._notice = notice
        self._silence = rules.silence
        self._watch = CallTimeouts(self._now(), rules.silence, rules.longest, active_at=self._now())
        self._quiet_at = 0.0
        self._voices = 0
        self._touches = 0

    @property
    def silent(self) -> bool:
        """Tell whether the line is idle: no open turn, no speech, QUIET_SECONDS since the last speech."""
        return not self._busy and self._now() >= self._quiet_at

    @property
    def _busy(self) -> bool:
        session = self._session
        return bool(
            session.agent_speaking or session.client_speaking or session.closed or session.setup is None or session.turn
        )

    def touch(self) -> None:
        """Note that the caller said or pressed something."""
        self._touches += 1
        self._quiet_at = self._now() + QUIET_SECONDS
        self._watch.touch(self._now())

    def voice(self, who: Literal["agent", "client"]) -> None:
        """Note that speech began or ended."""
        if who == "client":
            self.touch()
            return
        self._quiet_at = self._now() + QUIET_SECONDS
        self._voices += 1
        self._watch.keep(self._now())

    async def until_spoken(self, said: str) -> bool:
        """Return when a sentence that was just sent was spoken, or should have been; False: it was spoken over."""
        session = self._session
        before, acts = self._voices, (self._touches, session.interrupts)
        latest = self._now() + len(said) / CHARS_PER_SECOND + 1.0
        while not session.closed and self._now() < latest:
            if (self._touches, session.interrupts) != acts:
                return False
            if self._voices > before and not session.agent_speaking:
                return True
            await asyncio.sleep(0.05)
        return True

    async def hang_up_after(self, said: str, handoff: Mapping[str, Any]) -> None:
        """End the session once a sentence was spoken: the ``end`` message cuts off what is still queued."""
        await self.until_spoken(said)
        self._perform(self._session.hang_up(handoff))

    async def run(self) -> None:
        """Ask a silent caller whether they are there, and end the call after a while; one who speaks then stays.

        No caller talks their way past the longest call: its last sentence cannot be interrupted.
        """
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, self._silence / 4))
            if self._busy and self._session.setup is not None:  # which nothing holds open
                self._watch.keep(self._now())
            due = self._watch.look(self._now())
            if due is None:
                continue
            last = due is TimeoutKind.GOODBYE_LENGTH
            said = self._notice(WORDS[due], interruptible=False if last else None)
            if due not in GOODBYES:
                continue
            if await self.until_spoken(said) or last:
                self._perform(self._session.hang_up({"reason": due.value}))
                return
            self._watch.touch(self._now())

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


# --- the timeouts of a call, pure; times are seconds of a clock that only goes forward ----------------------

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
        """Note that the caller spoke or pressed a key."""
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
