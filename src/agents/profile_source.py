"""Gathers what the customer profile is made of: account and orders, open tickets, the timeline's end, and facts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from cachetools import TTLCache

from ..conversation.base import TurnRequest
from ..conversation.prompt_blocks import CustomerProfile, Purchase, render
from ..model import Channel, Route, SubjectId
from ..persistence.base import LaneStore
from ..shop.base import Shop

log = structlog.get_logger(__name__)

PATIENCE = {Channel.VOICE: 0.03}
PATIENCE_IN_TEXT = 0.15
"""Seconds that a turn waits for its profile: whatever comes later is left out."""
LONGEST = 2.0
"""Seconds after which a part is given up. Until then it may still come, for the next turn."""
KEPT_SECONDS, KEPT_CUSTOMERS = 300.0, 1000
"""How long, and of how many customers, the last account and facts stand in for ones that are late."""
ROWS, TICKETS = 12, 20
"""Rows of the timeline that are looked through for the last events, and tickets for open ones."""

Part = tuple[str, str]
"""What is gathered, and by what: the account by a telephone number, all else by a subject. One person may use two
telephones, and one of them may be another person's.
"""

Facts = Callable[[Route, SubjectId], Awaitable[Mapping[str, Any]]]
"""What the identity source knows of a customer, by the way they reached us and their subject."""


class ProfileSource:
    """Gathers profiles, all parts at once and each for itself: one that fails or is late costs only itself."""

    def __init__(self, shop: Shop, store: LaneStore, facts: Facts | None = None) -> None:
        self._shop = shop
        self._store = store
        self._facts = facts
        self._under_way: dict[Part, asyncio.Task[Any]] = {}
        self._kept: TTLCache[Part, Any] = TTLCache(2 * KEPT_CUSTOMERS, KEPT_SECONDS, time.monotonic)

    async def block(self, request: TurnRequest, phone: str | None) -> str:
        """Return the profile block of a turn: all that is known by the end of the patience of its channel.

        See :mod:`~tandem.conversation.prompt_blocks`. Never fails, nor takes long.
        """
        conversation, route = request.conversation, request.route
        subject = conversation.subject
        parts = self._begin(subject, phone, route)
        await asyncio.wait(parts.values(), timeout=PATIENCE.get(route.channel, PATIENCE_IN_TEXT))
        account = self._come(("account", phone or ""), parts)
        events, tickets = self._come(("lane", subject), parts) or ((), ())
        found = CustomerProfile(
            name=account.name if account else "",
            plan=account.plan if account else "",
            orders=account.orders if account else (),
            tickets=tickets,
            events=events,
            facts=self._come(("facts", subject), parts) or {},
        )
        return render(found, conversation, route.channel, now=request.now, proven=phone is not None)

    def expect(self, subject: SubjectId, phone: str | None) -> None:
        """Begin to gather for a customer who will speak in a moment, and wait for nothing."""
        self._begin(subject, phone, None)

    def _begin(self, subject: SubjectId, phone: str | None, route: Route | None) -> dict[Part, asyncio.Task[Any]]:
        asked: dict[Part, Callable[[], Awaitable[Any]]] = {
            ("lane", subject): lambda: self._store.newest(subject, rows=ROWS, tickets=TICKETS),
        }
        if phone:
            asked["account", phone] = lambda: self._account(phone)
        if (facts := self._facts) and route:
            asked["facts", subject] = lambda: _facts(facts, route, subject)
        return {part: self._start(part, ask) for part, ask in asked.items()}

    def _start(self, part: Part, ask: Callable[[], Awaitable[Any]]) -> asyncio.Task[Any]:
        """Return the task that gathers a part; the one that is under way, if there is one."""
        task = self._under_way.get(part)
        if task is None:
            task = self._under_way[part] = asyncio.create_task(self._ask(part, ask), name=f"profile-{part[0]}")
        return task

    async def _ask(self, part: Part, ask: Callable[[], Awaitable[Any]]) -> Any:
        try:
            async with asyncio.timeout(LONGEST):
                found = await ask()
        except Exception as error:
            # The edge to business systems of any make: a turn goes on without what they do not tell.
            log.info("profile_part_missing", part=part[0], kind=type(error).__name__)
            return None
        finally:
            self._under_way.pop(part, None)
        if part[0] in ("account", "facts"):
            self._kept[part] = found
        return found

    def _come(self, part: Part, parts: Mapping[Part, asyncio.Task[Any]]) -> Any:
        """Return a part that has come; one that is late or failed is what it was not long ago, or None."""
        task = parts.get(part)
        if task is None:
            return None
        if task.done() and (found := task.result()) is not None:
            return found
        return self._kept.get(part)

    async def _account(self, phone: str) -> CustomerProfile:
        """Return name, plan and orders; all empty for a number without an account."""
        customer = await self._shop.customer_by_phone(phone)
        if customer is None:
            return CustomerProfile()
        orders = await self._shop.orders_of(customer.id)
        purchases = [Purchase(one.id, one.status, one.total) for one in orders]
        return CustomerProfile(name=customer.name, plan=customer.plan, orders=purchases)


async def _facts(facts: Facts, route: Route, subject: SubjectId) -> Mapping[str, str]:
    """Ask for facts and write them as text, which values of another system may refuse."""
    found = await facts(route, subject)
    return {str(key): str(value) for key, value in found.items()}
