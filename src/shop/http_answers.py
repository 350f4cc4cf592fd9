"""Reads the answers of a business system over HTTP, strictly. Pure.

An answer that fits nothing gives None: nothing of it is used, and nothing of it is passed on. Whose record it is, the
asker compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .base import Customer, NoRefund, Order, OrderLine, Refund, Shipment

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$")]
"""Ids become part of addresses, so nothing that means something there may be in them."""
Words = Annotated[str, Field(min_length=1, max_length=500)]
Cents = Annotated[int, Field(ge=0, le=10**11)]

ReadT = TypeVar("ReadT", bound=BaseModel)


class _Answer(BaseModel):
    """Unknown fields are ignored, and no value is converted: "5" is no number."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Customer(_Answer):
    id: Id
    name: Words
    phone: Words
    plan: Words
    email: Annotated[str, Field(max_length=500)] = ""


class _Line(_Answer):
    name: Words
    quantity: Annotated[int, Field(ge=1, le=10**6)]
    unit_cents: Cents


class _Shipment(_Answer):
    carrier: Words
    tracking_number: Words


class _Order(_Answer):
    id: Id
    customer_id: Id
    status: Words
    lines: Annotated[list[_Line], Field(max_length=1000)]
    shipment: _Shipment | None = None
    refunded_cents: Cents = 0


class _Orders(_Answer):
    orders: Annotated[list[_Order], Field(max_length=1000)]


class _Refund(_Answer):
    id: Id
    order_id: Id
    cents: Annotated[Cents, Field(ge=1)]
    reason: Annotated[str, Field(max_length=2000)] = ""


class _Refunded(_Answer):
    refunded_cents: Cents


class _NoRefund(_Answer):
    error: str


class _Counts(_Answer):
    counts: Annotated[dict[Annotated[str, Field(max_length=50)], Cents], Field(max_length=20)]


def read_customer(answer: Any) -> Customer | None:
    """Read an account."""
    read = _read(_Customer, answer)
    return Customer(read.id, read.name, read.email, read.phone, read.plan) if read else None


def read_order(answer: Any) -> Order | None:
    """Read one order; one of which more was paid back than it cost fits nothing."""
    read = _read(_Order, answer)
    return _order(read) if read else None


def read_orders(answer: Any) -> tuple[Order, ...] | None:
    """Read orders; one that fits nothing spoils all of them, because a part would pass for the whole."""
    read = _read(_Orders, answer)
    orders = [_order(one) for one in read.orders] if read else [None]
    known = [order for order in orders if order is not None]
    return tuple(known) if len(known) == len(orders) else None


def read_refund(answer: Any) -> Refund | None:
    """Read a refund."""
    read = _read(_Refund, answer)
    return Refund(read.id, read.order_id, read.cents, read.reason) if read else None


def read_no_refund(answer: Any) -> NoRefund | None:
    """Read why nothing was paid back."""
    read = _read(_NoRefund, answer)
    return next((why for why in NoRefund if read and why.value == read.error), None)


def read_refunded(answer: Any) -> int | None:
    """Read how many cents were paid back."""
    read = _read(_Refunded, answer)
    return read.refunded_cents if read else None


def read_counts(answer: Any) -> Mapping[str, int] | None:
    """Read the numbers of records."""
    read = _read(_Counts, answer)
    return read.counts if read else None


def _order(read: _Order) -> Order | None:
    lines = tuple(OrderLine(line.name, line.quantity, line.unit_cents) for line in read.lines)
    shipment = Shipment(read.shipment.carrier, read.shipment.tracking_number) if read.shipment else None
    order = Order(read.id, read.customer_id, read.status, lines, shipment, read.refunded_cents)
    return order if order.left_cents >= 0 else None


def _read(kind: type[ReadT], answer: Any) -> ReadT | None:
    try:
        return kind.model_validate(answer)
    except ValidationError:
        return None
