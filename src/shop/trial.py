"""A sample shop for one trial: filled with the trial's own data before, read as a whole after."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from .embedded import open_file, translated

_REFUND = "INSERT INTO refunds (id, key, order_id, cents, reason) VALUES (?, ?, ?, ?, 'before the trial')"
_STATE = """
SELECT o.id, o.status, (SELECT coalesce(sum(r.cents), 0) FROM refunds r WHERE r.order_id = o.id) FROM orders o
"""
_PAID = "SELECT order_id, cents FROM refunds WHERE reason != 'before the trial' ORDER BY rowid"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CustomerRow(_Row):
    """A customer. ``plan`` is premium, basic or free; ``phone`` is in E.164."""

    id: str
    name: str
    phone: Annotated[str, Field(pattern=r"^\+\d{7,15}$")]
    email: str = ""
    plan: Annotated[str, Field(pattern="^(premium|basic|free)$")] = "premium"


class LineRow(_Row):
    """An article of an order; its price is in dollars."""

    name: str
    quantity: int = Field(default=1, ge=1)
    price: float = Field(ge=0)


class OrderRow(_Row):
    """An order, or what differs in one of the sample orders. ``refunded`` dollars were paid back before."""

    customer: str | None = None
    status: str | None = None
    lines: tuple[LineRow, ...] = ()
    carrier: str | None = None
    tracking: str | None = None
    refunded: float = Field(default=0.0, ge=0)


class ShopData(_Row):
    """Business data beside the sample customers and orders, which are there anyway."""

    customers: tuple[CustomerRow, ...] = ()
    orders: Mapping[str, OrderRow] = {}


async def fill(path: Path, data: ShopData) -> None:
    """Make a sample shop in a file, with this data in it. Raises ConfigurationError, StoreUnavailable."""
    async with open_file(path) as connection:
        with translated(), connection:
            write = connection.execute
            for one in data.customers:
                write(
                    "INSERT OR REPLACE INTO customers (id, name, email, phone, plan) VALUES (?, ?, ?, ?, ?)",
                    (one.id, one.name, one.email, one.phone, one.plan),
                )
            for order_id, order in data.orders.items():
                if order.customer:
                    row = (order_id, order.customer, order.status or "pending")
                    write("INSERT OR REPLACE INTO orders (id, customer_id, status) VALUES (?, ?, ?)", row)
                elif order.status:
                    write("UPDATE orders SET status = ? WHERE id = ?", (order.status, order_id))
                for position, line in enumerate(order.lines, 1):
                    article = (order_id, position, line.name, line.quantity, round(line.price * 100))
                    write("INSERT OR REPLACE INTO order_lines VALUES (?, ?, ?, ?, ?)", article)
                if order.carrier:
                    write(
                        "INSERT OR REPLACE INTO shipments VALUES (?, ?, ?)", (order_id, order.carrier, order.tracking)
                    )
                if order.refunded:
                    write(_REFUND, (f"REF_{order_id}", f"before:{order_id}", order_id, round(order.refunded * 100)))


async def states(path: Path) -> Mapping[str, tuple[str, int]]:
    """Return of every order its status, and what was paid back for it in cents."""
    async with open_file(path) as connection:
        with translated():
            return {order: (status, cents) for order, status, cents in connection.execute(_STATE)}


async def payments(path: Path) -> tuple[tuple[str, int], ...]:
    """Return what was paid back since the shop was filled: order and cents, oldest first."""
    async with open_file(path) as connection:
        with translated():
            return tuple(connection.execute(_PAID).fetchall())
