"""One ConversationRelay socket as a sans-I/O session: a frame or an event in, actions out. No clock, no await.

Phases: awaiting setup → listening ⇄ speaking (a turn is open) → closed. Each turn has a number; what is said for a
turn that is no longer open becomes nothing. The socket shell performs the actions in their order.

Protocol facts: twilio.com/docs/voice/conversationrelay/websocket-messages. Those that shape this module:

* An ``interrupt`` purges all queued text, and lags: it may belong to the turn before the open one, or to the greeting.
  :mod:`.relay_playback` finds the turn. The open turn is cancelled only when words of its own were stopped: whoever
  coughs over "One moment" still waits for the answer, and whoever says something sends a prompt.
* The interrupt of a key comes after the key's ``dtmf``, and what was sent in between is played: nothing that begins
  after a key is cancelled by the key's interrupt.
* When nothing is playing, a caller barges in with a prompt alone.
* ``last`` ends a talk cycle, within which Twilio puts tokens together to sentences. Which token of a stream is the last
  one shows only afterwards, so a turn ends with an empty one, as published servers do; also a turn without text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...conversation.phrases import EMPTY
from . import relay_messages as wire
from .relay_actions import (
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
from .relay_playback import PlaybackTracker

REFUSALS = 8
"""Frames in a row that make no sense and are put up with."""
PROTOCOL_ERROR = 1002
"""The close code for more of them (RFC 6455, 7.4.1): Twilio then asks the action URL, which may connect again."""

_TOLD = 8
_NOTED = 32
_NAME = re.compile(r"[A-Za-z]\w{0,39}", re.ASCII)
_SPEAKERS: Mapping[str, Literal["agent", "client"]] = {"agentSpeaking": "agent", "clientSpeaking": "client"}


@dataclass(frozen=True, slots=True)
class _Key:
    """A key whose interrupt may follow: how far was sent, and the last turn, when it was pressed."""

    position: int
    turn: int


class RelaySession:
    """The session of one socket. ``greeting`` is the TwiML's ``welcomeGreeting``, empty after a reconnect.

    No method raises. ``turn`` is the open turn or None; ``setup`` is None before the setup; ``agent_speaking`` and
    ``client_speaking`` are None as long as Twilio has not told. ``interrupts`` counts what stopped our speech.
    """

    def __init__(self, greeting: str = "") -> None:
        self.setup: wire.Setup | None = None
        self.turn: int | None = None
        self.agent_speaking: bool | None = None
        self.client_speaking: bool | None = None
        self.lang: str | None = None
        """Language of what is said, where it is not the one that the session began with."""
        self.empty = EMPTY
        """What is said to a prompt without words."""
        self._greeting = greeting
        self.partials = False  # whether partial prompts are told
        self.closed = False
        """The session is over: nothing is sent any more."""
        self._turns = 0
        self._in_cycle = False  # text of the open turn went out and no ``last`` yet
        self._spared = False  # the open turn goes on although an interrupt came
        self.interrupts = 0
        self._speech = PlaybackTracker()
        self._told: dict[int, str] = {}  # what the shell believes was heard of the latest turns that are over
        self._key: _Key | None = None
        self._refusals = 0
        self._noted: set[tuple[str, str]] = set()

    @property
    def thinking(self) -> bool:
        """Tell whether a turn is open that has said nothing yet."""
        return self.turn is not None and not self._speech.said(self.turn)

    # --- what Twilio sends ---

    def receive(self, frame: str | bytes) -> Actions:
        """Take in one frame, whatever it is. After too many that make no sense the session closes."""
        if self.closed:
            return ()
        message = wire.read(frame)
        if refused := self._refused(message):
            self._refusals += 1
            if self._refusals <= REFUSALS:
                return self._note(*refused)
            return (*self._note(*refused), *self._leave(), Close(PROTOCOL_ERROR, "too many malformed frames"))
        self._refusals = 0
        return self._dispatch(message)

    def _refused(self, message: wire.Inbound) -> tuple[str, str] | None:
        """Say why a message makes no sense here: malformed, before the setup, or a setup of another call."""
        if isinstance(message, wire.Malformed):
            return "malformed_frame", message.reason
        if self.setup is None and not isinstance(message, wire.Setup):
            return "frame_before_setup", type(message).__name__.lower()
        if self.setup is not None and isinstance(message, wire.Setup) and message.call_sid != self.setup.call_sid:
            return "setup_of_another_call", ""
        return None

    def _dispatch(self, message: wire.Inbound) -> Actions:
        match message:
            case wire.Setup():
                return self._set_up(message)
            case wire.Prompt():
                return self._prompted(message)
            case wire.Dtmf(digit):
                if not self._speech.silent:  # else no interrupt will follow
                    self._key = self._key or _Key(self._speech.end, self._turns)
                return (KeyPressed(digit),)
            case wire.Interrupt(heard):
                return self._interrupted(heard)
            case wire.Info(name, value):
                return self._informed(name, value)
            case wire.RelayError(code, field):
                noted = self._note("relay_error", "" if code is None else str(code))
                return (*noted, MessageRefused(code or wire.INVALID_MESSAGE, field)) if noted else ()
            case wire.Unknown(kind):
                return self._note("unknown_frame", kind if _NAME.fullmatch(kind) else "")
            case wire.Malformed():
                return ()

    def _set_up(self, setup: wire.Setup) -> Actions:
        first, self.setup = self.setup is None, setup
        if not first:  # applicationReconnect: the same call, attached again, goes on as it was
            return self._note("setup_again", "")
        if self._greeting:
            self._speech.add(self._greeting, turn=None, said=False)
        return (CallReady(setup),)

    def _prompted(self, prompt: wire.Prompt) -> Actions:
        self._key = None
        text = prompt.text.strip()
        if not prompt.last:
            early = self.partials and text and self.turn is None
            return (PartialPrompt(self._turns + 1, text, prompt.lang),) if early else ()
        spared, self._spared = self._spared, False
        if not text:  # while an answer is on its way, it is the better reply to a cough
            return () if spared or self.turn is not None else self.notice(self.empty, lang=self.lang)
        self._speech.answer()
        return self.begin(text, prompt.lang)

    def _interrupted(self, utterance: str) -> Actions:
        self.interrupts += 1
        key, self._key = self._key, None
        was_speaking = self.agent_speaking
        quiet = () if key else self._speaker("agent", False)
        waiting = self._speech.outstanding
        cut = self._speech.cut(utterance, open_turn=self.turn, before=key.position if key else None)
        if cut is None:
            # Nothing of the open turn is playing. If something else is, that was meant; if not, the caller was.
            another = was_speaking or (key and self.turn != key.turn)
            self._spared = self.thinking
            if self.turn is None or another or self._spared:
                return quiet
            return (*quiet, *self._cancel(self.turn, self._speech.heard(self.turn)))
        # Speech is played in order: what was cut off by a prompt alone, and played on, was heard to its end.
        over = waiting - self._speech.outstanding - {cut.turn, self.turn}
        quiet += self._correct({turn: self._speech.heard(turn) for turn in over})
        if cut.turn is None:
            return quiet
        if cut.turn == self.turn:
            self._spared = cut.notice and cut.heard == self._speech.said(cut.turn)
            return quiet if self._spared else (*quiet, *self._cancel(cut.turn, cut.heard))
        self._told.setdefault(cut.turn, self._speech.said(cut.turn))
        return (*quiet, *self._correct({cut.turn: cut.heard}))

    def _informed(self, name: str, value: str) -> Actions:
        if name == "tokensPlayed":
            self._speech.played(value)
            return ()
        who = _SPEAKERS.get(name)
        if who and value in ("on", "off"):
            return self._speaker(who, value == "on")
        return self._note("unknown_info", name if _NAME.fullmatch(name) else "")

    # --- what the gateway wants ---

    def begin(self, text: str = "", lang: str = "") -> Actions:
        """Open a turn: for a prompt, for collected keys, or to say something unasked. An open one is cancelled."""
        if self.closed or self.setup is None:
            return ()
        stopped = self.stop()
        self._turns += 1
        self.turn = self._turns
        return (*stopped, StartTurn(self.turn, text, lang))

    def speak(self, turn: int, token: str) -> Actions:
        """Say more of a turn; the token is sent as it is. Nothing comes of it unless that turn is open."""
        if self.turn is None or turn != self.turn or not token:
            return ()
        self._in_cycle = True
        self._speech.add(token, turn=turn, said=True)
        return self._send(wire.Text(token, lang=self.lang))

    def finish(self, turn: int) -> Actions:
        """End a turn whose text is complete. Nothing comes of it unless that turn is open."""
        if self.turn is None or turn != self.turn:
            return ()
        self._end_turn(turn, self._speech.said(turn))
        return self._send(wire.Text("", last=True))

    def stop(self) -> Actions:
        """Cancel the open turn, if there is one. What it has sent was heard, unless Twilio says otherwise."""
        if self.turn is None:
            return ()
        # The talk cycle is closed, or the next turn would go on in the middle of this one's last sentence.
        closing = self._send(wire.Text("", last=True)) if self._in_cycle else ()
        return (*self._cancel(self.turn, self._speech.heard(self.turn)), *closing)

    def greeted(self, text: str) -> None:
        """Note which greeting Twilio speaks, where that becomes known only after the setup."""
        if text and not self.closed and not self._speech.end:
            self._speech.add(text, turn=None, said=False)

    def notice(self, text: str, *, lang: str | None = None, interruptible: bool | None = None) -> Actions:
        """Say something that is no part of an answer: a filler, an apology, a question whether anybody is there.

        Before an open turn has said anything, the notice is a filler that the answer replaces. Within an answer it is
        spoken in its place. After a turn, and without one, it is spoken to its end; so an apology for a turn comes
        after :meth:`finish` or :meth:`stop`.
        """
        if self.closed or self.setup is None or not text.strip():
            return ()
        self._speech.add(text, turn=self.turn, said=False)
        if self._in_cycle:
            return self._send(wire.Text(f" {text} ", lang=lang))
        preemptible = self.turn is not None
        return self._send(wire.Text(text, last=True, lang=lang, interruptible=interruptible, preemptible=preemptible))

    def hang_up(self, handoff: Mapping[str, Any] | None = None) -> Actions:
        """End the session; the action URL gets ``handoff`` as JSON in HandoffData. Twilio then closes the socket."""
        if self.closed:
            return ()
        if self.setup is None:
            return (*self._leave(), Close(1000, "no call"))
        data = json.dumps(handoff, default=str, skipkeys=True) if handoff else ""
        return (*self._leave(), *self._send(wire.End(data)))

    def lost(self) -> Actions:
        """Take note that the socket is gone. Cancels and corrects what Twilio did not get to play."""
        return () if self.closed else self._leave()

    # --- bookkeeping ---

    def _send(self, message: wire.Outbound) -> Actions:
        return (Send(wire.write(message)),)

    def _cancel(self, turn: int, heard: str) -> Actions:
        self._end_turn(turn, heard)
        return (CancelTurn(turn, heard),)

    def _end_turn(self, turn: int, heard: str) -> None:
        self.turn, self._in_cycle = None, False
        self._told = {older: told for older, told in self._told.items() if older > turn - _TOLD} | {turn: heard}

    def _correct(self, heard: Mapping[int, str]) -> Actions:
        news = {turn: text for turn, text in sorted(heard.items()) if self._told.get(turn, text) != text}
        self._told |= news
        return tuple(CorrectTurn(turn, text) for turn, text in news.items())

    def _leave(self) -> Actions:
        left = self._speech.left()
        over = self._correct(left)
        self.closed = True
        return (*over, *(() if self.turn is None else self._cancel(self.turn, left.get(self.turn, ""))))

    def _speaker(self, who: Literal["agent", "client"], on: bool) -> Actions:
        before = {"agent": self.agent_speaking, "client": self.client_speaking}
        self.agent_speaking, self.client_speaking = (before | {who: on}).values()
        return () if on == bool(before[who]) else (SpeakingChanged(who, on),)

    def _note(self, kind: str, detail: str) -> Actions:
        note = kind, detail
        if note in self._noted or len(self._noted) >= _NOTED:
            return ()
        self._noted.add(note)
        return (RecordEvent(*note),)
