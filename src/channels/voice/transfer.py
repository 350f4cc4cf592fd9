"""Colleagues on the telephone: callers who want one, handing a caller over, and calling a customer back.

A call has one ticket, whatever its caller presses and however often its line breaks. A call back is promised only when
the ticket is stored and there is a number to call. For one, a colleague's telephone rings first, and once a key is
pressed there, the customer's: a voicemail presses no key, so no customer is ever connected with one, and at night a
person decides, who was told.

Sources: twilio.com/docs/voice/twiml/dial, /docs/voice/twiml/number, /docs/voice/twiml/gather and
/docs/voice/api/call-resource.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as HttpRoute

from ...conversation import phrases
from ...conversation.engine import TurnEngine
from ...conversation.opening_hours import ANY_TIME, ContactHours
from ...entries import Entry, PersonWanted
from ...errors import NoWay, StoreUnavailable, UnreadableRecord
from ...identity.phone import proven_number
from ...model import Route, SubjectId, Ticket
from ...persistence.base import LaneStore
from ...persistence.reading import conversation_of
from ..twilio import SignatureCheck, TwilioRest, word
from .call_language import say_attribute
from .reception import Reception
from .twiml import answer, ask_for_key, hang_up, ring, say, transfer
from .voice_config import VoiceAddresses

log = structlog.get_logger(__name__)

LOOKS: Final = 10
PAUSE_SECONDS: Final = 0.2
"""The ticket is written while the colleague's phone rings; one who answers at once waits two seconds for it at most."""
PRESS_KEY = "Press any key to call the customer."
OUTSIDE_HOURS = "By the customer's clock, it is not an hour to contact customers."
GONE = "This customer cannot be called any more."


def ticket_of(call: str) -> str:
    """Return the id of a call's ticket, which every replica knows from its CallSid."""
    return f"TKT_{hashlib.sha256(call.encode()).hexdigest()[:12].upper()}"


async def want_person(engine: TurnEngine, subject: SubjectId, route: Route, call: str) -> str | None:
    """Open a call's ticket, once; return its id when that is durable, None when the store is away."""
    ticket = ticket_of(call)
    try:
        await engine.accept(subject, [Entry(f"person:{call}", PersonWanted(route, ticket))])
    except StoreUnavailable:
        log.warning("ticket_lost")
        return None
    return ticket


def nobody_free(ticket: str | None, *, reachable: bool, is_open: bool = True) -> str:
    """Return what is said where nobody answers; ``ticket`` is stored, a ``reachable`` caller's number is known."""
    if ticket is None:
        return phrases.NOBODY_FREE
    if not reachable:
        return phrases.ASK_NUMBER
    return phrases.CALL_BACK if is_open else phrases.CLOSED


def line_lost(ticket: str | None) -> tuple[str, ...]:
    """Return what is said on a line that keeps breaking; ``ticket`` is stored, of a caller who can be called back."""
    return phrases.LINE_LOST, phrases.CALL_AGAIN if ticket is None else phrases.TICKET_OPENED


