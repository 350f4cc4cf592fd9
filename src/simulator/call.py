"""A simulated call: the pretend Twilio between a caller, played by a test or a person, and the gateway's voice channel.

Made by :meth:`TwilioSimulator.call`. It asks the voice webhook, follows the TwiML, holds the ConversationRelay session,
and makes the callbacks (twilio.com/docs/voice/twiml, /docs/voice/twiml/connect/conversationrelay#action). What the
caller does is in :mod:`.caller`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import Self
from xml.etree.ElementTree import Element

from .caller import SimulatedCaller
from .clock import Clock
from .frames import Leg
from .playback import CHARS_PER_SECOND
from .relay import SessionEnd, SimulatedRelay
from .requests import GatewayClient, MessagePage
from .twiml import BadTwiml, Relay, Verb, dialled, parse, words
from .wire import new_sid

LOST_SECONDS = 1.2
"""From a lost socket to its action callback."""
BACK_SECONDS = 0.5
"""From a lost socket to the next attempt to reach the same address, where that was asked for. Not documented."""


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Options of a simulated call.

    ``chars_per_second`` is the agent's pace, and all other times are scaled with it: 15 is real, infinity immediate.
    ``dial`` is what becomes of a transfer: completed, no-answer, busy or failed. ``signature`` replaces the socket's
    ("" for none); ``refuses`` are attributes of the TwiML that Twilio takes with no value, as it does with a voice that
    its provider has not; ``extra`` are further webhook parameters. ``direction`` "outbound-api": the gateway's side
    called.
    """

    chars_per_second: float = CHARS_PER_SECOND
    clock: Clock | None = None
    method: str = "POST"
    voice: str = "/voice"
    fallback: str | None = "/voice/fallback"
    dial: str = "completed"
    caller_name: str = ""
    direction: str = "inbound"
    signature: str | None = None
    partials: bool = True
    refuses: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that Twilio did: webhook, fallback, say, relay, session, action, dial, whisper, redirect, hangup …"""

    what: str
    detail: Mapping[str, str]


class SimulatedCall(SimulatedCaller):
    """One call, from dialling to its end. ``async with`` returns when the caller is connected, or the call is over."""

    def __init__(self, gateway: GatewayClient, leg: Leg, options: CallOptions) -> None:
        super().__init__(options.chars_per_second, options.clock, partials=options.partials)
        self.gateway = gateway
        """Where the next request goes; a test may send it to another replica."""
        self.leg = leg
        self.status = "ringing"
        self.log: list[Happening] = []
        self._options = options
        self._run: asyncio.Task[None] | None = None

    @property
    def sid(self) -> str:
        """Return the CallSid."""
        return self.leg.sid

    async def __aenter__(self) -> Self:
        self.start_voice()
        self._run = asyncio.create_task(self._live())
        try:
            await self.wait_for(lambda: self.over or bool(self.session) or self.status == "in-progress", None)
            if self._run.done():
                self._run.result()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up if nobody did."""
        try:
            if kind is None and not self.over:
                await self.hang_up()
        finally:
            await self._stop()

    def happened(self, what: str) -> list[Mapping[str, str]]:
        """Return the details of everything of one kind that happened, in order."""
        return [one.detail for one in self.log if one.what == what]

    async def hang_up(self) -> None:
        """End the call as the caller; return when Twilio has told the gateway. A no-op when it is over."""
        if self._run is None or self.over:
            return
        await self._report()  # what was played until now
        self.status = "completed"
        if self.session is not None:
            await self.session.hang_up()
            await asyncio.gather(self._run, return_exceptions=True)
        else:
            self._run.cancel()
            with suppress(asyncio.CancelledError):
                await self._run

    async def drop(self) -> None:
        """Lose the socket. Twilio notices 1.2 s later and asks the action URL; see :meth:`wait_sessions`."""
        assert self.session is not None, "no session to lose"
        await self._report()
        self.session.drop()
        await self.wait_for(lambda: self.session is None)

    # --- the call itself ------------------------------------------------------------------------------------

    async def _live(self) -> None:
        try:
            page: MessagePage | None = await self._ask(self._options.method, self._options.voice, {}, what="webhook")
            while page is not None and not page.failed:
                page = await self._follow(page)
        finally:
            self.status, self.over = "completed", True
            self._note("ended")

    async def _follow(self, page: MessagePage) -> MessagePage | None:
        """Act on a document; return the one that takes its place, or None when the call is over."""
        try:
            verbs = parse(page.body)
        except BadTwiml as error:
            self.faults.append(str(error))
            return await self._fall_back(page)
        for verb in verbs:
            following = await self._perform(verb, page)
            if following is not None or self.status == "completed":
                return following if self.status != "completed" else None
        return None

    async def _perform(self, verb: Verb, page: MessagePage) -> MessagePage | None:
        if isinstance(verb, Relay):
            return await self._connect(verb, page)
        match verb.tag:
            case "Dial":
                return await self._dial(verb, page)
            case "Redirect":
                return await self._ask(verb.get("method", "POST"), words(verb), {}, base=page.url, what="redirect")
            case "Say":
                self.status = "in-progress"
                self._note("say", text=words(verb), language=verb.get("language", "en-US"))
                await self.hear(words(verb))
            case "Pause":
                self.status = "in-progress"
                await self.clock.wait(float(verb.get("length", "1")) * self.speech.scale)
            case "Hangup":
                self.status = "completed"
                self._note("hangup")
            case other:
                self.faults.append(f"a verb that is not simulated: {other}")
        return None

    async def _connect(self, verb: Relay, page: MessagePage) -> MessagePage | None:
        """Hold a session and ask the action URL what follows it."""
        session = SimulatedRelay(verb, self.leg, self.speech, self.clock, self.changed, refuses=self._options.refuses)
        self._note("relay", verb.attributes, session=session.sid)
        begun = self.clock.time()
        self.sessions.append(session)
        answered = self.status == "in-progress"
        end = await session.run(self.gateway, answered=answered, signature=self._options.signature)
        while end.code == 64105 and verb.flag("applicationReconnect") and self.status != "completed":
            await self.clock.wait(BACK_SECONDS * self.speech.scale)
            again = SimulatedRelay(verb, self.leg, self.speech, self.clock, self.changed, back=session)
            self._note("reattach", session=again.sid)
            self.sessions.append(again)
            session, end = again, await again.run(self.gateway, answered=True, signature=self._options.signature)
        if end.code == 64105:
            await self.clock.wait(LOST_SECONDS * self.speech.scale)
        hung_up = end.status == "completed" or self.status == "completed"
        self.status = "completed" if hung_up else "in-progress"
        form = _ending(session, end, self.clock.time() - begun)
        self._note("session", form)
        if verb.action is None:
            return None
        answer = await self._ask("POST", verb.action, form, base=page.url, what="action")
        return None if hung_up else answer

    async def _dial(self, verb: Element, page: MessagePage) -> MessagePage | None:
        """Ring a colleague, who first hears the whisper, and ask the action URL what follows."""
        self.status = "in-progress"
        outcome, child, noun = self._options.dial, new_sid("CA"), verb.find("Number")
        number, whisper = dialled(verb), None if noun is None else noun.get("url")
        self._note("dial", verb.attrib, number=number, outcome=outcome)
        if outcome == "completed" and whisper:
            form = {"CallSid": child, "ParentCallSid": self.sid, "To": number, "Direction": "outbound-dial"}
            told = await self._ask("POST", whisper, form, base=page.url, what="whisper", fallback=False)
            self._note("whispered", text=" ".join(_said(told)))
        if (action := verb.get("action")) is None:
            return None
        form = {"DialCallStatus": outcome, "DialCallSid": child}
        if outcome == "completed":
            form["DialCallDuration"] = "60"
        return await self._ask("POST", action, form, base=page.url, what="dialled")

    async def _ask(
        self,
        method: str,
        url: str,
        extra: Mapping[str, str],
        *,
        what: str,
        base: str | None = None,
        fallback: bool = True,
    ) -> MessagePage:
        """Ask an address of the gateway what to do next; when it fails, the fallback."""
        form = self.leg.form(self.status, {**self._options.extra, **extra})
        page = await self.gateway.fetch(method, url, form, base=base)
        self._note(what, url=page.url, status=str(page.status), call_status=self.status, body=page.body)
        if page.failed and fallback and self.status != "completed":
            return await self._fall_back(page)
        return page

    async def _fall_back(self, page: MessagePage) -> MessagePage:
        url = self._options.fallback
        if url is None or self.happened("fallback"):
            return MessagePage(page.url, 0, "")  # Twilio says that an application error has occurred, and hangs up
        extra = {"ErrorCode": "11200", "ErrorUrl": page.url}
        return await self._ask("POST", url, extra, what="fallback", fallback=False)

    def _note(self, what: str, detail: Mapping[str, str] = MappingProxyType({}), /, **more: str) -> None:
        self.log.append(Happening(what, {**detail, **more}))
        self.changed()

    async def _stop(self) -> None:
        tasks = [task for task in (self._run, self.voice) if task is not None]
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result


def _said(page: MessagePage) -> list[str]:
    """Give the words of a document."""
    try:
        verbs = parse(page.body) if not page.failed else []
    except BadTwiml:
        return []
    return [words(one) for one in verbs if isinstance(one, Element) and one.tag == "Say"]


def _ending(session: SimulatedRelay, end: SessionEnd, seconds: float) -> dict[str, str]:
    """Give the parameters of the action callback."""
    form = {"SessionId": session.sid, "SessionStatus": end.status, "SessionDuration": str(int(seconds))}
    if end.handoff is not None:
        form["HandoffData"] = end.handoff
    if end.code:
        form |= {"ErrorCode": str(end.code), "ErrorMessage": end.message}
    return form
