"""Work that waits for people: requests, open tickets, and conversations that colleagues are asked to look at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..model import Approval, ApprovalStatus, SubjectId, Ticket, TicketStatus
from ..persistence.base import LaneStore
from ..persistence.reading import conversation_of
from ..persistence.values import Page, Reminder
from .answers import ApprovalView, TicketView, written
from .approvals import ApprovalDesk
from .auth import StaffTokens
from .conversation_list import side_by_side
from .http import answer, answer_if_changed, choice_of, limit_of
from .page_view import PageView
from .scopes import Scope

STATUSES: Final[Mapping[str, TicketStatus | None]] = {"all": None, **{one.value: one for one in TicketStatus}}
Held = dict[SubjectId, dict[str, str | None]]


class WorkQueue:
    """Gathers what waits for people from the store's indexes; docs/staff-api.md has the shapes."""

    def __init__(self, store: LaneStore, desk: ApprovalDesk, *, clock: Callable[[], float] = time.time) -> None:
        """``clock`` tells what is overdue."""
        self._store = store
        self._desk = desk
        self._clock = clock

    async def page(self, *, limit: int) -> dict[str, Any]:
        """Return the first ``limit`` of each kind, soonest due first, and whether there are more."""
        pending, unknown, tickets, reminders, stored = await asyncio.gather(
            self._desk.page(ApprovalStatus.PENDING, limit=limit, cursor=None),
            self._desk.page(ApprovalStatus.UNKNOWN, limit=limit, cursor=None),
            self.tickets(TicketStatus.OPEN, limit=limit, cursor=None),
            self._store.reminders(limit=limit),
            self._store.counts(),
        )
        requests = [*unknown.items, *pending.items]
        found: Sequence[Approval | Ticket | Reminder] = (*requests, *tickets.items, *reminders)
        held = await self._held([one.subject for one in found])
        now = self._clock()
        items = [_request(one, held) for one in requests]
        items += [_ticket(one, held, now) for one in tickets.items]
        items += [_reminder(one, held) for one in reminders]
        items.sort(key=lambda one: one["due"])
        return {
            "items": items,
            "counts": {
                "requests": len(requests),
                "tickets": len(tickets.items),
                "reminders": len(reminders),
                "overdue": sum(one["overdue"] for one in items),
                "eventsUntold": stored.untold,
            },
            "more": any(page.next is not None for page in (pending, unknown, tickets)) or len(reminders) == limit,
        }

    async def tickets(self, status: TicketStatus | None, *, limit: int, cursor: str | None) -> Page[Ticket]:
        """List tickets of one status, or of all, soonest due first. Raises MalformedRequest for an unknown cursor."""
        return await self._store.all_tickets(status=status, limit=limit, cursor=cursor)

    async def _held(self, subjects: Sequence[SubjectId]) -> Held:
        """Return who looks after each conversation, until when it rests, and where the customer was last."""

        async def ask(subject: SubjectId) -> tuple[SubjectId, dict[str, str | None]]:
            held: dict[str, str | None] = dict.fromkeys(("assignee", "snoozedUntil", "channel", "number"))
            if (conversation := await conversation_of(self._store, subject)) is not None:
                until, last = conversation.snoozed_until, conversation.routes.get(conversation.last_channel)
                held["assignee"] = conversation.assignee
                held["snoozedUntil"] = None if until is None else written(until)
                held["channel"] = conversation.last_channel.value
                held["number"] = last.ours.value if last else None
            return subject, held

        return dict(await side_by_side(ask, dict.fromkeys(subjects)))


class QueueApi:
    """Serves ``/queue`` and ``GET /tickets`` to staff and partner systems."""

    def __init__(self, queue: WorkQueue, tokens: StaffTokens, pages: PageView) -> None:
        self._pages = pages
        self._queue = queue
        self._tokens = tokens

    def routes(self) -> Sequence[BaseRoute]:
        """Name the routes that the app shall serve; their handlers raise the errors of ``STATUS_CODES``."""
        return [Route("/queue", self._list, methods=["GET"]), Route("/tickets", self._tickets, methods=["GET"])]

    async def _list(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ)
        page = await self._queue.page(limit=limit_of(request))
        return answer_if_changed(request, await self._pages.seen(request, page))

    async def _tickets(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ, Scope.TICKETS)
        status = choice_of(request, "status", STATUSES, TicketStatus.OPEN)
        page = await self._queue.tickets(status, limit=limit_of(request), cursor=self._pages.cursor(request))
        shown = {"tickets": [TicketView.of(one) for one in page.items], "next": page.next}
        return answer(await self._pages.seen(request, shown))


def _request(one: Approval, held: Held) -> dict[str, Any]:
    due = {"kind": "request", "due": written(one.expires_at), "overdue": False}  # nothing waits past its expiry
    return {**due, "subjectId": one.subject, **held[one.subject], "approval": ApprovalView.of(one)}


def _reminder(one: Reminder, held: Held) -> dict[str, Any]:
    """Return the item of a colleague whom a note names, or whose snooze is over."""
    why = "snooze" if held[one.subject]["snoozedUntil"] == written(one.at) else "mention"
    due = {"kind": "reminder", "due": written(one.at), "overdue": False}
    return {**due, "subjectId": one.subject, **held[one.subject], "colleague": one.actor, "why": why}


def _ticket(one: Ticket, held: Held, now: float) -> dict[str, Any]:
    due = {"kind": "ticket", "due": written(one.respond_by), "overdue": one.respond_by < now}
    return {**due, "subjectId": one.subject, **held[one.subject], "ticket": TicketView.of(one)}
