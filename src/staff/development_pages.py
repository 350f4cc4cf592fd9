"""``/`` and ``/phone``: the development server's pages, a customer's telephone and the staff desk beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import RequestRejected
from ..web.loopback import from_outside
from .auth import StaffTokens
from .page_files import PageFiles
from .scopes import Scope

Endpoint = Callable[[Request], Awaitable[Response]]


def phone_pages(files: PageFiles) -> Sequence[BaseRoute]:
    """Name the routes of both pages; only for a development server, and 404 for whoever is not on this machine."""
    return [
        Route("/", _here(files.page("welcome/welcome.html", frames=True))),
        Route("/phone", _here(files.page("phone/phone.html"))),
    ]


def demo_reset(tokens: StaffTokens, reset: Callable[[], Awaitable[None]]) -> Sequence[BaseRoute]:
    """Name the route by which the page lets the made-up shop begin anew; for administrators on this machine."""

    async def again(request: Request) -> Response:
        tokens.actor(request, Scope.ADMINISTER)
        await reset()
        return Response(status_code=204)

    return [Route("/demo/reset", _here(again), methods=["POST"])]


def signed_in(tokens: StaffTokens, *scopes: Scope) -> Callable[[HTTPConnection], bool]:
    """Return what tells whether a connection, a request's or a socket's, carries a valid session or token, and one
    that covers one of ``scopes``, if any is given.
    """

    def check(connection: HTTPConnection) -> bool:
        try:
            # A handshake is a GET; its scope does not say so.
            tokens.actor(Request({**connection.scope, "type": "http", "method": "GET"}), *scopes)
        except RequestRejected:
            return False
        return True

    return check


def _here(page: Endpoint) -> Endpoint:
    async def show(request: Request) -> Response:
        if from_outside(request):
            raise HTTPException(404)
        return await page(request)

    return show
