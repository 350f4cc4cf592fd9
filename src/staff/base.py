"""The slices of engine and runner that the staff room uses; its tests put much less in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..entries import Decision
from ..model import Approval, Conversation, SubjectId
from ..persistence.values import Receipt


class Decider(Protocol):
    """Takes decisions. Fulfilled by the turn engine."""

    async def decide(self, subject: SubjectId, decision: Decision, *, key: str, not_after: float | None) -> Receipt:
        """Make a decision durable, unless ``key`` has one already (DUPLICATE) or ``not_after`` is past (LATE)."""
        ...


class CallCheck(Protocol):
    """Knows the tools: their schemas, and the checks that they declare. Fulfilled by the agent runner."""

    def argument_problem(self, tool: str, arguments: Mapping[str, Any]) -> str | None:
        """Return in one sentence why arguments do not fit a tool's schema, or None."""
        ...

    async def call_problem(
        self, approval: Approval, arguments: Mapping[str, Any], conversation: Conversation, *, now: float
    ) -> str | None:
        """Return in one sentence why a call cannot be carried out if staff approve it now, or None.

        ``arguments`` are the call's own, or those that staff put in their place; ``conversation`` is the customer's.
        Raises StoreUnavailable when the business data that the check needs does not answer.
        """
        ...
