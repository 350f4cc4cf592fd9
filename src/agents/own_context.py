"""Context object of an agent of one's own: made for each turn, filled with what the last one left in it.

Its class is what the agent says, ``Agent[SeatContext](…)``; without one, any attribute may be set.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final, get_args

import structlog
from agents import Agent
from pydantic import BaseModel

from ..guardrails.pii import mask_value
from .agent_graph import reachable
from .caller_context import CallerContext

log = structlog.get_logger(__name__)

LARGEST: Final = 8000
"""Characters of JSON that are kept from turn to turn."""


def context_type(agent: Agent[Any]) -> type[Any] | None:
    """Return the class of the context that an agent, or one behind it, says it is written for; None for ours."""
    for one in reachable(agent):
        for said in get_args(getattr(one, "__orig_class__", None)):
            if isinstance(said, type) and said is not object and not issubclass(said, CallerContext):
                return said
    return None


def makeable(kind: type[Any]) -> bool:
    """Tell whether a context class can be made without arguments."""
    try:
        kind()
    except Exception:
        # The edge to anybody's class: whatever it raises, there is no context.
        return False
    return True


def make(kind: type[Any] | None, kept: object) -> Any:
    """Return a context object with what was kept of the last turn's."""
    made = (kind or SimpleNamespace)()
    if isinstance(kept, Mapping):
        for name, value in kept.items():
            try:
                setattr(made, str(name), value)
            except (AttributeError, TypeError, ValueError):
                # A field that the class no longer has, or that may not be set.
                log.info("agent_context_field_dropped", kind=type(made).__name__)
    return made


def kept(made: Any) -> Mapping[str, Any]:
    """Return what is kept of a context object: JSON values, without card numbers; nothing when it cannot be kept."""
    values = _values(made)
    if not values:
        return {}
    try:
        masked = mask_value(json.loads(json.dumps(values)))
    except (TypeError, ValueError):
        log.warning("agent_context_not_kept", kind=type(made).__name__, reason="not JSON")
        return {}
    if len(json.dumps(masked)) > LARGEST:
        log.warning("agent_context_not_kept", kind=type(made).__name__, reason="too large")
        return {}
    return dict(masked)


def _values(made: Any) -> dict[str, Any]:
    if isinstance(made, BaseModel):
        return made.model_dump(mode="json")
    if dataclasses.is_dataclass(made) and not isinstance(made, type):
        return dataclasses.asdict(made)
    return {name: value for name, value in getattr(made, "__dict__", {}).items() if not name.startswith("_")}
