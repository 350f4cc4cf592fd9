"""Caller of a simulated call: speaks, presses keys, hangs up, and hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from .clock import Clock
from .frames import Fields
from .playback import PlaybackCut, SimulatedPlayback, Utterance
from .relay import SimulatedRelay
from .relay_attributes import heard

PARTIAL_SECONDS = 0.25
FINAL_SECONDS = 0.35
"""From the last partial prompt to the final one, in recorded calls; partials come every 200 to 300 ms."""
KEY_SECONDS = 0.05
"""From a key to the interrupt that it causes."""
PATIENCE = 30.0
"""Seconds of real time to wait for what comes anyway, on a machine that may be busy."""
_WORDS_PER_PARTIAL = 2


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """Something said in the call. ``who`` is caller or agent."""

    who: str
    text: str


class SimulatedCaller:
    """A caller and the line's sound. Waiting methods raise TimeoutError after ``seconds`` of real time."""

    def __init__(self, chars_per_second: float, clock: Clock | None, *, partials: bool) -> None:
        self.clock = clock or Clock()
        self.speech = SimulatedPlayback(chars_per_second)
        self.sessions: list[SimulatedRelay] = []
        """All ConversationRelay sessions of the call, oldest first."""
        self.over = False
        self.faults: list[str] = []
        self.voice: asyncio.Task[None] | None = None
        self._partials = partials
        self._sounds: list[Utterance | SpokenLine] = []
        self._mark = self._listed = 0
        self._pulse = asyncio.Event()
        self._stir = asyncio.Event()

    @property
    def session(self) -> SimulatedRelay | None:
        """Return the session that stands."""
        return self.sessions[-1] if self.sessions and self.sessions[-1].live else None

    # --- hearing --------------------------------------------------------------------------------------------

    @property
    def transcript(self) -> list[SpokenLine]:
        """Return what both sides said, as it was heard, in order."""
        self.speech.run(self.clock.time())
        self._listen()
        lines = [one if isinstance(one, SpokenLine) else SpokenLine("agent", one.heard) for one in self._sounds]
        return [line for line in lines if line.text]

    @property
    def utterances(self) -> list[str]:
        """Return what the caller heard, one text per talk cycle."""
        return [line.text for line in self.transcript if line.who == "agent"]

    def heard(self) -> str:
        """Return all that the caller heard, in order, one line per talk cycle."""
        return "\n".join(self.utterances)

    @property
    def violations(self) -> list[str]:
        """Return what the gateway did against the protocol, in words; a test asserts that it is empty."""
        return [*self.faults, *(one for session in self.sessions for one in session.violations)]

    @property
    def received(self) -> list[Fields]:
        """Return the well-formed frames that the gateway sent, of all sessions."""
        return [frame for session in self.sessions for frame in session.received]

    @property
    def sent(self) -> list[Fields]:
        """Return the frames that the gateway was sent, of all sessions."""
        return [frame for session in self.sessions for frame in session.sent]

    async def wait_for(self, condition: Callable[[], bool], seconds: float | None = PATIENCE) -> None:
        """Return when a condition holds; it is looked at whenever something happened."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._pulse.wait()
        except TimeoutError:
            raise TimeoutError(f"the caller waited in vain; heard so far: {self.heard()!r}") from None

    async def wait_heard(self, what: str | Callable[[str], bool], seconds: float = PATIENCE) -> str:
        """Return all that was heard, once it contains a text or satisfies a condition."""
        fits = what if callable(what) else lambda heard: what in heard
        await self.wait_for(lambda: fits(self.heard()), seconds)
        return self.heard()

    async def wait_silent(self, seconds: float = PATIENCE) -> None:
        """Return when everything that came was spoken and no talk cycle is open."""
        await self.wait_for(lambda: self.speech.idle, seconds)

    async def wait_answer(self, seconds: float = PATIENCE) -> str:
        """Return what the agent answered to what the caller said or pressed last, when it was spoken to its end.

        Preemptible texts are no answer. Also returns when the call is over.
        """
        await self.wait_for(lambda: self.over or (self.speech.idle and self._answered() != ""), seconds)
        return self._answered()

    async def wait_sessions(self, count: int, seconds: float = PATIENCE) -> SimulatedRelay:
        """Return the ``count``-th session of the call once it stands."""
        await self.wait_for(lambda: len(self.sessions) >= count and self.session is self.sessions[count - 1], seconds)
        return self.sessions[count - 1]

    async def wait_over(self, seconds: float | None = PATIENCE) -> None:
        """Return when the call is over."""
        await self.wait_for(lambda: self.over, seconds)

    async def change(self) -> None:
        """Return when anything has happened."""
        await self._pulse.wait()

    # --- acting ---------------------------------------------------------------------------------------------

    async def say(self, text: str, lang: str | None = None) -> PlaybackCut | None:
        """Speak. Whatever the agent is saying is cut off first, as on a real line; return what was.

        Order: the interrupt, cumulative partial prompts where the TwiML asked for them, the final prompt. ``lang`` is
        what is spoken; the gateway is told of it only where the TwiML asked Twilio to detect languages (``multi``).
        During speech that cannot be interrupted nothing reaches the gateway.
        """
        session = self._session()
        if not session.reports("speech"):
            self._said(text)
            return None
        spoken = heard(session.language, lang or "")
        await session.speaker("clientSpeaking", on=True)
        cut = await self.interrupt()
        self._said(text)
        for partial in _partials(text) if self._partials and session.noun.flag("partialPrompts") else ():
            await session.prompt(partial, spoken, last=False)
            await self._spend(PARTIAL_SECONDS)
        await self._spend(FINAL_SECONDS)
        await session.speaker("clientSpeaking", on=False)
        self._acted(session)
        await session.prompt(text, spoken, last=True)
        return cut

    async def utter(self, text: str, lang: str | None = None, *, last: bool) -> None:
        """Speak as a recogniser hears it: a partial prompt with all that was said so far, or (``last``) the final one.

        The first of them stops the agent, as a sound on a real line does.
        """
        session = self._session()
        if session.reports("speech"):
            await self.interrupt()
            if last:
                self._acted(session)
            if last or session.noun.flag("partialPrompts"):
                await session.prompt(text, heard(session.language, lang or ""), last=last)
        if last:
            self._said(text)

    async def barge_in(self, text: str, lang: str | None = None) -> PlaybackCut:
        """Speak while the agent speaks; return what was cut off. The agent must be speaking, or about to."""
        assert self.speech.pending is not None, "the agent is silent: nothing to interrupt"
        cut = await self.say(text, lang)
        assert cut is not None, "this speech cannot be interrupted"
        return cut

    async def interrupt(self) -> PlaybackCut | None:
        """Make a sound that stops the agent and is no word: an interrupt without a prompt. Return what was cut off."""
        session = self._session()
        cut = await self._cut(session, "speech")
        if cut is not None:
            await session.interrupt(cut)
            await self._report()
        return cut

    async def ask(self, text: str, lang: str | None = None, *, seconds: float = PATIENCE) -> str:
        """Speak, and return the agent's answer when it was spoken to its end."""
        await self.say(text, lang)
        return await self.wait_answer(seconds)

    async def press(self, digits: str) -> PlaybackCut | None:
        """Press keys; return what the first one cut off.

        The ``dtmf`` frame goes before its interrupt, and text that comes in between is played. Without
        ``dtmfDetection`` nothing reaches the gateway.
        """
        session, first = self._session(), None
        for digit in digits:
            if not session.noun.flag("dtmfDetection") or not session.reports("dtmf"):
                continue
            cut = await self._cut(session, "dtmf")
            self._acted(session)
            await session.send({"type": "dtmf", "digit": digit})
            await self._spend(KEY_SECONDS)
            if cut is not None:
                await session.interrupt(cut)
                await self._report()
                first = first or cut
            await self._spend(PARTIAL_SECONDS)
        return first

    # --- the line -------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """Wake whoever waits, and the voice."""
        self._wake()
        self._stir.set()

    async def hear(self, text: str) -> None:
        """Hear what Twilio says by itself, to the end."""
        self.speech.add(text, now=self.clock.time(), source="say", interruptible="none", delay=0)
        self.changed()
        await self.wait_for(lambda: self.speech.pending is None, None)

    def start_voice(self) -> None:
        """Let the agent's voice be heard from now on."""
        self.voice = asyncio.create_task(self._speak())

    async def _speak(self) -> None:
        while True:
            self._stir.clear()
            await self._report()
            when = self.speech.due()
            timer = self.clock.call_at(when, self._stir.set) if when < inf else None
            await self._stir.wait()
            if timer is not None:
                timer.cancel()

    async def _report(self) -> None:
        """Let the voice speak until now, and tell the gateway of it."""
        events = self.speech.advance(self.clock.time())
        self._listen()
        self._wake()
        for event in events:
            if self.session is not None:
                await self.session.tell(event)

    def _listen(self) -> None:
        """Put what is new on the line into the transcript."""
        fresh = self.speech.utterances[self._listed :]
        self._sounds += fresh
        self._listed += len(fresh)

    def _wake(self) -> None:
        pulse, self._pulse = self._pulse, asyncio.Event()
        pulse.set()

    async def _cut(self, session: SimulatedRelay, by: str) -> PlaybackCut | None:
        """Stop the agent's voice, if that stops it."""
        await self._report()
        return self.speech.purge(self.clock.time()) if session.stoppable(by) else None

    def _said(self, text: str) -> None:
        self._listen()
        self._sounds.append(SpokenLine("caller", text))

    def _acted(self, session: SimulatedRelay) -> None:
        """Take note that the gateway may answer from here on."""
        self._mark = len(self.speech.utterances)
        session.caller_acted()

    def _answered(self) -> str:
        answers = [one for one in self.speech.utterances[self._mark :] if one.source == "agent" and not one.preemptible]
        return "\n".join(one.heard for one in answers if one.heard)

    def _session(self) -> SimulatedRelay:
        assert self.session is not None, "the caller is not connected to the agent"
        return self.session

    async def _spend(self, seconds: float) -> None:
        await self.clock.spend(seconds * self.speech.scale)


def _partials(text: str) -> list[str]:
    """Give what is understood so far, every few words, up to the whole text."""
    words = text.split()
    return [" ".join(words[: end + _WORDS_PER_PARTIAL]) for end in range(0, len(words), _WORDS_PER_PARTIAL)]
