"""A pretend Twilio on loopback: for the tests, the phone page and the terminal.

It signs and posts webhooks, serves the REST calls that create and list messages, and calls back with statuses. It
knows the public protocol and the credentials it is given, nothing of the gateway's inside.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp
from starlette.routing import BaseRoute

from .call import CallOptions, SimulatedCall
from .caller import PATIENCE
from .frames import Leg
from .http import SimulatorApi
from .requests import GatewayClient
from .twiml import Relay, dialled, parse, words
from .wire import Fault, SimMessage, new_sid, status_form, twiml_messages, webhook_form

DELIVERED = ("queued", "sent", "delivered")


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of the gateway to a webhook; status 0 when there was none."""

    status: int
    body: str
    sid: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A request between Twilio and the gateway, and the status of its answer. ``inward``: Twilio asked."""

    inward: bool
    path: str
    form: Mapping[str, str]
    status: int


@dataclass(frozen=True, slots=True)
class Rung:
    """A telephone that rang, the number that it showed, and what was heard there."""

    number: str
    caller_id: str = ""
    heard: list[str] = field(default_factory=list)


class TwilioSimulator:
    """One account at the pretend Twilio. Open it with ``async with``; serve its ``routes()`` to the gateway.

    ``gateway_url`` is where the gateway listens (loopback); ``public_base_url`` is what is signed, by default the same.
    REST accepts ``account_sid`` and ``auth_token``, and the API key if one is given. ``statuses`` is what becomes of
    every message.
    """

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        gateway_url: str,
        public_base_url: str | None = None,
        api_key: tuple[str, str] | None = None,
        statuses: Sequence[str] = DELIVERED,
        timeout_seconds: float = 15.0,
        keeps_connections: bool = True,
    ) -> None:
        self.account_sid = account_sid
        self._keeps = keeps_connections
        self._token = auth_token
        self._gateway = gateway_url.rstrip("/")
        self.route: Callable[[], str] | None = None
        """Chooses where each request goes, as a load balancer in front of several gateways does."""
        self._public = (public_base_url or gateway_url).rstrip("/")
        self._logins = {(account_sid, auth_token), *([api_key] if api_key else [])}
        self.statuses = tuple(statuses)
        self.refused: dict[str, int] = {}
        """Numbers that take no message, with the error code of their refusal."""
        self.faults: deque[Fault] = deque()
        """What goes wrong with the next create requests, one each."""
        self.messages: list[SimMessage] = []
        """Everything that was said, both ways, oldest first."""
        self.media: dict[str, bytes] = {}
        """Pictures by their SIDs, where a test or a person sends some."""
        self.rung: list[Rung] = []
        """Telephones that rang for the gateway: a colleague's, then the customer's."""
        self.key = "1"
        """What is pressed where a key is asked for; nothing, where a voicemail answers."""
        self.creates = 0
        """How many create requests came, whatever became of them."""
        self.watchers: set[Callable[[Passed], None]] = set()
        """Who is told of every request about messages, both ways."""
        self._threads: defaultdict[str, list[SimMessage]] = defaultdict(list)
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._news = asyncio.Condition()
        self._closing = asyncio.Event()
        self._callbacks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(force_close=not self._keeps)
        self._session = aiohttp.ClientSession(timeout=self._timeout, trust_env=False, connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        await self._tell_news()
        for task in self._callbacks:
            task.cancel()
        await asyncio.gather(*self._callbacks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    # --- the customer's telephone -----------------------------------------------------------------------

    async def text(
        self,
        from_: str,
        body: str,
        *,
        to: str,
        sid: str | None = None,
        media: int = 0,
        extra: Mapping[str, str] | None = None,
        deliveries: int = 1,
    ) -> list[Answer]:
        """Send a text to the gateway, ``deliveries`` times at once, and return its answers.

        When the webhook fails (no answer, or a status of 400 and above), the fallback is called, as Twilio does; the
        texts of its TwiML reach the customer.
        """
        message = SimMessage(sid or new_sid("SM"), "inbound", from_, to, body, time.time(), media=media)
        form = webhook_form(message, self.account_sid, extra or {})
        await self._add(message)
        answers = await asyncio.gather(*(self.post("/sms", form) for _ in range(deliveries)))
        message.answered = max(answer.status for answer in answers)
        await self._tell_news()
        for answer in answers:
            last = answer if 0 < answer.status < 400 else await self.post("/sms/fallback", form)
            for text in twiml_messages(last.body) if last.status == 200 else ():
                await self._add(SimMessage(new_sid("SM"), "outbound-reply", to, from_, text, time.time()))
        return answers

    def call(self, from_: str, *, to: str, sid: str | None = None, **options: Any) -> SimulatedCall:
        """Return a call to the gateway; ``async with`` makes it. ``options`` are those of CallOptions."""
        chosen = CallOptions(**options)
        leg = Leg(sid or new_sid("CA"), self.account_sid, from_, to, chosen.caller_name, chosen.direction)
        return SimulatedCall(self._client(), leg, chosen)

    async def post(self, path: str, form: Mapping[str, str], *, signature: str | None = None) -> Answer:
        """Post a form to the gateway, signed as Twilio signs it, or with ``signature`` ("" for none)."""
        page = await self._client().fetch("POST", self._public + path, form, signature=signature)
        self._pass_on(Passed(True, path, form, page.status))
        return Answer(page.status, page.body, form.get("MessageSid", ""))

    def sent_to(self, number: str) -> list[SimMessage]:
        """Return what the customer received, oldest first."""
        return [message for message in self._threads[number] if not message.inbound and message.to == number]

    async def wait_for(self, number: str, count: int = 1, *, seconds: float = PATIENCE) -> list[SimMessage]:
        """Return what the customer received once that is ``count`` messages. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: len(self.sent_to(number)) >= count)
            return self.sent_to(number)

    async def changes(self, number: str) -> AsyncIterator[SimMessage]:
        """Yield each message with a number, both sides' and from the beginning, and again when its state changes."""
        rows, seen = self._threads[number], dict[str, tuple[int, int | None]]()

        def fresh() -> list[SimMessage]:
            return [row for row in rows if seen.get(row.sid) != (len(row.statuses), row.answered)]

        while not self._closing.is_set():
            for row in fresh():
                seen[row.sid] = len(row.statuses), row.answered
                yield row
            async with self._news:
                await self._news.wait_for(lambda: bool(fresh()) or self._closing.is_set())

    async def settle(self) -> None:
        """Return when every status callback that is due was made."""
        while self._callbacks:
            await asyncio.gather(*self._callbacks, return_exceptions=True)

    # --- the provider's side ----------------------------------------------------------------------------

    def routes(self) -> Sequence[BaseRoute]:
        """Name the routes of :mod:`.http`; serve them where the gateway's REST calls go."""
        return SimulatorApi(self, self._logins).routes()

    async def create(self, form: Mapping[str, str], media: Sequence[str] = ()) -> SimMessage:
        """Bring a message of the gateway's into being and let it live. What goes with it is not fetched."""
        service = form.get("MessagingServiceSid")
        sender = form.get("From") or "+15550009999"  # one of the service's pool
        body = form.get("Body", "")
        if "ContentSid" in form:
            body = f"[template {form['ContentSid']}] {form.get('ContentVariables', '')}"
        message = SimMessage(new_sid("SM"), "outbound-api", sender, form["To"], body, time.time())
        message.media, message.media_urls = len(media), tuple(media)
        message.callback, message.service_sid = form.get("StatusCallback"), service
        shown = {**form, "From": sender} | ({"MediaUrl": " ".join(media)} if media else {})
        self._pass_on(Passed(False, "/Messages.json", shown, 201))
        await self._add(message)
        task = asyncio.create_task(self._live(message))
        self._callbacks.add(task)
        task.add_done_callback(self._callbacks.discard)
        return message

    def ring(self, form: Mapping[str, str]) -> str:
        """Ring a number for the gateway: who answers there listens, and presses ``key`` where one is asked for."""
        leg = Leg(new_sid("CA"), self.account_sid, form["From"], form["To"], direction="outbound-api")
        self.rung.append(Rung(leg.to))
        task = asyncio.create_task(self._answered(leg, form["Url"]))
        self._callbacks.add(task)
        task.add_done_callback(self._callbacks.discard)
        return leg.sid

    async def _answered(self, leg: Leg, url: str) -> None:
        keys: dict[str, str] = {}
        while url:
            page, url = await self._client().fetch("POST", url, leg.form("in-progress", keys)), ""
            for verb in parse(page.body):
                if isinstance(verb, Relay):
                    continue
                if verb.tag in ("Say", "Gather"):
                    said = [verb] if verb.tag == "Say" else verb.findall("Say")
                    self.rung[-1].heard.append(" ".join(map(words, said)))
                if verb.tag == "Gather" and self.key:
                    keys, url = {"Digits": self.key}, verb.get("action", "")
                    break
                if verb.tag == "Dial":
                    self.rung.append(Rung(dialled(verb), verb.get("callerId", "")))
        await self._tell_news()

    async def _live(self, message: SimMessage) -> None:
        """Let a message go through its statuses, each told to its callback."""
        for status in self.statuses:
            message.statuses.append(status)
            await self._tell_news()
            # Only our own gateway is called: the simulator never talks to another host.
            if message.callback and message.callback.startswith(f"{self._public}/"):
                form = status_form(message, self.account_sid, status)
                await self.post(message.callback.removeprefix(self._public), form)

    async def _add(self, message: SimMessage) -> None:
        async with self._news:
            self.messages.append(message)
            for number in {message.from_, message.to}:
                self._threads[number].append(message)
            self._news.notify_all()

    async def _tell_news(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _client(self) -> GatewayClient:
        assert self._session is not None, "open the simulator with `async with`"
        return GatewayClient(self._session, self._token, self._gateway, self._public, self.route)

    def _pass_on(self, passed: Passed) -> None:
        for watcher in tuple(self.watchers):
            watcher(passed)
