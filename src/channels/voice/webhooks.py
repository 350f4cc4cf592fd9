"""Calls by Twilio: voice webhooks and ConversationRelay sockets.

``/voice`` answers TwiML with a greeting that needs no model call. Sources: twilio.com/docs/voice/twiml and
twilio.com/docs/voice/conversationrelay.
"""

from __future__ import annotations

import asyncio
import re
import time
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
from ...errors import MalformedRequest, RequestRejected, StoreUnavailable
from ...identity.base import Metadata, read_metadata
from ...persistence.base import LaneStore
from ..twilio import SignatureCheck, TwilioRest, word
from .action_callback import Ending, Next, read_ending
from .call import LiveCall
from .call_language import say_attribute
from .call_presence import CallPresence
from .call_registry import RECONNECT_SECONDS, CallRegistry
from .parties import Parties
from .reception import Reception
from .socket_admission import SocketAdmission
from .socket_token import SocketTokens
from .transfer import Transfer, line_lost, want_person
from .twiml import answer, connect, hang_up, say
from .voice_config import CallRules, VoiceAddresses
from .voice_options import VoiceOptions, named_in

log = structlog.get_logger(__name__)

_CALL_SID = re.compile(r"CA[0-9A-Za-z]{1,32}", re.ASCII)
RESTART_SECONDS = 5
"""How long a caller waits when it is a stopping replica that was asked: the next one may be there by then."""

