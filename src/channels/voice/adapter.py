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
from urllib.parse import parse_qsl, urlencode

import structlog
from cachetools import LRUCache
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.routing import Route as HttpRoute
from starlette.websockets import WebSocket

from ...conversation import phrases
from ...conversation.delivery import CALL_ENDED
from ...conversation.engine import TurnEngine
from ...conversation.spoken_turn import left_open
from ...errors import (
    BadSignature,
    DeliveryRefused,
    MalformedRequest,
    RequestRejected,
    StoreUnavailable,
    UnreadableRecord,
)
from ...identity import metadata
from ...identity.base import Identity, Metadata, Resolution
from ...model import Address, Channel, Reply, Route, SubjectId
from ...persistence.base import LaneStore
from ...persistence.own_lanes import USED_TOKENS
from ...persistence.values import EffectState
from ...web.bodies import fields, read_form
from ..sms.adapter import sms_route
from ..twilio import SIGNATURE, SignatureCheck
from .action_callback import Next, read_ending
from .call import LiveCall
from .call_presence import CallPresence
from .call_registry import RECONNECT_SECONDS, CallRegistry
from .socket_token import SocketClaims, SocketTokens
from .transfer import Transfer
from .twiml import APOLOGY, answer, connect, hang_up, say
from .voice_config import CallRules, VoiceAddresses

log = structlog.get_logger(__name__)

_CALL_SID = re.compile(r"CA[0-9A-Za-z]{1,32}", re.ASCII)
LONGEST_REST = 300
"""Characters of an unheard answer that a greeting takes up."""
RESTART_SECONDS = 5
"""How long a caller waits when it is a stopping replica that was asked: the next one may be there by then."""

GREETINGS = 1000
"""Calls of which it is kept how they were greeted, from the webhook until the socket is there."""

Greet = Callable[[Resolution], Awaitable[str]]
"""Returns the greeting for a caller, from what is known of them and without asking a model."""
Warm = Callable[[], Awaitable[None]]
"""Opens the connection to the model, so that the first answer does not have to."""


