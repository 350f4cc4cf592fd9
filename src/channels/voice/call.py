"""One live call: performs the actions of its relay session. The session decides, this shell waits.

It owns the socket, the tasks and the patience of one call; :mod:`.call_turns` has its turns.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from starlette.websockets import WebSocket

from ...conversation import phrases
from ...conversation.engine import TurnEngine
from ...conversation.plain_speech import plain_speech
from ...errors import StoreUnavailable
from ...model import Route, SubjectId
from ...telemetry.logs import subject_label
from .action_callback import MOVED, transferring
from .call_patience import CallPatience
from .call_presence import CallPresence
from .call_turns import CallTurns
from .dtmf import KeyMeaning, Keys
from .parties import Parties
from .reception import Reception
from .relay_actions import (
    Action,
    Actions,
    CallReady,
    CancelTurn,
    Close,
    CorrectTurn,
    KeyPressed,
    MessageRefused,
    PartialPrompt,
    RecordEvent,
    Send,
    SpeakingChanged,
    StartTurn,
)
from .relay_session import RelaySession
from .relay_socket import CallTrace, RelaySocket
from .transfer import nobody_free, want_person
from .voice_config import CallRules

log = structlog.get_logger(__name__)

KEY_PAUSE_SECONDS = 2.0
"""A pause this long ends a number that is entered with keys."""
KEPT_SECONDS = 5.0
"""How long the end of a call waits until the store knows what the caller said and pressed last."""


class LiveCall:
    """A call on its socket. ``proven``: its webhook believed the caller's number. ``greeting`` is what the TwiML spoke,
    where that is known here; else ``reception`` gives it. ``resumed``: the call was connected before, so nothing
    greeted the caller now, and the rest of what they were being told when the line broke is said first.
    """

    def __init__(
        self,
        socket: WebSocket,
        call: str,
        *,
        engine: TurnEngine,
        presence: CallPresence,
        proven: bool,
        greeting: str = "",
        resumed: bool = False,
        reception: Reception,
        warm: Callable[[], Awaitable[None]],
        rules: CallRules,
    ) -> None:
        self._wire = RelaySocket(socket)
        self._call = call
        self._engine = engine
        self._presence = presence
        self._proven = proven
        self._reception = reception
        self._warm = warm
        self._rules = rules
        self._resumed = resumed
        self._greeting = greeting
        self._session = RelaySession(greeting)
        self._trace = CallTrace(asyncio.get_running_loop().time, began=time.time())
        self._session.partials = rules.preemptive
        self._turns = CallTurns(
            self._session,
            self._perform,
            engine=engine,
            call=call,
            first_token_timeout=rules.first_token_timeout,
            resumed=resumed,
            trace=self._trace,
            put_through=lambda ticket: self._start(self._put_through(ticket)),
            coming_back=lambda: self._wire.lost,
        )
        self._patience = CallPatience(self._session, self._perform, rules, self._turns.notice)
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept: set[asyncio.Task[None]] = set()
        """What the store must learn of, also when the caller hangs up meanwhile."""
        self._ready = asyncio.Event()
        self._keys = Keys()
        self._key_pause: asyncio.TimerHandle | None = None
        self._ended = False
        self._moved = False
        self._reachable = False
        self._transferring = False

    @property
    def subject(self) -> SubjectId | None:
        """Return who is calling, once that is known."""
        return self._turns.subject

    @property
    def route(self) -> Route | None:
        """Return the way to the caller."""
        return self._turns.route

    @property
    def lost(self) -> bool:
        """Tell whether the socket went without a goodbye, so that the call may come back here."""
        return self._wire.lost and not self._moved

    async def run(self) -> None:
        """Serve the call until its socket closes, however it does."""
        background = [asyncio.create_task(self._wire.write()), asyncio.create_task(self._patience.run())]
        try:
            async for frame in self._wire.frames():
                self._perform(self._session.receive(frame))
        finally:
            if self._key_pause is not None:
                self._key_pause.cancel()
                self._enter()
            self._perform(self._session.lost())
            self._ended = True
            if self._kept:
                await asyncio.wait(self._kept, timeout=KEPT_SECONDS)
            await self._turns.close()
            left = (*background, *self._tasks, *self._kept)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            log.info("call_ended", subject=subject_label(self.subject or ""))

    async def say_between(self, text: str, number: int) -> bool:
        """Say unasked what came of turn ``number``, once neither side speaks; False when the call ended before."""
        while not self._ended:
            if self._silent and self._speak_alone(text, number):
                return True
            await asyncio.sleep(0.05)
        return False

    async def move(self) -> None:
        """Give the call to another replica: a notice, then ``end``, both only while no turn is under way."""
        told = False
        while not self._ended:
            if self._silent and self._turns.idle:
                if told:
                    self._moved = True
                    self._perform(self._session.hang_up({"reason": MOVED}))
                    return
                told = True
                await self._patience.until_spoken(self._turns.notice(phrases.MOVING))
            await asyncio.sleep(0.05)

    @property
    def _silent(self) -> bool:
        return self._ready.is_set() and self._patience.silent

    def _speak_alone(self, text: str, number: int | None = None) -> bool:
        """Say something in a turn of its own, which no prompt began."""
        opened = self._session.begin()
        start = next((action for action in opened if isinstance(action, StartTurn)), None)
        self._perform(tuple(action for action in opened if action is not start))
        if start is None:
            return False
        if number is not None:
            self._turns.announce(start.turn, number, text)
        self._perform(self._session.speak(start.turn, plain_speech(text)))
        self._perform(self._session.finish(start.turn))
        return True

    # --- actions ----------------------------------------------------------------------------------------

    def _perform(self, actions: Actions) -> None:
        for action in actions:
            self._do(action)

    def _do(self, action: Action) -> None:
        match action:
            case Send(frame):
                self._wire.put(frame)
            case Close():
                self._wire.put(action)
                self._ended = True
            case CallReady():
                self._start(self._begin(action))
            case StartTurn(turn, text, lang):
                self._trace.mark("said")
                self._patience.touch()
                self._start(self._answer(turn, text, lang), self._kept)
            case PartialPrompt(turn, text, lang) if self._ready.is_set():
                self._turns.begin_early(turn, text, self._turns.language.told(lang))
            case CancelTurn(turn, heard):
                self._trace.mark("lost" if self._session.closed else "interrupt")
                self._turns.cancel(turn, heard)
            case CorrectTurn(turn, heard):
                self._turns.correct(turn, heard)
            case SpeakingChanged(who, on):
                self._trace.mark(f"{who}_{'on' if on else 'off'}")
                self._patience.voice(who)
            case KeyPressed(digit):
                self._trace.mark("key")
                self._patience.touch()
                self._press(digit)
            case RecordEvent(kind, detail):
                log.info("relay_note", kind=kind, detail=detail)
            case MessageRefused(code, field):
                self._start(self._turns.refused(code, field), self._kept)

    def _start(self, work: Awaitable[None], tasks: set[asyncio.Task[None]] | None = None) -> None:
        task = asyncio.ensure_future(work)
        tasks = self._tasks if tasks is None else tasks
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    # --- the call ---------------------------------------------------------------------------------------

    async def _begin(self, ready: CallReady) -> None:
        """Find out who is calling, and let the model's connection be opened meanwhile."""
        self._start(self._warm())
        if (setup := ready.setup).call_sid != self._call:
            self._perform((Close(1008, "socket of another call"),))
            return
        try:
            self._turns.language = await self._reception.language(setup)
            self._speak_their_language()
            parties = Parties.of(from_=setup.from_, to=setup.to, direction=setup.direction)
            asked = parties.asked_for(self._call, proven=self._proven)
            found = await self._engine.identity.resolve(asked, session=self._call, metadata=setup.custom_parameters)
            self._turns.subject, self._turns.route = found.subject, parties.route(found, self._call)
            self._reachable = found.phone is not None
            self._presence.begin(found.subject)
            rest = await self._reception.rest(found.subject) if self._resumed else ""
            # A caller who speaks already must not be cut off by us.
            opening = f"{self._turns.words(phrases.CUT_OFF)} {rest}" if rest and self._session.turn is None else ""
            greeting = self._greeting
            if not (greeting or self._resumed):  # /voice was answered by another replica
                greeting = await self._reception.greeting(setup, found)
            self._session.greeted("" if self._greeting else greeting)
            self._turns.greeting = opening or greeting
            self._ready.set()
            log.info("call_started", subject=subject_label(found.subject))
            if opening:
                self._speak_alone(opening)
        except StoreUnavailable:
            self._turns.notice(phrases.FAILURE)
            self._perform(self._session.hang_up())

    async def _answer(self, turn: int, text: str, lang: str) -> None:
        await self._ready.wait()  # the prompt may come on the heels of the setup
        before, told = self._turns.language.caller, self._turns.language.hear(lang)
        if self._turns.language.caller != before:
            self._speak_their_language()
        await self._turns.answer(turn, text, told)

    def _speak_their_language(self) -> None:
        self._session.lang, self._session.empty = self._turns.language.tag(), self._turns.words(phrases.EMPTY)

    # --- keys and people --------------------------------------------------------------------------------

    def _press(self, digit: str) -> None:
        if self._key_pause is not None:
            self._key_pause.cancel()
        if self._keys.press(digit):
            self._enter(ended=True)
        else:
            self._key_pause = asyncio.get_running_loop().call_later(KEY_PAUSE_SECONDS, self._enter)

    def _enter(self, *, ended: bool = False) -> None:
        meaning, digits = self._keys.take(ended=ended)
        match meaning:
            case KeyMeaning.PERSON if not self._transferring:
                self._start(self._want_person(), self._kept)
            case KeyMeaning.REPEAT if not self._session.thinking:  # else the answer that is coming is the one to hear
                self._speak_alone(self._turns.last_answer or self._turns.words(phrases.NOTHING_TO_REPEAT))
            case KeyMeaning.NUMBER:
                self._perform(self._session.begin(f"[The caller entered the number {digits} with the keys.]"))

    async def _want_person(self) -> None:
        """Open a ticket at once; then transfer the call, or say what can be promised."""
        await self._ready.wait()
        if self.subject is None or self.route is None:
            return
        connects = self._transferring = self._rules.connects(now := time.time())
        ticket = await want_person(self._engine, self.subject, self.route, self._call)
        if not connects:
            sentence = nobody_free(ticket, reachable=self._reachable, is_open=self._rules.hours().open_at(now))
            said = self._turns.words(sentence)
            self._speak_alone(said)
            if sentence == phrases.ASK_NUMBER:  # the agent has to know what the caller answers
                self._turns.greeting = f"{self._turns.greeting} {said}".strip()
            return
        said = self._turns.words(phrases.TRANSFER)
        self._speak_alone(said)
        await self._patience.hang_up_after(said, transferring(ticket or "", self._turns.language.caller))

    async def _put_through(self, ticket: str) -> None:
        """Transfer the call once the agent has said so, unless the caller has something to say first."""
        asked = self._turns.asked
        await self._patience.until_spoken(self._turns.last_answer)
        while self._turns.asked == asked and not self._ended:
            if self._silent:
                self._perform(self._session.hang_up(transferring(ticket, self._turns.language.caller)))
                return
            await asyncio.sleep(0.05)
