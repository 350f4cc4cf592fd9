"""The one support agent, and loading another in its place (``AGENT_PATH``)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import resources
from inspect import iscoroutinefunction
from typing import Any

from agents import Agent, FunctionToolResult, RunContextWrapper, ToolsToFinalOutputResult

from .. import own_code
from ..model import Channel
from .agent_choice import Chooser
from .caller_context import CallerContext
from .tools import support_tools

SETTING = "AGENT_PATH"
DEFAULT_NAME = "Customer Service Agent"
DEFAULT_REFUND_THRESHOLD_CENTS = 10_000
ON_THE_PHONE = "The customer reaches you on the phone."
BY_TEXT = "The customer reaches you by text message."


def build_support_agent(
    model: str | None,
    *,
    name: str = DEFAULT_NAME,
    refund_threshold_cents: int = DEFAULT_REFUND_THRESHOLD_CENTS,
    company: Callable[[float], str] = lambda now: "",
) -> Agent[CallerContext]:
    """Build the support agent. ``model`` None is the SDK's default; ``name`` is ``WORKFLOW_NAME``.

    Refunds of one order that come to more than the threshold in all wait for a colleague. ``company`` gives what the
    operator says of the company at a time, seconds since the epoch: it instructs like our own text, and follows it.
    """
    text = resources.files(__package__).joinpath("instructions.md").read_text("utf-8").strip()

    def instructions(context: RunContextWrapper[CallerContext], agent: Agent[CallerContext]) -> str:
        now = context.context.now
        about = f"# This company\n\n{own}\n\n" if (own := company(now)) else ""
        return f"{text}\n\n{about}{_circumstances(context.context)}"

    tools = support_tools(refund_threshold_cents=refund_threshold_cents)
    return Agent(
        name=name, instructions=instructions, tools=tools, model=model, tool_use_behavior=_end_when_put_through
    )


def _end_when_put_through(
    context: RunContextWrapper[CallerContext], results: list[FunctionToolResult]
) -> ToolsToFinalOutputResult:
    """End a turn that puts the caller through: the sentence that says so is a fixed one, and comes at once."""
    return ToolsToFinalOutputResult(is_final_output=bool(context.context.deeds.transfer), final_output="")


def _circumstances(caller: CallerContext) -> str:
    """Say what differs between turns. It stands last and changes rarely, so that prompt caches keep what precedes."""
    way = ON_THE_PHONE if caller.route.channel is Channel.VOICE else BY_TEXT
    today = datetime.fromtimestamp(caller.now, UTC).strftime("%A, %d %B %Y")
    return f"# Now\n\n{way} Today is {today} (UTC)."


def load_agent(path: str) -> Agent[Any]:
    """Load the agent that ``AGENT_PATH`` names: an ``agents.Agent``, or a function without arguments returning one.

    Raises :class:`~tandem.errors.ConfigurationError` with a sentence for each way in which it can be wrong.
    """
    found = own_code.load(SETTING, path)
    if not isinstance(found, Agent) and callable(found):
        if iscoroutinefunction(found):
            raise own_code.wrong(SETTING, path, "names an async function; a plain one is needed")
        if not own_code.takes(found):
            raise own_code.wrong(SETTING, path, "names something that needs arguments; it is called without any")
        found = own_code.call(SETTING, path, found)
    if not isinstance(found, Agent):
        raise own_code.wrong(SETTING, path, f"gives a {type(found).__name__}, not an agents.Agent")
    return found


def load_chooser(path: str) -> Chooser:
    """Load a function that chooses agents, ``module:attribute``; it takes the occasion. Raises ConfigurationError."""
    found: Chooser = own_code.load(SETTING, path)
    if not own_code.takes(found, None):
        raise own_code.wrong(SETTING, path, "must be a function that takes one argument, the occasion")
    return found
