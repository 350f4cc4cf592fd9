"""Texts by Twilio: webhooks in, messages out. SMS, MMS, WhatsApp and RCS come the same way.

``POST /sms`` answers as soon as the message is durable; the reply is created later by REST.
Fields: twilio.com/docs/messaging/guides/webhook-request.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as HttpRoute

from ...conversation.phrases import FAILURE
from ...entries import Entry, TextFromAnother, TextReceived
from ...errors import MalformedRequest
from ...guardrails.pii import mask
from ...identity.base import SubjectResolver
from ...model import Address, Channel, Reply, ReplyStatus, Route
from ...web.bodies import fields, read_form
from ..base import DeliveryStatuses, Inbox
from ..twilio import SIGNATURE, SignatureCheck, TwilioRest
from . import message_text
from .message_dedupe import Delivered

_XML = '<?xml version="1.0" encoding="UTF-8"?>'
_EMPTY = f"{_XML}<Response></Response>".encode()
_APOLOGY = f"{_XML}<Response><Message>{escape(FAILURE)}</Message></Response>".encode()

_SID = re.compile(r"[A-Z]{2}[0-9A-Za-z]{1,32}", re.ASCII)
"""A SID. The length matters: a signature joins names and values without marks between them, so whoever caught a signed
request could move what follows into the value and make a new key of it; a real SID has 34 characters already."""
_OURS = re.compile(r"[+A-Za-z0-9][A-Za-z0-9._@-]{1,63}", re.ASCII)
"""A number, short code or agent of ours, without its scheme."""
_REPLY_ID = re.compile(r"[!-~]{1,200}", re.ASCII)

_CHANNELS = {"tel": Channel.SMS, "whatsapp": Channel.WHATSAPP, "rcs": Channel.RCS}
_STATUSES = {
    "accepted": ReplyStatus.SENT,
    "scheduled": ReplyStatus.SENT,
    "queued": ReplyStatus.SENT,
    "sending": ReplyStatus.SENT,
    "sent": ReplyStatus.SENT,
    "delivered": ReplyStatus.DELIVERED,
    "read": ReplyStatus.READ,
    # "failed" comes after Twilio took the message, so for us it is one that did not arrive.
    "undelivered": ReplyStatus.UNDELIVERED,
    "failed": ReplyStatus.UNDELIVERED,
    "canceled": ReplyStatus.UNDELIVERED,
}
_OPT_OUT_TYPES = frozenset({"STOP", "START", "HELP"})

_CLOCK_SLACK = 60.0
"""Seconds by which Twilio's clock may be behind the store's when a lost message is looked for."""


class SmsAdapter:
    """Fulfils :class:`~tandem.channels.base.ChannelAdapter` for text.

    ``public_base_url`` makes the address of status callbacks; with ``messaging_service_sid`` SMS go out through that
    service, from the number that was texted. ``delivered`` is for resolvers that may name another lane tomorrow.
    """

    channels = frozenset({Channel.SMS, Channel.WHATSAPP, Channel.RCS})

    def __init__(
        self,
        *,
        resolver: SubjectResolver,
        inbox: Inbox,
        statuses: DeliveryStatuses,
        signatures: SignatureCheck,
        rest: TwilioRest,
        public_base_url: str,
        messaging_service_sid: str | None = None,
        number: str | None = None,
        delivered: Delivered | None = None,
    ) -> None:
        self._resolver = resolver
        self._inbox = inbox
        self._statuses = statuses
        self._signatures = signatures
        self._rest = rest
        self._callback = f"{public_base_url.rstrip('/')}/sms/status?reply="
        self._service = messaging_service_sid
        self._number = number
        self._delivered = delivered

    # --- in ---------------------------------------------------------------------------------------------

    def routes(self) -> Sequence[BaseRoute]:
        """Name the webhooks that ``tandem connect`` points a number at."""
        return (
            HttpRoute("/sms", self._received, methods=["POST"]),
            HttpRoute("/sms/status", self._status, methods=["POST"]),
            HttpRoute("/sms/fallback", self._fallback, methods=["POST"]),
        )

    async def _received(self, request: Request) -> Response:
        form = await self._signed(request)
        sid, body = _text_received(form)
        if self._delivered and await self._delivered.before(sid):
            return _twiml(_EMPTY)
        came = request.query_params
        resolution = await self._resolver.resolve(body.route.customer, session=sid, metadata=came)
        await self._inbox.accept(resolution.subject, [Entry(key=sid, body=body)], token=uuid.uuid4().hex)
        if self._delivered:
            await self._delivered.note(sid)
        return _twiml(_EMPTY)

    async def _status(self, request: Request) -> Response:
        form = await self._signed(request)
        if "CallSid" in form:
            # The number's own status callback, which tells how calls ended: nothing of a message.
            return _twiml(_EMPTY)
        sid, to = _sid(form), form.get("To", "")
        status = _STATUSES.get(form.get("MessageStatus") or form.get("SmsStatus") or "")
        reply_id = request.query_params.get("reply", "")
        if status is not None and to and _REPLY_ID.fullmatch(reply_id):
            code = form.get("ErrorCode", "")
            # The subject comes from `To`: in our own address it would end up in every proxy's log.
            resolution = await self._resolver.resolve(Address.parse(to), session=sid)
            # The reply may have left before the customer's lanes were joined, so it is looked for in those too.
            for subject in (resolution.subject, *resolution.earlier):
                if await self._statuses.delivery_status(
                    subject,
                    reply_id,
                    status,
                    provider_id=sid,
                    error_code=int(code) if code.isascii() and code.isdigit() and len(code) < 10 else None,
                ):
                    break
        return _twiml(_EMPTY)

    async def _fallback(self, request: Request) -> Response:
        await self._signed(request)
        return _twiml(_APOLOGY)

    async def _signed(self, request: Request) -> Mapping[str, str]:
        """Read a form that Twilio signed; nothing else of a request is looked at before that."""
        form = await read_form(request)
        query = request.scope["query_string"].decode("latin-1")
        path = request.scope["path"] + (f"?{query}" if query else "")
        self._signatures.check_form(path, form, request.headers.get(SIGNATURE))
        return fields(form)

    # --- out: fulfils Carrier ---------------------------------------------------------------------------

    def compose(self, text: str) -> tuple[str, ...]:
        """Split an answer into messages of at most 1600 characters; see :mod:`.message_text`."""
        return message_text.compose(text)

    async def send(self, reply: Reply) -> str:
        """Create the message and return its SID. The errors are those of :meth:`.TwilioRest.create_message`.

        A text to somebody else is handed to that person's lane instead, once: what becomes of it, and whether they
        want to be written to at all, is theirs.
        """
        route = reply.route
        if reply.to_another:
            resolution = await self._resolver.resolve(route.customer, session=reply.id)
            entry = Entry(f"from_another:{reply.id}", TextFromAnother(route, reply.text))
            await self._inbox.accept(resolution.subject, [entry], token=reply.id)
            return f"handed_on:{reply.id}"
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

    async def find(self, reply: Reply, *, known: frozenset[str] = frozenset()) -> str | None:
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
    if not sender or not route.customer.value.startswith("+"):
        return None
    return Route(Channel.SMS, Address("tel", route.customer.value), Address("tel", sender))


def _text_received(form: Mapping[str, str]) -> tuple[str, TextReceived]:
    """Read a message webhook into its SID and what it says. Raises MalformedRequest."""
    sender, to = form.get("From", "").strip(), form.get("To", "").strip()
    customer, ours = Address.parse(sender), Address.parse(to)
    channel = _CHANNELS.get(customer.scheme)
    if not sender or channel is None or not _OURS.fullmatch(ours.value):
        raise MalformedRequest("From or To is missing or no address.")
    media = form.get("NumMedia", "0")
    # Before anything else sees it: card and social security numbers are never stored, not even for a moment.
    said = mask(form.get("Body", ""))
    opt_out = form.get("OptOutType", "").upper()
    return _sid(form), TextReceived(
        route=Route(channel, customer, ours),
        text=said.text,
        masked=said.found,
        # Advanced Opt-Out knows words of its own; what they mean is what the gateway acts on.
        opt_out=opt_out if opt_out in _OPT_OUT_TYPES else "",
        media=int(media) if media.isascii() and media.isdigit() and len(media) <= 2 else 0,
    )


def _sid(form: Mapping[str, str]) -> str:
    sid = form.get("MessageSid") or form.get("SmsSid") or ""
    if not _SID.fullmatch(sid):
        raise MalformedRequest("MessageSid is missing or no SID.")
    return sid


def _twiml(body: bytes) -> Response:
    return Response(body, media_type="text/xml")
