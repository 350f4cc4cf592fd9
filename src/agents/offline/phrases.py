"""What the offline model says. Pure; plain GSM-7 characters, so that a text message stays one segment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import phonenumbers

from ...shop.order_number import spoken_order_number
from ..plans import NOT_IN_PLAN

MAX_SENTENCES = 3
"""Of an article."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
WHAT_I_AM = (
    "I am not a person and not a language model: I am a set of canned rules that answers while no model key is set. "
    "I can look up your orders and our help articles, and little else."
)
NO_PEOPLE = "I can't connect you with a person from here, and I would rather say so than promise it. I am sorry."
NO_REFUNDS = "I can't make refunds from here. I can only look up your orders. I am sorry."
NO_TICKETS = "I can't open a ticket from here. I am sorry."
NO_TICKET_NEWS = "I can't look up tickets from here. I am sorry."
WHICH_TICKET = "Which ticket do you mean? Please give me its number, which begins with TKT."
NO_SUCH_TICKET = "I can't find a ticket of yours with that number. Please check it."
NO_TEXTS = "I can't send texts from here. I am sorry."
CANNOT_TEXT = "I can't send a text to that number. Please check it."
NO_WITHDRAWAL = "I can't take a request back from here. I am sorry."
NO_ORDERS = "I can't look that up about orders here. I am sorry."
NO_ACCOUNTS = "I can't look up accounts here. I am sorry."
NO_KNOWLEDGE = "I have nothing on that here, so I would rather not guess. I can look up your orders."
NOTHING_FOUND = "I found nothing about that in our help articles. Shall I get you a person? Then say so."
NO_SUCH_ACCOUNT = (
    "I can't find an account for the number you are using. Please contact us from the phone number of your account."
)
HAS_NO_ORDERS = "I found your account, but there are no orders on it."
WHICH_ORDER = "Which order do you mean? Please give me the order number, for example 12345."
WHICH_AMOUNT = "How much should I refund? Please tell me the amount, for example 20 dollars, or say: all of it."
UNSURE = (
    "I am not sure that you want a refund, so I have started none. To get one, please say for example: refund 20 "
    "dollars of order 12345."
)
WHICH_TEXT = "What should I text you? I can text the status, the tracking number or the contents of an order."
NOTHING_WAITS = "Nothing of yours is waiting for a colleague, so there is nothing to take back."
WITHDRAWN = "I have taken your request back. Nothing was carried out."
ALL_RIGHT = "All right. Is there anything else I can do for you?"
DECIDED = "A colleague has looked at your request. I can't tell the outcome from here; you will hear from us."
TICKET_SEEN = "I have looked at the ticket."
TICKET_ANSWER = "Thank you for your message about: {title}. We have looked at it and are taking care of it."
NOT_NOW = "I couldn't look that up just now. Please try again in a few minutes."
WELCOME = "You're welcome. Is there anything else I can do for you?"
BYE = "Goodbye, and thank you for contacting us."

_STATUS = {
    "pending": "is being prepared and has not shipped yet",
    "processing": "is being prepared and has not shipped yet",
    "shipped": "has shipped",
    "delivered": "has been delivered",
    "cancelled": "was cancelled",
    "refunded": "was refunded",
}
_FOR_CUSTOMERS = frozenset({"bad_amount", "too_much", "decided", NOT_IN_PLAN})
"""Refusals whose sentence can be told as it is."""
_SKILLS = {
    "order_status": "look up your orders",
    "get_tracking_info": "look up your orders",
    "lookup_order": "look up your orders",
    "process_refund": "start a refund",
    "search_knowledge_base": "answer common questions",
    "escalate_to_human": "ask a colleague to help you",
}


def status(order: Mapping[str, Any]) -> str:
    """Say how far an order is."""
    carrier, number = order.get("carrier"), order.get("tracking_number")
    parcel = f" with {carrier}, tracking {number}" if carrier and number and order.get("status") == "shipped" else ""
    return f"{_opening(order)}{parcel}.{_partly(order)}"


def tracking(order: Mapping[str, Any]) -> str:
    """Say where the parcel can be followed; no delivery date, because none is known."""
    if not order.get("tracking_number"):
        return f"{_opening(order)}, so there is no tracking number."
    carrier, number = order.get("carrier"), order["tracking_number"]
    return f"{_opening(order)} with {carrier}. The tracking number is {number}; {carrier} shows there when it arrives."


def contents(order: Mapping[str, Any]) -> str:
    """Say what was bought and what it cost."""
    lines = [_line(line) for line in order.get("items") or ()]
    return f"Order {_number(order)} was {_listed(lines)}: {order.get('total')} in all."


def account(customer: Mapping[str, Any]) -> str:
    """Say whose account it is."""
    count = len(customer.get("orders") or ())
    orders = f"{count} order" if count == 1 else f"{count or 'no'} orders"
    return f"This is the account of {customer.get('name')}, on the {customer.get('plan')} plan, with {orders}."


def refunded(refund: Mapping[str, Any]) -> str:
    """Say that a refund went through."""
    number, amount = refund.get("refund_id"), refund.get("amount")
    if not (amount and refund.get("order_id")):
        return f"Your refund is done.{f' Its number is {number}.' if number else ''}"
    return f"{amount} of order {_number(refund)} has been paid back. The refund number is {number}."


def refunds_so_far(order: Mapping[str, Any]) -> str:
    """Say what was paid back for an order."""
    amount = order.get("refunded")
    if not amount:
        return f"Nothing of order {_number(order)} has been refunded so far."
    return f"{amount} of order {_number(order)} has been refunded, of {order.get('total')} in all."


