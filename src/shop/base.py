"""The business data behind the tools: customers, their orders and refunds.

:class:`Shop` is the protocol that tools use; :class:`~.embedded.EmbeddedShop` and :class:`~.http.HttpShop` fulfil it.
Every question names the customer it is asked for, so no tool can reach a record of another customer by mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Customer:
    """An account. ``phone`` is the number it was found by, in E.164; ``plan`` is premium, basic or free.

    ``email`` is empty where the account has none.
    """

    id: str
    name: str
    email: str
    phone: str
    plan: str


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One article of an order; money is whole cents."""

    name: str
    quantity: int
    unit_cents: int


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel on its way."""

    carrier: str
    tracking_number: str


@dataclass(frozen=True, slots=True)
class Order:
    """An order with everything the tools tell about it, so that all of them tell the same.

    ``status`` says how far it is, and "refunded" once all of it was paid back; ``refunded_cents`` is what was so far.
    """

    id: str
    customer_id: str
    status: str
    lines: tuple[OrderLine, ...]
    shipment: Shipment | None = None
    refunded_cents: int = 0

    @property
    def total(self) -> str:
        """The whole price as people read it."""
        return dollars(self.total_cents)

    @property
    def total_cents(self) -> int:
        """Return what the order cost in all, in cents."""
        return sum(line.quantity * line.unit_cents for line in self.lines)

    @property
    def left_cents(self) -> int:
        """Return what can still be paid back, in cents."""
        return self.total_cents - self.refunded_cents


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that was paid back for an order."""

    id: str
    order_id: str
    cents: int
    reason: str


class NoRefund(StrEnum):
    """Why nothing was paid back."""

    NOT_FOUND = "not_found"
    """The customer has no such order."""
    TOO_MUCH = "too_much"
    """It is not above zero, or more than what is left of the order's total."""
    OVER_LIMIT = "over_limit"
    """The order's refunds in all would go over the limit of this call."""


def dollars(cents: int) -> str:
    """Write cents as people read them: ``13997`` → ``$139.97``, ``123456789`` → ``$1,234,567.89``."""
    sign = "-" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


class Shop(Protocol):
    """Business data. Every method raises :class:`~tandem.errors.StoreUnavailable` when the data cannot be reached."""

    async def customer_by_phone(self, phone: str) -> Customer | None:
        """Find the account of an E.164 number, or None. ``phone`` of the answer is the number asked for."""
        ...

    async def customer_by_id(self, customer_id: str) -> Customer | None:
        """Find an account by its own id, or None. For staff and partner systems; no tool of the agent asks this."""
        ...

    async def order_of(self, customer_id: str, order_id: str) -> Order | None:
        """Find one order of one customer; None when it does not exist or belongs to somebody else."""
        ...

    async def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        """List a customer's orders by their ids; empty when there are none."""
        ...

    async def refund(
        self, customer_id: str, order_id: str, *, cents: int, reason: str, key: str, limit_cents: int | None = None
    ) -> Refund | NoRefund:
        """Pay back part of a customer's order, in one step, durable before it returns.

        * ``key`` was used before: the refund of that time is returned, whatever else is asked, and nothing is done.
        * All refunds of an order together never exceed its total, and after this one not ``limit_cents`` either.
        * Otherwise nothing is done, and the answer says why.
        """
        ...

    async def refunded_cents(self, order_id: str) -> int:
        """Return what was paid back for an order so far, in cents; zero for an unknown one."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """Count the records by kind, for ``/health/data``."""
        ...
