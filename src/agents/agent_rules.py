"""Rules for any agent: what it may not bring, because the gateway could not keep its promises with it.

docs/extending.md has the whole list of what works. A start is refused with all sentences at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from agents import (
    Agent,
    CodeInterpreterTool,
    FileSearchTool,
    FunctionTool,
    HostedMCPTool,
    Tool,
    WebSearchTool,
)

from ..errors import ConfigurationError
from .agent_graph import agent_of, everyone, reachable
from .items import answer_field
from .own_context import context_type, makeable

HOSTED: Final = (WebSearchTool, FileSearchTool, CodeInterpreterTool)
"""Tools that the model service runs, and that change nothing outside it."""


def check_agents(*agents: Agent[Any]) -> None:
    """Raise ConfigurationError, with a sentence for each thing that cannot be served, if there are any."""
    problems = [sentence for one in everyone(*agents) for sentence in (*_tools(one), *_waiting(one), *_answer(one))]
    problems += [sentence for agent in agents for sentence in _context(agent)]
    problems += _same_names(everyone(*agents))
    if problems:
        raise ConfigurationError(list(dict.fromkeys(problems)))


def check_hosted(*agents: Agent[Any], mode: str) -> None:
    """Raise ConfigurationError for tools that only the Responses API has; with the other one every turn would fail."""
    if mode == "responses":
        return
    problems = [
        f"Agent {one.name!r}: {tool.name} is run by the model service, which takes OPENAI_API_MODE=responses."
        for one in everyone(*agents)
        for tool in one.tools
        if not isinstance(tool, FunctionTool)
    ]
    if problems:
        raise ConfigurationError(problems)


def may_wait(tool: Tool) -> bool:
    """Tell whether calls of a tool may need approval."""
    return isinstance(tool, FunctionTool) and tool.needs_approval is not False


def _tools(agent: Agent[Any]) -> Iterator[str]:
    for tool in agent.tools:
        if isinstance(tool, HostedMCPTool):
            yield (
                f"Agent {agent.name!r}: {tool.name} is an MCP server that the model service calls, past approvals, "
                "masking and the ledger of effects; name the server in mcp_servers instead."
            )
        elif not isinstance(tool, (FunctionTool, *HOSTED)):
            yield f"Agent {agent.name!r}: {tool.name} is a {type(tool).__name__}, which is not run here."


def _waiting(agent: Agent[Any]) -> Iterator[str]:
    """Name what asks for approval in a way that cannot be kept: the call could not be resumed alone."""
    for tool in agent.tools:
        inner = agent_of(tool)
        if inner is None:
            continue
        if may_wait(tool) or any(may_wait(own) for one in reachable(inner) for own in one.tools):
            yield (
                f"Agent {agent.name!r}: {tool.name} (an agent as a tool) asks for approval, which only function tools "
                "of agents and handoffs can."
            )


def _same_names(agents: Sequence[Agent[Any]]) -> Iterator[str]:
    """Name tools that are told apart by nothing: staff see a call's name, and its arguments are checked by it."""
    known: dict[str, tuple[Agent[Any], FunctionTool]] = {}
    for agent in agents:
        for tool in agent.tools:
            if isinstance(tool, FunctionTool):
                first, same = known.setdefault(tool.name, (agent, tool))
                if same.params_json_schema != tool.params_json_schema:
                    yield (
                        f"Agents {first.name!r} and {agent.name!r} have tools {tool.name!r} that take different "
                        "arguments; rename one of them."
                    )


def _answer(agent: Agent[Any]) -> Iterator[str]:
    if agent.output_type is not None and answer_field(agent.output_type) is None:
        name = getattr(agent.output_type, "__name__", type(agent.output_type).__name__)
        yield (
            f"Agent {agent.name!r}: output_type {name} has no field that is the answer to the customer; give it a "
            "field `answer` of type str."
        )


def _context(agent: Agent[Any]) -> Iterator[str]:
    kind = context_type(agent)
    if kind is not None and not makeable(kind):
        yield (
            f"Agent {agent.name!r} is written for a context {kind.__name__}, which cannot be made without arguments; "
            "give each of its fields a default."
        )
