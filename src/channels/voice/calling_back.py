"""Calling a customer back: a colleague's telephone rings first, and once a key is pressed there, the customer's.

A voicemail presses no key, so no customer is ever connected with one. Sources: twilio.com/docs/voice/api/call-resource,
twilio.com/docs/voice/twiml/gather, twilio.com/docs/voice/twiml/dial.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...errors import NoWay, UnreadableRecord
from ...identity.phone import proven_number
from ...model import Ticket
from ...persistence.base import LaneStore
from ..twilio import SignatureCheck, TwilioRest
from .twiml import answer, ask_for_key, ring, say
from .voice_config import VoiceAddresses

PRESS_KEY = "Press any key to call the customer."
GONE = "This customer cannot be called any more."


class CallingBack:
    """Rings a colleague about a ticket, then its customer; the address that Twilio asks in between names the ticket."""

    def __init__(self, store: LaneStore, rest: TwilioRest, ways: VoiceAddresses, signatures: SignatureCheck) -> None:
        self._store = store
        self._rest = rest
        self._ways = ways
        self._signatures = signatures

    def routes(self) -> Sequence[BaseRoute]:
        """Name the webhook."""
        return (Route("/voice/call-back", self._answered, methods=["POST"]),)

    async def begin(self, ticket: Ticket) -> None:
        """Ring the colleague. Raises NoWay where one of the numbers is missing, and DeliveryError."""
        colleague, ours = self._ways.transfer_number, self._ways.our_number
        if colleague is None or ours is None or await self._number(ticket) is None:
            raise NoWay("There is no number to call: the customer's, HUMAN_TRANSFER_NUMBER or TWILIO_PHONE_NUMBER.")
        await self._rest.create_call(to=colleague, from_=ours, url=self._address(ticket.id))

    async def _answered(self, request: Request) -> Response:
        """Tell the colleague what it is about, and ring the customer once they press a key."""
        form = await self._signatures.read_form(request)
        ticket = await self._ticket(request.query_params.get("ticket", ""))
        number = await self._number(ticket) if ticket else None
        if ticket is None or number is None:
            return answer(say(GONE))
        if form.get("Digits"):
            return answer(ring(number, caller_id=self._ways.our_number or form.get("From", "")))
        about = f"A call back is due. {ticket.title}. {ticket.description}. {PRESS_KEY}"
        return answer(ask_for_key(about, action=self._address(ticket.id)))

    def _address(self, ticket: str) -> str:
        return f"{self._ways.base_url}/voice/call-back?{urlencode({'ticket': ticket})}"

    async def _ticket(self, ticket_id: str) -> Ticket | None:
        try:
            return await self._store.ticket(ticket_id) if ticket_id else None
        except UnreadableRecord:
            return None

    async def _number(self, ticket: Ticket) -> str | None:
        """Return the number of a ticket's customer, as a network has vouched for it."""
        try:
            conversation = await self._store.conversation(ticket.subject)
        except UnreadableRecord:
            return None
        numbers = (proven_number(route.customer) for route in conversation.routes.values()) if conversation else ()
        return next((number for number in numbers if number), None)
