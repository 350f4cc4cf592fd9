"""Scenarios of the offline model, in one table. Pure.

The first row whose words occur in what the customer said decides. Each tool runs at most once per turn, so every turn
ends. Money moves on a plain sentence alone (:data:`REFUND`); on anything less the customer is told that sentence.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...conversation.approvals import request_of
from ...conversation.phrases import FILE
from ...conversation.ticket_history import REPLY_TO_TICKET
from ...model import Item
from ...shop.order_number import parse_order_number, spoken_order_number
from ..tools.customer import NOT_IN_PLAN
from ..tools.outputs import BAD_AMOUNT, NOT_FOUND, TOO_MUCH
from .reading import NOTE, ModelInput, Told, read, read_object

_BACK = r"(?:my money back|a (?:full )?refund)"
_REASON = (
    r"(?:(?:it's|they're|(?:it|they|this|that|the \w{3,20})(?: (?:arrived|came|is|are|was|were|got here))?) )?"
    r"(?:arrived |came )?(?:all |completely |badly )?(?:broken|damaged|defective|faulty|cracked|empty|late|not working"
    r"|never arrived|wrong(?: (?:item|size|colou?r|one))?|too (?:small|big|late))"
    r"|(?:it|they) (?:broke|stopped working|never (?:arrived|came|worked)"
    r"|(?:did|does|do)(?:n't| not) (?:arrive|fit|work))"
    r"|i (?:don't|do not) (?:want|need|like) (?:it|them)(?: any ?more)?"
)
_THANKS = r"(?:[,.!]* (?:please|thanks|thank you))?"
REFUND = (
    rf"(?a)\A(?:(?:hi|hello|hey)\b[,.!]? )?(?:please )?(?:i(?:'d like|(?: would)? like| want| need) {_BACK}"
    rf"|give me {_BACK}|refund(?! (?:of|for) order)"
    rf"|(?P<asks>(?:can|could|may) i (?:please )?(?:get|have) {_BACK}|(?:can|could|would) you (?:please )?refund))"
    r"(?: (?:of )?\$?(?P<amount>\d{1,6}(?:\.\d\d)?)(?: dollars?)?)?"
    r"(?:(?: of| for| on)?(?: my)? order (?P<order>[\w #-]+?)|(?: of| for| on) (?P<number>#?\d{4,12}))"
    rf"{_THANKS}(?:(?:[\s,;.-]|because|since|as)*\b(?:{_REASON}))?{_THANKS}[.!]*(?(asks)\??)\s*\Z"
)
"""The plain sentence that moves money, as far as the tool's gate lets it: nothing stands around it but a reason."""
_NOT_FOUND = {
    "lookup_customer": "I can't find an account for the number you are using. Please contact us from the phone number "
    "of your account.",
    "withdraw_request": "Nothing of yours is waiting for a colleague, so there is nothing to take back.",
    "ticket_status": "I can't find a ticket of yours with that number. Please check it.",
}
_STATE = {"shipped": "has shipped", "delivered": "has been delivered"}
_STATE |= {"pending": "is being prepared and has not shipped yet"}
_OUTCOMES = {
    "was approved and carried out. Result: ": "Good news: a colleague approved your {}. {}",
    "was approved, but": "I am sorry. Your {} was approved, but it could not be carried out.",
    "was approved": "Your {} was approved, but it is not certain yet that it went through. A colleague checks it.",
    "was rejected": "I am sorry. A colleague looked at your {} and did not approve it.",
    "was not decided": "I am sorry. Nobody decided about your {} in time, so it was not carried out.",
    "": "I am sorry. Your {} can no longer be carried out. Please ask again if you still want it.",
}
_REQUEST_NOTE = re.compile(rf"{NOTE}request \S+ \((\S+) (.*) Tell the customer now", re.DOTALL)
_LATER_NOTE = re.compile(rf'{NOTE}the time came to come back .*?, about "(.*?)"', re.DOTALL)
_TICKET_NOTE = re.compile(rf'{NOTE}ticket (\S+) was opened .*?\nSubject: "(.*?)"', re.DOTALL)


class Use(NamedTuple):
    """Call a tool, and decide again from its answer."""

    tool: str
    arguments: Told


Step = str | Use  # what to do next: to say something, or to call a tool


