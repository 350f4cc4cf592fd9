"""Calls by Twilio: voice webhooks, ConversationRelay sockets, and what is to be said in a live call.

``/voice`` answers TwiML with a greeting that needs no model call. Sources: twilio.com/docs/voice/twiml and
twilio.com/docs/voice/conversationrelay.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import parse_qsl

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.routing import Route as HttpRoute
from starlette.websockets import WebSocket

from ..conversation.engine import TurnEngine
from ..conversation.turns import CALL_ENDED
from ..errors import BadSignature, DeliveryRefused, MalformedRequest, RequestRejected, StoreUnavailable
from ..identity.base import Resolution, SubjectResolver
from ..model import Address, Channel, Reply, Route, SubjectId
from ..persistence.base import EffectState, LaneStore
from .sms import sms_route
from .twilio import SignatureCheck
from .voice_call import LiveCall
from .voice_token import SocketTokens
from .voice_twiml import apology, connect, hang_up
from .webhook import SIGNATURE, fields, read_form

log = structlog.get_logger(__name__)

_CALL_SID = re.compile(r"CA[0-9A-Za-z]{1,32}", re.ASCII)
USED_TOKENS = SubjectId("socket_tokens")
"""In whose ledger used socket tokens are noted."""

Greet = Callable[[Resolution], Awaitable[str]]
"""Returns the greeting for a caller, from what is known of them and without asking a model."""
Warm = Callable[[], Awaitable[None]]
"""Opens the connection to the model, so that the first answer does not have to."""


class VoiceAdapter:
    """Fulfils :class:`~tandem.channels.base.ChannelAdapter` for calls.

    ``socket_url`` is the ``wss://`` address up to the token, as Twilio shall use and sign it.
    """

    channels = frozenset({Channel.VOICE})

    def __init__(
        self,
        *,
        engine: TurnEngine,
        store: LaneStore,
        resolver: SubjectResolver,
        signatures: SignatureCheck,
        tokens: SocketTokens,
        public_base_url: str,
        socket_url: str,
        greet: Greet,
        warm: Warm,
        first_token_timeout: float,
        number: str | None = None,
    ) -> None:
        self._engine = engine
        self._store = store
        self._resolver = resolver
        self._signatures = signatures
        self._tokens = tokens
        self._action = f"{public_base_url.rstrip('/')}/voice/action"
        self._socket_url = socket_url.rstrip("/")
        self._greet = greet
        self._warm = warm
        self._first_token_timeout = first_token_timeout
        self._number = number
        self._calls: dict[SubjectId, LiveCall] = {}

    @property
    def open_calls(self) -> int:
        """Return the number of calls that are connected here."""
        return len(self._calls)

    def routes(self) -> Sequence[BaseRoute]:
        """Name the webhooks and the socket."""
        return (
            HttpRoute("/voice", self._incoming, methods=["GET", "POST"]),
            HttpRoute("/voice/action", self._ended, methods=["POST"]),
            HttpRoute("/voice/fallback", self._fallback, methods=["GET", "POST"]),
            WebSocketRoute("/conversation-relay/{token}", self._socket),
        )

    # --- webhooks ---------------------------------------------------------------------------------------

    async def _incoming(self, request: Request) -> Response:
        form = await self._signed(request)
        call = form.get("CallSid", "")
        if not _CALL_SID.fullmatch(call):
            raise MalformedRequest("CallSid is missing or no SID.")
        try:
            resolution = await self._resolver.resolve(Address.parse(form.get("From", "")), session=call)
            greeting = await self._greet(resolution)
            socket = f"{self._socket_url}/{self._tokens.make(call, now=time.time())}"
            return _twiml(connect(socket=socket, action=self._action, greeting=greeting))
        except RequestRejected:
            raise
        except Exception:
            # The edge of a call: whatever went wrong, the caller hears a sentence instead of a dead line.
            log.exception("voice_webhook_failed")
            return _twiml(apology())

    async def _ended(self, request: Request) -> Response:
        await self._signed(request)
        return _twiml(hang_up())

    async def _fallback(self, request: Request) -> Response:
        await self._signed(request)
        return _twiml(apology())

    async def _signed(self, request: Request) -> Mapping[str, str]:
        """Read a webhook that Twilio signed: the form of a POST, the query of a GET."""
        query = request.scope["query_string"].decode("latin-1")
        path = request.scope["path"] + (f"?{query}" if query else "")
        form = await read_form(request) if request.method == "POST" else []
        self._signatures.check_form(path, form, request.headers.get(SIGNATURE))
        return fields(form or parse_qsl(query, keep_blank_values=True, max_num_fields=400))

    # --- the socket -------------------------------------------------------------------------------------

    async def _socket(self, socket: WebSocket) -> None:
        token = socket.path_params["token"]
        try:
            self._signatures.check_url(f"{self._socket_url}/{token}", socket.headers.get(SIGNATURE))
            ticket = self._tokens.read(token, now=time.time())
            used = await self._store.effect_begin(USED_TOKENS, f"ws:{ticket.nonce}", token=uuid.uuid4().hex)
            if used.state is not EffectState.NEW:
                raise BadSignature("The socket token was used before.")
        except (BadSignature, StoreUnavailable) as error:
            log.warning("socket_refused", reason=error.code)
            await socket.close()  # before accept: Twilio gets 403, and the action URL error 64102
            return
        await socket.accept()
        call = LiveCall(
            socket,
            ticket.call,
            engine=self._engine,
            resolver=self._resolver,
            greet=self._greet,
            warm=self._warm,
            first_token_timeout=self._first_token_timeout,
            joined=self._calls.__setitem__,
        )
        try:
            await call.run()
        finally:
            if call.subject is not None and self._calls.get(call.subject) is call:
                del self._calls[call.subject]

    # --- out: fulfils Carrier ---------------------------------------------------------------------------

    def compose(self, text: str) -> tuple[str, ...]:
        """Return an answer as it is: a call has no message length."""
        return (text,) if text.strip() else ()

    async def send(self, reply: Reply) -> str:
        """Say a reply in the customer's live call, between turns; return once it was said.

        Raises DeliveryRefused with CALL_ENDED when no call is here any more: the reply then goes another way.
        """
        for subject, call in list(self._calls.items()):
            if call.route == reply.route and await call.say_between(reply.text):
                return f"spoken:{subject}:{reply.id}"
        raise DeliveryRefused("The call ended.", provider_code=CALL_ENDED)

    async def find(self, reply: Reply, *, known: frozenset[str]) -> str | None:
        """Return None: whether a caller heard something before a crash is not known, so it is told again."""
        return None

    def other_way(self, route: Route) -> Route | None:
        """Give the way by SMS to a caller whose number is known."""
        return sms_route(route, ours=self._number)


def _twiml(text: str) -> Response:
    return Response(text, media_type="text/xml")
