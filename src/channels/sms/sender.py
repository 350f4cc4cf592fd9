"""Texts to customers by Twilio's REST API: SMS, MMS, WhatsApp and RCS leave the same way."""

from __future__ import annotations

from urllib.parse import quote

from ...identity.phone import proven_number
from ...model import Address, Channel, Reply, Route
from ..twilio import TwilioRest
from . import message_text

_CLOCK_SLACK = 60.0
"""Seconds by which Twilio's clock may be behind the store's when a lost message is looked for."""


class SmsSender:
    """Fulfils :class:`~tandem.conversation.base.Sender` for text.

    ``public_base_url`` makes the address of status callbacks; with ``messaging_service_sid`` SMS go out through that
    service, from the number that was texted. ``number`` is where SMS leave from when a sender is no number.
    """

    channels = frozenset({Channel.SMS, Channel.WHATSAPP, Channel.RCS})

    def __init__(
        self,
        rest: TwilioRest,
        *,
        public_base_url: str,
        messaging_service_sid: str | None = None,
        number: str | None = None,
    ) -> None:
        self._rest = rest
        self._callback = f"{public_base_url.rstrip('/')}/sms/status?reply="
        self._service = messaging_service_sid
        self._number = number

    def compose(self, text: str) -> tuple[str, ...]:
        """Split an answer into messages of at most 1600 characters; see :mod:`.message_text`."""
        return message_text.compose(text)

    async def send(self, reply: Reply) -> str:
        """Create the message and return its SID. The errors are those of :meth:`.TwilioRest.create_message`."""
        route = reply.route
        return await self._rest.create_message(
            to=str(route.customer),
            from_=str(route.ours),
            body=reply.text,
            messaging_service_sid=self._service if route.channel is Channel.SMS else None,
            status_callback=self._callback + quote(reply.id, safe=""),
        )

    def other_way(self, route: Route) -> Route | None:
        """Give the way by SMS to a customer of WhatsApp or RCS; see :func:`sms_route`."""
        return None if route.channel is Channel.SMS else sms_route(route, ours=self._number)

    async def find(self, reply: Reply, *, known: frozenset[str]) -> str | None:
        """Look for a message with this text to this customer that is no other reply's; the oldest one, or None."""
        since = reply.created_at - _CLOCK_SLACK
        wanted = reply.text.strip()
        listed = await self._rest.list_messages(to=str(reply.route.customer), since=since)
        # A trial account's messages begin with a sentence of Twilio's, so the end is what is compared.
        return next(
            (row.sid for row in reversed(listed) if row.sid not in known and row.body.strip().endswith(wanted)), None
        )


def sms_route(route: Route, *, ours: str | None) -> Route | None:
    """Give the way by SMS to a customer of WhatsApp or RCS (63016: the 24 hours are over), or None without a number.

    ``ours`` is the number that SMS leave from, when the channel's own sender is no number.
    """
    sender = route.ours.value if route.ours.value.startswith("+") else ours
    number = proven_number(route.customer)
    if not sender or number is None:
        return None
    return Route(Channel.SMS, Address("tel", number), Address("tel", sender))
