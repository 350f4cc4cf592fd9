"""What the offline rules know of a conversation: a model's input items, read. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...model import Item
from ...shop.order_number import find_order_number, parse_order_number
from ..ticket_number import find_ticket_number, parse_ticket_number
from . import phrases as phrases
from .money import read_reply
from .notes import Note, read_note
from .words import without_codes

WAITING = "waiting for a colleague"
"""How our own output begins that stands in for a gated call until staff have decided (docs/approvals.md)."""
_REQUEST = re.compile(r"\bapr_\w+")


@dataclass(frozen=True, slots=True)
class Request:
    """A call that waits for a colleague."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """An earlier turn: what the customer said, and what we said last before their next turn."""

    said: str
    answer: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The turn to answer.

    ``said``: the customer's words of this turn. ``exchanges``: the turns before, newest first. ``order``: the order
    named now, else the last one that a tool could show. ``ticket``: likewise. ``answers``: what tools answered in this
    turn, by their names. ``tools``: the names of the tools there are. ``notes``: what the staff desk wrote after all
    that. ``waiting``: the requests that wait for a colleague, by their ids, oldest first. ``last_answer``: what we said
    last. ``customer``: their name, as far as a tool told it.
    """

    said: str
    exchanges: tuple[Exchange, ...]
    order: str | None
    ticket: str | None
    answers: Mapping[str, str]
    tools: frozenset[str]
    notes: tuple[Note, ...]
    waiting: Mapping[str, Request]
    last_answer: str
    customer: str


def read(items: Sequence[Item], tools: frozenset[str]) -> Dialogue:
    """Read a model's input: the turn begins at the last user message, with those straight before it (a burst)."""
    first, after = turn_in(items)
    before = items[:first]
    said = "\n".join(text for item in items[first:after] if (text := _text(item)))
    exchanges = _exchanges(before)
    return Dialogue(
        said=said,
        exchanges=exchanges,
        order=_order_named(said, exchanges) or _last_order(before),
        ticket=find_ticket_number(said) or parse_ticket_number(said) or _last_ticket(before),
        answers={name: output for name, _, output in _uses(items[after:])},
        tools=tools,
        notes=_newest_notes(items),
        waiting=_still_waiting(items),
        last_answer=next((_text(item) for item in reversed(before) if item.get("role") == "assistant"), ""),
        customer=_first_name(items),
    )


def order_in(said: str) -> str | None:
    """Return the order number in what somebody said."""
    plain = without_codes(said)
    return parse_order_number(plain) or find_order_number(plain)


def told(output: str) -> Mapping[str, Any] | None:
    """Return what a tool answered, None when it failed, refused or answered something that is no JSON object."""
    value = _json(output)
    return value if value and "error" not in value else None


def request_in(waiting: str) -> str:
    """Return the id of the request in an output that stands in for a call that waits; empty when it names none."""
    found = _REQUEST.search(waiting)
    return found[0] if found else ""


def refused_with(output: str) -> Mapping[str, Any]:
    """Return a refusal, code and sentence; empty for every other way to fail."""
    value = _json(output)
    return value if "error" in value else {}


def error_code(output: str) -> str:
    """Return the code of a refusal; empty for every other way to fail."""
    return str(refused_with(output).get("error", ""))


def turn_in(items: Sequence[Item]) -> tuple[int, int]:
    """Return where the last burst of user messages begins and where it ends."""
    after = len(items)
    while after and items[after - 1].get("role") != "user":
        after -= 1
    first = after
    while first and items[first - 1].get("role") == "user":
        first -= 1
    return first, after


def _exchanges(items: Sequence[Item]) -> tuple[Exchange, ...]:
    found: list[Exchange] = []
    while items:
        first, after = turn_in(items)
        said = "\n".join(text for item in items[first:after] if (text := _text(item)))
        ours = [_text(item) for item in items[after:] if item.get("role") == "assistant"]
        found.append(Exchange(said, ours[-1] if ours else ""))
        items = items[:first]
    return tuple(found)


def _order_named(said: str, before: Sequence[Exchange]) -> str | None:
    """Return the order that is named now, or was before we asked for the amount of its refund."""
    if not (before and phrases.asks_for_amount(before[0].answer)):
        return order_in(said)
    reply = read_reply(said)
    return (reply[1] if reply else order_in(said)) or _order_named(before[0].said, before[1:])


def _newest_notes(items: Sequence[Item]) -> tuple[Note, ...]:
    """Return the notes at the very end: everything older has been answered, or is what they are about."""
    notes: list[Note] = []
    for item in reversed(items):
        note = _note(item)
        if note is None:
            break
        notes.insert(0, note)
    return tuple(notes)


def _still_waiting(items: Sequence[Item]) -> dict[str, Request]:
    """Return the requests that wait, as far as the items tell: neither decided nor taken back."""
    waiting: dict[str, Request] = {}
    for name, arguments, output in _uses(items):
        if output.startswith(WAITING):
            waiting[request_in(output)] = Request(name, _json(arguments))
        elif name == "withdraw_request" and told(output) is not None:
            waiting.pop(str(_json(arguments).get("approval_id")), None)
    for item in items:
        if note := _note(item):
            waiting.pop(note.request, None)
    return waiting


def _note(item: Item) -> Note | None:
    return read_note(_text(item)) if item.get("role") == "system" else None


def _first_name(items: Sequence[Item]) -> str:
    """Return how to call the customer; a name of three words is a company's, and stays whole."""
    accounts = (told(output) or {} for name, _, output in _uses(items) if name == "lookup_customer")
    names = [str(account["name"]) for account in accounts if account.get("name")]
    words = names[-1].split() if names else [""]
    return words[0] if len(words) == 2 else " ".join(words)


def _last_order(items: Sequence[Item]) -> str | None:
    """Return the order last spoken of: one a tool could show, so that a refused one is not remembered."""
    for _, arguments, output in reversed(list(_uses(items))):
        answer = told(output)
        if answer is None and not output.startswith(WAITING):
            continue
        known = (answer or {}).get("order_id") or _json(arguments).get("order_id") or _only_order(answer or {})
        if isinstance(known, str) and (order := parse_order_number(known)):
            return order
    return None


def _last_ticket(items: Sequence[Item]) -> str | None:
    """Return the ticket last spoken of."""
    for _, _, output in reversed(list(_uses(items))):
        if (ticket := (told(output) or {}).get("ticket_id")) and isinstance(ticket, str):
            return ticket
    return None


def _only_order(account: Mapping[str, Any]) -> Any:
    orders = account.get("orders")
    return orders[0].get("order_id") if isinstance(orders, list) and len(orders) == 1 else None


def _uses(items: Sequence[Item]) -> Iterator[tuple[str, str, str]]:
    """Give name, arguments and output of each call that was answered, in the order of the answers."""
    calls: dict[str, Item] = {}
    for item in items:
        kind = item.get("type")
        if kind == "function_call":
            calls[item["call_id"]] = item
        elif kind == "function_call_output" and (call := calls.pop(item["call_id"], None)):
            yield call["name"], call["arguments"], _joined(item["output"])


def _text(item: Item) -> str:
    return _joined(item.get("content"))


def _joined(content: Any) -> str:
    """Give a message's or an output's text, whichever of the API's two forms it has."""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text") or "") for part in content or ())


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
