"""Twilio's edge: who signed a request, and the REST calls that create and find messages.

Nothing here puts a number, a body or a credential into an exception or a log line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import structlog
from starlette.requests import Request
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from ..errors import (
    BadSignature,
    DeliveryError,
    DeliveryFailed,
    DeliveryRefused,
    DeliveryThrottled,
    DeliveryUnclear,
    MalformedRequest,
    UnsupportedBody,
)
from ..web.bodies import read_body
from ..web.http_client import ANSWER_LIMIT, HttpClient, HttpTrouble, open_http

log = structlog.get_logger(__name__)

SIGNATURE = "X-Twilio-Signature"
"""The header that signs a webhook or the opening of a socket."""

THROTTLED_CODES = frozenset({14107, 20429, 21611, 63018})
"""Rate limits and a full queue (twilio.com/docs/api/errors): not processed, so the same request may succeed later."""

NOT_NOW = frozenset({401, 408, 425})
"""Statuses that say nothing about the message: our credentials do not fit at the moment, or Twilio did not read it."""

FORM = "application/x-www-form-urlencoded"
BODY_LIMIT = 65_536
"""Bytes. 1600 characters, each as long as a character can be when escaped, and ten media addresses are below 40 kB."""
FIELD_LIMIT = 400

Pairs = Sequence[tuple[str, str]]
"""A decoded form, in order, blanks and repeated names kept: the signature is made over them."""


class _Form(dict[str, list[str]]):
    """Form for RequestValidator, which asks for ``getlist``, so that repeated names are signed with every value."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


class SignatureCheck:
    """Tells whether Twilio signed a request (twilio.com/docs/usage/security).

    The signed address is ``public_base_url`` + path + query as configured, never what Host or X-Forwarded-* claim.
    ``tokens``: the account's auth token, and during rotation the second one. Without ``required`` everything passes.
    ``missing`` names a setting without which no real request can pass; it is logged with every refusal, of which
    ``refused`` is told.
    """

    def __init__(
        self,
        *,
        public_base_url: str,
        tokens: Sequence[str],
        required: bool = True,
        missing: str = "",
        refused: Callable[[], None] | None = None,
    ) -> None:
        self._base = public_base_url.rstrip("/")
        self._validators = [RequestValidator(token) for token in tokens if token]
        self._required = required
        self._missing = missing
        self._refused = refused

    async def read_form(self, request: Request) -> Mapping[str, str]:
        """Read a webhook that Twilio signed: the form of a POST, the query of a GET.

        Nothing else of a request is looked at before that. Raises BadSignature, and UnsupportedBody, BodyTooLarge or
        MalformedRequest for a body that is no form.
        """
        query = request.scope["query_string"].decode("latin-1")
        path = request.scope["path"] + (f"?{query}" if query else "")
        posted = request.method == "POST"
        form = await _read_form(request) if posted else []
        self.check_form(path, form, request.headers.get(SIGNATURE))
        return _fields(form if posted else parse_qsl(query, keep_blank_values=True, max_num_fields=FIELD_LIMIT))

    def check_form(self, path_and_query: str, form: Pairs, signature: str | None) -> None:
        """Raise BadSignature unless the signature fits this address and this form."""
        params = _Form()
        for name, value in form:
            params.setdefault(name, []).append(value)
        self._check(self._base + path_and_query, params, signature)

    def check_url(self, url: str, signature: str | None) -> None:
        """Raise BadSignature unless an address without parameters was signed: GET webhooks and ``wss://`` sockets."""
        self._check(url, {}, signature)

    def _check(self, url: str, params: Mapping[str, Any], signature: str | None) -> None:
        if not self._required:
            return
        if signature and any(validator.validate(url, params, signature) for validator in self._validators):
            return
        if self._refused is not None:
            self._refused()
        reason = "wrong_signature" if signature else "no_signature"
        log.warning("webhook_refused", reason=reason, missing=self._missing or None)
        raise BadSignature


async def _read_form(request: Request) -> Pairs:
    """Read an urlencoded form; the caller checks the signature over what is returned."""
    # Without a type (and so most likely without a body) the signature decides.
    if request.headers.get("content-type", FORM).partition(";")[0].strip().lower() != FORM:
        raise UnsupportedBody
    body = await read_body(request, limit=BODY_LIMIT)
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELD_LIMIT)
    except ValueError as error:  # not ASCII, or too many fields
        raise MalformedRequest("The body is no form.") from error


def _fields(form: Pairs) -> dict[str, str]:
    """Give the fields of a form by name, without NUL, which some carriers write for @ and no store takes.

    Raises MalformedRequest for a name with two different values: which of them counts is a guess.
    """
    found: dict[str, str] = {}
    for written in form:
        name, value = (text.replace("\0", "") for text in written)
        if found.setdefault(name, value) != value:
            raise MalformedRequest("A field is ambiguous.")
    return found


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """A message that Twilio knows of. ``created_at`` is seconds since the epoch by Twilio's clock, whole seconds."""

    sid: str
    body: str
    created_at: float
    media: int = 0


