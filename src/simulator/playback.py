"""The agent's voice in a simulated call: what was given to speak, and how much of it was spoken by a given time. Pure.

Talk cycles, ``preemptible`` and ``interruptible`` as twilio.com/docs/voice/conversationrelay/websocket-messages has
them. A text starts to be heard some 0.3 s after its first token came (recorded calls) and goes on at an even pace.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from math import inf

CHARS_PER_SECOND = 15.0
"""The pace of a voice that takes its time; all other times of a call are those of this pace."""
START_SECONDS = 0.3
STARVED_SECONDS = 0.5
"""How long the voice may wait for the next token of a sentence before it counts as silent. Not documented."""

_ROUNDING = 1e-6
_WORD = re.compile(r"\s*\S+\s*|\s+")


@dataclass(slots=True)
class Utterance:
    """One talk cycle: all text up to ``last``. ``source`` is agent, greeting or say (TwiML).

    ``interruptible`` is none, dtmf, speech or any. ``spoken`` counts the characters that the caller heard; ``purged``
    tells that the rest will not come.
    """

    source: str
    interruptible: str = "any"
    preemptible: bool = False
    text: str = ""
    spoken: int = 0
    begun_at: float | None = None
    closed_at: float | None = None
    purged: bool = False

    @property
    def heard(self) -> str:
        """Return what the caller heard of it."""
        return self.text[: self.spoken]

    @property
    def over(self) -> bool:
        """Tell whether no more of it will be heard."""
        return self.purged or (self.closed_at is not None and self.spoken == len(self.text))


@dataclass(frozen=True, slots=True)
class Speaking:
    """The voice begins (``on``) or falls silent."""

    on: bool


@dataclass(frozen=True, slots=True)
class Played:
    """A token was spoken to its end."""

    token: str


Event = Speaking | Played


@dataclass(frozen=True, slots=True)
class PlaybackCut:
    """Interrupted playback: the text heard of the current utterance, and for how long it was spoken."""

    heard: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """A word of an utterance, from ``start`` on; ``token`` when it is the end of one."""

    utterance: Utterance
    start: int
    length: int
    ready: float
    token: str | None


class SimulatedPlayback:
    """Speaks one thing after the other. Times are seconds of one clock and never go back."""

    def __init__(self, chars_per_second: float = CHARS_PER_SECOND) -> None:
        self.scale = CHARS_PER_SECOND / chars_per_second
        """What all durations of the call are multiplied with."""
        self.utterances: list[Utterance] = []
        """Everything that was given to speak, in order."""
        self.speaking = False
        self._pace = chars_per_second
        self._queue: deque[_Piece] = deque()
        self._voice: Utterance | None = None
        self._now = self._free_at = -inf
        self._events: list[Event] = []

    @property
    def open(self) -> Utterance | None:
        """Return the talk cycle that the next token belongs to, if one was begun and not ended."""
        last = self.utterances[-1] if self.utterances else None
        return last if last is not None and last.closed_at is None and not last.purged else None

    @property
    def pending(self) -> Utterance | None:
        """Return what is being spoken, or will be next."""
        if self._queue:
            return self._queue[0].utterance
        return self._voice if self.speaking else None

    @property
    def idle(self) -> bool:
        """Tell whether all was spoken and no talk cycle is left open."""
        return self.pending is None and self.open is None

    def add(
        self,
        text: str,
        *,
        now: float,
        last: bool = True,
        source: str = "agent",
        interruptible: str = "any",
        preemptible: bool = False,
        delay: float = START_SECONDS,
    ) -> None:
        """Give text to speak. The first token of a talk cycle decides how the cycle can be stopped."""
        self.run(now)
        utterance, ready = self.open, now
        if utterance is None:
            if not text:
                return
            self._preempt(now)
            utterance, ready = Utterance(source, interruptible, preemptible), now + delay * self.scale
            self.utterances.append(utterance)
        words = _WORD.findall(text)
        for number, word in enumerate(words, 1):
            token = text if number == len(words) else None
            self._queue.append(_Piece(utterance, len(utterance.text), len(word), ready, token))
            utterance.text += word
        if last:
            utterance.closed_at = now

    def run(self, now: float) -> None:
        """Speak until now, and keep what happened for :meth:`advance`."""
        now = self._now = max(now, self._now)
        while True:
            begin = self._begins()
            if self._silent(begin) <= now:
                self._turn(on=False)
                continue
            if begin > now:
                return
            piece = self._queue[0]
            utterance = self._voice = piece.utterance
            self._free_at = begin
            if not self.speaking:
                self._turn(on=True)
            if utterance.begun_at is None:
                utterance.begun_at = begin
            end = begin + piece.length / self._pace
            if end > now:
                utterance.spoken = piece.start + int((now - begin) * self._pace + _ROUNDING)
                return
            utterance.spoken = piece.start + piece.length
            self._queue.popleft()
            self._free_at = end
            if piece.token is not None:
                self._events.append(Played(piece.token))

    def advance(self, now: float) -> list[Event]:
        """Speak until now; return what happened since the last time, in order."""
        self.run(now)
        events, self._events = self._events, []
        return events

    def due(self) -> float:
        """Return when the next thing happens if nothing is added: infinity when nothing will."""
        begin = self._begins()
        if self._queue and begin <= self._now:
            return begin + self._queue[0].length / self._pace
        return min(begin, self._silent(begin))

    def purge(self, now: float) -> PlaybackCut | None:
        """Stop and forget all that is queued; return what was stopped, None when there was nothing."""
        self.run(now)
        current = self.pending
        if current is None:
            return None
        begun = current.begun_at
        cut = PlaybackCut(current.heard, 0 if begun is None else round((now - begun) * 1000))
        for utterance in (current, *(piece.utterance for piece in self._queue)):
            utterance.purged = True
        self._queue.clear()
        self._free_at = now
        if self.speaking:
            self._turn(on=False)
        return cut

    def _begins(self) -> float:
        """Return when the first piece of the queue begins, or began."""
        return max(self._free_at, self._queue[0].ready) if self._queue else inf

    def _silent(self, begin: float) -> float:
        """Return when the voice falls silent before the next piece begins; infinity when it does not."""
        if not self.speaking or self._voice is None:
            return inf
        closed = self._voice.closed_at
        silent = self._free_at + STARVED_SECONDS * self.scale if closed is None else max(self._free_at, closed)
        return silent if silent < begin else inf

    def _turn(self, *, on: bool) -> None:
        self.speaking = on
        self._events.append(Speaking(on))

    def _preempt(self, now: float) -> None:
        """Let a new talk cycle take the place of preemptible ones."""
        gone = [piece for piece in self._queue if piece.utterance.preemptible]
        if gone and gone[0] is self._queue[0] and self._begins() <= now:
            self._free_at = now
        for piece in gone:
            piece.utterance.purged = True
            self._queue.remove(piece)
