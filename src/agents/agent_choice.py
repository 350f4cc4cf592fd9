"""Chooses the agent that answers: by our number, channel and hour, or by a function of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import isawaitable
from typing import Any, Final

import structlog
from agents import Agent

from ..conversation.opening_hours import OpeningHours
from ..errors import ConfigurationError
from ..model import Address, Channel, Route
from .agent_graph import called, everyone, reachable

log = structlog.get_logger(__name__)

CHOICE_SECONDS: Final = 0.5
"""How long a customer waits for a function that chooses."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """Occasion for an agent: a customer who writes or calls, the address of ours that they use, and when (UTC)."""

    channel: Channel
    customer: Address
    ours: Address
    at: datetime


Chooser = Callable[[Occasion], Any]
"""Returns the name of an agent, or None for no opinion; it may be async."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Names the agent that answers where every condition holds; a condition that is None always does.

    With ``choose``, the function names it. ``number`` is one of ours, with or without a plus.
    """

    agent: str = ""
    number: str | None = None
    channels: frozenset[Channel] | None = None
    hours: OpeningHours | None = None
    choose: Chooser | None = None

    def holds(self, occasion: Occasion) -> bool:
        """Tell whether every condition holds."""
        return (
            (self.number is None or self.number.lstrip("+") == occasion.ours.value.lstrip("+"))
            and (self.channels is None or occasion.channel in self.channels)
            and (self.hours is None or self.hours.open_at(occasion.at.timestamp()))
        )

    def covers(self, later: Rule) -> bool:
        """Tell whether a later rule is never asked, because this one answers all of its occasions."""
        return (
            self.choose is None
            and self.number in (None, later.number)
            and (self.channels is None or (later.channels is not None and later.channels <= self.channels))
            and self.hours in (None, later.hours)
        )


class AgentChoice:
    """The agents of a gateway by their names, and which of them answers: that of the first rule that holds.

    Raises ConfigurationError for agents that could not be told apart.
    """

    def __init__(self, agents: Mapping[str, Agent[Any]], default: str, rules: Sequence[Rule] = ()) -> None:
        self.agents = agents
        self.default = default
        self.rules = tuple(rules)
        if problems := list(_same(agents)):
            raise ConfigurationError(problems)

    @property
    def all(self) -> tuple[Agent[Any], ...]:
        """Return the agents, without those behind them."""
        return tuple(self.agents.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all agents, those that are handed conversations included; the default one is first."""
        return tuple(one.name for one in reachable(self.agents[self.default], *self.all))

    async def name_for(self, occasion: Occasion) -> str:
        """Return the name of the agent that the rules choose. Never fails, nor takes long."""
        return (await self._decide(occasion))[0]

    async def begin(self, route: Route, now: float, keeper: object) -> tuple[Agent[Any], Agent[Any]]:
        """Return the agent that the rules choose, and the one that begins: ``keeper``, who was handed the conversation.

        A handoff goes before the rules. Only where a rule for one of our numbers chose an agent that does not know the
        keeper, that agent begins: the customer has turned to another line.
        """
        occasion = Occasion(route.channel, route.customer, route.ours, datetime.fromtimestamp(now, UTC))
        name, rule = await self._decide(occasion)
        root = self.agents[name]
        if keeper is None:
            return root, root
        if (found := called(keeper, root)) is not None:
            return root, found
        if rule is None or rule.number is None:
            for other in self.all:
                if (found := called(keeper, other)) is not None:
                    return other, found
        return root, root

    async def _decide(self, occasion: Occasion) -> tuple[str, Rule | None]:
        for place, rule in enumerate(self.rules, 1):
            if rule.holds(occasion):
                name = rule.agent if rule.choose is None else await self._ask(rule.choose, occasion, place)
                if name:
                    return name, rule
        return self.default, None

    async def _ask(self, choose: Chooser, occasion: Occasion, place: int) -> str:
        """Return the name that a function gives, "" where it gives none or fails."""
        try:
            async with asyncio.timeout(CHOICE_SECONDS):
                found = choose(occasion)
                name = await found if isawaitable(found) else found
        except Exception as error:
            # The edge to an operator's own function: whatever it does, the customer is answered.
            log.warning("agent_rule_failed", rule=place, reason=type(error).__name__)
            return ""
        if name is None or (isinstance(name, str) and name in self.agents):
            return name or ""
        log.warning("agent_rule_failed", rule=place, reason="unknown_agent")
        return ""


def only(agent: Agent[Any]) -> AgentChoice:
    """Return the choice of one agent, which always answers."""
    return AgentChoice({agent.name: agent}, agent.name)


def _same(agents: Mapping[str, Agent[Any]]) -> Iterator[str]:
    """Name agents that are there twice: conversations are handed to, and resumed with, an agent by its name."""
    roots = list(agents.items())
    for place, (name, agent) in enumerate(roots):
        if twin := next((other for other, known in roots[:place] if known is agent), None):
            yield f"Agents {twin!r} and {name!r} are one and the same; let a function make each."
    if len(roots) > 1:
        names = [agent.name for agent in everyone(*agents.values())]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"Two agents are called {name!r}; give each a name of its own."
