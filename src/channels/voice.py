"""Calls by Twilio: voice webhooks, ConversationRelay sockets, and what is to be said in a live call.

``/voice`` answers TwiML with a greeting that needs no model call. Sources: twilio.com/docs/voice/twiml and
twilio.com/docs/voice/conversationrelay.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.routing import Route as HttpRoute
from starlette.websockets import WebSocket

from ..conversation import phrases
from ..conversation.engine import TurnEngine
from ..conversation.spoken import left_open
from ..conversation.turns import CALL_ENDED
from ..errors import (
    BadSignature,
    DeliveryRefused,
    MalformedRequest,
    RequestRejected,
    StoreUnavailable,
    UnreadableRecord,
)
from ..identity.base import Resolution, SubjectResolver
from ..model import Address, Channel, Reply, Route, SubjectId
from ..persistence.base import EffectState, LaneStore
from .sms import sms_route
from .twilio import SignatureCheck
from .voice_call import CallRules, LiveCall
from .voice_ending import Next, read_ending
from .voice_token import SocketTokens, Ticket
from .voice_twiml import APOLOGY, connect, hang_up, say, transfer
from .webhook import SIGNATURE, fields, read_form

log = structlog.get_logger(__name__)

_CALL_SID = re.compile(r"CA[0-9A-Za-z]{1,32}", re.ASCII)
USED_TOKENS = SubjectId("socket_tokens")
"""In whose ledger used socket tokens are noted."""
LONGEST_REST = 300
"""Characters of an unheard answer that a greeting takes up."""
RECONNECT_SECONDS = 10.0
"""How long a call whose socket was lost is waited for with what is to be said in it."""

Greet = Callable[[Resolution], Awaitable[str]]
"""Returns the greeting for a caller, from what is known of them and without asking a model."""
Warm = Callable[[], Awaitable[None]]
"""Opens the connection to the model, so that the first answer does not have to."""


@dataclass(frozen=True, slots=True)
class Ways:
    """Addresses and numbers of the voice channel.

    ``base_url`` is where Twilio reaches us, ``socket_url`` the ``wss://`` address up to the token, as Twilio shall use
    and sign it. ``number`` is where SMS come from, ``transfer_number`` that of a colleague.
    """

    base_url: str
    socket_url: str
    number: str | None = None
    transfer_number: str | None = None
    max_calls: int = 200


class VoiceAdapter:
    """Fulfils :class:`~tandem.channels.base.ChannelAdapter` for calls."""

    channels = frozenset({Channel.VOICE})

    def __init__(
        self,
        *,
        engine: TurnEngine,
        store: LaneStore,
        resolver: SubjectResolver,
        signatures: SignatureCheck,
        tokens: SocketTokens,
        ways: Ways,
        rules: CallRules,
        greet: Greet,
        warm: Warm,
    ) -> None:
        self._engine = engine
        self._store = store
        self._resolver = resolver
        self._signatures = signatures
        self._tokens = tokens
        self._ways = ways
        self._rules = rules
        self._greet = greet
        self._warm = warm
        self._calls: dict[SubjectId, LiveCall] = {}
        self._expected = _Expected()

    @property
    def open_calls(self) -> int:
        """Return the number of calls that are connected here."""
        return len(self._calls)

    def routes(self) -> Sequence[BaseRoute]:
        """Name the webhooks and the socket."""
        return (
            HttpRoute("/voice", self._incoming, methods=["GET", "POST"]),
            HttpRoute("/voice/action", self._ended, methods=["POST"]),
            HttpRoute("/voice/whisper", self._whisper, methods=["POST"]),
            HttpRoute("/voice/dialed", self._dialed, methods=["POST"]),
            HttpRoute("/voice/fallback", self._fallback, methods=["GET", "POST"]),
            WebSocketRoute("/conversation-relay/{token}", self._socket),
        )

    # --- webhooks ---------------------------------------------------------------------------------------

    async def _incoming(self, request: Request) -> Response:
        form = await self._signed(request)
        call = _call_sid(form)
        if self.open_calls >= self._ways.max_calls:
            log.warning("call_refused", reason="max_calls")
            return _twiml(say(phrases.LINE_BUSY))
        try:
            resolution = await self._resolver.resolve(Address.parse(form.get("From", "")), session=call)
            return _twiml(self._connect(call, attempt=0, greeting=await self._greeting(resolution)))
        except RequestRejected:
            raise
        except Exception:
            # The edge of a call: whatever went wrong, the caller hears a sentence instead of a dead line.
            log.exception("voice_webhook_failed")
            return _twiml(say(APOLOGY))

    def _connect(self, call: str, *, attempt: int, greeting: str) -> str:
        socket = f"{self._ways.socket_url}/{self._tokens.make(call, now=time.time(), attempt=attempt)}"
        return connect(socket=socket, action=f"{self._ways.base_url}/voice/action?attempt={attempt}", greeting=greeting)

    async def _greeting(self, resolution: Resolution) -> str:
        """Greet a caller, and go on where a call that broke off lately was cut."""
        rest = await self._left_open(resolution.subject)
        greeting = await self._greet(resolution)
        return f"{greeting.partition('!')[0]}! {phrases.CUT_OFF} {rest}" if rest else greeting

    async def _left_open(self, subject: SubjectId) -> str:
        try:
            return left_open(await self._store.conversation(subject), now=time.time())[:LONGEST_REST]
        except (StoreUnavailable, UnreadableRecord):
            return ""

    async def _ended(self, request: Request) -> Response:
        form = await self._signed(request)
        attempt = request.query_params.get("attempt", "0")
        ending = read_ending(form, attempt=int(attempt) if attempt.isdigit() and len(attempt) < 3 else 0)
        if ending.next is Next.RECONNECT:
            log.info("call_reconnected", attempt=ending.attempt)
            return _twiml(self._connect(_call_sid(form), attempt=ending.attempt, greeting=""))
        number = self._ways.transfer_number
        if ending.next in (Next.TRANSFER, Next.GIVE_UP) and number:
            before = phrases.LINE_LOST if ending.next is Next.GIVE_UP else ""
            base, query = self._ways.base_url, f"?ticket={quote(ending.ticket)}" if ending.ticket else ""
            whisper, action = f"{base}/voice/whisper{query}", f"{base}/voice/dialed"
            return _twiml(transfer(number, whisper=whisper, action=action, before=before))
        self._expected.clear_call(_call_sid(form))
        return _twiml(say(phrases.LINE_LOST) if ending.next is Next.GIVE_UP else hang_up())

    async def _whisper(self, request: Request) -> Response:
        """Tell the colleague who answered what it is about; the caller does not hear it."""
        await self._signed(request)
        try:
            ticket = await self._store.ticket(request.query_params.get("ticket", ""))
        except StoreUnavailable:
            ticket = None
        return _twiml(say(f"A customer asked for a person. {ticket.description if ticket else ''}".strip()))

    async def _dialed(self, request: Request) -> Response:
        form = await self._signed(request)
        answered = form.get("DialCallStatus") in ("completed", "answered")
        return _twiml(hang_up() if answered else say(phrases.CALL_BACK))

    async def _fallback(self, request: Request) -> Response:
        await self._signed(request)
        return _twiml(say(APOLOGY))

    async def _signed(self, request: Request) -> Mapping[str, str]:
        """Read a webhook that Twilio signed: the form of a POST, the query of a GET."""
        query = request.scope["query_string"].decode("latin-1")
        path = request.scope["path"] + (f"?{query}" if query else "")
        form = await read_form(request) if request.method == "POST" else []
        self._signatures.check_form(path, form, request.headers.get(SIGNATURE))
        return fields(form or parse_qsl(query, keep_blank_values=True, max_num_fields=400))

    # --- the socket -------------------------------------------------------------------------------------

    async def _socket(self, socket: WebSocket) -> None:
        ticket = await self._admit(socket)
        if ticket is None:
            await socket.close()  # before accept: Twilio gets 403, and the action URL error 64102
            return
        await socket.accept()
        again = ticket.attempt > 0

        async def greet(resolution: Resolution) -> str:
            return "" if again else await self._greeting(resolution)

        async def joined(call: LiveCall) -> str:
            if call.subject is not None:
                self._calls[call.subject] = call
            rest = await self._left_open(call.subject) if again and call.subject else ""
            return f"{phrases.CUT_OFF} {rest}" if rest else ""

        call = LiveCall(
            socket,
            ticket.call,
            engine=self._engine,
            resolver=self._resolver,
            greet=greet,
            warm=self._warm,
            rules=self._rules,
            joined=joined,
        )
        try:
            await call.run()
        finally:
            if call.subject is not None and self._calls.get(call.subject) is call:
                del self._calls[call.subject]
            if call.lost and call.route is not None:
                self._expected.add(ticket.call, call.route)

    async def _admit(self, socket: WebSocket) -> Ticket | None:
        """Return what the socket's token says, None for whoever must not connect."""
        token = socket.path_params["token"]
        try:
            self._signatures.check_url(f"{self._ways.socket_url}/{token}", socket.headers.get(SIGNATURE))
            ticket = self._tokens.read(token, now=time.time())
            used = await self._store.effect_begin(USED_TOKENS, f"ws:{ticket.nonce}", token=uuid.uuid4().hex)
            if used.state is not EffectState.NEW:
                raise BadSignature("The socket token was used before.")
        except (BadSignature, StoreUnavailable) as error:
            log.warning("socket_refused", reason=error.code)
            return None
        return ticket

    # --- out: fulfils Carrier ---------------------------------------------------------------------------

    def compose(self, text: str) -> tuple[str, ...]:
        """Return an answer as it is: a call has no message length."""
        return (text,) if text.strip() else ()

    async def send(self, reply: Reply) -> str:
        """Say a reply in the customer's live call, between turns; return once it was said.

        A call whose socket was lost a moment ago is waited for. Raises DeliveryRefused with CALL_ENDED when no call is
        here any more: the reply then goes another way.
        """
        while True:
            for call in list(self._calls.values()):
                if call.route == reply.route and await call.say_between(reply.text):
                    return f"spoken:{reply.id}"
            if not self._expected.has(reply.route):
                raise DeliveryRefused("The call ended.", provider_code=CALL_ENDED)
            await asyncio.sleep(0.1)

    async def find(self, reply: Reply, *, known: frozenset[str]) -> str | None:
        """Return None: whether a caller heard something before a crash is not known, so it is told again."""
        return None

    def other_way(self, route: Route) -> Route | None:
        """Give the way by SMS to a caller whose number is known."""
        return sms_route(route, ours=self._ways.number)


class _Expected:
    """Calls whose socket was lost and which may come back in a moment."""

    def __init__(self) -> None:
        self._until: dict[str, tuple[Route, float]] = {}

    def add(self, call: str, route: Route) -> None:
        now = time.monotonic()
        self._until = {sid: known for sid, known in self._until.items() if known[1] > now}
        self._until[call] = route, now + RECONNECT_SECONDS

    def clear_call(self, call: str) -> None:
        self._until.pop(call, None)

    def has(self, route: Route) -> bool:
        now = time.monotonic()
        return any(known == route and until > now for known, until in self._until.values())


def _call_sid(form: Mapping[str, str]) -> str:
    call = form.get("CallSid", "")
    if not _CALL_SID.fullmatch(call):
        raise MalformedRequest("CallSid is missing or no SID.")
    return call


def _twiml(text: str) -> Response:
    return Response(text, media_type="text/xml")
