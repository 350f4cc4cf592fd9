"""The one support agent, and loading another in its place (``AGENT_PATH``)."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import resources
from pkgutil import resolve_name
from typing import Any

from agents import Agent, FunctionToolResult, RunContextWrapper, ToolsToFinalOutputResult

from ..errors import ConfigurationError
from ..model import Channel
from .agent_choice import Chooser
from .caller_context import CallerContext
from .tools import support_tools

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
    """Load the agent that ``AGENT_PATH`` names: ``module:attribute``, an ``agents.Agent`` or a function returning one.

    The function takes no arguments. The working folder is importable, after everything that is installed. Raises
    :class:`~tandem.errors.ConfigurationError` with a sentence for each way in which it can be wrong.
    """
    module, _, attribute = path.strip().partition(":")
    if not (module and attribute):
        raise _wrong(path, "must look like module:attribute, for example my_agents:support")
    found = _named(path, module, attribute)
    if not isinstance(found, Agent) and callable(found):
        found = _call(path, found)
    if not isinstance(found, Agent):
        raise _wrong(path, f"gives a {type(found).__name__}, not an agents.Agent")
    return found


def load_chooser(path: str) -> Chooser:
    """Load a function that chooses agents, ``module:attribute``; it takes the occasion. Raises ConfigurationError."""
    module, _, attribute = path.partition(":")
    found = _named(path, module, attribute)
    try:
        inspect.signature(found).bind(None)
    except (TypeError, ValueError) as error:
        raise _wrong(path, "must be a function that takes one argument, the occasion") from error
    chooser: Chooser = found
    return chooser


def _named(path: str, module: str, attribute: str) -> Any:
    # At the end of the search path, so that a file of the working folder never hides an installed package.
    if (folder := os.getcwd()) not in sys.path and "" not in sys.path:
        sys.path.append(folder)
    importlib.invalidate_caches()
    try:
        return resolve_name(path.strip())
    except ModuleNotFoundError as error:
        if error.name and (module + ".").startswith(error.name + "."):
            raise _wrong(path, f"names the module {module!r}, which cannot be found from {folder}") from error
        raise _wrong(path, f"names a module that needs {error.name!r}, which is not installed") from error
    except Exception as error:
        if module in sys.modules:
            raise _wrong(path, f"names {attribute!r}, which the module {module!r} does not have") from error
        raise _wrong(path, f"names a module that fails while it is imported ({_short(error)})") from error


def _call(path: str, function: Any) -> Any:
    if inspect.iscoroutinefunction(function):
        raise _wrong(path, "names an async function; a plain one is needed")
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError) as error:
        raise _wrong(path, "names something that needs arguments; it is called without any") from error
    try:
        return function()
    except Exception as error:
        raise _wrong(path, f"names a function that fails ({_short(error)})") from error


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _wrong(path: str, how: str) -> ConfigurationError:
    return ConfigurationError([f"AGENT_PATH={path} {how}"])
