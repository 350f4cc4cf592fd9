"""The phone page's live channel: a WebSocket between a browser and the pretend Twilio.

A browser is only a telephone here. What it texts and says reaches the gateway as from any customer, by signed webhooks
and the signed ConversationRelay socket; this module never touches the gateway's inside.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..channels.sms.sender import segments
from ..identity.phone import e164
from ..web.loopback import from_outside
from .phone_call import PhoneCall, Told, wire
from .playback import CHARS_PER_SECOND
from .twilio_simulator import Passed, TwilioSimulator
from .wire import SimMessage

log = structlog.get_logger(__name__)

WITHHELD = "anonymous"
"""What the page, as Twilio, calls a number that is not shown."""
LONGEST_TEXT = 1600
MOST_PICTURES = 10
MOST_KEYS = 32
SLOWEST, FASTEST = 0.5, 20.0
LAST_SECONDS = 3.0
"""How long a page that went away waits for its hang-up to be told to the gateway."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_REAL_LINE = "This gateway has a real Twilio account. The phone is for the pretend line only."


class BadAct(ValueError):
    """The page asked for something that a telephone cannot do; the message says what."""


@dataclass(frozen=True, slots=True)
class PhoneLine:
    """Serves ``WS /phone/line`` to signed-in pages on this machine.

    ``twilio`` is None where a real account is configured: then the page is told so. ``ours`` is the gateway's number,
    ``may_enter`` tells whether a connection is signed in.
    """

    twilio: TwilioSimulator | None
    ours: str
    region: str
    may_enter: Callable[[HTTPConnection], bool]

    def routes(self) -> Sequence[BaseRoute]:
        """Name the route that the app shall serve."""
        return [WebSocketRoute("/phone/line", self._serve)]

    async def _serve(self, socket: WebSocket) -> None:
        # A page of another site may open sockets to this machine; its origin tells on it.
        origin = socket.headers.get("origin", "")
        if from_outside(socket) or origin != f"http://{socket.headers.get('host')}" or not self.may_enter(socket):
            await socket.close()  # before accept: the browser gets 403
            return
        await socket.accept()
        if self.twilio is None:
            await socket.send_text(json.dumps({"type": "unavailable", "text": _REAL_LINE}))
            await socket.close()
            return
        await _Phone(socket, self.twilio, self.ours, self.region).run()


