"""The voice of one turn in a live call: what the agent says goes out as it comes, until the caller speaks over it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..guardrails.stream import StreamFilter
from ..model import SubjectId
from . import phrases
from .plain_speech import PlainSpeech


class SpeechStream:
    """One spoken turn, between the call that plays it and the run that makes it.

    ``say`` sends a piece of text to the caller at once, without its markup, but for what ``filter`` holds back or
    replaces.
    ``first_token_timeout`` (seconds) bounds how long the run may leave the caller without a word. ``number`` is the
    conversation's turn, known when the run begins.
    """

    def __init__(
        self,
        subject: SubjectId,
        say: Callable[[str], None],
        finish: Callable[[], None],
        *,
        first_token_timeout: float,
        words: Callable[[str], str] = str,
        mark: Callable[[str], None] = lambda what: None,
        trace: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self.subject = subject
        self.words = words
        """Returns a fixed sentence in the caller's language."""
        self.trace = trace
        """Returns what happened on the line since the last turn, for the timeline."""
        self._mark = mark
        self.transfer = ""
        """Ticket of a caller who is put through to a person when the answer was spoken."""
        self._say = say
        self._finish = finish
        self.first_token_timeout = first_token_timeout
        self.interrupted = False
        self.cut: Callable[[], None] = lambda: None
        """Ends the run that makes the answer: the caller speaks over it."""
        self.heard: str | None = None
        """What the caller heard, once they spoke over the answer."""
        self.lost = False
        """The call ended: no caller listens, but the turn goes on, because its side effects were asked for."""
        self.back = False
        """Only its socket was lost: the call is expected back."""
        self._held: list[str] | None = None
        self.pieces = 0
        """In how many pieces the answer came so far."""
        self.said = ""
        """What went out to the caller, as it went out."""
        self.begun = False
        """The agent said something, even if it is held back."""
        self.began_at: float | None = None
        """When it did, by the process's clock (``time.perf_counter``)."""
        self._plain = PlainSpeech()
        self.filter = StreamFilter()
        self.number: int | None = None
        self.done = asyncio.Event()
        """Set when the turn is committed, or given up."""

    @property
    def silent(self) -> bool:
        """Tell whether further text would not be heard."""
        return self.lost or self.interrupted

    def say(self, text: str) -> None:
        """Send a piece of the answer, unless the caller listens no more."""
        if text and not self.silent:
            self.pieces += 1
            if not self.begun:
                self.begun, self.began_at = True, time.perf_counter()
            self._send(self.filter.feed(self._plain.feed(text)))

    def pause(self) -> None:
        """Send the number that is held back, because no more comes for a while: a tool is running."""
        self._mark("tool")
        if not self.silent:
            self._send(self.filter.feed(self._plain.end()) + self.filter.pause())

    def finish(self) -> None:
        """Say that the answer is complete."""
        if not self.silent:
            self._send(self.filter.feed(self._plain.end()) + self.filter.end())
            self._finish()

    def hold(self) -> None:
        """Keep what is said until :meth:`release`."""
        self._held = []

    def release(self) -> None:
        """Say what was held, and everything else as it comes."""
        held, self._held = self._held or [], None
        self._send("".join(held))

    def restart(self) -> None:
        """Forget what was held: the answer is made anew."""
        self._held, self.begun, self.began_at = None, False, None
        self._plain, self.filter = PlainSpeech(), StreamFilter()

    def _send(self, text: str) -> None:
        if text and self._held is not None:
            self._held.append(text)
        elif text:
            self.said += text
            self._say(text)

    def interrupt(self, heard: str) -> None:
        """Note that the caller spoke over the answer, and what they heard of it."""
        self.heard, self.interrupted = heard, True
        self.cut()

    def lose(self, heard: str, *, back: bool) -> None:
        """Note that the call ended, or is expected ``back``, and how much of the answer was surely heard."""
        if not self.interrupted:
            self.heard, self.lost, self.back = heard, True, back


class SpeechStreams(dict[str, SpeechStream]):
    """The voices of the spoken turns that this process plays, by the key of the prompt that they answer."""

    def waiting(self, subject: SubjectId) -> bool:
        """Tell whether a caller waits for an answer in a lane."""
        return any(speech.subject == subject and not speech.silent for speech in self.values())

    def fail(self, key: str) -> None:
        """Apologise in place of a turn that cannot be run now, and forget it."""
        speech = self.get(key)
        if speech is not None:
            speech.say(speech.words(phrases.FAILURE))
            speech.finish()
            self.drop(key)

    def drop(self, key: str) -> None:
        """Forget a voice: its turn is over."""
        speech = self.pop(key, None)
        if speech is not None:
            speech.done.set()
