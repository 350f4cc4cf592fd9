"""Calls by Twilio: voice webhooks and ConversationRelay sockets.

``/voice`` answers TwiML with a greeting that needs no model call. Sources: twilio.com/docs/voice/twiml and
twilio.com/docs/voice/conversationrelay.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.routing import Route as HttpRoute
from starlette.websockets import WebSocket

from ...conversation import phrases
from ...conversation.engine import TurnEngine
from ...entries import Entry, OptionRefused
from ...errors import BadSignature, MalformedRequest, RequestRejected, StoreUnavailable
from ...identity import metadata
from ...identity.base import Metadata
from ...model import Address, Channel, Route
from ...persistence.base import LaneStore
from ...persistence.system_lanes import USED_TOKENS
from ...persistence.values import EffectState
from ..twilio import SIGNATURE, SignatureCheck
from .action_callback import Ending, Next, read_ending
from .call import LiveCall
from .call_language import say_attribute
from .call_presence import CallPresence
from .call_registry import RECONNECT_SECONDS, CallRegistry
from .reception import Reception
from .socket_token import SocketClaims, SocketTokens
from .transfer import Transfer
from .twiml import answer, connect, hang_up, say
from .voice_config import CallRules, VoiceAddresses
from .voice_options import VoiceOptions, named_in

log = structlog.get_logger(__name__)

_CALL_SID = re.compile(r"CA[0-9A-Za-z]{1,32}", re.ASCII)
RESTART_SECONDS = 5
"""How long a caller waits when it is a stopping replica that was asked: the next one may be there by then."""

Warm = Callable[[], Awaitable[None]]
"""Opens the connection to the model, so that the first answer does not have to."""


class VoiceWebhooks:
    """Answers what Twilio asks about calls, and serves their sockets; live calls are kept in ``registry``."""

    def __init__(
        self,
        engine: TurnEngine,
        registry: CallRegistry,
        *,
        store: LaneStore,
        signatures: SignatureCheck,
        tokens: SocketTokens,
        ways: VoiceAddresses,
        rules: CallRules,
        reception: Reception,
        warm: Warm,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._store = store
        self._signatures = signatures
        self._tokens = tokens
        self._ways = ways
        self._rules = rules
        self._reception = reception
        self._warm = warm
        self._transfer = Transfer(store, ways, signatures, reception)

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
        form = await self._signatures.read_form(request)
        call = _call_sid(form)
        if len(self._registry) >= self._ways.max_calls:
            log.warning("call_refused", reason="max_calls")
            return self._say(phrases.LINE_BUSY)
        try:
            came, caller = metadata.read(request.query_params), Address.parse(form.get("From", ""))
            # A source is asked now and answers while the greeting plays: nobody listens to it ringing meanwhile.
            resolution, options = await asyncio.gather(
                self._engine.identity.resolve_cached(caller, session=call, metadata=came),
                self._reception.options(form),
            )
            opening = await self._reception.open(call, options, resolution)
            return answer(self._connect(call, options=options, greeting=opening.greeting, came=came))
        except RequestRejected:
            raise
        except StoreUnavailable:
            # The socket would be refused: nothing is answered without the store.
            return self._say(phrases.CALL_FAILURE)
        except Exception:
            # The edge of a call: whatever went wrong, the caller hears a sentence instead of a dead line.
            log.exception("voice_webhook_failed")
            return self._say(phrases.CALL_FAILURE)

    def _say(self, sentence: str, options: VoiceOptions | None = None) -> Response:
        """Say a fixed sentence in the line's language, and end the call."""
        phrase = self._reception.say(sentence, options)
        return answer(say(phrase.text, say_attribute(phrase)))

    def _connect(
        self,
        call: str,
        *,
        options: VoiceOptions,
        came: Metadata,
        attempt: int = 0,
        greeting: str = "",
        resumed: bool = False,
        after: int = 0,
    ) -> str:
        token = self._tokens.make(call, now=time.time(), attempt=attempt, resumed=resumed)
        action = f"{self._ways.base_url}/voice/action?{urlencode({**came, 'attempt': attempt})}"
        socket = f"{self._ways.socket_url}/{token}"
        return connect(socket=socket, action=action, greeting=greeting, options=options, after=after, parameters=came)

    async def _ended(self, request: Request) -> Response:
        form = await self._signatures.read_form(request)
        attempt = request.query_params.get("attempt", "0")
        ending = read_ending(form, attempt=int(attempt) if attempt.isdigit() and len(attempt) < 3 else 0)
        if ending.next is Next.RECONNECT:
            log.info("call_reconnected", attempt=ending.attempt, moved=ending.moved)
            after = RESTART_SECONDS if self._registry.draining else 0
            came = metadata.read({name: text for name, text in request.query_params.items() if name != "attempt"})
            if ending.unfit:
                return answer(await self._begin_without(form, ending, came))
            options = await self._reception.options(form)
            again = self._connect(
                _call_sid(form), options=options, came=came, attempt=ending.attempt, resumed=True, after=after
            )
            return answer(again)
        number, lost = self._ways.transfer_number, ending.next is Next.GIVE_UP
        if number and (ending.next is Next.TRANSFER or (lost and self._rules.connects(time.time()))):
            before = phrases.LINE_LOST if lost else ""
            return self._transfer.dial(number, ticket=ending.ticket, before=before, language=ending.language)
        self._registry.forget(_call_sid(form))
        return self._say(phrases.LINE_LOST, await self._reception.options(form)) if lost else answer(hang_up())

    async def _begin_without(self, form: Mapping[str, str], ending: Ending, came: Metadata) -> str:
        """Begin a call anew without the option that Twilio refused, and let staff see which one."""
        call, caller = _call_sid(form), Address.parse(form.get("From", ""))
        options = await self._reception.options(form)
        name = named_in(ending.said, options)
        log.error("voice_option_refused", code=ending.unfit, option=name)
        resolution = await self._engine.identity.resolve_cached(caller, session=call, metadata=came)
        route = Route(Channel.VOICE, caller, Address.parse(form.get("To", "")))
        entry = Entry(f"option:{call}:{ending.attempt}", OptionRefused(route, ending.unfit, name))
        await self._engine.accept(resolution.subject, [entry], token=uuid.uuid4().hex)
        opening = await self._reception.open(call, options.without(name), resolution)
        return self._connect(
            call, options=opening.options, greeting=opening.greeting, came=came, attempt=ending.attempt
        )

    async def _fallback(self, request: Request) -> Response:
        await self._signatures.read_form(request)
        return self._say(phrases.CALL_FAILURE)

    # --- the socket -------------------------------------------------------------------------------------

    async def _socket(self, socket: WebSocket) -> None:
        ticket = await self._admit(socket)
        if ticket is None:
            await socket.close()  # before accept: Twilio gets 403, and the action URL error 64102
            return
        await socket.accept()
        again = ticket.resumed
        standing = CallPresence(self._store, self._engine, ticket.call)

        async def joined(call: LiveCall) -> str:
            if call.subject is not None:
                standing.begin(call.subject)
            return await self._reception.rest(call.subject) if again and call.subject else ""

        call = LiveCall(
            socket,
            ticket.call,
            engine=self._engine,
            resolver=self._engine.identity,
            reception=self._reception,
            greeted=not again,
            warm=self._warm,
            rules=self._rules,
            joined=joined,
        )
        self._registry.add(call)
        try:
            await call.run()
        finally:
            self._registry.remove(call)
            if call.lost and call.route is not None:
                self._registry.expect(ticket.call, call.route)
            again_here = call.route is not None and any(self._registry.on(call.route))
            comes_back = call.lost or self._registry.leaving
            await standing.end(stay=None if again_here else RECONNECT_SECONDS if comes_back else 0.0)

    async def _admit(self, socket: WebSocket) -> SocketClaims | None:
        """Return what the socket's token says, None for whoever must not connect."""
        token = socket.path_params["token"]
        if self._registry.leaving:
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


def _call_sid(form: Mapping[str, str]) -> str:
    call = form.get("CallSid", "")
    if not _CALL_SID.fullmatch(call):
        raise MalformedRequest("CallSid is missing or no SID.")
    return call
