"""The HTTP side of the pretend Twilio: creating and listing messages.

Protocol: twilio.com/docs/messaging/api/message-resource.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ..web.loopback import from_outside
from .wire import Fault, error_json, listing, message_json

if TYPE_CHECKING:
    from .twilio_simulator import TwilioSimulator

MOST_MEDIA = 10


class SimulatorApi:
    """Serves one account. ``logins`` are the pairs of name and password that may enter."""

    def __init__(self, simulator: TwilioSimulator, logins: Set[tuple[str, str]]) -> None:
        self._simulator = simulator
        self._logins = logins
        self._account = simulator.account_sid

    def routes(self) -> Sequence[BaseRoute]:
        """Name the REST routes; all need the login."""
        return (
            Route("/2010-04-01/Accounts/{account}/Messages.json", self._create, methods=["POST"]),
            Route("/2010-04-01/Accounts/{account}/Messages.json", self._list, methods=["GET"]),
            Route("/2010-04-01/Accounts/{account}/Calls.json", self._ring, methods=["POST"]),
            Route("/2010-04-01/Accounts/{account}/Messages/{message}/Media/{media}", self._media, methods=["GET"]),
            Route("/stored/{media}", self._stored, methods=["GET"]),
        )

    async def _create(self, request: Request) -> Response:
        self._simulator.creates += 1
        if refusal := self._refusal(request):
            return refusal
        fault = self._simulator.faults.popleft() if self._simulator.faults else None
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True)
        form, media = dict(pairs), [value for name, value in pairs if name == "MediaUrl"]
        if fault is not None and not fault.created:
            return await self._fail(request, fault)
        if problem := _problem(form, media):
            return error(400, *problem)
        if code := self._simulator.refused.get(form["To"]):
            return error(400, code, "The recipient takes no message")
        message = await self._simulator.create(form, media)
        if fault is not None:
            return await self._fail(request, fault)
        return JSONResponse(message_json(message, self._account), status_code=201)

    async def _ring(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        missing = [name for name in ("To", "From", "Url") if not form.get(name)]
        if missing:
            return error(400, 21201 if "To" in missing else 21205, f"No {missing[0]} is specified")
        if code := self._simulator.refused.get(form["To"]):
            return error(400, code, "The number takes no call")
        return JSONResponse({"sid": self._simulator.ring(form), "status": "queued"}, status_code=201)

    async def _list(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        return JSONResponse(listing(self._simulator.messages, request.query_params, self._account, request.url.path))

    async def _media(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        if request.path_params["media"] not in self._simulator.media:
            return not_found()
        return RedirectResponse(f"{request.base_url}stored/{request.path_params['media']}")

    async def _stored(self, request: Request) -> Response:
        """Give a picture as its storage does, which takes no login."""
        data = self._simulator.media.get(request.path_params["media"])
        signed_in = "authorization" in request.headers
        return not_found() if data is None or signed_in or from_outside(request) else Response(data)

    def _refusal(self, request: Request) -> Response | None:
        return refusal(request, self._account, self._logins)

    async def _fail(self, request: Request, fault: Fault) -> Response:
        if fault.hang:
            while (await request.receive())["type"] != "http.disconnect":
                pass
        return _Broken() if fault.drop or fault.hang else error(fault.status, fault.code, "Injected fault")


class _Broken(Response):
    """An answer that ends in its middle, so that the server closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"999")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def _problem(form: Mapping[str, str], media: Sequence[str]) -> tuple[int, str] | None:
    """Check a create request as Twilio does: its error code and text, or None."""
    if not form.get("To"):
        return 21604, "A 'To' phone number is required."
    if not form.get("From") and not form.get("MessagingServiceSid"):
        return 21603, "A 'From' phone number is required."
    if not form.get("Body") and not form.get("ContentSid") and not media:
        return 21602, "Message body is required."
    if len(media) > MOST_MEDIA:
        return 21623, "Number of media files exceeds allowed limit."
    if not all(address.startswith(("https://", "http://")) for address in media):
        return 21620, "Invalid media URL(s)."
    if len(form.get("Body", "")) > 1600:
        return 21617, "The concatenated message body exceeds the 1600 character limit."
    return None


def refusal(request: Request, account: str, logins: Set[tuple[str, str]]) -> Response | None:
    """Refuse a request from outside this machine or for another account (404), or that does not sign in (401)."""
    if from_outside(request):
        return not_found()
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name = password = ""
    if kind.lower() != "basic" or (name, password) not in logins:
        return error(401, 20003, "Authenticate")
    return None if request.path_params.get("account", account) == account else not_found()


def error(status: int, code: int, text: str) -> Response:
    """Answer with an error as Twilio writes it."""
    return JSONResponse(error_json(status, code, text), status_code=status)


def not_found() -> Response:
    """Answer that there is no such thing, or none for this account."""
    return error(404, 20404, "The requested resource was not found")