def next_step(items: Sequence[Item], tools: frozenset[str]) -> Step:
    """Decide from a model's input items and the names of its tools what comes next."""
    turn = read(items, tools)
    if turn.notes:
        if ticket := _TICKET_NOTE.match(turn.notes[-1]):
            words = f"Thank you for your message about: {ticket[2]}. We have looked at it and are taking care of it."
            answer = _answer(turn, REPLY_TO_TICKET, {"ticket_id": ticket[1], "message": words})
            return answer if isinstance(answer, Step) else "I have answered it."
        if later := _LATER_NOTE.match(turn.notes[-1]):
            return f"As agreed, I am coming back to you about this: {later[1]}"
        return "\n".join(map(_outcome, filter(None, map(_REQUEST_NOTE.match, turn.notes)))) or "I have seen it."
    _, tool, find, words = next(row for row in SCENARIOS if re.search(row[0], turn.said, re.IGNORECASE))
    arguments = find(turn) if find else words
    answer = arguments if isinstance(arguments, Step) else _answer(turn, tool, arguments)
    return answer if isinstance(answer, Step) else words.format_map(_fields(answer))


def _answer(turn: ModelInput, tool: str, arguments: Told) -> Told | Step:
    """Return what a tool answers; or the call of it, or why it told nothing."""
    if tool not in turn.tools:
        return "I can't do that from here. I am sorry."
    if tool not in turn.calls:
        return Use(tool, arguments)
    asked, output = turn.calls[tool]
    if request_of(output):
        what = _described(tool, asked)
        return f"A colleague has to approve your {what} first. You will hear from us as soon as it is decided."
    answer, _ = read_object(output)
    code = answer.get("error")
    if code in (BAD_AMOUNT, TOO_MUCH, NOT_IN_PLAN, "decided"):
        return str(answer.get("message"))
    if code == NOT_FOUND:
        return _NOT_FOUND.get(tool) or (
            f"I can't find order {_number(asked)} on the account of the number you are using. Please check the order "
            "number, or contact us from the phone number of your account."
        )
    return answer if answer and not code else "I couldn't look that up just now. Please try again in a few minutes."


def _fields(answer: Told) -> Told:
    """Return what sentences are made of: an answer's own fields, and what reads well of them."""
    state, carrier, number, when = (answer.get(name) for name in ("status", "carrier", "tracking_number", "response"))
    text = next((str(one.get("text")) for one in answer.get("results") or ()), "I found nothing about that in our help "
        "articles. Would you like to talk to a colleague?")  # fmt: skip
    items = [
        f"{one['name']} for {one['unit_price']}" if one["quantity"] == 1 else
        f"{one['quantity']} {one['name']} for {one['unit_price']} each"
        for one in answer.get("items") or ()
    ]  # fmt: skip
    made = {
        "order": f"Order {_number(answer)}",
        "state": _STATE.get(str(state), f"is {state}"),
        "parcel": f" with {carrier}, tracking {number}" if number and state == "shipped" else "",
        "tracking": f" with {carrier}. The tracking number is {number}; {carrier} shows there when it arrives"
        if number else ", so there is no tracking number",
        "partly": f" {answer['refunded']} of it has been refunded." if answer.get("refunded") else "",
        "contents": _listed(items),
        "done": _done(answer),
        "title": str(answer.get("title")).rstrip("."),
        "soon": " The answer is late. I am sorry." if when == "overdue"
        else f" You will hear from a colleague {when}." if when else "",
        "article": " ".join(re.split(r"(?<=[.!?])\s+", text)[:3]),
    }  # fmt: skip
    return defaultdict(str, {**answer, **made})


def _order(turn: ModelInput) -> Told | Step:
    """Return the order that is meant, or the step that finds it out."""
    if turn.order:
        return {"order_id": turn.order}
    account = _answer(turn, "lookup_customer", {"identifier": "me", "type": "phone"})
    if isinstance(account, Step):
        return account
    orders = [_number(one) for one in account.get("orders") or ()]
    if len(orders) != 1:
        several = f"You have {len(orders)} orders: {_listed(orders)}. Which one do you mean?"
        return several if orders else "I found your account, but there are no orders on it."
    return {"order_id": orders[0]}


def _refund(turn: ModelInput) -> Told | Step:
    """Return what to pay back: the amount that was said, else what is left of the order."""
    said = next(re.finditer(REFUND, turn.said, re.IGNORECASE))
    order = parse_order_number(said["order"] or said["number"])
    if order is None:
        return "Which order do you mean? Please give me the order number, for example 12345."
    if said["amount"]:
        return {"order_id": order, "amount": float(said["amount"]), "reason": turn.said}
    found = _answer(turn, "lookup_order", {"order_id": order})
    if isinstance(found, Step):
        return found
    total, back = (float(re.sub(r"[^\d.]", "", str(found.get(name))) or 0) for name in ("total", "refunded"))
    if total <= back:
        return f"Order {_number(found)} has been refunded in full already."
    return {"order_id": order, "amount": round(total - back, 2), "reason": turn.said}


def _person(turn: ModelInput) -> Told:
    priority = "high" if re.search(r"urgent|emergency|unacceptable", turn.said, re.IGNORECASE) else "medium"
    return {"reason": "The customer asks for a person.", "priority": priority, "summary": turn.said}


