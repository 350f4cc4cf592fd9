"""Final output of a run as the words that a customer is told.

A model's last message is the answer as it is. A structured output, and what a tool gives in the model's place
(``tool_use_behavior``), holds it in a field.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from agents import Agent, AgentOutputSchema, AgentOutputSchemaBase, ItemHelpers, MessageOutputItem, RunItem
from agents.result import RunResult, RunResultStreaming
from pydantic import BaseModel

from ..conversation.speech_stream import SpeechStream
from ..model import Item

log = structlog.get_logger(__name__)

ANSWERS: Final = ("answer", "reply", "response", "message", "text", "content")
"""Names of the field that is the answer, the likeliest first; without one of them, the only text is."""


def answer_field(output_type: Any) -> str | None:
    """Return the field of an output type that is the answer: empty when all of it is, None when there is none."""
    schema = output_type if isinstance(output_type, AgentOutputSchemaBase) else None
    if schema is None:
        schema = AgentOutputSchema(output_type, strict_json_schema=False)
    if schema.is_plain_text():
        return ""
    fields: Mapping[str, Any] = schema.json_schema().get("properties", {})
    return _chosen([name for name, field in fields.items() if field.get("type") == "string"])


def spoken_whole(agent: Agent[Any]) -> bool:
    """Tell whether an agent's words may be said only when they are complete: they are data, or are still checked."""
    structured = agent.output_type is not None and answer_field(agent.output_type) != ""
    return structured or bool(agent.output_guardrails)


def said_by_model(output: Any, items: Sequence[RunItem]) -> bool:
    """Tell whether a run's output is the model's last message as it is."""
    return isinstance(output, str) and bool(items) and isinstance(items[-1], MessageOutputItem)


def in_words(output: Any, items: Sequence[RunItem]) -> str:
    """Return a run's output as the customer is told it; empty when there are no words in it."""
    if said_by_model(output, items):
        return str(output)
    if isinstance(output, str):
        try:
            found = json.loads(output)
        except ValueError:
            return output
        return _answer(found) if isinstance(found, dict) else output
    if output is None:
        return ItemHelpers.text_message_outputs(list(items))
    return _answer(output)


def finish(result: RunResult | RunResultStreaming, items: list[Item], speech: SpeechStream | None) -> str:
    """Return what a customer is told at the end of a run, put it into its items, and say what did not stream."""
    output, new = result.final_output, result.new_items
    text = in_words(output, new)
    if not text.strip() and output:
        log.warning("final_output_without_words", kind=type(output).__name__)
    streamed = said_by_model(output, new)
    if not streamed:
        if items and items[-1].get("role") == "assistant":
            items.pop()  # the same as data
        if text.strip():
            items.append({"role": "assistant", "content": text})
    if speech is not None and (not streamed or spoken_whole(result.last_agent)):
        speech.say(text)
    return text


def _answer(output: Any) -> str:
    if isinstance(output, BaseModel):
        output = output.model_dump()
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        output = dataclasses.asdict(output)
    if not isinstance(output, Mapping):
        return str(output) if isinstance(output, int | float) and not isinstance(output, bool) else ""
    texts = {str(name): value for name, value in output.items() if isinstance(value, str) and value.strip()}
    return texts.get(_chosen(list(texts)) or "", "")


def _chosen(names: Sequence[str]) -> str | None:
    known = [name for name in ANSWERS if name in names]
    return known[0] if known else names[0] if len(names) == 1 else None
