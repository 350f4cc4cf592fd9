"""The agents behind some agents: those that they hand over to, and those that they use as tools."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agents import Agent, Handoff, Tool


def reachable(*agents: Agent[Any]) -> list[Agent[Any]]:
    """Return ``agents`` and all agents behind their handoffs, each once; cycles are fine."""
    return _walk(agents, tools=False)


def everyone(*agents: Agent[Any]) -> list[Agent[Any]]:
    """Return the reachable agents, and those behind them that are used as tools."""
    return _walk(agents, tools=True)


def agent_of(tool: Tool) -> Agent[Any] | None:
    """Return the agent that a tool is, or None for any other tool."""
    inner = getattr(tool, "_agent_instance", None)
    return inner if isinstance(inner, Agent) else None


def called(name: object, agent: Agent[Any]) -> Agent[Any] | None:
    """Return the agent of that name that is reachable from ``agent``, or None."""
    return next((one for one in reachable(agent) if one.name == name), None)


def _walk(agents: Iterable[Agent[Any]], *, tools: bool) -> list[Agent[Any]]:
    found: list[Agent[Any]] = []
    ahead = list(agents)
    while ahead:
        here = ahead.pop(0)
        if any(here is known for known in found):
            continue
        found.append(here)
        targets: list[Any] = [
            handoff._agent_ref() if isinstance(handoff, Handoff) and handoff._agent_ref else handoff
            for handoff in here.handoffs
        ]
        targets += [agent_of(tool) for tool in here.tools] if tools else []
        ahead += [target for target in targets if isinstance(target, Agent)]
    return found
