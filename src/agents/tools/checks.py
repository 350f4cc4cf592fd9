"""The check of a gated tool: staff learn at their decision, not afterwards, that a call cannot be carried out.

Declaring one is one line::

    @checked(too_many_points)
    @function_tool(needs_approval=True)
    async def give_points(...) -> str: ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from agents import FunctionTool, Tool

from ..caller_context import CallerContext

_MARK = "_tandem_check"

ToolT = TypeVar("ToolT", bound=FunctionTool)

Check = Callable[[CallerContext, Mapping[str, Any]], Awaitable[str | None]]
"""Returns in one sentence for staff why a call with these arguments cannot be carried out as things stand, or None.

It changes nothing. It is asked when staff approve; the tool itself refuses what becomes impossible afterwards.
"""


def checked(check: Check) -> Callable[[ToolT], ToolT]:
    """Declare the check of a tool. Returns what gives the same tool."""

    def mark(tool: ToolT) -> ToolT:
        # Kept on the tool itself, as its effect is: it survives a replaced on_invoke_tool.
        vars(tool)[_MARK] = check
        return tool

    return mark


def check_of(tool: Tool) -> Check | None:
    """Return the check that a tool declares, or None."""
    check: Check | None = vars(tool).get(_MARK)
    return check
