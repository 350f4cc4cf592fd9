"""Bounds of one customer: what is done for them in an hour, and what may wait; and the cost of model calls.

A real line never meets them; a flood does. What is refused is said politely and noted on the
timeline (``limit_reached``), which the figures count and the staff desk shows.

Money is counted in millionths of the currency, in whole numbers: a price per million tokens is one token's in them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from ..meter import Meter, Tally
from ..model import ApprovalStatus, Conversation

DAY: Final = 86_400.0
HOUR: Final = 3600.0
MINUTE: Final = 60.0
A_MINUTE: Final = 10
"""Part of an hour's spoken turns that one minute may have."""
UNBOUNDED: Final = sys.maxsize


class Bound(StrEnum):
    """Things that are bounded, as the timeline names them."""

    SPOKEN_TURNS = "spoken_turns"
    TICKETS = "tickets"
    TEXTS = "texts"
    WAITING_REQUESTS = "waiting_requests"
    FOLLOW_UPS = "follow_ups"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of each customer, 0 for none: in an hour, but for requests and follow-ups, counted while they wait."""

    spoken_turns: int = 300
    tickets: int = 5
    texts: int = 10
    waiting_requests: int = 20
    requests_per_turn: int = 5
    follow_ups: int = 5


@dataclass(frozen=True, slots=True)
class Allowance:
    """Allowance of one turn: tickets it may open, texts it may send, requests and follow-ups it may leave waiting."""

    tickets: int = UNBOUNDED
    texts: int = UNBOUNDED
    requests: int = UNBOUNDED
    follow_ups: int = UNBOUNDED


UNLIMITED: Final = Allowance()
"""Allowance of what a colleague agreed to."""


def allowance(conversation: Conversation, bounds: Bounds, *, now: float) -> Allowance:
    """Return what a turn may do."""
    waiting = sum(one.status is ApprovalStatus.PENDING for one in conversation.approvals)
    meter = conversation.meter
    return Allowance(
        tickets=_left(bounds.tickets, spent(meter, Bound.TICKETS, now=now)),
        texts=_left(bounds.texts, spent(meter, Bound.TEXTS, now=now)),
        requests=min(_left(bounds.waiting_requests, waiting), bounds.requests_per_turn or UNBOUNDED),
        follow_ups=_left(bounds.follow_ups, len(conversation.follow_ups)),
    )


def speak(meter: Meter, bounds: Bounds, *, now: float) -> Meter | None:
    """Return the meter after one more spoken turn; None where that is beyond the bounds of the hour or the minute."""
    hour = _left(bounds.spoken_turns, spent(meter, Bound.SPOKEN_TURNS, now=now))
    minute = _left(-(-bounds.spoken_turns // A_MINUTE), spent(meter, _IN_A_MINUTE, now=now, seconds=MINUTE))
    if not (hour and minute):
        return None
    return spend(spend(meter, Bound.SPOKEN_TURNS, now=now), _IN_A_MINUTE, now=now, seconds=MINUTE)


def spent(meter: Meter, name: str, *, now: float, seconds: float = HOUR) -> int:
    """Return how much of a bound was used up in the window that runs."""
    tally = meter.tallies.get(name, Tally())
    return tally.count if now - tally.since < seconds else 0


def spend(meter: Meter, name: str, *, now: float, count: int = 1, seconds: float = HOUR) -> Meter:
    """Return the meter with more of a bound used up; a window begins with the first use after the last one's end."""
    if not count:
        return meter
    before = spent(meter, name, now=now, seconds=seconds)
    since = meter.tallies[name].since if before else now
    return replace(meter, tallies={**meter.tallies, name: Tally(since, before + count)})


COST_IN_ALL: Final = "cost_in_all"
_IN_A_MINUTE: Final = "spoken_turns_in_a_minute"


def pay(meter: Meter, *, now: float, cost: int) -> Meter:
    """Return the meter with a turn's cost, millionths: of the day that runs, and in all."""
    meter = spend(meter, Bound.COST, now=now, count=cost, seconds=DAY)
    return spend(meter, COST_IN_ALL, now=now, count=cost, seconds=math.inf)


def _left(bound: int, used: int) -> int:
    return max(0, bound - used) if bound else UNBOUNDED


# --- cost of model calls: tokens, counted per run, and money by a table of prices -----------------------------

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of model calls; ``cached`` ones are a part of the ``input``."""

    input: int = 0
    cached: int = 0
    output: int = 0

    def plus(self, more: Tokens) -> Tokens:
        """Return both together."""
        return Tokens(self.input + more.input, self.cached + more.cached, self.output + more.output)


used: ContextVar[dict[str, Tokens]] = ContextVar("tandem_tokens")
"""Tokens of the run that this task belongs to, by model; the tasks that ask models inherit it."""


def count(model: str, usage: Any) -> Tokens:
    """Return the tokens of a model's call, as its service tells them, and count them; a call cut off tells none."""
    counts, details = used.get(None), getattr(usage, "input_tokens_details", None)
    tokens = Tokens(_number(usage, "input_tokens"), _number(details, "cached_tokens"), _number(usage, "output_tokens"))
    if counts is not None and tokens != Tokens():
        counts[model] = counts.get(model, Tokens()).plus(tokens)
    return tokens


def _number(usage: Any, name: str) -> int:
    """Return a count; services leave out what they do not count."""
    found = getattr(usage, name, None)
    return found if isinstance(found, int) else 0


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a million tokens of each kind."""

    input: Decimal
    cached: Decimal
    output: Decimal

    def of(self, tokens: Tokens) -> Decimal:
        """Return what tokens cost, in millionths."""
        new = max(0, tokens.input - tokens.cached)
        return new * self.input + tokens.cached * self.cached + tokens.output * self.output


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by the name of the model. There are no others: what is not in the table has no known cost."""

    currency: str
    prices: Mapping[str, Price]

    def cost(self, used: Mapping[str, Tokens]) -> int:
        """Return what the models in the table cost, in millionths."""
        known = (self.prices[model].of(tokens) for model, tokens in used.items() if model in self.prices)
        return round(sum(known, Decimal()))

    def unpriced(self, used: Mapping[str, Tokens]) -> tuple[str, ...]:
        """Return the models that are not in the table."""
        return tuple(sorted(model for model in used if model not in self.prices))
