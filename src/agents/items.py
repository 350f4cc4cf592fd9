"""Items of a run: what it is shown, and what it produced as the plain items that are stored. Pure.

A plain item has one of these shapes and nothing else, so that any later turn, on any model, can be given it
(docs/persistence.md)::

    {"role": "user" | "assistant" | "system" | "developer", "content": text}
    {"type": "function_call", "call_id": …, "name": …, "arguments": JSON text}
    {"type": "function_call_output", "call_id": …, "output": text}
    {"type": "note", "kind": …, …}    which a model is given in words, see conversation/notes

No reasoning items and no provider ids: the API refuses a reasoning item whose partner was cut or corrected, and
since history is stored, it would refuse every later turn too. Within a turn, between the calls of tools, a reasoning
model gets its thoughts back (:func:`.models.for_responses`).

:func:`briefing` shows the model memory in front of the window and the profile behind it, as system messages that exist
in the request alone: neither history nor the state of a paused run ever holds them. What changes least comes first, so
that a provider's prompt cache keeps what precedes.

Of the final output, a model's last message is the answer as it is. A structured output, and what a tool gives in the
model's place (``tool_use_behavior``), holds it in a field.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from agents import (
    Agent,
    AgentOutputSchema,
    AgentOutputSchemaBase,
    HandoffCallItem,
    HandoffOutputItem,
    ItemHelpers,
    MessageOutputItem,
    ModelRefusalError,
    RunErrorHandlerInput,
    RunErrorHandlerResult,
    RunErrorHandlers,
    RunItem,
    ToolCallItem,
    TResponseInputItem,
)
from agents.items import InputItem, ToolCallOutputItem
from agents.result import RunResult, RunResultStreaming
from agents.run_config import CallModelData, ModelInputData
from pydantic import BaseModel

from ..conversation.base import GatedCall, Picture
from ..conversation.phrases import REFUSED
from ..conversation.speech_stream import SpeechStream
from ..conversation.summary import memory_of
from ..guardrails.thoughts import said
from ..guardrails.wrapped_answers import chosen, unwrapped, words_of
from ..model import Conversation, Item

_FILTERED = re.compile("content filter", re.IGNORECASE)
"""How the SDK words it that a provider withheld an answer: nothing for a customer."""


@dataclass(slots=True)
class Progress:
    """Progress of a turn, kept outside the run, so that it survives a run that breaks off."""

    items: list[Item]
    gated: list[GatedCall] = field(default_factory=list)
    text: str = ""
    keeper: str | None = None
    agent: str = ""
    handoffs: list[tuple[str, str]] = field(default_factory=list)
    counted: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def take(self, result: RunResult | RunResultStreaming, speech: SpeechStream | None, *, counted: int) -> None:
        """Take in what came of a run: items, handoffs, tokens, and its answer where no call of it waits.

        ``counted`` calls of tools are among the items then. The words of a run that a caller cut off stay out.
        """
        usage, new = result.context_wrapper.usage, result.new_items
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.agent = result.last_agent.name
        handoffs = (one for one in new if isinstance(one, HandoffOutputItem))
        self.handoffs += [(one.source_agent.name, one.target_agent.name) for one in handoffs]
        if speech is None or not speech.interrupted:
            self.items += plain_items(new, keep_dangling=bool(result.interruptions))
            self.counted = counted
            if not result.interruptions:
                self.text = _finish(result, self.items, speech)


def plain_items(new_items: Iterable[RunItem], *, keep_dangling: bool = False) -> tuple[Item, ...]:
    """Turn a run's new items into plain ones, in order.

    Left out: reasoning, approval requests, hosted tools' items, empty messages; outputs without their call; and calls
    without an output, which the API refuses, unless ``keep_dangling`` (where the caller adds the outputs).
    """
    items = [plain for item in new_items if (plain := _plain(item)) is not None]
    return _paired(items, keep_dangling=keep_dangling)


def _plain(item: RunItem) -> Item | None:
    if isinstance(item, MessageOutputItem):
        refusal = ItemHelpers.extract_refusal(item.raw_item)
        text = refused(refusal) if refusal else unwrapped(ItemHelpers.text_message_output(item))
        return {"role": "assistant", "content": text} if text else None
    if isinstance(item, InputItem | ToolCallItem | ToolCallOutputItem | HandoffCallItem | HandoffOutputItem):
        return _plain_input(item.to_input_item())
    return None


def _plain_input(raw: Mapping[str, Any] | Any) -> Item | None:
    kind = raw.get("type", "message")
    if kind == "message":
        text = _text(raw.get("content"))
        return {"role": str(raw["role"]), "content": text} if text else None
    if kind == "function_call":
        return {"type": kind, "call_id": raw["call_id"], "name": raw["name"], "arguments": raw["arguments"]}
    if kind == "function_call_output":
        return {"type": kind, "call_id": raw["call_id"], "output": _text(raw["output"])}
    return None


def _text(content: Any) -> str:
    """Give content as text: parts are joined, and a part that is no text leaves a word in its place."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return json.dumps(content, ensure_ascii=False, default=str)
    return "\n".join(
        part.get("text") or f"[{str(part.get('type', 'part')).removeprefix('input_')}]" for part in content
    )