UNPROVEN = "Unproven"
"""In the action's address, which Twilio signs, for a call whose number is not believed; no metadata begins so."""

ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
"""States of a call that is over, as Twilio names them."""

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
        rest: TwilioRest,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._store = store
        self._signatures = signatures
        self._tokens = tokens
        self._admission = SocketAdmission(store, signatures, tokens, ways.socket_url)
        self._ways = ways
        self._rules = rules
        self._reception = reception
        self._warm = warm
        self._transfer = Transfer(
            store, ways, signatures, reception, rest, to_agent=self._to_agent, contact=rules.contact
        )
        self.call_back = self._transfer.call_back
        """Rings a colleague, then the customer of a ticket."""

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
        if reason := _deserted(form):
            log.info("call_refused", reason=reason)
            return answer(hang_up())
        if self._registry.in_all >= self._ways.max_calls:
            log.warning("call_refused", reason="max_calls")
            return self._say(phrases.LINE_BUSY)
        try:
            came = read_metadata(request.query_params)
            parties = Parties.of_form(form)
            verdict, own = form.get("StirVerstat", ""), self._ways.our_number
            proven = parties.proven(self._rules.attestation, verdict, own=own)
            if not proven:
                log.info("caller_not_attested")
            # A source is asked now and answers while the greeting plays: nobody listens to it ringing meanwhile.
            caller = parties.asked_for(call, proven=proven)
            resolution, options = await asyncio.gather(
                self._engine.identity.resolve_cached(caller, session=call, metadata=came),
                self._reception.options(form),
            )
            opening = await self._reception.open(call, options, resolution)
            return answer(self._connect(call, options=options, greeting=opening.greeting, came=came, proven=proven))
        except RequestRejected:
            raise
        except StoreUnavailable:
            # The socket would be refused: nothing is answered without the store.
            return self._say(phrases.CALL_FAILURE)
        except Exception:
            # The edge of a call: whatever went wrong, the caller hears a sentence instead of a dead line.
            log.exception("voice_webhook_failed")
            return self._say(phrases.CALL_FAILURE)

    def _say(self, *sentences: str, options: VoiceOptions | None = None) -> Response:
        """Say fixed sentences in the line's language, and end the call."""
        said = [self._reception.say(sentence, options) for sentence in sentences]
        return answer(say(" ".join(phrase.text for phrase in said), say_attribute(said[0])))

    def _connect(
        self,
        call: str,
        *,
        options: VoiceOptions,
        came: Metadata,
        proven: bool,
        attempt: int = 0,
        greeting: str = "",
        resumed: bool = False,
        after: int = 0,
    ) -> str:
        token = self._tokens.make(
            call,
            now=time.time(),
            attempt=attempt,
            resumed=resumed,
            proven=proven,
            returns=options.application_reconnect is True,
        )
        known = {"attempt": attempt} if proven else {"attempt": attempt, UNPROVEN: 1}
        action = f"{self._ways.base_url}/voice/action?{urlencode({**came, **known})}"
        socket = f"{self._ways.socket_url}/{token}"
        return connect(socket=socket, action=action, greeting=greeting, options=options, after=after, parameters=came)

    async def _ended(self, request: Request) -> Response:
        form = await self._signatures.read_form(request)
        attempt = request.query_params.get("attempt", "0")
        ending = read_ending(form, attempt=int(attempt) if attempt.isdigit() and len(attempt) < 3 else 0)
        proven = UNPROVEN not in request.query_params
        if ending.next is Next.RECONNECT:
            log.info("call_reconnected", attempt=ending.attempt, moved=ending.moved)
            after = RESTART_SECONDS if self._registry.draining else 0
            came = read_metadata({name: text for name, text in request.query_params.items() if name != "attempt"})
            if ending.unfit:
                return answer(await self._begin_without(form, ending, came, proven=proven))
            again = self._connect(
                _call_sid(form),
                options=await self._reception.options(form),
                came=came,
                proven=proven,
                attempt=ending.attempt,
                resumed=True,
                after=after,
            )
            return answer(again)
        number, gave_up = self._ways.transfer_number, ending.next is Next.GIVE_UP
        if not gave_up and not (ending.next is Next.TRANSFER and number):
            self._registry.forget(_call_sid(form))
            return answer(hang_up())
        reachable, ticket = await self._caller(form, proven=proven, open_ticket=gave_up)
        if number and (not gave_up or self._rules.connects(time.time())):
            before, told = phrases.LINE_LOST if gave_up else "", ending.ticket or ticket
            return self._transfer.dial(
                number, ticket=told, before=before, reachable=reachable, language=ending.language
            )
        self._registry.forget(_call_sid(form))
        return self._say(*line_lost(ticket or None), options=await self._reception.options(form))

    async def _caller(self, form: Mapping[str, str], *, proven: bool, open_ticket: bool) -> tuple[bool, str]:
        """Return whether a caller can be called back, and the ticket that was opened for one who can, or nothing."""
        call, parties = _call_sid(form), Parties.of_form(form)
        try:
            found = await self._engine.identity.resolve_cached(parties.asked_for(call, proven=proven), session=call)
        except StoreUnavailable:
            return False, ""
        if found.phone is None or not open_ticket:
            return found.phone is not None, ""
        route = parties.route(found, call)
        return True, await want_person(self._engine, found.subject, route, call) or ""

    def _to_agent(self, call: str, greeting: str) -> str:
        """Connect a call with the agent again, of a caller who is asked for a number because none is known."""
        options = self._reception.reopen(call, greeting)
        return self._connect(call, options=options, came={}, greeting=greeting, proven=False)

    async def _begin_without(self, form: Mapping[str, str], ending: Ending, came: Metadata, *, proven: bool) -> str:
        """Begin a call anew without the option that Twilio refused, and let staff see which one."""
        call, parties = _call_sid(form), Parties.of_form(form)
        options = await self._reception.options(form)
        name = named_in(ending.said, options)
        log.error("voice_option_refused", code=ending.unfit, option=name)
        caller = parties.asked_for(call, proven=proven)
        found = await self._engine.identity.resolve_cached(caller, session=call, metadata=came)
        refused = OptionRefused(parties.route(found, call), ending.unfit, name)
        entry = Entry(f"option:{call}:{ending.attempt}", refused)
        await self._engine.accept(found.subject, [entry])
        opening = await self._reception.open(call, options.without(name), found)
        return self._connect(
            call,
            options=opening.options,
            greeting=opening.greeting,
            came=came,
            proven=proven,
            attempt=ending.attempt,
        )

    async def _fallback(self, request: Request) -> Response:
        await self._signatures.read_form(request)
        return self._say(phrases.CALL_FAILURE)

    # --- the socket -------------------------------------------------------------------------------------

    async def _socket(self, socket: WebSocket) -> None:
        if self._registry.leaving:
            log.info("socket_refused", reason="leaving")
            admitted = None
        else:
            admitted = await self._admission.admit(socket)
        if admitted is None:
            await socket.close()  # before accept: Twilio gets 403, and the action URL error 64102
            return
        await socket.accept()
        ticket, again = admitted.claims, admitted.resumed
        presence = CallPresence(self._store, self._engine, ticket.call)
        call = LiveCall(
            socket,
            ticket.call,
            engine=self._engine,
            presence=presence,
            proven=ticket.proven,
            greeting="" if again else self._reception.greeted(ticket.call),
            resumed=again,
            reception=self._reception,
            warm=self._warm,
            rules=self._rules,
        )
        self._registry.add(call)
        try:
            await call.run()
        finally:
            self._registry.remove(call)
            if call.lost:
                await self._admission.let_back(admitted)
            if call.lost and call.route is not None:
                self._registry.expect(ticket.call, call.route)
            again_here = call.route is not None and any(self._registry.on(call.route))
            comes_back = call.lost or self._registry.leaving
            await presence.end(stay=None if again_here else RECONNECT_SECONDS if comes_back else 0.0)


def _deserted(form: Mapping[str, str]) -> str:
    """Return why there is nobody to talk with, "" where there is: an answering machine would be talked to for minutes.

    Twilio looks for machines where a call that it makes asks for it (/docs/voice/answering-machine-detection). How a
    call ended comes here where somebody entered this address for the number's status callback, too.
    """
    if word(form, "CallStatus") in ENDED:
        return "ended"
    by = word(form, "AnsweredBy")
    return "machine" if by == "fax" or by.startswith("machine") else ""


def _call_sid(form: Mapping[str, str]) -> str:
    call = form.get("CallSid", "")
    if not _CALL_SID.fullmatch(call):
        raise MalformedRequest("CallSid is missing or no SID.")
    return call
