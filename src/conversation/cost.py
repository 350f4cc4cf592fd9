"""Cost of model calls: tokens, counted per run, and money by a table of prices.

Money is counted in millionths of the currency, in whole numbers: a price per million tokens is one token's in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

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