class TwilioRest:
    """The REST calls that the gateway makes (twilio.com/docs/messaging/api/message-resource)."""

    def __init__(self, http: HttpClient, *, account_sid: str, base_url: str) -> None:
        self._http = http
        self._base = base_url.rstrip("/")
        self._messages = f"/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._calls = f"/2010-04-01/Accounts/{account_sid}/Calls.json"

    async def create_message(
        self,
        *,
        to: str,
        body: str | None = None,
        from_: str | None = None,
        messaging_service_sid: str | None = None,
        status_callback: str | None = None,
        content_sid: str | None = None,
        content_variables: str | None = None,
        media: Sequence[str] = (),
    ) -> str:
        """Create a message and return its SID; a template, or addresses of ``media``, stand in for ``body``.

        Raises DeliveryThrottled or DeliveryFailed (not created, try again), DeliveryRefused (never), and
        DeliveryUnclear when it may exist: there is no idempotency key, so look with :meth:`list_messages` first.
        """
        form = {
            "To": to,
            "Body": body or None,
            "From": from_,
            "MessagingServiceSid": messaging_service_sid,
            "StatusCallback": status_callback,
            "ContentSid": content_sid,
            "ContentVariables": content_variables,
        }
        data = [(name, value) for name, value in form.items() if value is not None]
        return await self._create(self._messages, [*data, *(("MediaUrl", address) for address in media)])

    async def create_call(self, *, to: str, from_: str, url: str) -> str:
        """Ring a number and return the call's SID; ``url`` gives the TwiML once it answers. Raises as messages do."""
        return await self._create(self._calls, [("To", to), ("From", from_), ("Url", url)])

    async def _create(self, path: str, form: Pairs) -> str:
        # aiohttp's own form would prepare a multipart body each time, which this never is.
        status, answer = await self._call("POST", path, data=urlencode(form).encode(), headers={"Content-Type": FORM})
        if status >= 400:
            _refuse(status, answer)
        sid = answer.get("sid")
        if not isinstance(sid, str):
            raise DeliveryUnclear("The answer has no sid.")
        return sid

    async def list_messages(self, *, to: str, since: float, pages: int = 4) -> tuple[ListedMessage, ...]:
        """List messages to a number created at or after ``since`` (seconds since the epoch), newest first.

        Dates are compared here, because Twilio's filter knows only GMT days and leaves out what is not sent yet.
        Raises DeliveryThrottled or, for any other trouble, DeliveryUnclear.
        """
        found: list[ListedMessage] = []
        path, query = self._messages, {"To": to, "PageSize": "50"}
        for _ in range(pages):
            status, answer = await self._call("GET", path, params=query)
            if status != 200:
                code = provider_code_of(answer)
                raise (DeliveryThrottled if status == 429 else DeliveryUnclear)(provider_code=code)
            page = [message for row in answer.get("messages") or () if (message := _listed(row))]
            found += (message for message in page if message.created_at >= since)
            following = answer.get("next_page_uri")
            if not following or any(message.created_at < since for message in page):
                break
            # Only its path is used: the answer cannot send our credentials to another host.
            parts = urlsplit(str(following))
            path, query = f"{parts.path}?{parts.query}", {}
        return tuple(found)

    async def _call(self, method: str, path: str, **request: Any) -> tuple[int, Mapping[str, Any]]:
        try:
            answer = await self._http.ask(method, self._base + path, **request)
        except HttpTrouble as error:
            if not error.sent:
                raise DeliveryFailed(f"No connection ({error}).") from error
            raise DeliveryUnclear(f"The answer was lost ({error}).") from error
        return answer.status, answer.json_object()


@asynccontextmanager
async def open_twilio_rest(
    *,
    account_sid: str,
    username: str,
    password: str,
    base_url: str = "https://api.twilio.com",
    connect_seconds: float = 5.0,
    total_seconds: float = 15.0,
) -> AsyncIterator[TwilioRest]:
    """Open the one HTTP client of this process to Twilio.

    ``username`` and ``password`` are an API key and its secret, or the account SID and auth token.
    """
    login = open_login(username, password, seconds=total_seconds, connect_seconds=connect_seconds)
    async with login as http:
        yield TwilioRest(http, account_sid=account_sid, base_url=base_url)


def open_login(
    username: str,
    password: str,
    *,
    seconds: float,
    connect_seconds: float = 5.0,
    limit: int = ANSWER_LIMIT,
) -> AbstractAsyncContextManager[HttpClient]:
    """Open a client that signs in at Twilio."""
    headers = {"Authorization": aiohttp.encode_basic_auth(username, password)}
    return open_http(headers=headers, seconds=seconds, connect_seconds=connect_seconds, limit=limit)


def word(form: Mapping[str, str], *names: str) -> str:
    """Return the first of these fields that a form has, of those that hold a word of a fixed list, in small letters."""
    return next((form[name].strip().lower() for name in names if form.get(name)), "")


def _refuse(status: int, answer: Mapping[str, Any]) -> NoReturn:
    """Translate an answer that is not a message. Twilio's own text may quote numbers, so it stays out."""
    code = provider_code_of(answer)
    kind: type[DeliveryError] = DeliveryRefused
    if status == 429 or code in THROTTLED_CODES:
        kind = DeliveryThrottled
    elif status >= 500:
        kind = DeliveryUnclear
    elif status in NOT_NOW:
        kind = DeliveryFailed
    raise kind(f"HTTP {status}, code {code}.", provider_code=code)


def provider_code_of(answer: Mapping[str, Any]) -> int | None:
    """Return Twilio's error code of an answer, or None."""
    code = answer.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _listed(row: Any) -> ListedMessage | None:
    """Read one row of a listing; a row in an unknown form is left out."""
    try:
        created: datetime = parsedate_to_datetime(row["date_created"])
        media = str(row.get("num_media") or "0")
        return ListedMessage(str(row["sid"]), str(row["body"] or ""), created.timestamp(), int(media))
    except (KeyError, TypeError, ValueError):
        return None
