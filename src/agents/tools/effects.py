"""Effect of running a tool, as the tool declares it: none, repeatable, or at most once.

A tool counts as having a side effect unless it declares otherwise, because running one twice may then do harm: the
effect ledger runs those at most once. Declaring is one line::

    @reads_only
    @function_tool
    async def opening_hours() -> str: ...
"""

from __future__ import annotations

from contextvars import ContextVar
from enum import StrEnum
from typing import TypeVar

from agents import FunctionTool, Tool

_MARK = "_tandem_effect"

ToolT = TypeVar("ToolT", bound=FunctionTool)


class ToolEffect(StrEnum):
    """The kinds of tools, by what a second run would do."""

    NONE = "none"
    """It changes nothing anywhere."""
    IN_COMMIT = "in_commit"
    """It only asks for something (a ticket, a message) that is written with the turn's commit, all or nothing."""
    IDEMPOTENT = "idempotent"
    """Its backend takes :func:`idempotency_key` and does the same thing once, however often it is asked."""
    ONCE = "once"
    """Nobody knows what a second run would do, so there is none."""


def reads_only(tool: ToolT) -> ToolT:
    """Declare that a tool changes nothing anywhere, so that running it again is harmless. Returns the same tool."""
    return _mark(tool, ToolEffect.NONE)


def in_commit(tool: ToolT) -> ToolT:
    """Declare that a tool's whole effect is what it adds to :class:`~tandem.conversation.base.PendingWrites`."""
    return _mark(tool, ToolEffect.IN_COMMIT)


def idempotent(tool: ToolT) -> ToolT:
    """Declare that a tool hands :func:`idempotency_key` to its backend, which honours it."""
    return _mark(tool, ToolEffect.IDEMPOTENT)


def effect_of(tool: Tool) -> ToolEffect:
    """Tell what a second run of a tool would do; ONCE for every tool that does not declare otherwise."""
    return ToolEffect(vars(tool).get(_MARK, ToolEffect.ONCE))


current_key: ContextVar[str] = ContextVar("tandem_idempotency_key")


def idempotency_key() -> str:
    """Return the key of the call that is running: the same when it is repeated after a crash, else its own.

    For tools with a side effect, gated or not. Raises LookupError outside such a call.
    """
    return current_key.get()


def _mark(tool: ToolT, effect: ToolEffect) -> ToolT:
    # Kept on the tool itself: it survives copy.copy() and a replaced on_invoke_tool, which a mark on the function
    # would not, and dataclasses.replace() loses it, which is the safe side.
    vars(tool)[_MARK] = effect
    return tool
