"""The steps of the offline model: what it says or which tool it calls, and those about orders. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..tools.outputs import BAD_ARGUMENTS, NOT_FOUND
from . import phrases as phrases
from .notes import describe
from .reading import Dialogue, error_code, refused_with, told

OWN_ACCOUNT = {"identifier": "me", "type": "phone"}


@dataclass(frozen=True, slots=True)
class Say:
    """Answer the customer with this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Use:
    """Call a tool, and decide again from its answer."""

    tool: str
    arguments: Mapping[str, Any]


Step = Say | Use
Handler = Callable[[Dialogue], Step]


def use(dialogue: Dialogue, tool: str, arguments: Mapping[str, Any], *, otherwise: str) -> Step:
    """Call a tool, or say why not when the agent has none of that name."""
    return Use(tool, arguments) if tool in dialogue.tools else Say(otherwise)


def answer(dialogue: Dialogue, tool: str, tell: Callable[[Mapping[str, Any]], str]) -> Say:
    """Tell what a tool answered in this turn, or why it told nothing."""
    known = told(dialogue.answers[tool])
    return Say(trouble(dialogue, tool) if known is None else tell(known))


def waits(dialogue: Dialogue, request: str) -> Say:
    """Say that a request waits for a colleague."""
    known = dialogue.waiting.get(request)
    return Say(phrases.waiting(describe(known.tool, known.arguments) if known else "request"))


def status(dialogue: Dialogue) -> Step:
    """Tell how far an order is."""
    return about_order(dialogue, "order_status", phrases.status)


def tracking(dialogue: Dialogue) -> Step:
    """Tell where the parcel can be followed."""
    return about_order(dialogue, "get_tracking_info", phrases.tracking)


def contents(dialogue: Dialogue) -> Step:
    """Tell what was bought and what it cost."""
    return about_order(dialogue, "lookup_order", phrases.contents)


def about_order(dialogue: Dialogue, tool: str, tell: Callable[[Mapping[str, Any]], str]) -> Step:
    """Tell what a tool knows of the order that is meant, once it is known which."""
    if tool in dialogue.answers:
        return answer(dialogue, tool, tell)
    if tool not in dialogue.tools:
        return Say(phrases.NO_ORDERS)
    order = which_order(dialogue)
    return Use(tool, {"order_id": order}) if isinstance(order, str) else order


def which_order(dialogue: Dialogue) -> str | Step:
    """Return the order that is meant, or the step that finds it out."""
    if dialogue.order:
        return dialogue.order
    if "lookup_customer" not in dialogue.answers:
        return use(dialogue, "lookup_customer", OWN_ACCOUNT, otherwise=phrases.WHICH_ORDER)
    account = told(dialogue.answers["lookup_customer"])
    if account is None:
        return Say(trouble(dialogue, "lookup_customer"))
    listed = [order.get("order_id") for order in account.get("orders") or () if isinstance(order, Mapping)]
    orders = [order for order in listed if isinstance(order, str)]
    if len(orders) == 1:
        return orders[0]
    return Say(phrases.which_of(orders) if orders else phrases.HAS_NO_ORDERS)


def trouble(dialogue: Dialogue, tool: str) -> str:
    """Say why a tool told nothing."""
    output = dialogue.answers[tool]
    if sentence := phrases.passed_on(refused_with(output)):
        return sentence
    code = error_code(output)
    if tool in _OWN_TROUBLE:
        return _OWN_TROUBLE[tool].get(code, phrases.NOT_NOW)
    if code == NOT_FOUND:
        return phrases.no_such_order(dialogue.order)
    return phrases.WHICH_ORDER if code == BAD_ARGUMENTS else phrases.NOT_NOW


_OWN_TROUBLE = {
    "lookup_customer": {NOT_FOUND: phrases.NO_SUCH_ACCOUNT},
    "withdraw_request": {NOT_FOUND: phrases.NOTHING_WAITS},
    "send_sms": {BAD_ARGUMENTS: phrases.CANNOT_TEXT},
    "create_ticket": {},
    "ticket_status": {NOT_FOUND: phrases.NO_SUCH_TICKET, BAD_ARGUMENTS: phrases.WHICH_TICKET},
    "escalate_to_human": {},
}
"""Where a refusal of a tool is not about an order."""
