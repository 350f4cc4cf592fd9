"""Tells requests of this machine from those that came through a tunnel or proxy. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

_ADDED = re.compile(
    r"forwarded|via|x-forwarded-[a-z-]+|x-original-[a-z-]+|(?:x|cf|true|fly|x-cluster)-\w+-ip", re.IGNORECASE
)
"""Names of what tunnels and proxies add."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})


def from_outside(request: HTTPConnection) -> bool:
    """Tell whether a request came through a tunnel or proxy: a development server is often exposed by one."""
    return not on_loopback(request.headers.get("host", "")) or forwarded(request.headers)


def forwarded(names: Iterable[str]) -> bool:
    """Tell whether headers of these names were added by a tunnel or proxy, or by somebody who pretends to be one."""
    return any(map(_ADDED.fullmatch, names))


def on_loopback(host: str) -> bool:
    """Tell whether a Host header names this machine from within."""
    return re.sub(r":\d{1,5}\Z", "", host) in LOOPBACK


class Unforwarded:
    """An app behind somebody else's server, which may take a client's address from a header that anybody can send."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forget the client's address where a proxy, or somebody who pretends to be one, names another."""
        if scope["type"] != "lifespan" and forwarded(name.decode("latin-1") for name, _ in scope["headers"]):
            scope = {**scope, "client": None}
        await self._app(scope, receive, send)