def refunded_in_full(order: Mapping[str, Any]) -> str:
    """Say that there is nothing left to pay back."""
    return f"Order {_number(order)} has been refunded in full already."


def escalated(ticket: Mapping[str, Any]) -> str:
    """Say that a colleague was asked, and when they answer."""
    return f"I have asked a colleague to help you.{_ticket(ticket)}{_response(ticket)}"


def ticket_opened(ticket: Mapping[str, Any]) -> str:
    """Say that a ticket was opened."""
    return f"I have opened a ticket for you.{_ticket(ticket)}{_response(ticket)}"


def ticket_news(ticket: Mapping[str, Any]) -> str:
    """Say how a ticket stands."""
    title = str(ticket.get("title") or "").rstrip(".")
    about = f" ({title})" if title else ""
    standing = f"Your ticket {ticket.get('ticket_id')}{about}"
    if ticket.get("status") != "open":
        return f"{standing} is {ticket.get('status')}."
    if ticket.get("response") == "overdue":
        return f"{standing} is open, and the answer is late. I am sorry. Shall I get you a person? Then say so."
    return f"{standing} is open, with {ticket.get('priority')} priority.{_response(ticket)}"


def texted(message: Mapping[str, Any]) -> str:
    """Say that a text was sent."""
    return f"I am sending it by text to {number(message.get('to'))}."


def found(answer: Mapping[str, Any]) -> str:
    """Pass on the best article of a knowledge search."""
    articles = [article for article in answer.get("results") or () if isinstance(article, Mapping)]
    text = articles[0].get("text") or articles[0].get("content") if articles else None
    return " ".join(_SENTENCE_END.split(str(text))[:MAX_SENTENCES]) if text else NOTHING_FOUND


def which_of(orders: Sequence[str]) -> str:
    """Ask which of several orders is meant."""
    numbers = _listed([spoken_order_number(order) for order in orders])
    return f"You have {len(orders)} orders: {numbers}. Which one do you mean?"


def no_such_order(order_id: str | None) -> str:
    """Say that an order is not there; whether somebody else has it is not known here."""
    named = f"order {spoken_order_number(order_id)}" if order_id else "that order"
    return (
        f"I can't find {named} on the account of the number you are using. Please check the order number, or contact "
        "us from the phone number of your account."
    )


def waiting(what: str) -> str:
    """Say that a colleague must approve first; the request's id is for staff and tools, not for customers."""
    return f"A colleague has to approve your {what} first. You will hear from us as soon as it is decided."


def still_waits(what: str) -> str:
    """Say that a refund still waits, to somebody who may not want it."""
    return f"Your {what} still waits for a colleague. To take it back, say: cancel that refund."


def asks_for_order(text: str) -> bool:
    """Tell whether an answer of ours asked for an order number."""
    asks = (WHICH_ORDER.partition("?")[0], "I can't find order", "I can't find that order")
    return text.startswith(asks) or text.endswith("Which one do you mean?")


def asks_for_amount(text: str) -> bool:
    """Tell whether an answer of ours asked how much to refund."""
    return text.startswith(WHICH_AMOUNT.partition("?")[0])


def asks_for_ticket(text: str) -> bool:
    """Tell whether an answer of ours asked for a ticket number."""
    return text.startswith(WHICH_TICKET.partition("?")[0]) or text == NO_SUCH_TICKET


def passed_on(refusal: Mapping[str, Any]) -> str:
    """Return a refusal's sentence where it is one for customers, else nothing."""
    return str(refusal.get("message", "")) if refusal.get("error") in _FOR_CUSTOMERS else ""


def money(dollars: Any) -> str:
    """Write an amount of dollars as people read it: ``1139.9`` is $1,139.90."""
    return f"${dollars:,.2f}" if isinstance(dollars, int | float) else str(dollars)


def number(phone: Any) -> str:
    """Write a telephone number as people read it: ``+15551234567`` is +1 555-123-4567."""
    try:
        parsed = phonenumbers.parse(str(phone))
    except phonenumbers.NumberParseException:
        return str(phone)
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def can_do(tools: frozenset[str]) -> str:
    """Greet and say what the rules can do with the tools there are."""
    skills = list(dict.fromkeys(skill for tool, skill in _SKILLS.items() if tool in tools))
    if not skills:
        return f"Hello! {WHAT_I_AM}"
    return f"Hello! I can {_listed(skills, 'or')}. What can I do for you?"


def _opening(order: Mapping[str, Any]) -> str:
    state = str(order.get("status"))
    return f"Order {_number(order)} {_STATUS.get(state, f'has the status {state}')}"


def _partly(order: Mapping[str, Any]) -> str:
    amount = order.get("refunded")
    return f" {amount} of it has been refunded." if amount and order.get("status") != "refunded" else ""


def _response(ticket: Mapping[str, Any]) -> str:
    return f" You will hear from a colleague {ticket['response']}." if ticket.get("response") else ""


def _ticket(ticket: Mapping[str, Any]) -> str:
    number = ticket.get("ticket_id")
    return f" Your ticket is {number}." if number else ""


def _number(order: Mapping[str, Any]) -> str:
    return spoken_order_number(str(order.get("order_id")))


def _line(line: Mapping[str, Any]) -> str:
    name, quantity, price = line.get("name"), line.get("quantity"), line.get("unit_price")
    return f"{name} for {price}" if quantity == 1 else f"{quantity} {name} for {price} each"


def _listed(parts: Sequence[str], word: str = "and") -> str:
    return f" {word} ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part) or "nothing"
