"""MCP servers of an agent: connected while the gateway runs, their tools made the agent's own.

As tools of the agent they go through the same gate as every other one: approvals, masking, the ledger of effects.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

from agents import Agent, FunctionTool, RunContextWrapper, Tool
from agents.mcp import MCPServer, MCPUtil

from ..errors import ConfigurationError
from .agent_graph import everyone
from .tools.effects import reads_only


@asynccontextmanager
async def open_mcp_tools(*agents: Agent[Any]) -> AsyncIterator[None]:
    """Connect the MCP servers of some agents and of those behind them, until the context is left.

    Their tools are listed once. Raises ConfigurationError for a server that does not answer.
    """
    given = [(one, list(one.mcp_servers), list(one.tools)) for one in everyone(*agents) if one.mcp_servers]
    async with AsyncExitStack() as stack:
        connected: set[int] = set()
        try:
            for one, servers, _ in given:
                for server in servers:
                    if id(server) not in connected:
                        await _connect(one, server, stack)
                        connected.add(id(server))
                    one.tools += await _tools(one, server)
                one.mcp_servers = []  # else the SDK would list the same tools again, without a gate
            yield
        finally:
            for one, servers, tools in given:
                one.mcp_servers, one.tools = servers, tools


async def _connect(agent: Agent[Any], server: MCPServer, stack: AsyncExitStack) -> None:
    with _answering(agent, server):
        await server.connect()  # type: ignore[no-untyped-call]
    stack.push_async_callback(server.cleanup)


async def _tools(agent: Agent[Any], server: MCPServer) -> list[Tool]:
    with _answering(agent, server):
        found = await MCPUtil.get_function_tools(
            server,
            agent.mcp_config.get("convert_schemas_to_strict", False),
            RunContextWrapper(None),
            agent,
            failure_error_function=None,  # what a call raises is for the gate
            include_server_in_tool_names=agent.mcp_config.get("include_server_in_tool_names", False),
        )
    taken = {tool.name for tool in agent.tools}
    if twice := [tool.name for tool in found if tool.name in taken]:
        raise ConfigurationError([
            f"Agent {agent.name!r}: the MCP server {server.name!r} has tools that are there already: "
            f"{', '.join(twice)}; set mcp_config={{'include_server_in_tool_names': True}}."
        ])  # fmt: skip
    return [_declared(tool) for tool in found]


def _declared(tool: Tool) -> Tool:
    """Take a server's word that a tool only reads; every other one runs at most once."""
    hints = getattr(tool, "_mcp_annotations", None)
    reads = getattr(hints, "read_only_hint", None) or getattr(hints, "readOnlyHint", None)
    return reads_only(tool) if reads and isinstance(tool, FunctionTool) else tool


@contextmanager
def _answering(agent: Agent[Any], server: MCPServer) -> Iterator[None]:
    """Turn whatever a server's client raises into a ConfigurationError; its words may quote addresses and keys."""
    try:
        yield
    except Exception as error:
        # The edge to a server and its client, which may be of any make.
        raise ConfigurationError([
            f"Agent {agent.name!r}: the MCP server {server.name!r} does not answer ({type(error).__name__})."
        ]) from error  # fmt: skip