def _ticket(turn: ModelInput) -> Told:
    subject = re.split(r"\bticket (?:about|for) |ticket: ", turn.said)[-1].strip(" .!?\n")[:80]
    return {"customer_id": "me", "subject": subject, "description": turn.said, "priority": "medium"}


def _question(turn: ModelInput) -> Told:
    return {"query": turn.said, "category": "", "max_results": 1}


def _outcome(note: re.Match[str]) -> str:
    arguments, rest = read_object(note[2])
    rest = rest.removeprefix(") ")
    if rest.startswith(changed := "was approved with changed arguments "):
        rest = "was approved" + read_object(rest.removeprefix(changed))[1]
    begins = next(words for words in _OUTCOMES if rest.startswith(words))
    result, rest = read_object(rest.removeprefix(begins))
    _, reason, why = rest.partition(" Reason: ")
    told = _OUTCOMES[begins].format(_described(note[1], arguments), _done(result))
    return f"{told} The reason: {why}" if reason else told


def _described(tool: str, arguments: Told) -> str:
    """Name what a call asks for, as it is said after "your"."""
    known = tool == "process_refund" and isinstance(arguments.get("amount"), int | float)
    return f"refund of ${arguments['amount']:,.2f} for order {_number(arguments)}" if known else "request"


def _done(answer: Told) -> str:
    amount, number = answer.get("amount"), answer.get("refund_id")
    paid = f"{amount} of order {_number(answer)} has been paid back. The refund number is {number}."
    return paid if amount and number else "It has been carried out."


def _number(order: Told) -> str:
    said = str(order.get("order_id"))
    return spoken_order_number(parse_order_number(said) or said)


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


# fmt: off
SCENARIOS: Sequence[tuple[str, str, Callable[[ModelInput], Told | Step] | None, str]] = (
    (r"\A(?:\[[\w ]+\]\s*)+\Z", "", None, FILE),
    (r"\A\[location [^\]]*\]\Z", "", None, "Thank you for your location. What can I do for you?"),
    (REFUND, "process_refund", _refund, "{done}"),
    (r"\b(?:are you|is this|am i) .*\b(?:human|person|robot|bot|ai|machine)\b", "", None,
     "I am not a person and not a language model: I am a set of canned rules that answers while no model key is set. "
     "I can look up your orders and our help articles, and little else."),
    (r"\bcancel (?:that|it|(?:the|my) (?:refund|request))\b(?! order)|\bnever ?mind\b|\bdon't want (?:the|a) refund\b",
     "withdraw_request", lambda turn: {"approval_id": next(filter(None, map(request_of, turn.outputs)), "none")},
     "I have taken your request back. Nothing was carried out."),
    (r"^(?:please )?open a ticket\b", "create_ticket", _ticket,
     "I have opened a ticket for you. Your ticket is {ticket_id}.{soon}"),
    (r"\b(?:person|human|manager|(?:speak|talk) (?:to|with)|urgent|emergency)\b", "escalate_to_human", _person,
     "I have asked a colleague to help you. Your ticket is {ticket_id}.{soon}"),
    (r"\bticket\b|\btkt", "ticket_status", lambda turn: {"ticket_id": turn.ticket} if turn.ticket else
     "Which ticket do you mean? Please give me its number, which begins with TKT.",
     "Your ticket {ticket_id} ({title}) is {status}, with {priority} priority.{soon}"),
    (r"\bhow long (?:do|does|is)\b|\bpolicy\b|\bwarranty\b", "search_knowledge_base", _question, "{article}"),
    (r"\b(?:refund|money back)", "", None,
     "I am not sure that you want a refund, so I have started none. To get one, please say for example: refund 20 "
     "dollars of order 12345."),
    (r"\b(?:track|carrier|arrive|deliver)", "get_tracking_info", _order, "{order} {state}{tracking}."),
    (r"\bwhat (?:was|is) in\b|\bhow much was\b", "lookup_order", _order, "{order} was {contents}: {total} in all."),
    (r"\b(?:status|where|shipped|order|parcel)\b|\d(?: ?\d){3}", "order_status", _order,
     "{order} {state}{parcel}.{partly}"),
    (r"\b(?:bye|goodbye|no thanks)\b", "", None, "Goodbye, and thank you for contacting us."),
    (r"\b(?:thanks|thank you)\b", "", None, "You're welcome. Is there anything else I can do for you?"),
    (r"\?\s*\Z|\bbroken\b", "search_knowledge_base", _question, "{article}"),
    ("", "", None, "Hello! I can look up your orders, start a refund, answer common questions or ask a colleague "
     "to help you. What can I do for you?"),
)
# fmt: on
"""Words to look for, a tool, what it is asked, and what is said of its answer."""
