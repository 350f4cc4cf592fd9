"""Work that waits for people: requests to decide and open tickets, the one due soonest first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import MalformedRequest, UnreadableRecord
from ..model import Approval, ApprovalStatus, SubjectId, Ticket, TicketStatus
from ..persistence.base import LaneStore
from ..persistence.values import Page
from .aliases import Aliases
from .answers import ApprovalView, TicketView, written
from .approvals import ApprovalDesk
from .auth import StaffTokens
from .http import answer, answer_if_changed, limit_of
from .scopes import Scope

Held = dict[SubjectId, dict[str, str | None]]

AT_ONCE = 8
"""Conversations that are read side by side."""


class WorkQueue:
    """Gathers what waits for people from the store's indexes; docs/staff-api.md has the shapes."""

    def __init__(self, store: LaneStore, desk: ApprovalDesk, *, clock: Callable[[], float] = time.time) -> None:
        """``clock`` tells what is overdue."""
        self._store = store
        self._desk = desk
        self._clock = clock

    async def page(self, *, limit: int) -> dict[str, Any]:
        """Return the first ``limit`` of each kind, soonest due first, and whether there are more."""
        pending, unknown, tickets, stored = await asyncio.gather(
            self._desk.page(ApprovalStatus.PENDING, limit=limit, cursor=None),
            self._desk.page(ApprovalStatus.UNKNOWN, limit=limit, cursor=None),
            self.tickets(TicketStatus.OPEN, limit=limit, cursor=None),
            self._store.counts(),
        )
        requests = [*unknown.items, *pending.items]
        subjects = [*(one.subject for one in requests), *(one.subject for one in tickets.items)]
        held = await self._held(subjects)
        now = self._clock()
        items = [_request(one, held) for one in requests]
        items += [_ticket(one, held, now) for one in tickets.items]
        items.sort(key=lambda one: one["due"])
        return {
            "items": items,
            "counts": {
                "requests": len(requests),
                "tickets": len(tickets.items),
                "overdue": sum(one["overdue"] for one in items),
                "eventsUntold": stored.untold,
            },
            "more": any(page.next is not None for page in (pending, unknown, tickets)),
        }

    async def tickets(self, status: TicketStatus | None, *, limit: int, cursor: str | None) -> Page[Ticket]:
        """List tickets of one status, or of all, soonest due first. Raises MalformedRequest for an unknown cursor."""
        return await self._store.all_tickets(status=status, limit=limit, cursor=cursor)

    async def _held(self, subjects: Sequence[SubjectId]) -> Held:
        """Return who looks after each conversation, and until when it rests."""
        turnstile = asyncio.Semaphore(AT_ONCE)

        async def ask(subject: SubjectId) -> tuple[SubjectId, dict[str, str | None]]:
            async with turnstile:
                try:
                    conversation = await self._store.conversation(subject)
                except UnreadableRecord:
                    conversation = None
            until = conversation.snoozed_until if conversation else None
            assignee = conversation.assignee if conversation else None
            return subject, {"assignee": assignee, "snoozedUntil": None if until is None else written(until)}

        return dict(await asyncio.gather(*map(ask, dict.fromkeys(subjects))))


class QueueApi:
    """Serves ``/queue`` and ``GET /tickets`` to staff and partner systems."""

    def __init__(self, queue: WorkQueue, tokens: StaffTokens, aliases: Aliases) -> None:
        self._aliases = aliases
        self._queue = queue
        self._tokens = tokens

    def routes(self) -> Sequence[BaseRoute]:
        """Name the routes that the app shall serve; their handlers raise the errors of ``STATUS_CODES``."""
        return [Route("/queue", self._list, methods=["GET"]), Route("/tickets", self._tickets, methods=["GET"])]

    async def _list(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ)
        return answer_if_changed(request, self._seen(request, await self._queue.page(limit=limit_of(request))))

    async def _tickets(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ, Scope.TICKETS)
        query = request.query_params
        status = _status(query.get("status") or TicketStatus.OPEN)
        page = await self._queue.tickets(status, limit=limit_of(request), cursor=query.get("cursor") or None)
        shown = {"tickets": [TicketView.of(one) for one in page.items], "next": page.next}
        return answer(self._seen(request, shown))

    def _seen(self, request: Request, content: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._aliases.veiled(content) if self._tokens.by_page(request) else content


def _status(text: str) -> TicketStatus | None:
    """Return the status to list; None for all."""
    if text == "all":
        return None
    try:
        return TicketStatus(text)
    except ValueError as error:
        raise MalformedRequest(f"status must be all or one of {', '.join(TicketStatus)}.") from error


def _request(one: Approval, held: Held) -> dict[str, Any]:
    due = {"kind": "request", "due": written(one.expires_at), "overdue": False}  # nothing waits past its expiry
    return {**due, "subjectId": one.subject, **held[one.subject], "approval": ApprovalView.of(one)}


def _ticket(one: Ticket, held: Held, now: float) -> dict[str, Any]:
    due = {"kind": "ticket", "due": written(one.respond_by), "overdue": one.respond_by < now}
    return {**due, "subjectId": one.subject, **held[one.subject], "ticket": TicketView.of(one)}
