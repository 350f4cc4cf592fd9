"""Customer view for staff: account, orders, tickets and a few figures. No HTTP."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from ..conversation.bounds import COST_IN_ALL, MILLION, spent
from ..conversation.prompt_blocks import REMEMBERED
from ..errors import NotFound
from ..model import Conversation, Ticket, TicketStatus
from ..persistence.base import LaneStore
from ..persistence.reading import conversation_of
from ..shop.base import Order, Shop, dollars
from .answers import AccountView, OrderView, TicketView, written
from .customer_directory import CustomerDirectory
from .subject_lookup import SubjectLookup


class Customers:
    """Reads the store and the business data."""

    def __init__(self, store: LaneStore, shop: Shop, people: CustomerDirectory, whose: SubjectLookup) -> None:
        self._store = store
        self._shop = shop
        self._people = people
        self._whose = whose

    async def detail(self, spelling: str) -> dict[str, Any]:
        """Return what is shown of a customer. Raises NotFound, and StoreUnavailable when a source does not answer."""
        subject = await self._whose.one(spelling)
        conversation, tickets = await asyncio.gather(
            conversation_of(self._store, subject), self._store.tickets(subject)
        )
        number = await self._people.number(subject, conversation)
        account = await self._people.account(subject, number)
        if account is None and conversation is None:
            raise NotFound("(customer)")
        orders = await self._shop.orders_of(account.id) if account else ()
        return {
            "subjectId": subject,
            "account": AccountView.of(account) if account else None,
            "orders": [OrderView.of(order) for order in orders],
            "tickets": [TicketView.of(one) for one in tickets],
            "numbers": _numbers(conversation, orders, tickets),
            "remembered": conversation.context.get(REMEMBERED, {}) if conversation else {},
        }


def _numbers(conversation: Conversation | None, orders: Sequence[Order], tickets: Sequence[Ticket]) -> dict[str, Any]:
    return {
        "turns": conversation.turns_taken if conversation else 0,
        "openTickets": sum(one.status is TicketStatus.OPEN for one in tickets),
        "refunded": dollars(sum(order.refunded_cents for order in orders)),
        "cost": _cost(conversation),
        "since": written(conversation.created_at) if conversation else None,
    }


def _cost(conversation: Conversation | None) -> float | None:
    """Return what the agent cost for a customer in all, in the currency of the prices; None where nothing is known."""
    cost = spent(conversation.meter, COST_IN_ALL, now=0.0, seconds=math.inf) if conversation else 0
    return cost / MILLION if cost else None
