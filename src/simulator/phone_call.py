"""A simulated call as the phone page sees it: what its person does goes in, what they see and hear comes out."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ..guardrails.pii import mask, mask_value
from .call import SimulatedCall
from .relay import SimulatedRelay
from .relay_attributes import MULTI

Told = dict[str, Any]
"""A message to the page: plain JSON with a ``type``."""

RING_SECONDS = 0.6
"""How long it rings at the caller's ear before Twilio has asked the gateway; at a real one's it is longer."""
LONGEST_CONTENT = 700
"""Characters of a frame that the wire log shows."""

_NUMBER = re.compile(r"\+[0-9]{5,12}(?=[0-9]{4}(?![0-9]))", re.ASCII)
_SOCKET = re.compile(r"(wss?://[^\"'\s<]*/)[^/\"'\s<]+")
"""The last part of a socket's address lets whoever has it in, once."""
_HTTP = frozenset({"webhook", "fallback", "action", "dialled", "whisper", "redirect"})


class PhoneCall:
    """One call of the page's. ``tell`` takes what the page is told; :meth:`run` makes the call and ends with it."""

    def __init__(self, line: SimulatedCall, tell: Callable[[Told], None]) -> None:
        self._line = line
        self._tell = tell
        self._acts: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._muted = False
        self._told: Told = {}
        self._noted = 0
        self._read: dict[str, tuple[int, int]] = {}
        self._language = ""
        self._shown: dict[int, tuple[int, int, bool, bool]] = {}

    async def run(self) -> None:
        """Ring, connect, and tell everything until the call is over. Cancelling it hangs up."""
        self._state("ringing")
        tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._obey())]
        try:
            await self._line.clock.spend(RING_SECONDS * self._line.speech.scale)
            async with self._line:
                tasks.append(asyncio.create_task(self._line.wait_over(None)))
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()  # the first two never end by themselves
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._show()
            self._state("ended", why=self._why())

    def do(self, act: Mapping[str, Any]) -> None:
        """Take an act of the page's: say, press, interrupt and mute in their order; lose and hangup at once."""
        if act["do"] == "lose":
            if self._line.session is not None:
                self._line.session.drop()
        elif act["do"] == "mute":
            self._muted = bool(act.get("on"))
        else:
            self._acts.put_nowait(act)

    async def hang_up(self) -> None:
        """End the call as the caller; one that only rings is given up by cancelling :meth:`run`."""
        await self._line.hang_up()

    @property
    def rings(self) -> bool:
        """Tell whether the gateway has not been asked yet."""
        return self._told.get("state") == "ringing" and not self._line.log

    # --- what the person does -------------------------------------------------------------------------------

    async def _obey(self) -> None:
        while True:
            act = await self._acts.get()
            if self._line.session is None:
                self._tell({"type": "error", "text": "The line is not connected just now; nobody heard that."})
            elif act["do"] == "press":
                await self._line.press(act["keys"])
            elif not self._muted:
                with suppress(AssertionError):  # the session ended in the middle of the sentence
                    await self._speak(act)

    async def _speak(self, act: Mapping[str, Any]) -> None:
        match act["do"], act.get("part"):
            case "interrupt", _:
                await self._line.interrupt()
            case "say", None:
                self._tell({"type": "said", "text": act["text"]})
                await self._line.say(act["text"], act.get("lang"))
            case "say", part:
                if part == "final":
                    self._tell({"type": "said", "text": act["text"]})
                await self._line.utter(act["text"], act.get("lang"), last=part == "final")

    # --- what they see and hear -----------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            self._show()
            await self._line.change()

    def _show(self) -> None:
        """Tell what is new."""
        for one in self._line.log[self._noted :]:
            self._noted += 1
            self._happened(one.what, one.detail)
        for session in self._line.sessions:
            self._frames(session)
        self._follow()
        self._speech()

    def _follow(self) -> None:
        """Tell how the call stands, when that changed."""
        line = self._line
        last = line.sessions[-1] if line.sessions else None
        if line.session is not None:
            self._state("connected", again=len(line.sessions) > 1)
        elif last is not None and last.sent and not line.happened("dial") and line.status != "completed":
            finished = any(frame["type"] == "end" for frame in last.received[-1:])
            self._state("ending" if finished else "reconnecting")

    def _happened(self, what: str, detail: Mapping[str, str]) -> None:
        if what in _HTTP:
            path = "/" + detail["url"].partition("://")[2].partition("/")[2].partition("?")[0]
            self._wire(True, f"POST {path}", {"CallStatus": detail["call_status"]})
            self._wire(False, f"{detail['status']} TwiML", detail["body"])
            if what == "fallback":
                self._tell({"type": "error", "text": "The gateway failed; Twilio asked its fallback."})
        elif what == "dial":
            self._state("transferred", number=_masked(detail["number"]), outcome=detail["outcome"])
        elif what == "whispered" and detail["text"]:
            self._tell({"type": "whisper", "text": mask(detail["text"]).text})
        elif what == "session" and detail["SessionStatus"] == "failed":
            self._tell({"type": "error", "text": f"The connection was lost (error {detail['ErrorCode']})."})

    def _frames(self, session: SimulatedRelay) -> None:
        """Put a session's new frames into the wire log, and note in which language the agent speaks."""
        sent, received = self._read.get(session.sid, (0, 0))
        for frame in session.sent[sent:]:
            self._wire(True, str(frame["type"]), frame)
        for frame in session.received[received:]:
            self._wire(False, str(frame["type"]), frame)
            self._language = frame.get("ttsLanguage") or frame.get("lang") or self._language
        self._read[session.sid] = len(session.sent), len(session.received)

    def _speech(self) -> None:
        """Tell of each talk cycle how much of it was spoken by now."""
        for number, one in enumerate(self._line.speech.utterances):
            whole = one.closed_at is not None
            state = one.spoken, len(one.text), one.over, whole
            if self._shown.get(number) == state or one.begun_at is None:
                continue
            self._shown[number] = state
            self._tell(
                {
                    "type": "speech",
                    "id": number,
                    "text": one.text,
                    "heard": one.spoken,
                    "over": one.over,
                    "whole": whole,
                    "source": one.source,
                    "notice": one.preemptible,
                    "lang": self._language or self._line_language(),
                }
            )

    def _line_language(self) -> str:
        """Return the language that the call began with, for the browser's voice; "" where Twilio finds it out."""
        language = self._line.sessions[-1].noun.language if self._line.sessions else ""
        return "" if language == MULTI else language

    def _why(self) -> str:
        """Say in a few words how the call ended."""
        asked = self._line.happened("webhook")
        if asked and not self._line.sessions and asked[0]["status"] != "200":
            return f"The gateway answered {asked[0]['status']}." if asked[0]["status"] != "0" else "Nobody answered."
        return ""

    def _state(self, state: str, **more: Any) -> None:
        told = {"type": "call", "state": state, **more}
        if told != self._told:
            self._told = told
            self._tell(told)

    def _wire(self, inward: bool, kind: str, content: Any) -> None:
        self._tell(wire(inward, kind, content))


def wire(inward: bool, kind: str, content: Any) -> Told:
    """Give a line of the wire log: ``inward`` from Twilio to the gateway; content masked and cut, secrets left out."""
    shown = content if isinstance(content, str) else json.dumps(mask_value(content), ensure_ascii=False)
    text = _SOCKET.sub(r"\1…", _masked(mask(shown).text))
    if len(text) > LONGEST_CONTENT:
        text = text[:LONGEST_CONTENT] + " …"
    return {"type": "frame", "inward": inward, "kind": kind, "text": text}


def _masked(text: str) -> str:
    return _NUMBER.sub("…", text)
