"""Wraps every tool so that its calls go through the current run; rejects gated tools that cannot be paused."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import json
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol, cast

import jsonschema  # type: ignore[import-untyped]
import structlog
from agents import Agent, FunctionTool, RunContextWrapper
from agents.tool_context import ToolContext

from ..conversation.approvals import route_of
from ..errors import StoreUnavailable
from ..model import Approval, Conversation
from ..telemetry.traces import quote, span
from .agent_graph import agent_of, everyone, reachable
from .agent_rules import check_agents, may_wait
from .caller_context import CallerContext, CallerContexts
from .tools.approval import withdraw_request
from .tools.checks import check_of, spelling_of
from .tools.effects import ToolEffect, effect_of

log = structlog.get_logger(__name__)

TOOL_FAILED = (
    "The tool failed and gave no result. Do not claim that it worked; say that it did not, or try another way."
)


Policy = Callable[[RunContextWrapper[Any], dict[str, Any], str], Awaitable[bool]]
"""A tool's ``needs_approval``: context, raw arguments, call id."""


class ToolRun(Protocol):
    """Decides how a tool call is run: a turn's journal, or the execution of one approved call."""

    async def call(self, tool: GatedTool, context: ToolContext[Any], arguments: str) -> Any:
        """Run the call, or answer in its place."""
        ...

    def raised(self, call_id: str, error: Exception | None) -> None:
        """Note that the call's own code raised, before its answer comes back."""
        ...

    def unknown_tool(self, name: str, call_id: str, output: str) -> None:
        """Note a call of a tool that does not exist, and what the model is told."""
        ...

    async def decided(self, tool: GatedTool, call_id: str, arguments: str) -> bool:
        """Tell whether the call may run without asking its policy: it was decided, or it ran before."""
        ...


current: ContextVar[ToolRun] = ContextVar("tandem_run")
"""The run that this task belongs to; the SDK runs tools in tasks that inherit it."""


class GatedTool:
    """A tool's ``on_invoke_tool``, with the run in front of it."""

    def __init__(self, tool: FunctionTool) -> None:
        self.name = tool.name
        # What an agent does that is a tool, its own tools do: each has a gate.
        self.effect = effect_of(tool) if agent_of(tool) is None else ToolEffect.NONE
        self.check = check_of(tool)
        self.spelling = spelling_of(tool)
        self.schema = tool.params_json_schema
        self.invoke = tool.on_invoke_tool

    async def __call__(self, context: ToolContext[Any], arguments: str) -> Any:
        """Run the call through the current run; outside any run, as if nothing stood in front."""
        run = current.get(None)
        named = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": self.name, "gen_ai.tool.type": "function"}
        with span(f"execute_tool {self.name}", {**named, "gen_ai.tool.call.id": context.tool_call_id}) as one:
            output = await (run.call(self, context, arguments) if run else self.invoke(context, arguments))
            quote(one, tool_call_arguments=arguments, tool_call_result=output)
        return output


def put_gates(*agents: Agent[Any]) -> dict[str, GatedTool]:
    """Wrap every function tool of some agents and of those behind them, and return them by name.

    An agent with tools that need approval also gets ``withdraw_request``. Raises ConfigurationError for what cannot
    be served (:mod:`.agent_rules`).
    """
    check_agents(*agents)
    found: dict[str, GatedTool] = {}
    for one in everyone(*agents):
        if any(may_wait(tool) for tool in one.tools) and withdraw_request.name not in _names(one):
            one.tools.append(withdraw_request)
        for tool in one.tools:
            if isinstance(tool, FunctionTool):
                found.setdefault(tool.name, _gate(tool))
        for guardrail in one.input_guardrails:
            guardrail.run_in_parallel = False  # beside the model, words and tools would be ahead of it
    return found


def _gate(tool: FunctionTool) -> GatedTool:
    if isinstance(tool.on_invoke_tool, GatedTool):
        return tool.on_invoke_tool
    gate = tool.on_invoke_tool = GatedTool(tool)
    if callable(tool.needs_approval):
        tool.needs_approval = _policy(gate, tool.needs_approval)
    return gate


