"""Prices of models, ``PRICES_FILE``, and the caps that hold with them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ..agents.model_probe import models_of
from ..conversation.base import AgentRunner
from ..conversation.bounds import MILLION, Price, PriceTable
from ..conversation.spending import Caps, PricedRunner
from ..errors import ConfigurationError
from ..persistence.base import LaneStore
from .settings import Settings
from .toml_file import read_toml

_CONFIG = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)
Amount = Annotated[Decimal, Field(ge=0, le=100_000)]


class ModelTable(BaseModel):
    """One model: ``[models."name"]``, prices of a million tokens."""

    model_config = _CONFIG

    input: Amount
    """What it is given."""
    cached_input: Amount | None = None
    """The part of that which the service had in its cache; as the rest, where it is left out."""
    output: Amount
    """What it writes, its thoughts included."""


class PricesTable(BaseModel):
    """The whole file."""

    model_config = _CONFIG

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    """Three letters, such as USD."""
    models: dict[str, ModelTable]


def read_prices(settings: Settings) -> PriceTable | None:
    """Return the prices, None where no file is named. Raises ConfigurationError."""
    if settings.prices_file is None:
        return None
    table = read_toml(settings.prices_file).as_model(PricesTable)
    return PriceTable(
        table.currency,
        {
            name: Price(one.input, one.input if one.cached_input is None else one.cached_input, one.output)
            for name, one in table.models.items()
        },
    )


def without_price(settings: Settings, agents: tuple[Any, ...]) -> tuple[str, ...]:
    """Return the models that the agents use and that have no price. Raises ConfigurationError."""
    prices = read_prices(settings)
    if prices is None or settings.openai_api_key is None:
        return ()
    return tuple(name for name in sorted(set(models_of(agents, settings.agent_model))) if name not in prices.prices)


def priced(settings: Settings, agents: tuple[Any, ...], runner: AgentRunner, store: LaneStore) -> PricedRunner | None:
    """Return a runner that says what its turns cost, and keeps the caps; None without prices.

    Raises ConfigurationError for a cap that could not be kept, because a model has no price.
    """
    if (prices := read_prices(settings)) is None:
        return None
    caps = Caps(int(settings.max_cost_per_customer * MILLION), int(settings.max_cost_per_day * MILLION))
    if (unpriced := without_price(settings, agents)) and caps != Caps():
        raise ConfigurationError([
            f"PRICES_FILE has no price for {', '.join(unpriced)}, so no cap could be kept; add it, or unset the caps."
        ])  # fmt: skip
    return PricedRunner(runner, prices, caps, store)