class Transfer:
    """The colleague's side of a call that is handed over, or that calls a customer back.

    ``to_agent`` gives the TwiML that connects a call (its CallSid) with the agent again, with a greeting.
    """

    def __init__(
        self,
        store: LaneStore,
        ways: VoiceAddresses,
        signatures: SignatureCheck,
        reception: Reception,
        rest: TwilioRest,
        *,
        to_agent: Callable[[str, str], str],
        contact: ContactHours = ANY_TIME,
    ) -> None:
        self._store = store
        self._reception = reception
        self._rest = rest
        self._ways = ways
        self._signatures = signatures
        self._to_agent = to_agent
        self._contact = contact

    def routes(self) -> Sequence[BaseRoute]:
        """Name the webhooks."""
        return (
            HttpRoute("/voice/whisper", self._whisper, methods=["POST"]),
            HttpRoute("/voice/dialed", self._dialed, methods=["POST"]),
            HttpRoute("/voice/call-back", self._called_back, methods=["POST"]),
        )

    def dial(self, number: str, *, ticket: str, before: str, reachable: bool, language: str) -> Response:
        """Connect the caller with a colleague; ``before`` is said to the caller, ``ticket`` tells the colleague why.

        ``reachable``: the caller's number is known, so that they can be called back when nobody answers. ``language``
        is the caller's, "" for the line's.
        """
        asked = {"ticket": ticket, "withheld": "" if reachable or not ticket else "1", "language": language}
        whisper = _with_query(f"{self._ways.base_url}/voice/whisper", {"ticket": ticket})
        action = _with_query(f"{self._ways.base_url}/voice/dialed", asked)
        said = self._reception.say(before, language=language)
        return answer(
            transfer(
                number,
                whisper=whisper,
                action=action,
                digits=self._ways.transfer_digits,
                before=said.text,
                language=say_attribute(said),
            )
        )

    async def _whisper(self, request: Request) -> Response:
        """Tell the colleague who answered what it is about; the caller does not hear it."""
        await self._signatures.read_form(request)
        ticket = await self._awaited(request.query_params.get("ticket", ""))
        return answer(say(f"A customer asked for a person. {ticket.description if ticket else ''}".strip()))

    async def _awaited(self, ticket_id: str) -> Ticket | None:
        try:
            for _ in range(LOOKS if ticket_id else 0):
                if (ticket := await self._store.ticket(ticket_id)) is not None:
                    return ticket
                await asyncio.sleep(PAUSE_SECONDS)
        except (StoreUnavailable, UnreadableRecord):
            pass  # the colleague is connected all the same
        return None

    async def _dialed(self, request: Request) -> Response:
        form = await self._signatures.read_form(request)
        if word(form, "DialCallStatus") in ("completed", "answered"):
            return answer(hang_up())
        asked = request.query_params
        ticket = await self._awaited(asked.get("ticket", ""))
        sentence = nobody_free(ticket.id if ticket else None, reachable="withheld" not in asked)
        said = self._reception.say(sentence, language=asked.get("language", ""))
        # Asked for a number, the caller can answer the agent alone.
        if sentence == phrases.ASK_NUMBER:
            return answer(self._to_agent(form.get("CallSid", ""), said.text))
        return answer(say(said.text, say_attribute(said)))

    # --- calling back -----------------------------------------------------------------------------------

    async def call_back(self, ticket: Ticket) -> None:
        """Ring the colleague. Raises NoWay where one of the numbers is missing, and DeliveryError."""
        colleague, ours = self._ways.transfer_number, self._ways.our_number
        if colleague is None or ours is None or await self._number(ticket) is None:
            raise NoWay("There is no number to call: the customer's, HUMAN_TRANSFER_NUMBER or TWILIO_PHONE_NUMBER.")
        await self._rest.create_call(to=colleague, from_=ours, url=self._address(ticket.id))

    async def _called_back(self, request: Request) -> Response:
        """Tell the colleague what it is about, and ring the customer once they press a key."""
        form = await self._signatures.read_form(request)
        ticket = await self._stored(request.query_params.get("ticket", ""))
        number = await self._number(ticket) if ticket else None
        if ticket is None or number is None:
            return answer(say(GONE))
        if form.get("Digits"):
            return answer(ring(number, caller_id=self._ways.our_number or form.get("From", "")))
        about, now = f"A call back is due. {ticket.title}. {ticket.description}.", time.time()
        warned = f"{about} {OUTSIDE_HOURS}" if self._contact.opens_after(number, now) > now else about
        return answer(ask_for_key(f"{warned} {PRESS_KEY}", action=self._address(ticket.id)))

    def _address(self, ticket: str) -> str:
        return _with_query(f"{self._ways.base_url}/voice/call-back", {"ticket": ticket})

    async def _stored(self, ticket_id: str) -> Ticket | None:
        try:
            return await self._store.ticket(ticket_id) if ticket_id else None
        except UnreadableRecord:
            return None

    async def _number(self, ticket: Ticket) -> str | None:
        """Return the number of a ticket's customer, as a network has vouched for it."""
        conversation = await conversation_of(self._store, ticket.subject)
        numbers = (proven_number(route.customer) for route in conversation.routes.values()) if conversation else ()
        return next((number for number in numbers if number), None)


def _with_query(address: str, values: Mapping[str, str]) -> str:
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{address}?{query}" if query else address
