"""``GET /staff/events``: tells pages whose conversation changed, on whichever replica. Ids only; the page then fetches.

What this replica commits is told at once. Others send hints when something is accepted, and nothing when it is done:
so while pages are open, the versions in the store's list are compared, often after a hint and now and then without.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

import structlog
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import StoreUnavailable
from ..events import EventName, Happened
from ..model import SubjectId
from ..persistence.base import LaneStore
from ..persistence.values import Looker, Reminder
from .aliases import Aliases
from .auth import StaffTokens
from .bodies import Glance
from .http import read_object
from .page_view import by_page
from .scopes import Scope

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
"""Proxies close what is silent for longer."""
LIFE_SECONDS = 600.0
"""Then the page asks anew, and so shows again who it is."""
MAX_PAGES = 500
LONGEST_QUEUE = 200
"""Subjects that one page is told of in one go; of more it is told to look at everything."""
LOOK_SECONDS = 3.0
"""How often the versions are compared without a hint."""
BUSY_SECONDS, BUSY_FOR = 0.5, 20.0
"""How often after a hint, and for how long: a turn takes seconds."""
LOOK_AT = 100
"""Conversations, the last changed ones."""
GLANCE_SECONDS = 30.0
"""How long a page counts as open without a word of it; it says so every ten."""


class StaffEvents:
    """Tells the open pages of this replica. Use it with ``async with``; :meth:`close` ends every stream."""

    def __init__(
        self,
        store: LaneStore,
        tokens: StaffTokens,
        aliases: Aliases,
        *,
        look_seconds: float = LOOK_SECONDS,
        heartbeat: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._aliases = aliases
        self._look_seconds = look_seconds
        self._heartbeat = heartbeat
        self._pages: set[_Page] = set()
        self._versions: dict[SubjectId, int] | None = None
        self._lookers: frozenset[Looker] = frozenset()
        self._reminders: frozenset[Reminder] = frozenset()
        self._busy_until = 0.0
        self._hinted = asyncio.Event()
        self._watchers: list[asyncio.Task[None]] = []
        self._closed = False

    def routes(self) -> Sequence[BaseRoute]:
        """Name the route that the app shall serve."""
        return [
            Route("/staff/events", self._open, methods=["GET"]),
            Route("/staff/presence", self._glance, methods=["POST"]),
        ]

    @property
    def open_pages(self) -> int:
        """Number of open streams."""
        return len(self._pages)

    async def hear(self, happened: Happened) -> None:
        """Tell pages what happened at this replica: a listener of the event bus."""
        if happened.event.name != EventName.REPLY_STATUS:
            self._tell(happened.subject, _kind(happened.event.name))

    def close(self) -> None:
        """End every stream and open no more; pages ask again and find another replica, or poll."""
        self._closed = True
        for page in self._pages:
            page.close()
        self._stop_watching()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        watchers = self._watchers
        self.close()
        await asyncio.gather(*watchers, return_exceptions=True)

    # --- streams ----------------------------------------------------------------------------------------

    async def _open(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ)
        if self._closed or len(self._pages) >= MAX_PAGES:
            raise HTTPException(503, headers={"Retry-After": "5"})
        return EventSourceResponse(
            self._stream(self._aliases.of if by_page(request) else str),
            ping=self._heartbeat,
            ping_message_factory=lambda: ServerSentEvent(comment="still here", sep="\n"),
            sep="\n",
        )

    async def _stream(self, named: Callable[[str], str]) -> AsyncIterator[dict[str, str | int]]:
        page = _Page()
        self._pages.add(page)
        if len(self._pages) == 1 and not self._closed:
            self._watchers = [asyncio.create_task(self._listen()), asyncio.create_task(self._look())]
        try:
            yield {"retry": 2000}
            ends = time.monotonic() + LIFE_SECONDS
            while not page.closed and (left := ends - time.monotonic()) > 0:
                changed = await page.changed(left)
                if changed is None:
                    yield {"event": "everything", "data": "{}"}
                elif changed:
                    told = {named(subject): kinds for subject, kinds in changed.items()}
                    yield {"event": "changed", "data": json.dumps(told)}
        finally:
            self._pages.discard(page)
            if not self._pages:
                self._stop_watching()

    async def _glance(self, request: Request) -> Response:
        """Take note of what a colleague has on the screen."""
        actor = self._tokens.actor(request, Scope.READ)
        glance = await read_object(request, Glance)
        subject = SubjectId(self._aliases.named(glance.subject_id)) if glance.subject_id else None
        await self._store.look(actor, subject, writing=glance.writing, seconds=GLANCE_SECONDS)
        self._hinted.set()
        return Response(status_code=204)

    def _tell(self, subject: SubjectId, kind: str) -> None:
        for page in self._pages:
            page.put(subject, kind)

    # --- other replicas ---------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            with suppress(StoreUnavailable):
                async for subject in self._store.listen():
                    self._tell(subject, "conversation")
                    self._busy_until = time.monotonic() + BUSY_FOR
                    self._hinted.set()
            await asyncio.sleep(self._look_seconds)

    async def _look(self) -> None:
        while True:
            with suppress(StoreUnavailable):
                heads = (await self._store.recent(limit=LOOK_AT)).items
                versions = {head.subject: head.version for head in heads}
                if self._versions is not None:
                    self._compare(self._versions, versions)
                self._versions = versions
                self._compare_lookers(await self._store.lookers())
                await self._compare_reminders()
            if time.monotonic() < self._busy_until:
                await asyncio.sleep(min(BUSY_SECONDS, self._look_seconds))
                continue
            self._hinted.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_seconds):
                    await self._hinted.wait()

    def _compare(self, before: Mapping[SubjectId, int], now: Mapping[SubjectId, int]) -> None:
        changed = [subject for subject, version in now.items() if before.get(subject) != version]
        if len(now) < LOOK_AT:  # all there are: what is missing was erased, and must not stay on anybody's screen
            changed += before.keys() - now.keys()
        for subject in changed:
            self._tell(subject, "conversation")

    def _compare_lookers(self, lookers: Sequence[Looker]) -> None:
        now = frozenset(replace(one, until=0.0) for one in lookers)
        for subject in {one.subject for one in now ^ self._lookers}:
            self._tell(subject, "presence")
        self._lookers = now

    async def _compare_reminders(self) -> None:
        """Tell of conversations whose snooze is over now: no version changes with it."""
        reminders = frozenset(await self._store.reminders(limit=LOOK_AT))
        for one in reminders - self._reminders:
            self._tell(one.subject, "conversation")
        self._reminders = reminders

    def _stop_watching(self) -> None:
        for task in self._watchers:
            task.cancel()
        self._watchers, self._versions = [], None


class _Page:
    """One open page and what it was not told yet."""

    def __init__(self) -> None:
        self.closed = False
        self._changed: dict[SubjectId, set[str]] = {}
        self._everything = False
        self._news = asyncio.Event()

    def put(self, subject: SubjectId, kind: str) -> None:
        if subject in self._changed or len(self._changed) < LONGEST_QUEUE:
            self._changed.setdefault(subject, set()).add(kind)
        else:
            self._everything = True
        self._news.set()

    def close(self) -> None:
        self.closed = True
        self._news.set()

    async def changed(self, seconds: float) -> Mapping[SubjectId, Sequence[str]] | None:
        """Wait for news, at most ``seconds``; return kinds by subject, empty without news, None for "everything"."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()
        changed, everything = self._changed, self._everything
        self._changed, self._everything = {}, False
        return None if everything else {subject: sorted(kinds) for subject, kinds in changed.items()}


def _kind(name: str) -> str:
    """Return what a row of the timeline is about."""
    if name.startswith("approval"):
        return "approval"
    return "ticket" if name.startswith("ticket") or name == EventName.ESCALATION else "conversation"
