"""A model without a model: answers by the rules of :mod:`.rules`, so that everything works with no key.

It speaks the SDK's model interface as the OpenAI Responses model does, with the same stream of events in the same
order (platform.openai.com/docs/api-reference/responses-streaming), and calls the tools it is given.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import count
from typing import Any
from uuid import uuid4

from agents import Model, ModelResponse, Tool, Usage
from agents.items import TResponseInputItem, TResponseOutputItem, TResponseStreamEvent
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseContentPartAddedEvent,
    ResponseContentPartDoneEvent,
    ResponseCreatedEvent,
    ResponseFunctionCallArgumentsDeltaEvent,
    ResponseFunctionCallArgumentsDoneEvent,
    ResponseFunctionToolCall,
    ResponseInProgressEvent,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
)

from ..support import ON_THE_PHONE
from .rules import next_step
from .speech import speakable
from .steps import Say

MODEL_NAME = "offline"


class OfflineModel(Model):
    """Canned rules behind the SDK's model interface. Keeps nothing: it remembers from the input items alone."""

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        model_settings: Any,
        tools: list[Tool],
        *args: Any,
        **kwargs: Any,
    ) -> ModelResponse:
        """Answer in one piece. Settings and output types are not looked at; of the instructions, only the channel."""
        return ModelResponse(
            output=[_output(input, tools, system_instructions)], usage=Usage(requests=1), response_id=None
        )

    async def stream_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        model_settings: Any,
        tools: list[Tool],
        *args: Any,
        **kwargs: Any,
    ) -> AsyncIterator[TResponseStreamEvent]:
        """Answer word by word."""
        for event in _events(_output(input, tools, system_instructions)):
            yield event
            await asyncio.sleep(0)  # a long answer must not hold up other calls' words


def _output(
    given: str | Sequence[Any], tools: list[Tool], instructions: str | None
) -> ResponseOutputMessage | ResponseFunctionToolCall:
    items: Sequence[Any] = [{"role": "user", "content": given}] if isinstance(given, str) else given
    step = next_step(items, frozenset(tool.name for tool in tools))
    if isinstance(step, Say):
        text = speakable(step.text) if ON_THE_PHONE in (instructions or "") else step.text
        return _message(f"msg_{uuid4().hex}", text)
    # A fresh id for every call: ids that came back in a later run would pair calls with the wrong outputs.
    return ResponseFunctionToolCall(
        type="function_call",
        id=f"fc_{uuid4().hex}",
        call_id=f"call_{uuid4().hex}",
        name=step.tool,
        arguments=json.dumps(step.arguments, ensure_ascii=False),
        status="completed",
    )


def _message(item_id: str, text: str | None) -> ResponseOutputMessage:
    """Make a finished message, or one that has only begun (``text`` None)."""
    return ResponseOutputMessage(
        id=item_id,
        type="message",
        role="assistant",
        status="in_progress" if text is None else "completed",
        content=[] if text is None else [_part(text)],
    )


def _part(text: str) -> ResponseOutputText:
    return ResponseOutputText(type="output_text", text=text, annotations=[], logprobs=[])


def _response(response_id: str, output: list[TResponseOutputItem] | None) -> Response:
    """Make a finished response, or one that has only begun (``output`` None)."""
    return Response(
        id=response_id,
        created_at=0,
        model=MODEL_NAME,
        object="response",
        output=output or [],
        tool_choice="auto",
        tools=[],
        parallel_tool_calls=False,
        status="in_progress" if output is None else "completed",
    )


def _events(item: ResponseOutputMessage | ResponseFunctionToolCall) -> Iterator[TResponseStreamEvent]:
    """Give the events of a response with this one output item."""
    number = count()
    response_id = f"resp_{uuid4().hex}"
    begun = _response(response_id, None)
    yield ResponseCreatedEvent(type="response.created", response=begun, sequence_number=next(number))
    yield ResponseInProgressEvent(type="response.in_progress", response=begun, sequence_number=next(number))
    yield from _message_events(item, number) if isinstance(item, ResponseOutputMessage) else _call_events(item, number)
    yield ResponseOutputItemDoneEvent(
        type="response.output_item.done", item=item, output_index=0, sequence_number=next(number)
    )
    finished = _response(response_id, [item])
    yield ResponseCompletedEvent(type="response.completed", response=finished, sequence_number=next(number))


def _message_events(item: ResponseOutputMessage, number: Iterator[int]) -> Iterator[TResponseStreamEvent]:
    text = "".join(part.text for part in item.content if isinstance(part, ResponseOutputText))
    here: dict[str, Any] = {"item_id": item.id, "output_index": 0, "content_index": 0}
    yield ResponseOutputItemAddedEvent(
        type="response.output_item.added", item=_message(item.id, None), output_index=0, sequence_number=next(number)
    )
    yield ResponseContentPartAddedEvent(
        type="response.content_part.added", part=_part(""), sequence_number=next(number), **here
    )
    for word in re.findall(r"\s*\S+", text):
        yield ResponseTextDeltaEvent(
            type="response.output_text.delta", delta=word, logprobs=[], sequence_number=next(number), **here
        )
    yield ResponseTextDoneEvent(
        type="response.output_text.done", text=text, logprobs=[], sequence_number=next(number), **here
    )
    yield ResponseContentPartDoneEvent(
        type="response.content_part.done", part=_part(text), sequence_number=next(number), **here
    )


def _call_events(item: ResponseFunctionToolCall, number: Iterator[int]) -> Iterator[TResponseStreamEvent]:
    here: dict[str, Any] = {"item_id": item.id, "output_index": 0}
    begun = item.model_copy(update={"arguments": "", "status": "in_progress"})
    yield ResponseOutputItemAddedEvent(
        type="response.output_item.added", item=begun, output_index=0, sequence_number=next(number)
    )
    yield ResponseFunctionCallArgumentsDeltaEvent(
        type="response.function_call_arguments.delta", delta=item.arguments, sequence_number=next(number), **here
    )
    yield ResponseFunctionCallArgumentsDoneEvent(
        type="response.function_call_arguments.done",
        arguments=item.arguments,
        sequence_number=next(number),
        **here,
    )
