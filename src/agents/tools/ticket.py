"""Work for people: asking for one at once, opening a ticket, and telling how it stands.

New tickets are written with the turn's commit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from agents import RunContextWrapper, function_tool
from agents.tool_context import ToolContext

from ...conversation.ticket_history import ids_of, new_ticket
from ...guardrails.thoughts import said
from ...model import Priority, Ticket, TicketStatus
from ...shop.order_number import UNITS
from ..caller_context import CallerContext
from .checks import checked, spelled
from .customer import NOT_IN_PLAN, has_support, no_account, own_account, same_id, what_is_included
from .effects import in_commit, reads_only
from .outputs import BAD_ARGUMENTS, NOT_DECIDED, NOT_FOUND, TOO_MANY, as_json, clipped, refusal, sentence_of

RESPONSE = {
    Priority.URGENT: "within 15 minutes",
    Priority.HIGH: "within 30 minutes",
    Priority.MEDIUM: "within 2 hours",
    Priority.LOW: "within 24 hours",
}
"""When a person answers (``ticket_history.RESPONSE_SECONDS``), in words."""
MAX_TITLE, MAX_DESCRIPTION = 120, 2000
"""Characters that are kept; a customer who needs a person is not turned away for writing too much."""
LONGEST_ID = 100
"""Characters of a ticket's id; partners may have given it."""
MAX_REPLY = 1600
"""Characters of an answer; longer ones belong into an e-mail."""
OVERDUE = "overdue"
PERSON_WANTED = "The customer asks for a person."

PriorityName = Literal["low", "medium", "high", "urgent"]
CustomerId = Annotated[str, 'Their customer id, from lookup_customer; "me" when they have none.']
TicketId = Annotated[str, "The ticket number, as the customer wrote or said it, or as a tool told it."]
Reply = Annotated[str, "The answer as the customer is to read it, complete and friendly, without Markdown."]
Title = Annotated[str, "What it is about, in a few words."]
Why = Annotated[str, "Why a person is needed, in a few words."]
Summary = Annotated[str, "What the colleague has to know: what was asked, what was tried, what is open."]

_NOT_OURS = "No account with that customer id belongs to the number this customer is calling or writing from."
_NO_NUMBER = "That is not a ticket number. Ask the customer for it; it begins with TKT_."
_NO_TICKET = "This customer has no ticket with that number."
_ENOUGH = (
    "No further ticket was opened: colleagues have several of this customer already, from the last hour, and answer "
    "those. Say so, and that anything new can be told to them."
)
_RISING = tuple(Priority)
"""The priorities, lowest first."""


@in_commit
@function_tool
async def escalate_to_human(
    context: RunContextWrapper[CallerContext], reason: Why, priority: PriorityName, summary: Summary
) -> str:
    """Ask a colleague to take over, at once. Needs nobody's consent.

    Urgent is for danger and emergencies, high for upset customers, fraud and law.
    """
    level = Priority(priority)
    deeds = context.context.deeds
    deeds.escalation = max(deeds.escalation or level, level, key=_RISING.index)
    if not context.context.may_open_ticket():
        return refusal(TOO_MANY, _ENOUGH)
    title = reason if reason.strip() else PERSON_WANTED
    ticket = _opened(context.context, title, summary, level, escalation=True)
    if context.context.connects:
        deeds.transfer = ticket.id
    return _told(ticket, context.context)


@in_commit
@function_tool
async def create_ticket(
    context: RunContextWrapper[CallerContext],
    customer_id: CustomerId,
    subject: Title,
    description: Summary,
    priority: PriorityName,
) -> str:
    """Open a ticket for the customer you are talking to, for what can wait and needs no conversation now."""
    caller = context.context
    account = await own_account(caller)
    own_id = account.id if account else str(caller.subject)
    if customer_id.strip().casefold() != "me" and not same_id(customer_id, own_id):
        return no_account(caller, _NOT_OURS)
    if account and not has_support(account):
        return refusal(NOT_IN_PLAN, what_is_included(account))
    if not (subject.strip() and description.strip()):
        return refusal(BAD_ARGUMENTS, "A ticket needs a subject and a description. Ask the customer what it is about.")
    if not caller.may_open_ticket():
        return refusal(TOO_MANY, _ENOUGH)
    return _told(_opened(caller, subject, description, Priority(priority), escalation=False), caller)


