"""One ConversationRelay session at the pretend Twilio: a socket from its setup to its end.

Protocol: twilio.com/docs/voice/conversationrelay/websocket-messages; orders and times from recorded calls. Where
neither tells, the choice is the one that is harder for a gateway: ``end`` cuts off what is not spoken yet, text that
arrives after a purge is played, and ``utteranceUntilInterrupt`` covers the talk cycle that was stopped, which may
break off within a word.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from .clock import Clock
from .frames import BadFrame, Fields, Leg, read_frame
from .playback import Event, PlaybackCut, Played, SimulatedPlayback
from .relay_attributes import refused
from .requests import GatewayClient
from .twiml import Relay
from .wire import new_sid

GREETING_SECONDS = 0.7
"""From the setup to the greeting's first sound."""
END_SECONDS = 0.09
"""How long the socket lives after the gateway's ``end``."""
NOTES = 60
"""Length of any recording, in characters."""
_BAD_FRAMES = 10


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """End of a session, as the action callback tells it. ``code`` is 0 when nothing went wrong."""

    status: str
    handoff: str | None = None
    code: int = 0
    message: str = ""


LOST = SessionEnd("failed", code=64105, message="WebSocket ended")
REFUSED = SessionEnd("failed", code=64102, message="Unable to connect to WebSocket URL")


