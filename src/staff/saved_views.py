"""``/staff/views``: views of what waits, filters and order under a name, for all colleagues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import MalformedRequest
from ..persistence.base import LaneStore
from ..persistence.values import SavedView
from .auth import StaffTokens
from .bodies import Body, words
from .http import answer, read_object
from .scopes import Scope

MAX_NAME, MAX_QUERY = 40, 200


class NewView(Body):
    """A view as the desk sends it; without a query it is to be deleted."""

    name: Annotated[str, words(MAX_NAME, least=1)] = ""
    query: Annotated[str, words(MAX_QUERY)] = ""


class SavedViewsApi:
    """Serves the saved views; what a query says is the page's affair."""

    def __init__(self, store: LaneStore, tokens: StaffTokens) -> None:
        self._store = store
        self._tokens = tokens

    def routes(self) -> Sequence[BaseRoute]:
        """Name the routes that the app shall serve; their handlers raise the errors of ``STATUS_CODES``."""
        return [
            Route("/staff/views", self._list, methods=["GET"]),
            Route("/staff/views", self._save, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ)
        views = await self._store.saved_views()
        return answer({"views": [{"name": one.name, "query": one.query} for one in views]})

    async def _save(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.REPLY, Scope.APPROVE)
        sent = await read_object(request, NewView)
        if not await self._store.save_view(SavedView(sent.name, sent.query)):
            raise MalformedRequest("There are too many views: remove one.")
        return Response(status_code=204)
