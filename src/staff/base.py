"""The slices of engine and runner that the staff room uses; its tests put much less in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..entries import Decision
from ..model import SubjectId
from ..persistence.values import Receipt


class Decider(Protocol):
    """Where decisions go. Fulfilled by the turn engine."""

    async def decide(self, subject: SubjectId, decision: Decision, *, key: str, not_after: float | None) -> Receipt:
        """Make a decision durable, unless ``key`` has one already (DUPLICATE) or ``not_after`` is past (LATE)."""
        ...


class ArgumentCheck(Protocol):
    """Who knows the tools' schemas. Fulfilled by the agent runner."""

    def argument_problem(self, tool: str, arguments: Mapping[str, Any]) -> str | None:
        """Say in one sentence why arguments do not fit a tool's schema, or None."""
        ...
