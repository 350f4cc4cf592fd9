"""One live call: performs the actions of its relay session, and lets the engine answer what the caller says.

The session decides, this shell waits: it owns the socket, the timers and the tasks of one call.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..conversation import phrases
from ..conversation.engine import TurnEngine
from ..conversation.speech import Speech
from ..errors import MalformedRequest, StoreUnavailable
from ..guardrails.pii import mask
from ..identity.base import Resolution, SubjectResolver
from ..model import Address, Channel, Entry, Heard, Route, SpokenPrompt, SubjectId
from ..telemetry.logs import subject_label
from .relay import RelaySession
from .relay_actions import (
    Action,
    Actions,
    CallReady,
    CancelTurn,
    Close,
    CorrectTurn,
    KeyPressed,
    Note,
    Send,
    SpeakingChanged,
    StartTurn,
)

log = structlog.get_logger(__name__)

FILLER_SECONDS = 1.0
FILLER_AGAIN_SECONDS = 8.0
QUEUE_FRAMES = 2000
"""Frames that may wait for a slow peer; past that the call is closed, so that its memory stays bounded."""
QUIET_SECONDS = 0.4
"""How long nobody may have spoken before something is said unasked."""
CHARS_PER_SECOND = 15.0
"""How fast Twilio speaks, where its speaker events do not tell."""
CORRECTION_SECONDS = 0.5
"""How long a correction of the history waits for the prompt that usually follows an interruption."""


class LiveCall:
    """A call on its socket. ``joined`` is told the subject as soon as it is known."""

    def __init__(
        self,
        socket: WebSocket,
        call: str,
        *,
        engine: TurnEngine,
        resolver: SubjectResolver,
        greet: Callable[[Resolution], Awaitable[str]],
        warm: Callable[[], Awaitable[None]],
        first_token_timeout: float,
        joined: Callable[[SubjectId, LiveCall], None],
    ) -> None:
        self._socket = socket
        self._call = call
        self._engine = engine
        self._resolver = resolver
        self._greet = greet
        self._warm = warm
        self._first_token_timeout = first_token_timeout
        self._joined = joined
        self._session = RelaySession()
        self._id = uuid.uuid4().hex[:12]
        self._out: asyncio.Queue[str | Close] = asyncio.Queue(QUEUE_FRAMES)
        self._tasks: set[asyncio.Task[None]] = set()
        self._speeches: dict[int, Speech] = {}
        self._corrections: list[Entry] = []
        self._greeting = ""
        self._filler: asyncio.TimerHandle | None = None
        self._ended = False
        self._quiet_at = 0.0
        self.subject: SubjectId | None = None
        self.route: Route | None = None

    async def run(self) -> None:
        """Serve the call until its socket closes, however it does."""
        writer = asyncio.create_task(self._write())
        try:
            await self._read()
        finally:
            self._perform(self._session.lost())
            self._ended = True
            self._stop_filler()
            await self._flush_corrections()
            writer.cancel()
            for task in (writer, *self._tasks):
                task.cancel()
            await asyncio.gather(writer, *self._tasks, return_exceptions=True)
            log.info("call_ended", subject=subject_label(self.subject or ""))

    async def say_between(self, text: str) -> bool:
        """Say something unasked, once neither the caller nor the agent speaks; False when the call ended before."""
        while not self._ended:
            if self._silent():
                turn = self._session.begin()
                start = next((action for action in turn if isinstance(action, StartTurn)), None)
                self._perform(tuple(action for action in turn if not isinstance(action, StartTurn)))
                if start is None:
                    return False
                self._perform(self._session.speak(start.turn, text))
                self._perform(self._session.finish(start.turn))
                return True
            await asyncio.sleep(0.05)
        return False

    # --- the socket -------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            try:
                message = await self._socket.receive()
            except (WebSocketDisconnect, RuntimeError):
                return
            if message["type"] != "websocket.receive":
                return
            frame = message.get("text")
            self._perform(self._session.receive(frame if frame is not None else message.get("bytes") or b""))
            if self._ended:
                return

    async def _write(self) -> None:
        while True:
            frame = await self._out.get()
            try:
                if isinstance(frame, Close):
                    await self._socket.close(frame.code, frame.reason)
                    return
                await self._socket.send_text(frame)
            except (WebSocketDisconnect, RuntimeError):
                return  # the peer is gone; the reader notices too

    def _perform(self, actions: Actions) -> None:
        for action in actions:
            self._do(action)

    def _do(self, action: Action) -> None:
        match action:
            case Send(frame):
                self._put(frame)
            case Close():
                self._ended = True
                self._put(action)
            case CallReady(setup):
                self._start(self._ready(setup.call_sid, setup.from_, setup.to))
            case StartTurn(turn, text, lang):
                self._start(self._answer(turn, text, lang))
            case CancelTurn(turn, heard):
                self._cancel(turn, heard)
            case CorrectTurn(turn, heard):
                self._correct(turn, heard)
            case SpeakingChanged():
                self._touch()
            case KeyPressed():
                self._touch()
            case Note(kind, detail):
                log.info("relay_note", kind=kind, detail=detail)

    def _put(self, frame: str | Close) -> None:
        try:
            self._out.put_nowait(frame)
        except asyncio.QueueFull:
            log.warning("slow_peer")
            self._ended = True
            self._start(self._socket.close(1013))

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- turns ------------------------------------------------------------------------------------------

    async def _ready(self, call: str, sender: str, to: str) -> None:
        """Find out who is calling, and let the model's connection be opened meanwhile."""
        self._start(self._warm())
        if call != self._call:
            self._perform((Close(1008, "socket of another call"),))
            return
        try:
            address = Address.parse(sender)
            resolution = await self._resolver.resolve(address, session=call)
            self.subject = resolution.subject
            self.route = Route(Channel.VOICE, address, Address.parse(to))
            self._greeting = await self._greet(resolution)
            self._joined(resolution.subject, self)
            log.info("call_started", subject=subject_label(resolution.subject))
        except (MalformedRequest, StoreUnavailable):
            self._perform(self._session.notice(phrases.FAILURE))
            self._perform(self._session.hang_up())

    async def _answer(self, turn: int, text: str, lang: str) -> None:
        """Hand what the caller said to the engine, with what they heard of earlier answers."""
        while self.subject is None and not self._ended:
            await asyncio.sleep(0.005)  # the prompt came on the heels of the setup
        if self.subject is None or self.route is None:
            return
        self._touch()
        said = mask(text)
        key = f"{self._call}:{self._id}:{turn}"
        speech = Speech(
            self.subject,
            lambda token: self._say(turn, token),
            lambda: self._finish(turn),
            first_token_timeout=self._first_token_timeout,
        )
        self._speeches[turn] = speech
        self._engine.speeches.add(key, speech)
        self._arm_filler(turn, FILLER_SECONDS)
        greeting, self._greeting = self._greeting, ""
        prompt = SpokenPrompt(self.route, self._call, said.text, lang, greeting, said.found)
        corrections, self._corrections = self._corrections, []
        try:
            await self._engine.hear(self.subject, [*corrections, Entry(key, prompt)])
        except StoreUnavailable:
            self._engine.speeches.fail(key)

    def _say(self, turn: int, token: str) -> None:
        self._stop_filler()
        self._touch()
        self._perform(self._session.speak(turn, token))
        self._arm_filler(turn, FILLER_SECONDS)

    def _finish(self, turn: int) -> None:
        self._stop_filler()
        self._perform(self._session.finish(turn))

    def _cancel(self, turn: int, heard: str) -> None:
        self._stop_filler()
        speech = self._speeches.get(turn)
        if speech is None:
            return
        if self._ended or self._session.phase == "closed":
            speech.lose(heard)
        else:
            speech.interrupt(heard)

    def _correct(self, turn: int, heard: str) -> None:
        """Keep what was heard of a finished turn for the history; it goes with the next prompt, or alone."""
        speech = self._speeches.get(turn)
        if speech is None or speech.number is None:
            return
        self._corrections.append(Entry(f"heard:{self._id}:{turn}:{uuid.uuid4().hex[:6]}", Heard(speech.number, heard)))
        self._start(self._correct_later())

    async def _correct_later(self) -> None:
        await asyncio.sleep(CORRECTION_SECONDS)
        await self._flush_corrections()

    async def _flush_corrections(self) -> None:
        corrections, self._corrections = self._corrections, []
        if corrections and self.subject is not None:
            try:
                await self._engine.accept(self.subject, corrections, token=uuid.uuid4().hex)
            except StoreUnavailable:
                log.warning("correction_lost")

    # --- silence ----------------------------------------------------------------------------------------

    def _arm_filler(self, turn: int, seconds: float) -> None:
        self._stop_filler()
        self._filler = asyncio.get_running_loop().call_later(seconds, self._fill, turn)

    def _stop_filler(self) -> None:
        if self._filler is not None:
            self._filler.cancel()
            self._filler = None

    def _fill(self, turn: int) -> None:
        """Say that it takes a moment, while the turn is open and nothing is being said."""
        if self._session.turn == turn and not self._session.agent_speaking:
            self._perform(self._session.notice(phrases.ONE_MOMENT))
        if self._session.turn == turn:
            self._arm_filler(turn, FILLER_AGAIN_SECONDS)

    def _touch(self) -> None:
        self._quiet_at = asyncio.get_running_loop().time() + QUIET_SECONDS

    def _silent(self) -> bool:
        """Tell whether nobody speaks: no open turn, no speech under way, and a moment of quiet behind us."""
        session = self._session
        busy = session.turn is not None or session.agent_speaking or session.client_speaking
        ready = self.subject is not None and session.phase == "listening"
        return ready and not busy and asyncio.get_running_loop().time() >= self._quiet_at
