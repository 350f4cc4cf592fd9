"""``GET /audit``: what colleagues did, newest first, for administrators; docs/staff-api.md has the shapes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..persistence.base import LaneStore
from ..persistence.values import Act
from .answers import written
from .auth import StaffTokens
from .http import LONGEST_PAGE, answer, answer_csv, choice_of, limit_of
from .page_view import PageView
from .scopes import Scope

LOOKED: Final = 2000
"""Acts that one request looks at, however few of them are wanted."""
MOST_ROWS: Final = 20_000
"""Rows of a file."""
DAYS: Final = {str(days): days for days in (1, 7, 30, 90, 400)}
COLUMNS: Final = ("tool", "amount", "edited", "verdict", "first_by", "to", "status", "approval", "ticket", "deleted")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Selection of acts to list: not older than ``since``, and where given of one colleague, or of one name."""

    since: float
    actor: str = ""
    act: str = ""

    def fits(self, act: Act) -> bool:
        """Tell whether an act is one of them."""
        return act.at >= self.since and self.actor in ("", act.actor) and self.act in ("", act.name)


class AuditLog:
    """Reads acts from the store's index of them."""

    def __init__(self, store: LaneStore) -> None:
        self._store = store

    async def page(self, wanted: Wanted, *, limit: int, cursor: str | None) -> dict[str, Any]:
        """Return acts, fewer than ``limit`` where others lie between them, and where the list goes on."""
        found: Sequence[Act] = ()
        async for acts, following in self._parts(wanted, limit=limit, cursor=cursor, most=LOOKED):
            found, cursor = acts, following
            if found:
                break
        return {"acts": [_shown(one) for one in found], "next": cursor}

    async def every(self, wanted: Wanted) -> list[Act]:
        """Return acts for a file."""
        parts = [acts async for acts, _ in self._parts(wanted, limit=LONGEST_PAGE, cursor=None, most=MOST_ROWS)]
        return list(chain(*parts))

    async def _parts(
        self, wanted: Wanted, *, limit: int, cursor: str | None, most: int
    ) -> AsyncIterator[tuple[list[Act], str | None]]:
        for _ in range(0, most, limit):
            page = await self._store.acts(limit=limit, cursor=cursor)
            over = page.next is None or any(one.at < wanted.since for one in page.items)
            cursor = None if over else page.next
            yield [one for one in page.items if wanted.fits(one)], cursor
            if over:
                return


class AuditApi:
    """Serves the record to colleagues who administer."""

    def __init__(
        self, audit: AuditLog, tokens: StaffTokens, pages: PageView, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._audit = audit
        self._tokens = tokens
        self._pages = pages
        self._clock = clock

    def routes(self) -> Sequence[BaseRoute]:
        """Name the route that the app shall serve."""
        return [Route("/audit", self._list, methods=["GET"])]

    async def _list(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.ADMINISTER)
        query = request.query_params
        days = choice_of(request, "days", DAYS, "30")
        wanted = Wanted(self._clock() - days * 86_400, query.get("actor") or "", query.get("act") or "")
        if choice_of(request, "format", {"json": False, "csv": True}, "json"):
            every = {"acts": [_shown(one) for one in await self._audit.every(wanted)]}
            acts = (await self._pages.seen(request, every))["acts"]
            return answer_csv("audit", [("at", "actor", "act", "customer", *COLUMNS), *map(_row, acts)])
        found = await self._audit.page(wanted, limit=limit_of(request), cursor=self._pages.cursor(request))
        return answer(await self._pages.seen(request, found))


def _shown(one: Act) -> dict[str, Any]:
    known = {"at": written(one.at), "actor": one.actor, "act": one.name}
    return {**known, "subjectId": one.subject, "details": dict(one.data)}


def _row(act: Mapping[str, Any]) -> tuple[Any, ...]:
    details = act["details"]
    customer = act.get("contact") or act["subjectId"]
    return (act["at"], act["actor"], act["act"], customer, *(details.get(name) for name in COLUMNS))