@reads_only
@function_tool
async def ticket_status(context: RunContextWrapper[CallerContext], ticket_id: TicketId) -> str:
    """Tell how one of the customer's own tickets stands: open or closed, its priority, and when a colleague answers.

    The response is "overdue" when the promised time has passed, and null when the ticket is closed.
    """
    caller = context.context
    given = ticket_id.strip()
    if not given.isprintable() or not 0 < len(given) <= LONGEST_ID:
        return refusal(BAD_ARGUMENTS, _NO_NUMBER)
    ticket = await _first_own(caller, (parse_ticket_number(given) or given, *ids_of(given)))
    return as_json(_standing(ticket, caller.now)) if ticket else refusal(NOT_FOUND, _NO_TICKET)


async def must_wait(context: RunContextWrapper[CallerContext], arguments: dict[str, Any], call_id: str) -> bool:
    """Tell whether an answer waits for a colleague: always. What cannot be sent is refused before."""
    ticket_id, message = arguments.get("ticket_id"), arguments.get("message")
    if not isinstance(ticket_id, str) or not isinstance(message, str):
        return False
    return isinstance(await _answerable(context.context, ticket_id, message), Ticket)


async def cannot_reply(caller: CallerContext, arguments: Mapping[str, Any]) -> str | None:
    """Return why an answer to a ticket cannot be sent, or None. One that was closed meanwhile still gets its answer."""
    ticket_id, message = str(arguments.get("ticket_id")), str(arguments.get("message"))
    ticket = await _answerable(caller, ticket_id, message, closed_too=True)
    return sentence_of(ticket) if isinstance(ticket, str) else None