class VoiceAdapter:
    """Fulfils :class:`~tandem.channels.base.ChannelAdapter` for calls."""

    channels = frozenset({Channel.VOICE})

    def __init__(
        self,
        *,
        engine: TurnEngine,
        store: LaneStore,
        resolver: Identity,
        signatures: SignatureCheck,
        tokens: SocketTokens,
        ways: VoiceAddresses,
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
        self._transfer = Transfer(store, ways, self._signed)
        self._roster = CallRegistry()
        self._greeted: LRUCache[str, str] = LRUCache(GREETINGS)

    @property
    def open_calls(self) -> int:
        """Return the number of calls that are connected here."""
        return len(self._roster)

    async def leave(self, seconds: float) -> None:
        """Let live calls go on for ``seconds``, then move each to another replica; see :meth:`.CallRegistry.leave`."""
        await self._roster.leave(seconds)

    def routes(self) -> Sequence[BaseRoute]:
        """Name the webhooks and the socket."""
        return (
            HttpRoute("/voice", self._incoming, methods=["GET", "POST"]),
            HttpRoute("/voice/action", self._ended, methods=["POST"]),
            HttpRoute("/voice/fallback", self._fallback, methods=["GET", "POST"]),
            *self._transfer.routes(),
            WebSocketRoute("/conversation-relay/{token}", self._socket),
        )

    # --- webhooks ---------------------------------------------------------------------------------------

    async def _incoming(self, request: Request) -> Response:
        form = await self._signed(request)
        call = _call_sid(form)
        if self.open_calls >= self._ways.max_calls:
            log.warning("call_refused", reason="max_calls")
            return answer(say(phrases.LINE_BUSY))
        try:
            came, caller = metadata.read(request.query_params), Address.parse(form.get("From", ""))
            # A source is asked now and answers while the greeting plays: nobody listens to it ringing meanwhile.
            resolution = await self._resolver.glance(caller, session=call, metadata=came)
            greeting = await self._greeting(resolution)
            self._greeted[call] = greeting
            return answer(self._connect(call, greeting=greeting, came=came))
        except RequestRejected:
            raise
        except StoreUnavailable:
            return answer(say(APOLOGY))  # the socket would be refused: nothing is answered without the store
        except Exception:
            # The edge of a call: whatever went wrong, the caller hears a sentence instead of a dead line.
            log.exception("voice_webhook_failed")
            return answer(say(APOLOGY))

    def _connect(
        self,
        call: str,
        *,
        came: Metadata,
        attempt: int = 0,
        greeting: str = "",
        resumed: bool = False,
        after: int = 0,
    ) -> str:
        token = self._tokens.make(call, now=time.time(), attempt=attempt, resumed=resumed)
        action = f"{self._ways.base_url}/voice/action?{urlencode({**came, 'attempt': attempt})}"
        socket = f"{self._ways.socket_url}/{token}"
        return connect(socket=socket, action=action, greeting=greeting, after=after, parameters=came)

    async def _greeting(self, resolution: Resolution) -> str:
        """Greet a caller, and go on where a call that broke off lately was cut."""
        rest = await self._left_open(resolution.subject)
        greeting = await self._greet(resolution)
        return f"{greeting.partition('!')[0]}! {phrases.CUT_OFF} {rest}" if rest else greeting

    async def _left_open(self, subject: SubjectId) -> str:
        try:
            return left_open(await self._store.conversation(subject), now=time.time())[:LONGEST_REST]
        except UnreadableRecord:
            return ""

    async def _ended(self, request: Request) -> Response:
        form = await self._signed(request)
        attempt = request.query_params.get("attempt", "0")
        ending = read_ending(form, attempt=int(attempt) if attempt.isdigit() and len(attempt) < 3 else 0)
        if ending.next is Next.RECONNECT:
            log.info("call_reconnected", attempt=ending.attempt, moved=ending.moved)
            after = RESTART_SECONDS if self._roster.draining else 0
            came = metadata.read({name: text for name, text in request.query_params.items() if name != "attempt"})
            again = self._connect(_call_sid(form), came=came, attempt=ending.attempt, resumed=True, after=after)
            return answer(again)
        number = self._ways.transfer_number
        if ending.next in (Next.TRANSFER, Next.GIVE_UP) and number:
            before = phrases.LINE_LOST if ending.next is Next.GIVE_UP else ""
            return self._transfer.dial(number, ticket=ending.ticket, before=before)
        self._roster.forget(_call_sid(form))
        return answer(say(phrases.LINE_LOST) if ending.next is Next.GIVE_UP else hang_up())

    async def _fallback(self, request: Request) -> Response:
        await self._signed(request)
        return answer(say(APOLOGY))

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
        again = ticket.resumed
        standing = CallPresence(self._store, self._engine, ticket.call)

        async def greet(resolution: Resolution) -> str:
            return "" if again else self._greeted.get(ticket.call) or await self._greeting(resolution)

        async def joined(call: LiveCall) -> str:
            if call.subject is not None:
                standing.begin(call.subject)
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
        self._roster.add(call)
        try:
            await call.run()
        finally:
            self._roster.remove(call)
            if call.lost and call.route is not None:
                self._roster.expect(ticket.call, call.route)
            again_here = call.route is not None and any(self._roster.on(call.route))
            comes_back = call.lost or self._roster.leaving
            await standing.end(stay=None if again_here else RECONNECT_SECONDS if comes_back else 0.0)

    async def _admit(self, socket: WebSocket) -> SocketClaims | None:
        """Return what the socket's token says, None for whoever must not connect."""
        token = socket.path_params["token"]
        if self._roster.leaving:
            log.info("socket_refused", reason="leaving")
            return None
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
            calls = list(self._roster.on(reply.route))
            for call in calls:
                if await call.say_between(reply.text, reply.turn):
                    return f"spoken:{reply.id}"
            # A call that is just ending may have lost its socket only, and is expected back in a moment.
            if not calls and not self._roster.expects(reply.route):
                raise DeliveryRefused("The call ended.", provider_code=CALL_ENDED)
            await asyncio.sleep(0.1)

    async def find(self, reply: Reply, *, known: frozenset[str]) -> str | None:
        """Return None: whether a caller heard something before a crash is not known, so it is told again."""
        return None

    def other_way(self, route: Route) -> Route | None:
        """Give the way by SMS to a caller whose number is known."""
        return sms_route(route, ours=self._ways.number)


def _call_sid(form: Mapping[str, str]) -> str:
    call = form.get("CallSid", "")
    if not _CALL_SID.fullmatch(call):
        raise MalformedRequest("CallSid is missing or no SID.")
    return call
