"""Webhooks of texts by Twilio. SMS, MMS, WhatsApp and RCS come the same way.

``POST /sms`` answers as soon as the message is durable; the reply is sent later, see :mod:`.sender`.
Fields: twilio.com/docs/messaging/guides/webhook-request, and for WhatsApp /docs/whatsapp/api. Twilio does not tell how
long a voice note is.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as HttpRoute

from ...conversation.engine import TurnEngine
from ...conversation.phrases import FAILURE
from ...entries import Entry, TextReceived
from ...errors import MalformedRequest
from ...guardrails.pii import mask, mask_incoming
from ...guardrails.thoughts import whole
from ...model import NOBODY, Address, Channel, ReplyStatus, Route
from ...persistence.base import LaneStore
from ...persistence.values import TAKEN_MESSAGES, EffectState
from ..twilio import SignatureCheck, word
from .pictures import picture_paths

_XML = '<?xml version="1.0" encoding="UTF-8"?>'
_EMPTY = f"{_XML}<Response></Response>".encode()
_APOLOGY = f"{_XML}<Response><Message>{escape(FAILURE)}</Message></Response>".encode()

_SID = re.compile(r"[A-Z]{2}[0-9A-Za-z]{1,32}", re.ASCII)
"""A SID. The length matters: a signature joins names and values without marks between them, so a catcher of a signed
request could move what follows into the value and make a new key of it; a real SID has 34 characters already."""
_OURS = re.compile(r"[+A-Za-z0-9][A-Za-z0-9._@-]{1,63}", re.ASCII)
"""A number, short code or agent of ours, without its scheme."""
LONGEST_NAME = 40
"""Characters of a sender's name that are kept."""
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


class SmsWebhooks:
    """Reads what Twilio posts about texts, and hands it to the engine.

    ``several_lanes``: when a source of customers goes down or comes back between two deliveries of one message, they
    name two lanes, and the second must not answer it too. ``pictures``: the model sees, so their addresses are kept
    with the text.
    """

    def __init__(
        self,
        engine: TurnEngine,
        store: LaneStore,
        *,
        signatures: SignatureCheck,
        several_lanes: bool = False,
        pictures: bool = False,
    ) -> None:
        self._engine = engine
        self._store = store
        self._pictures = pictures
        self._signatures = signatures
        self._several_lanes = several_lanes

    def routes(self) -> Sequence[BaseRoute]:
        """Name the webhooks that ``tandem connect`` points a number at."""
        return (
            HttpRoute("/sms", self._received, methods=["POST"]),
            HttpRoute("/sms/status", self._status, methods=["POST"]),
            HttpRoute("/sms/fallback", self._fallback, methods=["POST"]),
        )

    async def _received(self, request: Request) -> Response:
        form = await self._signatures.read_form(request)
        if _status_of(form) is not None:
            # A service that reports here how its own texts fare; as a text it would come from our number.
            return _twiml(_EMPTY)
        sid, body = _text_received(form)
        if self._pictures:
            body = replace(body, pictures=picture_paths(form))
        if await self._was_taken(sid):
            return _twiml(_EMPTY)
        came = request.query_params
        resolution = await self._engine.identity.resolve(body.route.customer, session=sid, metadata=came)
        if resolution.nobody or body.route.customer.scheme not in _CHANNELS:
            body = replace(body, route=_unanswerable(body.route))
        await self._engine.accept(resolution.subject, [Entry(key=sid, body=body)])
        if self._several_lanes:
            await self._store.effect_finish(TAKEN_MESSAGES, sid, result="")
        return _twiml(_EMPTY)

    async def _was_taken(self, sid: str) -> bool:
        """Tell whether a message was taken before by another lane, or by one that is erased. Raises StoreUnavailable.

        A lane takes a message once, by its key; what was captured of an erased one must not be answered again.
        """
        with self._engine.outage.met():
            if await self._store.erased(sid):
                return True
            if not self._several_lanes:
                return False
            effect = await self._store.effect_begin(TAKEN_MESSAGES, sid, token=uuid.uuid4().hex)
        return effect.state is EffectState.DONE

    async def _status(self, request: Request) -> Response:
        form = await self._signatures.read_form(request)
        if "CallSid" in form:
            # The number's own status callback, which tells how calls ended: nothing of a message.
            return _twiml(_EMPTY)
        sid, to = _sid(form), form.get("To", "")
        status = _status_of(form)
        reply_id = request.query_params.get("reply", "")
        if status is not None and to and _REPLY_ID.fullmatch(reply_id):
            code = form.get("ErrorCode", "")
            # The subject comes from `To`: in our own address it would end up in every proxy's log.
            resolution = await self._engine.identity.resolve(Address.parse(to), session=sid)
            # The reply may have left before the customer's lanes were joined, so it is looked for in those too.
            for subject in (resolution.subject, *resolution.earlier):
                if await self._engine.delivery_status(
                    subject,
                    reply_id,
                    status,
                    provider_id=sid,
                    error_code=int(code) if code.isascii() and code.isdigit() and len(code) < 10 else None,
                ):
                    break
        return _twiml(_EMPTY)

    async def _fallback(self, request: Request) -> Response:
        await self._signatures.read_form(request)
        return _twiml(_APOLOGY)


