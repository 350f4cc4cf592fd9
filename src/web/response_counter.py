"""Counts the answers to webhooks by their status, whoever asked and whatever went wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Answered = Callable[[str, int], None]
"""Told the route's path and the status of each answer."""


def counted(routes: Sequence[BaseRoute], answered: Answered) -> tuple[BaseRoute, ...]:
    """Return the same routes; every answer of a plain one is told to ``answered``."""
    for route in routes:
        if isinstance(route, Route):
            route.app = _Counted(route.app, route.path, answered)
    return tuple(routes)


class _Counted:
    """A route's app, with somebody who listens to its answers."""

    def __init__(self, app: ASGIApp, path: str, answered: Answered) -> None:
        self._app = app
        self._path = path
        self._answered = answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def listening(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answered(self._path, message["status"])
            await send(message)

        await self._app(scope, receive, listening)
