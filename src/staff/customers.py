"""What staff see of a customer: the account, orders, tickets and a few numbers. No HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ..errors import NotFound, UnreadableRecord
from ..model import Conversation, SubjectId, Ticket, TicketStatus
from ..persistence.base import LaneStore
from ..shop.base import Customer, Order, Shop, dollars
from .customer_directory import CustomerDirectory, masked_email
from .subject_lookup import SubjectLookup
from .ticket_view import ticket_as_json
from .times import written


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
        conversation, tickets = await asyncio.gather(self._conversation(subject), self._store.tickets(subject))
        number = await self._people.number(subject, conversation)
        account = await self._people.account(subject, number)
        if account is None and conversation is None:
            raise NotFound("(customer)")
        orders = await self._shop.orders_of(account.id) if account else ()
        return {
            "subjectId": subject,
            "account": _account(account) if account else None,
            "orders": [_order(order) for order in orders],
            "tickets": [ticket_as_json(one) for one in tickets],
            "numbers": _numbers(conversation, orders, tickets),
        }

    async def _conversation(self, subject: SubjectId) -> Conversation | None:
        try:
            return await self._store.conversation(subject)
        except UnreadableRecord:
            return None


def _account(customer: Customer) -> dict[str, Any]:
    return {
        "customerId": customer.id,
        "name": customer.name,
        "plan": customer.plan,
        "email": masked_email(customer.email),
    }


def _order(order: Order) -> dict[str, Any]:
    parcel = order.shipment
    return {
        "orderId": order.id,
        "status": order.status,
        "total": dollars(order.total_cents),
        "refunded": dollars(order.refunded_cents),
        "items": [
            {"name": line.name, "quantity": line.quantity, "unitPrice": dollars(line.unit_cents)}
            for line in order.lines
        ],
        "carrier": parcel.carrier if parcel else None,
        "trackingNumber": parcel.tracking_number if parcel else None,
    }


def _numbers(conversation: Conversation | None, orders: Sequence[Order], tickets: Sequence[Ticket]) -> dict[str, Any]:
    return {
        "turns": conversation.turns_taken if conversation else 0,
        "openTickets": sum(one.status is TicketStatus.OPEN for one in tickets),
        "refunded": dollars(sum(order.refunded_cents for order in orders)),
        "since": written(conversation.created_at) if conversation else None,
    }
