"""The agents behind one agent: those that it hands over to, and those that it uses as tools."""

from __future__ import annotations

from typing import Any

from agents import Agent, Handoff, Tool


def reachable(agent: Agent[Any]) -> list[Agent[Any]]:
    """Return ``agent`` and all agents behind its handoffs, each once; cycles are fine."""
    return _walk(agent, tools=False)


def everyone(agent: Agent[Any]) -> list[Agent[Any]]:
    """Return the reachable agents, and those behind them that are used as tools."""
    return _walk(agent, tools=True)


def agent_of(tool: Tool) -> Agent[Any] | None:
    """Return the agent that a tool is, or None for any other tool."""
    inner = getattr(tool, "_agent_instance", None)
    return inner if isinstance(inner, Agent) else None


def keeper(agent: Agent[Any], name: object) -> Agent[Any]:
    """Return the reachable agent of that name, or ``agent`` itself when there is none any more."""
    return next((one for one in reachable(agent) if one.name == name), agent)


def _walk(agent: Agent[Any], *, tools: bool) -> list[Agent[Any]]:
    found: list[Agent[Any]] = []
    ahead = [agent]
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
