"""Errors of a run in our own terms: for the turn, for the log, and for the model that called a tool."""

from __future__ import annotations

from typing import Any, Final

import structlog
from agents import (
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    ModelBehaviorError,
    OutputGuardrailTripwireTriggered,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
)
from agents.run_config import ToolErrorFormatterArgs

from ..errors import GuardrailTripped, ModelUnavailable, TooManySteps, TurnError, TurnTimedOut
from ..guardrails.pii import mask
from ..telemetry.traces import failed
from .caller_context import ContextMisused
from .model_trouble import trouble_of
from .tool_gate import TOOL_FAILED, current
from .tools.outputs import clipped

log = structlog.get_logger(__name__)

TRIPPED: Final = (
    InputGuardrailTripwireTriggered,
    OutputGuardrailTripwireTriggered,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
)
MISFIT: Final = (
    "The arguments do not fit the parameters of this tool, so nothing was done. Call it again with one JSON object of "
    "its parameters, or ask the customer for what is missing."
)
LONGEST_REASON: Final = 300
"""Characters of a tool's own sentence that the model is given."""


def turn_error(error: Exception) -> TurnError:
    """Return what a turn failed with, whatever a run raised."""
    if isinstance(error, TurnError):
        return error
    ours: TurnError
    if isinstance(error, TimeoutError):
        ours = TurnTimedOut()
    elif isinstance(error, MaxTurnsExceeded):
        ours = TooManySteps()
    elif isinstance(error, TRIPPED):
        log.info("guardrail_tripped", kind=type(error).__name__)
        ours = GuardrailTripped()
    elif (trouble := trouble_of(error)) is not None:
        log.warning("model_failed", reason=trouble.kind, status=trouble.status, code=trouble.code or None)
        ours = ModelUnavailable(str(trouble))
    else:
        log.warning("run_raised", kind=type(error).__name__)
        ours = TurnError(type(error).__name__)
    ours.__cause__ = error
    return ours


def tool_failed(call: ToolErrorFormatterArgs[Any]) -> str | None:
    """Return what the model is told of a tool that failed; the log gets its kind.

    A plain ``ValueError`` is how a tool refuses: its sentence is meant for the model. Whatever else an exception says
    may come from inside.
    """
    run = current.get(None)
    if call.kind != "tool_exception":
        if run is not None:  # a tool that does not exist never reaches a gate
            run.unknown_tool(call.tool_name, call.call_id, call.default_message)
        return None
    error = call.error
    reason = {"reason": str(error)} if isinstance(error, ContextMisused) else {}
    log.warning("tool_raised", tool=call.tool_name, kind=type(error).__name__, **reason)
    failed(type(error).__name__)
    if run is not None:
        run.raised(call.call_id, error)
    if isinstance(error, ModelBehaviorError):
        return MISFIT
    said = str(error).strip() if type(error) is ValueError else ""
    return f"The tool refused: {mask(clipped(said, LONGEST_REASON)).text}" if said else TOOL_FAILED