def _paired(items: Sequence[Item], *, keep_dangling: bool) -> tuple[Item, ...]:
    """Keep calls that are answered later, and answers whose call came before; each call id pairs one to one."""
    open_calls: dict[str, int] = {}
    dropped: set[int] = set()
    for index, item in enumerate(items):
        if item.get("type") == "function_call":
            earlier = open_calls.get(item["call_id"])
            if earlier is not None:
                dropped.add(earlier)
            open_calls[item["call_id"]] = index
        elif item.get("type") == "function_call_output" and open_calls.pop(item["call_id"], None) is None:
            dropped.add(index)
    if not keep_dangling:
        dropped.update(open_calls.values())
    return tuple(item for index, item in enumerate(items) if index not in dropped)


def refused(text: str) -> str:
    """Return what a customer is told whom the model refuses: its own words, where it has any for them."""
    words = said(text).strip()
    return REFUSED if not words or _FILTERED.search(words) else words


def _refusal(given: RunErrorHandlerInput[Any]) -> RunErrorHandlerResult:
    """Make a model's refusal the answer; history has it as the model's own message."""
    words = given.error.refusal if isinstance(given.error, ModelRefusalError) else ""
    return RunErrorHandlerResult(refused(words), include_in_history=False)


REFUSALS: RunErrorHandlers[Any] = {"model_refusal": _refusal}
"""Lets a run whose model refuses end with an answer."""

Filter = Callable[[CallModelData[Any]], ModelInputData]


def briefing(
    conversation: Conversation,
    window: Sequence[Any],
    profile: str,
    *,
    pictures: Sequence[Picture] = (),
    texts: Sequence[str] = (),
) -> Filter | None:
    """Return the SDK's ``call_model_input_filter`` of one turn; ``window`` are the items that its runs begin with.

    ``pictures`` are shown beside the last of the customer's ``texts``: to the model alone, so that nothing keeps them.
    """
    memory = memory_of(conversation)
    if not (memory or profile or pictures):
        return None
    behind = len(window)

    def brief(call: CallModelData[Any]) -> ModelInputData:
        items = list(call.model_data.input)
        if pictures:
            _show(items, texts[-1], pictures)
        if profile:
            items.insert(_place(items, behind), _system(profile))
        if memory:
            items.insert(0, _system(memory))
        return ModelInputData(input=items, instructions=call.model_data.instructions)

    return brief


def _show(items: list[TResponseInputItem], text: str, pictures: Sequence[Picture]) -> None:
    """Put pictures beside the customer's last words."""
    said = [place for place, item in enumerate(items) if item.get("role") == "user" and item.get("content") == text]
    if said:
        shown: list[Any] = [{"type": "input_image", "image_url": _address(one), "detail": "auto"} for one in pictures]
        told = f"{text}\n(You see {len(pictures)} of these pictures.)"
        items[said[-1]] = {"role": "user", "content": [{"type": "input_text", "text": told}, *shown]}


def _address(picture: Picture) -> str:
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"


def _place(items: Sequence[Any], behind: int) -> int:
    """Return where the profile goes: behind the window. An agent that rewrites its input gets it in front."""
    fits = behind <= len(items) and (behind == len(items) or items[behind].get("type") != "function_call_output")
    return behind if fits else 0


def _system(text: str) -> TResponseInputItem:
    return {"role": "system", "content": text}


log = structlog.get_logger(__name__)

# --- the final output ---------------------------------------------------------------------------------------


def answer_field(output_type: Any) -> str | None:
    """Return the field of an output type that is the answer: empty when all of it is, None when there is none."""
    schema = output_type if isinstance(output_type, AgentOutputSchemaBase) else None
    if schema is None:
        schema = AgentOutputSchema(output_type, strict_json_schema=False)
    if schema.is_plain_text():
        return ""
    fields: Mapping[str, Any] = schema.json_schema().get("properties", {})
    return chosen([name for name, field in fields.items() if field.get("type") == "string"])


def spoken_whole(agent: Agent[Any]) -> bool:
    """Tell whether an agent's words may be said only when they are complete: they are data, or are still checked."""
    structured = agent.output_type is not None and answer_field(agent.output_type) != ""
    return structured or bool(agent.output_guardrails)


def said_by_model(output: Any, items: Sequence[RunItem]) -> bool:
    """Tell whether a run's output is the model's last message as it is."""
    return isinstance(output, str) and bool(items) and isinstance(items[-1], MessageOutputItem)


def in_words(output: Any, items: Sequence[RunItem]) -> str:
    """Return a run's output as the customer is told it; empty when there are no words in it."""
    if isinstance(output, BaseModel):
        output = output.model_dump()
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        output = dataclasses.asdict(output)
    if output is None:
        return ItemHelpers.text_message_outputs(list(items))
    if isinstance(output, str):
        return unwrapped(said(output))
    number = isinstance(output, int | float) and not isinstance(output, bool)
    return str(output) if number else unwrapped(said(words_of(output)))


def _finish(result: RunResult | RunResultStreaming, items: list[Item], speech: SpeechStream | None) -> str:
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
