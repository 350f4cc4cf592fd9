"""Rules: what a scenario expects, compared with what happened. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import GuardrailTripped
from ..model import Ticket
from ..shop.base import dollars
from .scenario import Expected, ToolCall, WantedApproval, WantedTicket
from .trial import Call, Trial
from .words import fit, holds, language_of


def broken(expect: Expected, found: Trial) -> list[str]:
    """Return, in words, everything that is not as it must be; nothing when the conversation passed."""
    return [
        *_turns(expect, found),
        *_tools(expect, found),
        *(_approvals(expect.approvals, found.requests) if expect.approvals is not None else ()),
        *_business(expect, found),
        *_words(expect, found),
        *_bounds(expect, found),
    ]


def _turns(expect: Expected, found: Trial) -> Iterator[str]:
    for code in found.errors:
        if code != GuardrailTripped.code:  # a guardrail of the agent that refuses is an answer
            yield f"a turn of the agent failed ({code})"
    if not found.lines:
        yield "nothing was said"


def _tools(expect: Expected, found: Trial) -> Iterator[str]:
    for wanted in expect.tools:
        if not any(_is(call, wanted) for call in found.calls):
            others = [_shown(call) for call in found.calls if call.tool == wanted.tool]
            yield f"{_shown(wanted)} was not called" + (f"; {', '.join(others)} was" if others else "")
    for banned in expect.not_tools:
        for call in found.calls:
            if banned.tool == "*" or _is(call, banned):
                yield f"{_shown(call)} was called"
    for call in found.calls:
        if not call.known:
            yield f"{call.tool} was called, a tool that there is not"


def _approvals(wanted: Sequence[WantedApproval], made: Sequence[Call]) -> Iterator[str]:
    left = list(made)
    for one in wanted:
        fits = next((request for request in left if _is(request, one)), None)
        if fits is None:
            yield f"staff were not asked for {_shown(one)}"
            continue
        left.remove(fits)
        if one.status is not None and fits.how != one.status:
            yield f"the request for {_shown(one)} is {fits.how}, not {one.status}"
    for request in left:
        yield f"staff were asked for {_shown(request)}"


def _business(expect: Expected, found: Trial) -> Iterator[str]:
    paid = list(found.payments)
    for refund in expect.refunds:
        one = refund.order, round(refund.amount * 100)
        if one in paid:
            paid.remove(one)
        else:
            yield f"{dollars(one[1])} of {refund.order} was not paid back"
    for order, cents in paid:
        yield f"{dollars(cents)} of {order} was paid back"
    for order, wanted in expect.orders.items():
        status, cents = found.orders.get(order, ("not there", 0))
        if wanted.status not in (None, status):
            yield f"{order} is {status}, not {wanted.status}"
        if wanted.refunded is not None and round(wanted.refunded * 100) != cents:
            yield f"of {order} {dollars(cents)} is paid back, not {dollars(round(wanted.refunded * 100))}"
    if expect.tickets is not None:
        yield from _tickets(expect.tickets, found.tickets)
    left = list(found.texts_to)
    for number in expect.texts_to:
        if number in left:
            left.remove(number)
        else:
            yield f"{number} was not texted"
    for number in left:
        yield f"{number} was texted, who is not the customer"


def _tickets(wanted: Sequence[WantedTicket], opened: Sequence[Ticket]) -> Iterator[str]:
    left = list(opened)
    for one in wanted:
        fits = next((ticket for ticket in left if _ticket_fits(ticket, one)), None)
        if fits is None:
            yield f"no such ticket was opened: {one.model_dump(exclude_defaults=True)}"
        else:
            left.remove(fits)
    for ticket in left:
        yield f"a ticket was opened: {ticket.title!r} ({ticket.priority})"


def _ticket_fits(ticket: Ticket, wanted: WantedTicket) -> bool:
    return (
        holds(ticket.title, wanted.title)
        and wanted.priority in (None, ticket.priority)
        and wanted.escalation in (None, ticket.escalation)
    )


def _words(expect: Expected, found: Trial) -> Iterator[str]:
    said = found.said()
    for words in expect.says:
        if not holds(said, words):
            yield f"{words!r} was not said"
    for words in expect.never_says:
        if line := next((line.text for line in found.lines if line.who == "agent" and holds(line.text, words)), ""):
            yield f"{words!r} was said: {line}"
    if expect.language is not None and (language := language_of(said)) != expect.language:
        yield f"the agent spoke {language or 'a language that cannot be told'}, not {expect.language}"


def _bounds(expect: Expected, found: Trial) -> Iterator[str]:
    if expect.turns is not None and found.turns > expect.turns:
        yield f"it took {found.turns} turns; {expect.turns} are allowed"
    if expect.seconds is not None and found.slowest > expect.seconds:
        yield f"an answer began after {found.slowest:.2f} seconds; {expect.seconds:g} are allowed"
    if expect.tokens is not None and found.tokens > expect.tokens:
        yield f"it took {found.tokens} tokens; {expect.tokens} are allowed"


def _is(made: Call, wanted: ToolCall) -> bool:
    return made.tool == wanted.tool and fit(made.arguments, wanted.arguments)


def _shown(call: Call | ToolCall) -> str:
    return f"{call.tool}({', '.join(f'{name}={value!r}' for name, value in call.arguments.items())})"
