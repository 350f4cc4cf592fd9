"""Tells staff, before they approve a call, why it cannot be carried out: its tool's schema and its tool's own check."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from ..conversation.approvals import route_of
from ..errors import StoreUnavailable
from ..model import Approval, Conversation
from .caller_context import CallerContext, CallerContexts
from .tool_gate import GatedTool, argument_problem

log = structlog.get_logger(__name__)

CHECK_SECONDS = 10.0
"""How long a tool may take over its check; staff wait for it."""


class CallChecks:
    """Fulfils :class:`tandem.staff.base.CallCheck` with the tools of one agent."""

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
        """Return why a call cannot be carried out; see the protocol."""
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
            # The edge to any agent's code. A broken check stands in nobody's way: the tool itself refuses as well.
            log.warning("check_raised", tool=approval.tool, kind=type(error).__name__)
            return None
