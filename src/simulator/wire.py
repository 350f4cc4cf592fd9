"""Twilio's wire format: ids, signatures, JSON and forms. Pure but for random ids.

Knows only the public protocol (twilio.com/docs/messaging/api/message-resource), nothing of the gateway.
"""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from ..channels.sms.sender import segments

_MESSAGE = re.compile(r"<Message(?:\s[^>]*)?>(.*?)</Message>", re.DOTALL)


def new_sid(prefix: str) -> str:
    """Make an id as Twilio makes them: two letters and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


def sign(url: str, params: Mapping[str, str], auth_token: str) -> str:
    """Sign an address and a form; for sockets, the ``wss://`` address and an empty form."""
    return str(RequestValidator(auth_token).compute_signature(url, params))


@dataclass(slots=True)
class SimMessage:
    """A message that Twilio knows of. ``created_at`` is seconds since the epoch; ``statuses`` are all it has had.

    ``answered`` is how the gateway answered the webhook of an incoming message: an HTTP status, 0 for not at all, None
    before that.
    """

    sid: str
    direction: str
    from_: str
    to: str
    body: str
    created_at: float
    callback: str | None = None
    service_sid: str | None = None
    media: int = 0
    media_urls: tuple[str, ...] = ()
    statuses: list[str] = field(default_factory=list)
    error_code: int | None = None
    answered: int | None = None

    @property
    def inbound(self) -> bool:
        """Tell whether the customer wrote it."""
        return self.direction == "inbound"


@dataclass(frozen=True, slots=True)
class Fault:
    """Fault of one create request.

    ``status`` and ``code`` are answered (429 and 20429; 400 and 21610). ``created``: the message comes into being all
    the same. ``hang``: no answer until the client gives up. ``drop``: the connection breaks within the answer.
    """

    status: int = 500
    code: int = 20500
    created: bool = False
    hang: bool = False
    drop: bool = False


def webhook_form(message: SimMessage, account_sid: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Give the form of an incoming message, with the fields that Twilio always sends."""
    form = {
        "SmsMessageSid": message.sid,
        "NumMedia": str(message.media),
        "SmsSid": message.sid,
        "SmsStatus": "received",
        "Body": message.body,
        "NumSegments": str(max(1, segments(message.body))),
        "MessageSid": message.sid,
        "AccountSid": account_sid,
        "ApiVersion": "2010-04-01",
    }
    for name, address in (("To", message.to), ("From", message.from_)):
        form |= {name: address, f"{name}City": "", f"{name}Country": "US", f"{name}State": "", f"{name}Zip": ""}
    for number in range(message.media):
        form[f"MediaUrl{number}"] = f"https://api.twilio.com/2010-04-01/Accounts/{account_sid}/Media/{new_sid('ME')}"
        form[f"MediaContentType{number}"] = "image/jpeg"
    return form | dict(extra)


def status_form(message: SimMessage, account_sid: str, status: str) -> dict[str, str]:
    """Give the form of a status callback."""
    form = {
        "ApiVersion": "2010-04-01",
        "MessageStatus": status,
        "SmsSid": message.sid,
        "SmsStatus": status,
        "To": message.to,
        "From": message.from_,
        "MessageSid": message.sid,
        "AccountSid": account_sid,
    }
    return form | ({"ErrorCode": str(message.error_code)} if message.error_code else {})


def message_json(message: SimMessage, account_sid: str) -> dict[str, Any]:
    """Give the resource as the REST API shows it."""
    created = format_datetime(datetime.fromtimestamp(message.created_at, UTC))
    sent = message.inbound or bool({"sent", "delivered"} & set(message.statuses))
    return {
        "sid": message.sid,
        "account_sid": account_sid,
        "messaging_service_sid": message.service_sid,
        "direction": message.direction,
        "from": message.from_,
        "to": message.to,
        "body": message.body,
        "status": message.statuses[-1] if message.statuses else "accepted",
        "num_segments": str(max(1, segments(message.body))),
        "num_media": str(message.media),
        "date_created": created,
        "date_updated": created,
        "date_sent": created if sent else None,
        "error_code": message.error_code,
        "error_message": None,
        "price": None,
        "price_unit": "USD",
        "api_version": "2010-04-01",
        "uri": f"/2010-04-01/Accounts/{account_sid}/Messages/{message.sid}.json",
    }


def error_json(status: int, code: int, text: str) -> dict[str, Any]:
    """Give an error as the REST API shows it."""
    return {"code": code, "message": text, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}


def listing(messages: Iterable[SimMessage], query: Mapping[str, str], account_sid: str, path: str) -> dict[str, Any]:
    """Answer a list request: ``To``, ``From``, ``DateSent`` (also ``DateSent>``, ``DateSent<``: GMT days), paging.

    Newest first. As at Twilio, a message that is not sent yet has no DateSent and fails every filter on it.
    """
    rows = [message_json(message, account_sid) for message in messages if _matches(message, query)]
    rows.reverse()
    size = min(max(_integer(query.get("PageSize"), 50), 1), 1000)
    page = max(_integer(query.get("Page"), 0), 0)
    following = None
    if (page + 1) * size < len(rows):
        # Twilio pages by token; only the address that it hands out is part of the protocol.
        following = f"{path}?{urlencode({**query, 'PageSize': size, 'Page': page + 1})}"
    return {
        "messages": rows[page * size : (page + 1) * size],
        "page": page,
        "page_size": size,
        "next_page_uri": following,
        "uri": path,
    }


def twiml_messages(twiml: str) -> list[str]:
    """Give the texts that a TwiML answer sends."""
    return [html.unescape(text) for text in _MESSAGE.findall(twiml)]


def _matches(message: SimMessage, query: Mapping[str, str]) -> bool:
    if query.get("To", message.to) != message.to or query.get("From", message.from_) != message.from_:
        return False
    sent = message.inbound or bool({"sent", "delivered"} & set(message.statuses))
    day = datetime.fromtimestamp(message.created_at, UTC).date().isoformat()
    asked = {name: query[name][:10] for name in ("DateSent", "DateSent>", "DateSent<") if query.get(name)}
    if asked and not sent:
        return False
    return asked.get("DateSent", day) == day and asked.get("DateSent>", day) <= day <= asked.get("DateSent<", day)


def _integer(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else default