class _Phone:
    """One page's telephone, from its connection to its end; a call ends with it."""

    def __init__(self, socket: WebSocket, twilio: TwilioSimulator, ours: str, region: str) -> None:
        self._socket = socket
        self._twilio = twilio
        self._ours = ours
        self._region = region
        self._number = ""
        self._out: asyncio.Queue[Told] = asyncio.Queue()
        self._call: PhoneCall | None = None
        self._calling: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Obey the page until it goes away."""
        self._twilio.watchers.add(self._passed)
        self._start(self._send())
        self._tell({"type": "hello", "ours": self._ours})
        try:
            while True:
                await self._take(await self._socket.receive_text())
        except (WebSocketDisconnect, KeyError):  # a binary frame has no text
            pass
        finally:
            self._twilio.watchers.discard(self._passed)
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._hang_up()  # whose page is gone has hung up
            tasks = [task for task in (*self._tasks, self._calling, self._watching) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # --- from the page --------------------------------------------------------------------------------------

    async def _take(self, raw: str) -> None:
        try:
            act = json.loads(raw)
            if not isinstance(act, dict):
                raise BadAct("An act is an object.")
            await self._do(act)
        except BadAct as error:
            self._tell({"type": "error", "text": str(error)})
        except (ValueError, RecursionError):
            self._tell({"type": "error", "text": "That is no JSON."})

    async def _do(self, act: Mapping[str, Any]) -> None:
        match act.get("do"):
            case "number":
                await self._choose(_text(act, "number", 40))
            case "text":
                self._text(act)
            case "call":
                self._dial(act)
            case "hangup" if self._call is not None:
                await self._hang_up()
            case "say" | "press" | "interrupt" | "mute" | "lose" if self._call is not None:
                self._call.do(_checked(act))
            case "hangup" | "say" | "press" | "interrupt" | "mute" | "lose":
                raise BadAct("There is no call.")
            case other:
                raise BadAct(f"A telephone cannot do {str(other)[:40]!r}.")

    async def _choose(self, spelling: str) -> None:
        """Become the telephone with a number, and show its thread."""
        number = WITHHELD if spelling == WITHHELD else e164(spelling, self._region)
        if number is None:
            raise BadAct("That is no telephone number.")
        if self._calling is not None:
            raise BadAct("Hang up first.")
        if self._watching is not None:
            self._watching.cancel()
        self._number = number
        self._tell({"type": "number", "number": number})
        if number != WITHHELD:  # nobody can answer a text from nowhere
            self._watching = asyncio.create_task(self._watch(number))

    def _text(self, act: Mapping[str, Any]) -> None:
        body, pictures = _text(act, "body", LONGEST_TEXT), act.get("pictures", 0)
        if self._number in ("", WITHHELD):
            raise BadAct("A text needs a number to be answered at.")
        if type(pictures) is not int or not 0 <= pictures <= MOST_PICTURES:
            raise BadAct(f"A text carries 0 to {MOST_PICTURES} pictures.")
        self._start(self._post(self._number, body, pictures))

    async def _post(self, number: str, body: str, pictures: int) -> None:
        await self._twilio.text(number, body, to=self._ours, media=pictures)

    def _dial(self, act: Mapping[str, Any]) -> None:
        speed = act.get("speed", 1)
        if not self._number:
            raise BadAct("Choose a number first.")
        if self._calling is not None:
            raise BadAct("One call at a time.")
        if type(speed) not in (int, float) or not SLOWEST <= speed <= FASTEST:
            raise BadAct(f"The speed is from {SLOWEST} to {FASTEST}.")
        line = self._twilio.call(self._number, to=self._ours, chars_per_second=CHARS_PER_SECOND * speed)
        self._call = PhoneCall(line, self._tell)
        self._calling = asyncio.create_task(self._call.run())
        self._calling.add_done_callback(self._hung_up)

    async def _hang_up(self) -> None:
        if self._call is None or self._calling is None:
            return
        if self._call.rings:
            self._calling.cancel()
        else:
            await self._call.hang_up()
        await asyncio.gather(self._calling, return_exceptions=True)

    def _hung_up(self, task: asyncio.Task[None]) -> None:
        self._call = self._calling = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("phone_call_failed", error=type(error).__name__)
            self._tell({"type": "call", "state": "ended", "why": "The call broke; the log says more."})

    # --- to the page ----------------------------------------------------------------------------------------

    async def _watch(self, number: str) -> None:
        async for message in self._twilio.changes(number):
            self._tell(_message(message))

    def _passed(self, passed: Passed) -> None:
        """Put a request about this telephone's messages into the wire log."""
        form = passed.form
        if self._number and self._number in (form.get("From"), form.get("To")):
            kept = ("Body", "From", "To", "MediaUrl", "NumMedia", "NumSegments", "MessageStatus", "ErrorCode")
            content = {name: form[name] for name in kept if form.get(name)}
            path = passed.path.partition("?")[0]
            self._tell(wire(passed.inward, f"POST {path} · {passed.status or 'no answer'}", content))

    def _tell(self, told: Told) -> None:
        self._out.put_nowait(told)

    async def _send(self) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # the page is gone; the reader notices
            while True:
                await self._socket.send_text(json.dumps(await self._out.get(), ensure_ascii=False))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _message(message: SimMessage) -> Told:
    """Give a message as the page shows it; ``at`` in milliseconds since the epoch."""
    return {
        "type": "message",
        "sid": message.sid,
        "mine": message.inbound,
        "body": message.body,
        "at": int(message.created_at * 1000),
        "pictures": message.media,
        "media": message.media_urls,
        "segments": segments(message.body),
        "status": message.statuses[-1] if message.statuses else "",
        "answered": message.answered,
    }


def _checked(act: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is done in a call, of the right shape. Raises BadAct."""
    if act["do"] == "say":
        _text(act, "text", LONGEST_TEXT)
        if act.get("part") not in (None, "partial", "final") or not isinstance(act.get("lang"), str | None):
            raise BadAct("What is said has a part (partial or final) and a language, or none.")
    if act["do"] == "press":
        keys = _text(act, "keys", MOST_KEYS)
        if not keys or set(keys) - set("0123456789*#"):
            raise BadAct("Keys are 0 to 9, * and #.")
    return act


def _text(act: Mapping[str, Any], name: str, longest: int) -> str:
    value = act.get(name)
    if not isinstance(value, str) or len(value) > longest or _SURROGATE.search(value):
        raise BadAct(f"{name} is a text of at most {longest} characters.")
    return value