def _text_received(form: Mapping[str, str]) -> tuple[str, TextReceived]:
    """Read a message webhook into its SID and what it says. Raises MalformedRequest."""
    customer, ours = Address.parse(form.get("From", "")), Address.parse(form.get("To", ""))
    channel = _CHANNELS.get(customer.scheme, Channel.SMS)
    if not _OURS.fullmatch(ours.value):
        raise MalformedRequest("To is missing or no address.")
    words, came = form.get("Body", ""), files(form)
    words = words if whole(words).strip() else ""  # blanks without a width are no words
    if not words:  # a button or a row of a list says what is written on it
        words = next((told for name in _PRESSED if whole(told := form.get(name, "")).strip()), "")
    told = place(form)
    if not words and not came:
        told = told or other(form)
    # Before anything else sees it: numbers of cards and the like are never stored, not even for a moment.
    said = mask_incoming(words)
    opt_out = form.get("OptOutType", "").strip().upper()
    return _sid(form), TextReceived(
        route=Route(channel, customer, ours),
        text=said.text,
        masked=said.found,
        # Advanced Opt-Out knows words of its own; what they mean is what the gateway acts on.
        opt_out=opt_out if opt_out in _OPT_OUT_TYPES else "",
        media=len(came),
        files=tuple(came),
        told=told,
    )


_PRESSED: Final = ("ButtonText", "ListTitle", "ButtonPayload", "ListId")


def _status_of(form: Mapping[str, str]) -> ReplyStatus | None:
    """Return how a message of ours fares; None for one that was received."""
    return _STATUSES.get(word(form, "MessageStatus", "SmsStatus"))


def _unanswerable(route: Route) -> Route:
    """Return the route of a sender such as ``SUPPORT``, whom no text can reach."""
    shown = "".join(filter(str.isprintable, str(route.customer)))[:LONGEST_NAME]
    return replace(route, customer=Address(NOBODY, shown))


def _sid(form: Mapping[str, str]) -> str:
    sid = form.get("MessageSid") or form.get("SmsSid") or ""
    if not _SID.fullmatch(sid):
        raise MalformedRequest("MessageSid is missing or no SID.")
    return sid


def _twiml(body: bytes) -> Response:
    return Response(body, media_type="text/xml")


# --- what came along with a text, named for an agent that can neither see nor hear it -----------------------

MOST: Final = 20
"""Files that are named, one by one; Twilio takes ten."""
LONGEST_PLACE: Final = 100
"""Characters of the name of a place that are kept."""
_KINDS: Final = {"image": "picture", "audio": "voice note", "video": "video"}
_CONTACTS: Final = frozenset({"text/vcard", "text/x-vcard", "text/directory"})
_MESSAGE_TYPE = re.compile(r"[a-z][a-z_]{1,19}", re.ASCII)
_WORDS: Final = "text"
"""WhatsApp's kind of messages that are nothing but their words; a form that was filled in has none of its own."""


def files(form: Mapping[str, str]) -> Sequence[str]:
    """Name each file of a message by its kind."""
    count = form.get("NumMedia", "0")
    number = int(count) if count.isascii() and count.isdigit() and len(count) <= 2 else 0
    sticker = number > 0 and word(form, "MessageType") == "sticker"
    return tuple(
        "sticker" if sticker else _kind(form.get(f"MediaContentType{place}", "")) for place in range(min(number, MOST))
    )


def place(form: Mapping[str, str]) -> str:
    """Name the location that a message holds: ``location 52.5, 13.4 (Berlin)``; empty without one."""
    try:
        latitude, longitude = float(form["Latitude"]), float(form["Longitude"])
    except (KeyError, ValueError):
        return ""
    if not (math.isfinite(latitude) and math.isfinite(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180):
        return ""
    told = dict.fromkeys(text for name in ("Label", "Address") if (text := _line(form.get(name, ""))))
    where = f"location {round(latitude, 6)!r}, {round(longitude, 6)!r}"
    return f"{where} ({', '.join(told)})" if told else where


def other(form: Mapping[str, str]) -> str:
    """Name a message that has neither words, nor files, nor a place: an order, a form; empty for a blank text."""
    kind = word(form, "MessageType")
    return kind.replace("_", " ") if _MESSAGE_TYPE.fullmatch(kind) and kind != _WORDS else ""


def _kind(media_type: str) -> str:
    whole = media_type.partition(";")[0].strip().lower()
    if whole in _CONTACTS:
        return "contact"
    return "PDF" if whole == "application/pdf" else _KINDS.get(whole.partition("/")[0], "file")


def _line(text: str) -> str:
    """Return words of a message on one line, harmless inside brackets."""
    line = " ".join(text.replace("[", "(").replace("]", ")").split())
    return mask(line[:LONGEST_PLACE]).text