def fingerprint(agent: Agent[Any], tool: str) -> str:
    """Return what a snapshot of a waiting call depends on: the SDK's version, the agents' names, the tool's schema."""
    agents = reachable(agent)
    schemas = [
        own.params_json_schema
        for reached in agents
        for own in reached.tools
        if isinstance(own, FunctionTool) and own.name == tool
    ]
    version = importlib.metadata.version("openai-agents")
    parts = json.dumps([version, sorted(one.name for one in agents), tool, schemas], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def argument_problem(tool: GatedTool, arguments: Mapping[str, Any]) -> str | None:
    """Say in one sentence why arguments do not fit a tool's schema, or None."""
    if "raw" in arguments and "raw" not in tool.schema.get("properties", {}):
        return "they are no JSON object"
    validator = jsonschema.Draft202012Validator(tool.schema)
    error = next(iter(validator.iter_errors(dict(arguments))), None)
    if error is None:
        return None
    where = ".".join(str(part) for part in error.absolute_path)
    return f"{where}: {error.message}" if where else error.message


def canonical(arguments: str) -> str:
    """Return a call's arguments in one spelling, so that the same request is recognised whatever its spelling."""
    return json.dumps(read_arguments(arguments), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def read_arguments(text: str) -> Mapping[str, Any]:
    """Read a call's arguments; what is no JSON object becomes ``{"raw": text}``, so that a record always exists."""
    try:
        value = json.loads(text or "{}", parse_constant=_no_number)
    except (ValueError, RecursionError):  # also of a thousand brackets, which the SDK answers itself
        value = None
    return cast(Mapping[str, Any], value) if isinstance(value, dict) else {"raw": text}


def _no_number(name: str) -> Any:
    """Refuse NaN and Infinity, which are no JSON and which no record can hold."""
    raise ValueError(name)


def refused(output: str) -> bool:
    """Tell whether a tool's answer is a refusal (see :mod:`.tools.outputs`)."""
    if not output.startswith('{"error"'):
        return False
    return "error" in read_arguments(output)


def _policy(gate: GatedTool, asked: Policy) -> Policy:
    """Put the run in front of a tool's own policy.

    A turn that is run again after a crash meets calls that were carried out the first time. Asking for approval anew
    would look at a world which the call itself has changed already, and would pay twice.
    """

    async def needs_approval(context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> bool:
        run = current.get(None)
        if run is not None and await run.decided(gate, call_id, json.dumps(arguments)):
            return False
        waits = bool(await asked(context, arguments, call_id))
        log.debug("gate_decided", tool=gate.name, waits=waits)
        return waits

    return needs_approval


def _names(agent: Agent[Any]) -> set[str]:
    return {tool.name for tool in agent.tools}


log = structlog.get_logger(__name__)

# --- what staff are told before they approve a call ---------------------------------------------------------

CHECK_SECONDS = 10.0
"""How long a tool may take over its check; staff wait for it."""


class CallChecks:
    """Says of calls of our agents' tools whether staff may let them run."""

    def __init__(self, tools: Mapping[str, GatedTool], callers: CallerContexts) -> None:
        self._tools = tools
        self._callers = callers

    @property
    def tools(self) -> frozenset[str]:
        """Names of the tools there are."""
        return frozenset(self._tools)

    def argument_problem(self, tool: str, arguments: Mapping[str, Any]) -> str | None:
        """Return in one sentence why arguments do not fit a tool's schema, or None."""
        known = self._tools.get(tool)
        return argument_problem(known, arguments) if known else "The agent has no such tool any more."

    def spelled(self, tool: str, arguments: Mapping[str, Any], caller: CallerContext) -> Mapping[str, Any]:
        """Return a call's arguments as its tool understands them."""
        known = self._tools.get(tool)
        return known.spelling(caller, arguments) if known and known.spelling else arguments

    async def call_problem(
        self, approval: Approval, arguments: Mapping[str, Any], conversation: Conversation, *, now: float
    ) -> str | None:
        """Return in one sentence why a call cannot be carried out if staff approve it now, or None.

        ``arguments`` are the call's own, or those that staff put in their place. Raises StoreUnavailable when the
        business data that the check needs does not answer.
        """
        tool, route = self._tools.get(approval.tool), route_of(approval, conversation)
        if tool is None or tool.check is None or route is None:
            return None
        caller = self._callers.caller(conversation, route, now)
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await tool.check(caller, arguments)
        except StoreUnavailable:
            raise
        except Exception as error:
            # The edge to any agent's code. A broken check stops no decision: the tool itself refuses as well.
            log.warning("check_raised", tool=approval.tool, kind=type(error).__name__)
            return None
