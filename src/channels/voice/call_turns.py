"""The spoken turns of one call: hands what the caller says to the engine, and history what they heard."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress

import structlog

from ...conversation import phrases
from ...conversation.engine import TurnEngine
from ...conversation.speech_stream import SpeechStream
from ...entries import CallEnded, Entry, Heard, OptionRefused, SpokenPrompt
from ...errors import StoreUnavailable
from ...guardrails.pii import Masked, mask_incoming
from ...model import Route, SubjectId
from .call_language import plain_english
from .relay_actions import Actions, Send
from .relay_messages import Play, write
from .relay_playback import fold
from .relay_session import RelaySession
from .relay_socket import CallTrace

log = structlog.get_logger(__name__)

FILLER_SECONDS = 1.0
FILLER_AGAIN_SECONDS = 8.0
MUSIC_SECONDS = 2.0
"""From the first "one moment" to the music, where there is some."""
MUSIC_LOOPS = 100
"""How often a recording is played: for longer than any turn takes."""
AGAIN_SECONDS = 10.0
"""How long after a reconnect what the caller said before it may be delivered for the second time."""
GROUP_SECONDS = 0.06
"""How long words wait for others, once the first clause of an answer is out: Twilio speaks sentences."""
_PAUSES = frozenset(".,;:!?…。、，！？\n")
"""What ends a clause."""
TURNS_KEPT = 16
"""Latest turns whose speech may still be corrected."""


class CallTurns:
    """Turns of one call. ``perform`` does what the session answers; ``coming_back``: only the socket was lost."""

    def __init__(
        self,
        session: RelaySession,
        perform: Callable[[Actions], None],
        *,
        engine: TurnEngine,
        call: str,
        first_token_timeout: float,
        trace: CallTrace,
        put_through: Callable[[str], None],
        coming_back: Callable[[], bool],
        resumed: bool = False,
    ) -> None:
        self._session = session
        self._coming_back = coming_back
        self._perform = perform
        self._engine = engine
        self._call = call
        self._trace = trace
        self._first_token_timeout = first_token_timeout
        self._put_through = put_through
        self._id = uuid.uuid4().hex[:12]
        self._speeches: dict[int, SpeechStream] = {}
        self._announced: dict[int, tuple[int, str]] = {}
        self._unstored: dict[str, Entry] = {}
        """What was heard, and refused, as long as the store is not known to have it."""
        self._storing: set[asyncio.Task[None]] = set()
        self._filler: asyncio.TimerHandle | None = None
        self._filler_at = 0.0
        self._filled = 0
        """The turn for which a caller was asked to wait."""
        self._music: tuple[int | None, int] = None, 0
        """The turn that music is played for, and how often the caller had stopped our speech when it began."""
        self._group: list[str] = []
        self._grouping: asyncio.TimerHandle | None = None
        self._in_groups = 0
        """The turn whose first clause is out."""
        self._again_until = asyncio.get_running_loop().time() + AGAIN_SECONDS if resumed else 0.0
        self._said_again: set[str] = set()
        self._early: tuple[int, Masked, SpeechStream] | None = None
        """A turn that was begun before the caller had finished."""
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
        early, key = self._begun(turn, text), self._key(turn)
        if early is None:
            self._forget()
        self._early = None
        said, speech = early or (mask_incoming(text), self._speech(turn, self.subject))
        self._speeches[turn] = speech
        self._speeches.pop(turn - TURNS_KEPT, None)
        self._engine.speeches[key] = speech
        if self._session.turn == turn:
            self._arm_filler(turn, FILLER_SECONDS)
        else:  # the caller has spoken on, or hung up, before we knew who they are
            self._stop(speech, "")
        greeting, self.greeting = self.greeting, ""
        again = asyncio.get_running_loop().time() < self._again_until and said.text not in self._said_again
        if again:
            self._said_again.add(said.text)
        prompt = SpokenPrompt(self.route, self._call, said.text, lang, greeting, said.found, again)
        try:
            # What was heard is on its way to the store, perhaps; the second time it is a duplicate there.
            await self._engine.hear(self.subject, [*self._unstored.values(), Entry(key, prompt)])
        except StoreUnavailable:
            self._engine.speeches.fail(key)

    def _speech(self, turn: int, subject: SubjectId) -> SpeechStream:
        return SpeechStream(
            subject,
            lambda token: self._say(turn, token),
            lambda: self.finish(turn),
            first_token_timeout=self._first_token_timeout,
            words=self.words,
            mark=self._trace.mark,
            trace=self._trace.take,
        )

    def _key(self, turn: int) -> str:
        return f"{self._call}:{self._id}:{turn}"

    # --- before the caller has finished -----------------------------------------------------------------

    def begin_early(self, turn: int, text: str, lang: str) -> None:
        """Begin the turn that answers this, in case that the caller has finished."""
        if self.subject is None or self.route is None or self._begun(turn, text) is not None:
            return
        said, speech = mask_incoming(text), self._speech(turn, self.subject)
        self._early = turn, said, speech
        prompt = SpokenPrompt(self.route, self._call, said.text, lang, self.greeting, said.found)
        self._engine.begin_early(self.subject, self._key(turn), prompt, speech)

    def _begun(self, turn: int, text: str) -> tuple[Masked, SpeechStream] | None:
        """Return what was begun for the same words, but for case, marks and blanks."""
        begun, said, speech = self._early or (None, None, None)
        same = said and speech and begun == turn and fold(said.text) == fold(mask_incoming(text).text)
        return (said, speech) if said and speech and same else None

    def _forget(self) -> None:
        if self._early is not None:
            self._engine.drop_early(self._early[2].subject)

    # --- words ------------------------------------------------------------------------------------------

    def words(self, sentence: str) -> str:
        """Return a fixed sentence in the caller's language."""
        return self.language.say(sentence).text

    def notice(self, sentence: str, *, interruptible: bool | None = None) -> str:
        """Say a fixed sentence that is no part of an answer, in the caller's language; return it."""
        phrase = self.language.say(sentence)
        tag = self.language.tag(phrase.language)
        self._perform(self._session.notice(phrase.text, lang=tag, interruptible=interruptible))
        return phrase.text

    def _say(self, turn: int, token: str) -> None:
        """Send words: those of the first clause as they come, later ones in groups."""
        speech = self._speeches.get(turn)  # None: the caller has said more than TURNS_KEPT things since
        if speech is not None and speech.said == token:
            self._trace.mark("words")
        self._filler_at = asyncio.get_running_loop().time() + FILLER_SECONDS
        if turn == self._in_groups:
            self._group.append(token)
            if self._grouping is None:
                self._grouping = asyncio.get_running_loop().call_later(GROUP_SECONDS, self._send_group, turn)
            return
        if not _PAUSES.isdisjoint(token):
            self._in_groups = turn
        self._perform(self._session.speak(turn, token))

    def _send_group(self, turn: int) -> None:
        words = "".join(self._group)
        self._drop_group()
        self._perform(self._session.speak(turn, words))

    def _drop_group(self) -> None:
        self._group.clear()
        if self._grouping is not None:
            self._grouping.cancel()
            self._grouping = None

    def finish(self, turn: int) -> None:
        """End a turn whose text is complete."""
        self.stop_filler()
        self._send_group(turn)
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

    def cancel(self, turn: int, heard: str) -> None:
        """Let the open turn know that the caller spoke over it, or is gone."""
        self.stop_filler()
        self._drop_group()
        if (speech := self._speeches.get(turn)) is not None:
            self._stop(speech, heard)

    def _stop(self, speech: SpeechStream, heard: str) -> None:
        if self._session.closed:
            speech.lose(heard, back=self._coming_back())
        else:
            speech.interrupt(heard)

    def correct(self, turn: int, heard: str) -> None:
        """Put what was heard of a finished turn into the lane, where it stands before whatever comes next."""
        speech = self._speeches.get(turn)
        number, announced = self._announced.get(turn, (speech.number if speech else None, ""))
        if number is None:
            return
        key = f"heard:{self._id}:{turn}:{uuid.uuid4().hex[:6]}"
        self._unstored[key] = Entry(key, Heard(number, heard, self._session.closed, announced))
        task = asyncio.create_task(self._store(self._unstored[key]))
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)

    async def _store(self, correction: Entry) -> None:
        assert self.subject is not None, "a turn without a caller"
        with suppress(StoreUnavailable):  # it is tried again with the next prompt, and at the end
            await self._engine.accept(self.subject, [correction])
            self._unstored.pop(correction.key, None)

    async def refused(self, code: int, field: str) -> None:
        """Let staff see that Twilio did not take a message, and which option may be why."""
        if self.subject is None or self.route is None:
            return
        key = f"option:{self._id}:{code}"
        self._unstored[key] = Entry(key, OptionRefused(self.route, code, field))
        await self._store(self._unstored[key])

    async def close(self) -> None:
        """Stop all timers and wait until the store knows of the last answers."""
        self._forget()
        self.stop_filler()
        self._drop_group()
        await asyncio.gather(*self._storing)
        if self._speeches:
            key = f"ended:{self._id}"
            self._unstored[key] = Entry(key, CallEnded(self._trace.take()))
        for correction in tuple(self._unstored.values()):
            await self._store(correction)
        if self._unstored:
            log.warning("correction_lost")

    # --- fillers ----------------------------------------------------------------------------------------

    def _arm_filler(self, turn: int, seconds: float) -> None:
        self.stop_filler()
        self._filler_at = asyncio.get_running_loop().time() + seconds
        self._filler = asyncio.get_running_loop().call_at(self._filler_at, self._fill, turn)

    def stop_filler(self) -> None:
        """Say no "one moment" any more."""
        if self._filler is not None:
            self._filler.cancel()
            self._filler = None

    def _fill(self, turn: int) -> None:
        """Say that it takes a moment, while the turn is open and nothing is being said."""
        if self._session.turn != turn:
            return
        if self._filler_at > asyncio.get_running_loop().time():  # words came meanwhile: each only moves the time
            self._filler = asyncio.get_running_loop().call_at(self._filler_at, self._fill, turn)
            return
        music_plays = self._session.thinking and self._music == (turn, self._session.interrupts)
        if not (music_plays or self._session.agent_speaking):
            self._trace.mark("filler")
            if not (turn == self._filled and self._play_music()):
                self.notice(phrases.ONE_MOMENT)
            self._filled = turn
        soon = self.language.options.hold_music and self._session.thinking and self._music[0] != turn
        self._arm_filler(turn, MUSIC_SECONDS if soon else FILLER_AGAIN_SECONDS)

    def _play_music(self) -> bool:
        """Play what an operator chose for callers who wait; False where there is nothing, or words were said."""
        source = self.language.options.hold_music
        if source is None or not self._session.thinking:
            return False
        self._music = self._session.turn, self._session.interrupts
        # The first words take its place.
        self._perform((Send(write(Play(source, loop=MUSIC_LOOPS, preemptible=True))),))
        return True
