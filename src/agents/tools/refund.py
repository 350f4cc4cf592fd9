"""Paying money back: alone up to a threshold per order, beyond it with a colleague's consent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from agents import FunctionTool, RunContextWrapper, function_tool
from agents.tool_context import ToolContext
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from ...errors import StoreUnavailable
from ...shop.base import NoRefund, Order, Refund, dollars
from ...shop.order_number import spoken_order_number
from ..caller_context import CallerContext
from .checks import checked
from .customer import NOT_IN_PLAN, has_support, own_account, what_is_included
from .effects import idempotency_key, idempotent
from .order import OrderId, no_such_order, own_order
from .outputs import BAD_AMOUNT, BAD_ARGUMENTS, OVER_LIMIT, TOO_MUCH, as_json, clipped, refusal, sentence_of

MAX_REASON = 500
"""Characters of a reason that are kept."""


def _no_truth(value: object) -> object:
    """Refuse true and false, which would be read as one dollar and none."""
    if isinstance(value, bool):
        raise ValueError("must be a number of dollars.")
    return value


Dollars = Annotated[int | float, BeforeValidator(_no_truth)]
Amount = Annotated[Dollars, "How much to pay back, in dollars, such as 20 or 19.99."]
Reason = Annotated[str, "Why, in the customer's words."]

_AMOUNT: TypeAdapter[Dollars] = TypeAdapter(Dollars)
_NO_AMOUNT = "The amount must be more than zero and in whole cents."
_MOST = 10_000_000_000_000
"""Dollars; up to here a float still tells every cent."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A refund that could be asked of the shop: one of the caller's own orders and an amount."""

    order: Order
    cents: int


def refund_tool(threshold_cents: int) -> FunctionTool:
    """Make the tool. A refund waits for a colleague when the order's refunds in all would exceed the threshold."""

    async def must_wait(context: RunContextWrapper[CallerContext], arguments: dict[str, Any], call_id: str) -> bool:
        wanted = await _wanted_raw(context.context, arguments)
        if await _not_in_plan(context.context):
            return False  # it is refused at once, without a colleague
        return isinstance(wanted, _Wanted) and needs_consent(wanted.order, wanted.cents, threshold_cents)

    @checked(cannot_pay)
    @idempotent
    @function_tool(needs_approval=must_wait)
    async def process_refund(
        context: ToolContext[CallerContext], order_id: OrderId, amount: Amount, reason: Reason
    ) -> str:
        """Pay back one of the customer's own orders, in whole or in part.

        Larger refunds wait for a colleague. Take all that is left of the order only when the customer wants the order
        refunded and names neither an amount nor a part of it.
        """
        caller = context.context
        consented = context.is_tool_approved(context.tool_name, context.tool_call_id)
        if not consented and (refused := await _not_in_plan(caller)):
            return refused
        wanted = await _wanted(caller, order_id, amount)
        if isinstance(wanted, str):
            return wanted
        order = wanted.order
        # The gate asked before this ran; another refund of the order may have come in between, so a call without
        # a colleague's consent is held to the threshold by the shop too, in the same step that pays.
        made = await caller.shop.refund(
            order.customer_id,
            order.id,
            cents=wanted.cents,
            reason=clipped(reason, MAX_REASON),
            key=idempotency_key(),
            limit_cents=None if consented else threshold_cents,
        )
        if isinstance(made, NoRefund):
            return await _refused(caller, order, made)
        return _receipt(made, order, await _refunded_in_all(caller, order))

    return process_refund


def needs_consent(order: Order, cents: int, threshold_cents: int) -> bool:
    """Tell whether a refund is one to ask a colleague about: above the threshold in all, and possible."""
    return 0 < cents <= order.left_cents and order.refunded_cents + cents > threshold_cents


def whole_cents(amount: Dollars) -> int | None:
    """Read dollars as cents; None unless they are positive, of a size that occurs, and no fraction of a cent."""
    if not 0 < amount < _MOST:  # true of NaN as well
        return None
    cents = Decimal(str(amount)) * 100
    return int(cents) if cents == cents.to_integral_value() else None


async def cannot_pay(caller: CallerContext, arguments: Mapping[str, Any]) -> str | None:
    """Return why a refund cannot be paid as things stand, or None."""
    wanted = await _wanted_raw(caller, arguments)
    if isinstance(wanted, str):
        return sentence_of(wanted)
    order = wanted.order
    return sentence_of(_too_much(order, order.left_cents)) if wanted.cents > order.left_cents else None


async def _wanted_raw(caller: CallerContext, arguments: Mapping[str, Any]) -> _Wanted | str:
    """Read a call's arguments as the model or staff wrote them: what to ask of the shop, or the refusal.

    They are converted as the SDK will convert them for the tool: a "150" that the gate took for no amount would be
    paid as 150 without a colleague.
    """
    order_id = arguments.get("order_id")
    try:
        amount = _AMOUNT.validate_python(arguments.get("amount"))
    except ValidationError:
        return refusal(BAD_AMOUNT, _NO_AMOUNT)
    if not isinstance(order_id, str):
        return refusal(BAD_ARGUMENTS, "The order number must be a text.")
    return await _wanted(caller, order_id, amount)


async def _wanted(caller: CallerContext, order_id: str, amount: Dollars) -> _Wanted | str:
    """Return what the shop is to be asked, or the refusal.

    What is left of the order is not looked at: when a call is run again after a crash, its own first run took that.
    """
    order = await own_order(caller, order_id)
    if isinstance(order, str):
        return order
    cents = whole_cents(amount)
    if cents is None:
        return refusal(BAD_AMOUNT, _NO_AMOUNT)
    return _Wanted(order, cents)


async def _not_in_plan(caller: CallerContext) -> str | None:
    """Return the refusal for a customer whose plan has no refunds through the agent."""
    customer = await own_account(caller)
    if customer is None or has_support(customer):
        return None
    return refusal(NOT_IN_PLAN, what_is_included(customer))


async def _refunded_in_all(caller: CallerContext, order: Order) -> int | None:
    """Return what was paid back for an order in all, None when the shop does not tell: the money has gone already."""
    try:
        return await caller.shop.refunded_cents(order.id)
    except StoreUnavailable:
        return None


async def _refused(caller: CallerContext, order: Order, why: NoRefund) -> str:
    number = spoken_order_number(order.id)
    if why is NoRefund.NOT_FOUND:
        return no_such_order(caller, order.id)
    if why is NoRefund.OVER_LIMIT:
        return refusal(
            OVER_LIMIT, f"The refunds of order {number} would now need a colleague's consent. Ask for this one again."
        )
    return _too_much(order, order.total_cents - await caller.shop.refunded_cents(order.id))


def _too_much(order: Order, left_cents: int) -> str:
    number = spoken_order_number(order.id)
    if left_cents == 0:
        return refusal(TOO_MUCH, f"Order {number} has been refunded in full already.")
    return refusal(TOO_MUCH, f"At most {dollars(left_cents)} of order {number} can still be refunded.")


def _receipt(refund: Refund, order: Order, refunded_cents: int | None) -> str:
    in_all = {} if refunded_cents is None else {"refunded_in_all": dollars(refunded_cents)}
    paid = {"refund_id": refund.id, "order_id": order.id, "amount": dollars(refund.cents)}
    return as_json(paid | in_all | {"order_total": order.total})
