"""The spoken turns of one call: hands what the caller says to the engine, and history what they heard."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

import structlog

from ...conversation import phrases
from ...conversation.engine import TurnEngine
from ...conversation.speech_stream import SpeechStream
from ...entries import CallEnded, Entry, Heard, OptionRefused, SpokenPrompt
from ...errors import StoreUnavailable
from ...guardrails.pii import mask
from ...model import Route, SubjectId
from .call_language import plain_english
from .line_activity import LineActivity
from .relay_actions import Actions
from .relay_session import RelaySession

log = structlog.get_logger(__name__)

FILLER_SECONDS = 1.0
FILLER_AGAIN_SECONDS = 8.0
CORRECTION_SECONDS = 0.5
"""How long a correction of the history waits for the prompt that usually follows an interruption."""
TURNS_KEPT = 16
"""Latest turns whose speech may still be corrected."""


class CallTurns:
    """Turns of one call. ``perform`` carries out what the session answers."""

    def __init__(
        self,
        session: RelaySession,
        perform: Callable[[Actions], None],
        *,
        engine: TurnEngine,
        call: str,
        line: LineActivity,
        first_token_timeout: float,
        put_through: Callable[[str], None],
    ) -> None:
        self._session = session
        self._perform = perform
        self._engine = engine
        self._call = call
        self._line = line
        self._first_token_timeout = first_token_timeout
        self._put_through = put_through
        self._id = uuid.uuid4().hex[:12]
        self._speeches: dict[int, SpeechStream] = {}
        self._announced: dict[int, tuple[int, str]] = {}
        self._corrections: list[Entry] = []
        self._flushing: asyncio.Task[None] | None = None
        self._filler: asyncio.TimerHandle | None = None
        self.subject: SubjectId | None = None
        self.route: Route | None = None
        self.language = plain_english()
        self.asked = 0
        """Turns of the caller so far."""
        self.greeting = ""
        self.last_answer = ""
        """What the agent said last, for the caller who wants to hear it again."""

    @property
    def idle(self) -> bool:
        """Tell whether every turn is over, also those that go on after the caller spoke over them."""
        return all(speech.done.is_set() for speech in self._speeches.values())

    async def answer(self, turn: int, text: str, lang: str) -> None:
        """Hand what the caller said to the engine, with what they heard of earlier answers."""
        if self.subject is None or self.route is None:
            return
        self.asked += 1
        said = mask(text)
        key = f"{self._call}:{self._id}:{turn}"
        speech = SpeechStream(
            self.subject,
            lambda token: self._say(turn, token),
            lambda: self.finish(turn),
            first_token_timeout=self._first_token_timeout,
            words=self.words,
            mark=self._line.mark,
            trace=self._line.trace,
        )
        self._speeches[turn] = speech
        self._speeches.pop(turn - TURNS_KEPT, None)
        self._engine.speeches.add(key, speech)
        self._arm_filler(turn, FILLER_SECONDS)
        greeting, self.greeting = self.greeting, ""
        prompt = SpokenPrompt(self.route, self._call, said.text, lang, greeting, said.found)
        corrections, self._corrections = self._corrections, []
        try:
            await self._engine.hear(self.subject, [*corrections, Entry(key, prompt)])
        except StoreUnavailable:
            self._engine.speeches.fail(key)

    def words(self, sentence: str) -> str:
        """Return a fixed sentence in the caller's language."""
        return self.language.say(sentence).text

    def notice(self, sentence: str) -> str:
        """Say a fixed sentence that is no part of an answer, in the caller's language; return it."""
        phrase = self.language.say(sentence)
        self._perform(self._session.notice(phrase.text, self.language.tag(phrase.language)))
        return phrase.text

    def _say(self, turn: int, token: str) -> None:
        if self._speeches[turn].said == token:
            self._line.mark("words")
        self._perform(self._session.speak(turn, token))
        self._arm_filler(turn, FILLER_SECONDS)

    def finish(self, turn: int) -> None:
        """End a turn whose text is complete."""
        self.stop_filler()
        speech = self._speeches.get(turn)
        if speech is not None and speech.said:
            self.last_answer = speech.said
        self._perform(self._session.finish(turn))
        if speech is not None and speech.transfer:
            self._put_through(speech.transfer)

    def announce(self, turn: int, number: int, text: str) -> None:
        """Remember that ``turn`` of the call says what turn ``number`` of the conversation came to, unasked."""
        self._announced[turn] = number, text
        if len(self._announced) > TURNS_KEPT:
            del self._announced[next(iter(self._announced))]

    def cancel(self, turn: int, heard: str, *, lost: bool) -> None:
        """Let the open turn know that the caller spoke over it, or is gone."""
        self.stop_filler()
        speech = self._speeches.get(turn)
        if speech is not None and lost:
            speech.lose(heard)
        elif speech is not None:
            speech.interrupt(heard)

    def correct(self, turn: int, heard: str, *, lost: bool) -> None:
        """Keep what was heard of a finished turn for the history; it goes with the next prompt, or alone."""
        speech = self._speeches.get(turn)
        number, announced = self._announced.get(turn, (speech.number if speech else None, ""))
        if number is None:
            return
        key = f"heard:{self._id}:{turn}:{uuid.uuid4().hex[:6]}"
        self._corrections.append(Entry(key, Heard(number, heard, lost, announced)))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_later())

    async def refused(self, code: int, field: str) -> None:
        """Let staff see that Twilio did not take a message, and which option may be why."""
        if self.subject is None or self.route is None:
            return
        entry = Entry(f"option:{self._id}:{code}", OptionRefused(self.route, code, field))
        try:
            await self._engine.accept(self.subject, [entry], token=uuid.uuid4().hex)
        except StoreUnavailable:
            log.warning("refusal_lost", code=code)

    async def _flush_later(self) -> None:
        await asyncio.sleep(CORRECTION_SECONDS)
        await self._flush()

    async def close(self) -> None:
        """Stop all timers and store what is known of the last answers."""
        self.stop_filler()
        if self._flushing is not None:
            self._flushing.cancel()
        if self._speeches:
            self._corrections.append(Entry(f"ended:{self._id}", CallEnded(self._line.trace())))
        await self._flush()

    async def _flush(self) -> None:
        corrections, self._corrections = self._corrections, []
        if corrections and self.subject is not None:
            try:
                await self._engine.accept(self.subject, corrections, token=uuid.uuid4().hex)
            except StoreUnavailable:
                log.warning("correction_lost")

    # --- fillers ----------------------------------------------------------------------------------------

    def _arm_filler(self, turn: int, seconds: float) -> None:
        self.stop_filler()
        self._filler = asyncio.get_running_loop().call_later(seconds, self._fill, turn)

    def stop_filler(self) -> None:
        """Say no "one moment" any more."""
        if self._filler is not None:
            self._filler.cancel()
            self._filler = None

    def _fill(self, turn: int) -> None:
        """Say that it takes a moment, while the turn is open and nothing is being said."""
        if self._session.turn != turn:
            return
        if not self._session.agent_speaking:
            self._line.mark("filler")
            self.notice(phrases.ONE_MOMENT)
        self._arm_filler(turn, FILLER_AGAIN_SECONDS)
