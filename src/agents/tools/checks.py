"""The check and the spelling of a gated tool: what staff learn of a call before they decide about it.

Declaring either is one line::

    @checked(too_many_points)
    @spelled(in_full)
    @function_tool(needs_approval=True)
    async def give_points(...) -> str: ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from agents import FunctionTool, Tool

from ..caller_context import CallerContext

_MARK, _SPELLING = "_tandem_check", "_tandem_spelling"

ToolT = TypeVar("ToolT", bound=FunctionTool)

Check = Callable[[CallerContext, Mapping[str, Any]], Awaitable[str | None]]
"""Returns in one sentence for staff why a call with these arguments cannot be carried out as things stand, or None.

It changes nothing. It is asked when staff approve; the tool itself refuses what becomes impossible afterwards.
"""


Spelling = Callable[[CallerContext, Mapping[str, Any]], Mapping[str, Any]]
"""Returns a call's arguments as the tool understands them, so that staff see, and approve, what will really happen.

What it cannot read stays as it is. Arguments that are spelled already stay the same.
"""


def checked(check: Check) -> Callable[[ToolT], ToolT]:
    """Declare the check of a tool. Returns what gives the same tool."""
    return _marked(_MARK, check)


def check_of(tool: Tool) -> Check | None:
    """Return the check that a tool declares, or None."""
    check: Check | None = vars(tool).get(_MARK)
    return check


def spelled(spelling: Spelling) -> Callable[[ToolT], ToolT]:
    """Declare how the arguments of a tool are spelled out. Returns what gives the same tool."""
    return _marked(_SPELLING, spelling)


def spelling_of(tool: Tool) -> Spelling | None:
    """Return the spelling that a tool declares, or None."""
    spelling: Spelling | None = vars(tool).get(_SPELLING)
    return spelling


def _marked(name: str, value: object) -> Callable[[ToolT], ToolT]:
    def mark(tool: ToolT) -> ToolT:
        # Kept on the tool itself, as its effect is: it survives a replaced on_invoke_tool.
        vars(tool)[name] = value
        return tool

    return mark