class SimulatedRelay:
    """A session with the gateway. ``changed`` is called whenever something happened.

    ``back`` is the same session before its socket was lost, where Twilio connects that again by itself
    (``applicationReconnect``): there is a setup once more, no greeting, and the last words are told again. That much is
    known of it, and that much is assumed.
    """

    def __init__(
        self,
        noun: Relay,
        leg: Leg,
        speech: SimulatedPlayback,
        clock: Clock,
        changed: Callable[[], None],
        *,
        refuses: Collection[str] = (),
        back: SimulatedRelay | None = None,
    ) -> None:
        self.sid: str = back.sid if back else new_sid("VX")
        self.noun = noun
        self.language = noun.language
        """What the caller is understood in; the gateway's ``language`` frame changes it."""
        self.sent: list[Fields] = []
        self.received: list[Fields] = []
        self.violations: list[str] = []
        """What the gateway did against the protocol, in words."""
        self.live = False
        """Tells whether setup was sent and the socket stands."""
        self._refuses = refuses
        self._back = back
        self._events = noun.attributes.get("events", "").split()
        self._leg = leg
        self._speech = speech
        self._clock = clock
        self._changed = changed
        self._socket: ClientConnection | None = None
        self._end: SessionEnd | None = None
        self._closing: asyncio.Task[None] | None = None
        self._bad = 0
        self._empty_ends = 0

    async def run(self, gateway: GatewayClient, *, answered: bool, signature: str | None = None) -> SessionEnd:
        """Open the socket, set up, and read until the end, however it comes. Cancelling it loses the socket.

        An attribute that does not fit ends the session before there is a socket (error 64101).
        """
        if unfit := refused(self.noun.attributes, self.noun.languages, self._refuses):
            return SessionEnd("failed", code=64101, message=f"Invalid value for attribute {unfit}")
        try:
            socket = self._socket = await gateway.open_socket(self.noun.url, signature=signature)
        except (InvalidHandshake, OSError, TimeoutError):
            return REFUSED
        try:
            await self._listen_early(socket)
            await self.send(self._leg.setup(self.sid, self.noun.parameters, answered=answered))
            self.live = True
            if self._back is None:
                self._greet()
            else:
                await self._tell_again(self._back)
            async for raw in socket:
                await self._take(raw)
        except ConnectionClosed:
            pass
        finally:
            self.live = False
            self._speech.purge(self._clock.time())
            socket.transport.abort()
            if self._closing is not None:
                self._closing.cancel()
            self._changed()
        return self._end or LOST

    async def send(self, frame: Fields) -> None:
        """Send a frame, if the socket stands."""
        if self._socket is None or self._end is not None:
            return
        self.sent.append(frame)
        self._changed()
        with suppress(ConnectionClosed):  # the reader tells
            await self._socket.send(json.dumps(frame))

    async def raw(self, data: str | bytes) -> None:
        """Send anything at all, as no Twilio would."""
        assert self._socket is not None, "no session"
        await self._socket.send(data)

    async def tell(self, event: Event) -> None:
        """Report what the agent's voice did, when the TwiML asked for it."""
        if isinstance(event, Played):
            if "tokens-played" in self._events:
                await self.send({"type": "info", "name": "tokensPlayed", "value": event.token})
        else:
            await self.speaker("agentSpeaking", on=event.on)

    async def speaker(self, name: str, *, on: bool) -> None:
        """Report who speaks, when the TwiML asked for it. These events carry the time, ``tokensPlayed`` does not."""
        if "speaker-events" in self._events:
            value, now = "on" if on else "off", int(time.time() * 1000)
            await self.send({"type": "info", "name": name, "value": value, "ts": now})

    async def interrupt(self, cut: PlaybackCut) -> None:
        """Report that the caller stopped the agent. The duration is an integer in recorded calls."""
        told = {"utteranceUntilInterrupt": cut.heard, "durationUntilInterruptMs": cut.milliseconds}
        await self.send({"type": "interrupt", **told})

    async def prompt(self, text: str, lang: str, *, last: bool) -> None:
        """Report what the caller said so far."""
        await self.send({"type": "prompt", "voicePrompt": text, "lang": lang, "last": last})

    def stoppable(self, by: str) -> bool:
        """Tell whether speech, or a key (``dtmf``), stops what is being spoken now."""
        current = self._speech.pending
        return current is not None and current.interruptible in ("any", by)

    def reports(self, by: str) -> bool:
        """Tell whether the gateway learns of speech or a key now: during unstoppable speech it does not by default."""
        reported = self.noun.inputs("reportInputDuringAgentSpeech", "none")
        return self._speech.pending is None or self.stoppable(by) or reported in ("any", by)

    def caller_acted(self) -> None:
        """Note that the caller said or pressed something, which the gateway may answer."""
        self._empty_ends = 0

    async def hang_up(self) -> None:
        """Put down the caller's receiver: close code 1000."""
        await self._finish(SessionEnd("completed"))

    def drop(self) -> None:
        """Lose the socket, without a closing frame: 1006 at the gateway."""
        self._end = LOST
        if self._socket is not None:
            self._socket.transport.abort()

    async def _listen_early(self, socket: ClientConnection) -> None:
        """Note what the gateway sends before it is set up: all that comes before the answer to a ping."""
        await (await socket.ping())
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                while raw := await socket.recv():
                    self.violations.append(f"frame before setup: {raw!r:.80}")

    async def _tell_again(self, before: SimulatedRelay) -> None:
        """Send what the gateway may not have got, or not have kept: the last that the caller said."""
        said = [frame for frame in before.sent if frame["type"] == "prompt" and frame["last"]]
        for frame in said[-1:]:
            await self.send(frame)

    def _greet(self) -> None:
        self._speech.add(
            self.noun.attributes.get("welcomeGreeting", ""),
            now=self._clock.time(),
            source="greeting",
            interruptible=self.noun.inputs("welcomeGreetingInterruptible"),
            delay=GREETING_SECONDS,
        )
        self._changed()

    async def _take(self, raw: str | bytes) -> None:
        if self._end is not None:
            if self._end.status == "ended":
                self.violations.append(f"frame after end: {raw!r:.80}")
            return
        try:
            frame = read_frame(raw)
        except BadFrame as error:
            await self._refuse(raw, str(error))
            return
        self._bad = 0
        self.received.append(frame)
        match frame["type"]:
            case "text":
                self._text(frame)
            case "play":
                self._play(frame)
            case "language":
                self.language = frame.get("transcriptionLanguage", self.language)
            case "end":
                self._end = SessionEnd("ended", frame.get("handoffData"))
                self._speech.purge(self._clock.time())
                self._closing = asyncio.create_task(self._close_soon())
        self._changed()

    async def _refuse(self, raw: str | bytes, reason: str) -> None:
        """Drop a frame as Twilio does (error 64107); ten in a row end the session."""
        self.violations.append(f"{reason}: {raw!r:.80}")
        self._bad += 1
        await self.send({"type": "error", "description": f"Invalid message received: {raw!r:.200}"})
        if self._bad >= _BAD_FRAMES:
            await self._finish(SessionEnd("failed", code=64107, message="Invalid message"))
        self._changed()

    def _text(self, frame: Fields) -> None:
        last, token = frame.get("last", False), frame["token"]
        if last and not token and self._speech.open is None:
            # A turn without words may be ended once; a second time it is ended twice.
            self._empty_ends += 1
            if self._empty_ends > 1:
                self.violations.append("last:true twice without a word between")
        interruptible = frame.get("interruptible")
        by = self.noun.inputs("interruptible") if interruptible is None else "any" if interruptible else "none"
        preemptible = frame.get("preemptible", self.noun.flag("preemptible"))
        self._speech.add(token, now=self._clock.time(), last=last, interruptible=by, preemptible=preemptible)

    def _play(self, frame: Fields) -> None:
        """Play a recording: a few seconds of notes for each time."""
        preemptible = frame.get("preemptible", self.noun.flag("preemptible"))
        notes = "♪" * NOTES * frame.get("loop", 1)
        self._speech.add(notes, now=self._clock.time(), source=frame["source"], preemptible=preemptible)

    async def _close_soon(self) -> None:
        await self._clock.spend(END_SECONDS * self._speech.scale)
        if self._socket is not None:
            await self._socket.close(1000)

    async def _finish(self, end: SessionEnd) -> None:
        self._end = self._end or end
        if self._socket is not None:
            await self._socket.close(1000)
