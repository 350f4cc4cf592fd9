"""The caller's own orders: three tools over one look-up, so that they always agree."""

from __future__ import annotations

from typing import Annotated, Any

from agents import RunContextWrapper, function_tool

from ...shop.base import Order, dollars
from ...shop.order_number import parse_order_number
from ..caller_context import CallerContext
from .customer import no_account, own_account
from .effects import reads_only
from .outputs import BAD_ARGUMENTS, as_json, refusal

OrderId = Annotated[str, "The order number, as the customer wrote or said it."]

_NOT_THERE = "There is no order {order_id} on the account of the number this customer is calling or writing from."
_NO_NUMBER = "That is not an order number. Ask the customer for it; it looks like ORD_12345."


@reads_only
@function_tool
async def lookup_order(context: RunContextWrapper[CallerContext], order_id: OrderId) -> str:
    """Show one of the customer's own orders: its articles, prices, total, status, shipment, and what was refunded."""
    order = await own_order(context.context, order_id)
    return order if isinstance(order, str) else as_json(_standing(order) | _contents(order))


@reads_only
@function_tool
async def order_status(context: RunContextWrapper[CallerContext], order_id: OrderId) -> str:
    """Tell how far one of the customer's own orders is; once it has shipped, with carrier and tracking number."""
    order = await own_order(context.context, order_id)
    if isinstance(order, str):
        return order
    return as_json(_standing(order) | (_tracking(order) if order.shipment else {}))


@reads_only
@function_tool
async def get_tracking_info(context: RunContextWrapper[CallerContext], order_id: OrderId) -> str:
    """Tell the carrier and the tracking number of one of the customer's own orders.

    Both are null as long as the order has not been handed to a carrier. Delivery dates are not known here.
    """
    order = await own_order(context.context, order_id)
    return order if isinstance(order, str) else as_json(_standing(order) | _tracking(order))


async def own_order(caller: CallerContext, said: str) -> Order | str:
    """Return the caller's order, or the answer that says why there is none: absent and foreign look the same."""
    order_id = parse_order_number(said)
    if order_id is None:
        return refusal(BAD_ARGUMENTS, _NO_NUMBER)
    customer = await own_account(caller)
    order = await caller.shop.order_of(customer.id, order_id) if customer else None
    return order or no_such_order(caller, order_id)


def no_such_order(caller: CallerContext, order_id: str) -> str:
    """Write the answer for an order that is not there, or somebody else's."""
    return no_account(caller, _NOT_THERE.format(order_id=order_id))


def _standing(order: Order) -> dict[str, Any]:
    refunded = {"refunded": dollars(order.refunded_cents)} if order.refunded_cents else {}
    return {"order_id": order.id, "status": order.status} | refunded


def _tracking(order: Order) -> dict[str, Any]:
    parcel = order.shipment
    return {
        "carrier": parcel.carrier if parcel else None,
        "tracking_number": parcel.tracking_number if parcel else None,
    }


def _contents(order: Order) -> dict[str, Any]:
    items = [
        {"name": line.name, "quantity": line.quantity, "unit_price": dollars(line.unit_cents)} for line in order.lines
    ]
    return {"total": order.total, "items": items} | _tracking(order)