def in_words(caller: CallerContext, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments with the words that will be sent."""
    return {**arguments, "message": said(str(arguments.get("message")))}


@checked(cannot_reply)
@spelled(in_words)
@in_commit
@function_tool(needs_approval=must_wait)
async def reply_to_ticket(context: ToolContext[CallerContext], ticket_id: TicketId, message: Reply) -> str:
    """Propose the answer to one of the customer's open tickets. A colleague decides whether it is sent.

    Only for tickets that a note of the staff desk asks you to answer; what the customer asks you now, you just answer.
    """
    approved = bool(context.is_tool_approved(context.tool_name, context.tool_call_id))
    # A colleague's yes is the newest word, also about a ticket that was closed meanwhile: the customer gets the answer.
    ticket = await _answerable(context.context, ticket_id, message, closed_too=approved)
    if isinstance(ticket, str):
        return ticket
    if not approved:
        return refusal(NOT_DECIDED, "A colleague has to look at this answer first. Ask for it again.")
    # The decision that let this run sends the answer and writes it into the ticket, in one commit.
    return as_json({"ticket_id": ticket.id, "status": "sent"})


async def _answerable(caller: CallerContext, ticket_id: str, message: str, *, closed_too: bool = False) -> Ticket | str:
    """Return the ticket that can be answered so, or the refusal."""
    given = ticket_id.strip()
    if not given.isprintable() or not 0 < len(given) <= LONGEST_ID:
        return refusal(BAD_ARGUMENTS, _NO_NUMBER)
    if not said(message).strip():
        return refusal(BAD_ARGUMENTS, "The answer is empty.")
    if len(message) > MAX_REPLY:
        return refusal(BAD_ARGUMENTS, f"The answer is too long: {len(message)} characters of {MAX_REPLY}.")
    ticket = await _first_own(caller, ids_of(given))  # as the decision about it will find it
    if ticket is None:
        return refusal(NOT_FOUND, _NO_TICKET)
    if ticket.status is TicketStatus.OPEN or closed_too:
        return ticket
    return refusal(BAD_ARGUMENTS, "The ticket is closed.")


async def _first_own(caller: CallerContext, ids: Sequence[str]) -> Ticket | None:
    """Return the first of these tickets that is the caller's."""
    for wanted in dict.fromkeys(ids):
        ticket = await _own_ticket(caller, wanted)
        if ticket is not None:
            return ticket
    return None


async def _own_ticket(caller: CallerContext, ticket_id: str) -> Ticket | None:
    """Return the caller's ticket; another customer's looks absent. One of this turn is not in the store yet."""
    new = next((ticket for ticket in caller.deeds.tickets if ticket.id == ticket_id), None)
    ticket = new or await caller.ticket(ticket_id)
    return ticket if ticket is not None and ticket.subject == caller.subject else None


def _standing(ticket: Ticket, now: float) -> dict[str, str | None]:
    return {
        "ticket_id": ticket.id,
        "status": ticket.status.value,
        "priority": ticket.priority.value,
        "title": ticket.title,
        "respond_by": datetime.fromtimestamp(ticket.respond_by, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "response": _time_left(ticket, now) if ticket.status is TicketStatus.OPEN else None,
    }


def _time_left(ticket: Ticket, now: float) -> str:
    """Say when a person answers, seen from ``now``."""
    minutes = math.ceil((ticket.respond_by - now) / 60)
    if minutes <= 0:
        return OVERDUE
    count, unit = (minutes, "minute") if minutes < 120 else (math.ceil(minutes / 60), "hour")
    return f"within {count} {unit}{'' if count == 1 else 's'}"


def _opened(caller: CallerContext, title: str, description: str, priority: Priority, *, escalation: bool) -> Ticket:
    """Put a ticket among the turn's deeds. It is the subject's, whatever the model said about whose it is."""
    begins = caller.hours().opens_after(caller.now) if escalation else caller.now
    words = clipped(title, MAX_TITLE), clipped(description, MAX_DESCRIPTION)
    ticket = new_ticket(caller.subject, *words, priority, now=caller.now, begins=begins, escalation=escalation)
    caller.deeds.tickets.append(ticket)
    return ticket


def _told(ticket: Ticket, caller: CallerContext) -> str:
    """Tell the ticket, and when a colleague answers: nobody does while nobody is there."""
    in_words = RESPONSE[ticket.priority]
    hours = caller.hours()
    if ticket.escalation and not hours.open_at(caller.now):
        in_words += f" of opening on {hours.in_words(hours.opens_after(caller.now))}"
    told = {"ticket_id": ticket.id, "priority": ticket.priority.value, "response": in_words}
    return as_json(told | {"now": "the caller is being put through"} if caller.deeds.transfer == ticket.id else told)


# --- ticket numbers as people write and say them: "ticket 1a2b3c4d", "tee kay tee one a two" ----------------

PREFIX = "TKT_"
TICKET_NUMBER = re.compile(
    r"\b(?:tkt|ticket(?:\s+(?:number|no\b\.?|nr|id))?(?:\s+is)?)[\s_#:.-]*(?P<code>(?=[a-f]*\d)[0-9a-f]{4,32})\b",
    re.IGNORECASE,
)
"""A ticket number in a sentence; it is no order number."""
_CODE = re.compile(r"(?=[a-f]*\d)[0-9a-f]{4,32}")
_TOKEN = re.compile(r"[a-z0-9]+")
_FILLERS = frozenset({"ticket", "number", "no", "nr", "id", "my", "the", "its", "it", "s", "is"})
_LETTERS = {"tee": "t", "kay": "k", "ay": "a", "bee": "b", "see": "c", "sea": "c", "cee": "c", "dee": "d"}
_LETTERS |= {"ee": "e", "ef": "f", "eff": "f", "oh": "0"}
"""Letters as they are spelled, each a word of its own."""


def parse_ticket_number(text: str) -> str | None:
    """Return ``TKT_1A2B…`` when the whole text is a ticket number in any usual spelling, else None."""
    spoken = [word for word in _TOKEN.findall(text.casefold()) if word not in ("please", "underscore")]
    while spoken and spoken[0] in _FILLERS:
        spoken.pop(0)
    code = "".join(UNITS.get(word) or _LETTERS.get(word, word) for word in spoken).removeprefix("tkt")
    return PREFIX + code.upper() if _CODE.fullmatch(code) else None


def find_ticket_number(text: str) -> str | None:
    """Return the ticket number that a sentence speaks of, else None."""
    found = TICKET_NUMBER.search(text)
    return PREFIX + found["code"].upper() if found else None
