"""``/staff/session``: a person signs in to the staff page with their token, and out again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from cachetools import LRUCache
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..errors import MalformedRequest, NotAuthorised, TooManyAttempts, UnsupportedBody
from ..web.bodies import read_body
from ..web.loopback import from_outside
from .auth import DEVELOPER, Principal, StaffTokens
from .bodies import SignIn
from .scopes import Scope

BODY_LIMIT = 4096
"""Bytes."""
WRONG_TOKENS, WITHIN = 10, 60.0
"""So many wrong tokens per address and seconds are answered as such. A right one always signs in: behind a proxy all
staff may share one address, and no guesser shall lock them out. Tokens are too long to be found by trying.
"""
_ADDRESSES = 1000
_NO_STORE = {"Cache-Control": "no-store"}


class StaffSession:
    """Serves the session. ``made_token``: the only token is one that a development server made for itself.

    ``sso``: colleagues may sign in at their company's provider as well.
    """

    def __init__(
        self,
        tokens: StaffTokens,
        *,
        made_token: bool = False,
        sso: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens = tokens
        self._sso = sso
        self._made_token = made_token
        self._throttle = Throttle(clock)

    def routes(self) -> Sequence[BaseRoute]:
        """Name the routes that the app shall serve; their handlers raise the errors of ``STATUS_CODES``."""
        return [
            Route("/staff/session", self._who, methods=["GET"]),
            Route("/staff/session", self._sign_in, methods=["POST"]),
            Route("/staff/session", self._sign_out, methods=["DELETE"]),
        ]

    async def _who(self, request: Request) -> Response:
        try:
            return await self._answer(self._tokens.sender(request))
        except NotAuthorised as refused:
            if not self._sso:
                raise
            told = {"error": str(refused), "code": refused.code, "sso": True}
            return JSONResponse(told, 401, headers=_NO_STORE)

    async def _sign_in(self, request: Request) -> Response:
        self._tokens.check_page(request)
        token = _token(request, await read_body(request, limit=BODY_LIMIT))
        address = request.client.host if request.client else ""
        actor = self._tokens.named(token.strip().encode())
        if actor is None:
            self._throttle.count(address)
            raise NotAuthorised
        holder = self._tokens.holder(actor)
        holder.check(Scope.READ)
        if self._made_token and actor == DEVELOPER and from_outside(request):
            # A development server is often reached through a tunnel: a visitor there needs a token of theirs.
            raise NotAuthorised("The generated token signs in on this machine only; set STAFF_TOKENS.")
        response = await self._answer(holder)
        self._tokens.put_session(response, self._tokens.session(actor))
        return response

    async def _sign_out(self, request: Request) -> Response:
        self._tokens.check_page(request)
        response = Response(status_code=204, headers=_NO_STORE)
        self._tokens.put_session(response, "")
        return response

    async def _answer(self, sender: Principal) -> Response:
        colleagues = dict.fromkeys((*await self._tokens.colleagues(), sender.actor))
        scopes = [scope for scope in Scope if scope in sender.scopes]
        told = {"actor": sender.actor, "colleagues": list(colleagues), "scopes": scopes}
        return JSONResponse(told, headers=_NO_STORE)


class Throttle:
    """Counts wrong tokens per address, in this process. Only the last addresses are remembered."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wrong: LRUCache[str, deque[float]] = LRUCache(_ADDRESSES)

    def count(self, address: str) -> None:
        """Count a wrong one. Raises TooManyAttempts instead when an address sent too many."""
        now, times = self._clock(), self._wrong.setdefault(address, deque(maxlen=WRONG_TOKENS))
        if len(times) == WRONG_TOKENS and times[0] > now - WITHIN:
            raise TooManyAttempts
        times.append(now)


def _token(request: Request, body: bytes) -> str:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedBody("Send application/json.")
    try:
        return SignIn.model_validate_json(body).token
    except ValidationError as error:
        raise MalformedRequest('Send {"token": "…"}.') from error
