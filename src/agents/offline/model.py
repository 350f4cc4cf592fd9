"""A model without a model: answers by the scenarios of :mod:`.scenarios`, so that everything works with no key."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Any
from uuid import uuid4

from agents import Model, ModelResponse, Tool, Usage
from agents.items import TResponseStreamEvent
from openai.types import responses as api

from ..support import ON_THE_PHONE
from .canned_rules import next_step


class OfflineModel(Model):
    """Canned scenarios behind the SDK's model interface. Remembers from the input items alone."""

    async def get_response(
        self, system_instructions: str | None, input: Any, model_settings: Any, tools: list[Tool], *_: Any, **__: Any
    ) -> ModelResponse:
        """Answer in one piece. Settings and output types are not looked at; of the instructions, only the channel."""
        output = _output(input, tools, system_instructions)
        return ModelResponse(output=[output], usage=Usage(requests=1), response_id=None)

    async def stream_response(
        self, system_instructions: str | None, input: Any, model_settings: Any, tools: list[Tool], *_: Any, **__: Any
    ) -> AsyncIterator[TResponseStreamEvent]:
        """Answer word by word, by the events that runs look at, as :mod:`~tandem.agents.responses` does."""
        output = _output(input, tools, system_instructions)
        number = count()
        text = getattr(output.content[0], "text", "") if isinstance(output, api.ResponseOutputMessage) else ""
        for word in re.findall(r"\s*\S+", text):
            yield api.ResponseTextDeltaEvent(
                type="response.output_text.delta", sequence_number=next(number), item_id=str(output.id),
                output_index=0, content_index=0, delta=word, logprobs=[],
            )  # fmt: skip
            await asyncio.sleep(0)  # a long answer must not hold up other calls' words
        yield api.ResponseOutputItemDoneEvent(
            type="response.output_item.done", item=output, output_index=0, sequence_number=next(number)
        )
        response = api.Response(
            id=f"resp_{uuid4().hex}", created_at=0, model="offline", object="response", output=[output],
            tool_choice="auto", tools=[], parallel_tool_calls=False, status="completed",
        )  # fmt: skip
        yield api.ResponseCompletedEvent(type="response.completed", response=response, sequence_number=next(number))


def _output(
    given: str | Sequence[Any], tools: list[Tool], instructions: str | None
) -> api.ResponseOutputMessage | api.ResponseFunctionToolCall:
    items: Sequence[Any] = [{"role": "user", "content": given}] if isinstance(given, str) else given
    step = next_step(items, frozenset(tool.name for tool in tools))
    # Fresh ids: those of a call that came back in a later run would pair calls with the wrong outputs.
    fresh = uuid4().hex
    if isinstance(step, str):
        text = speakable(step) if ON_THE_PHONE in (instructions or "") else step
        part = api.ResponseOutputText(type="output_text", text=text, annotations=[], logprobs=[])
        return api.ResponseOutputMessage(
            id=f"msg_{fresh}", type="message", role="assistant", status="completed", content=[part]
        )
    arguments = json.dumps(step.arguments, ensure_ascii=False)
    return api.ResponseFunctionToolCall(
        id=f"fc_{fresh}", call_id=f"call_{fresh}", type="function_call", name=step.tool, arguments=arguments
    )


_MONEY = re.compile(r"\$(\d[\d,]*)(?:\.(\d\d))?")
_SPELLED = re.compile(
    r"\b[A-Z]{2,}_?(?=[A-Z]*\d)[A-Z0-9]+\b|\b[A-Z]{2,}_[A-Z0-9]+\b|(?i:(?<=\border ))\d+\b|\b\d{5,}\b"
)
"""Codes and order numbers: said one sign after the other."""
_WORDS = {"&": " and ", "%": " percent", "@": " at ", ";": ",", "(": ", ", ")": ", "}


def speakable(text: str) -> str:
    """Write a text the way it is to be spoken: "$5.20 of order 12" is "5 dollars and 20 cents of order 1 2"."""
    text = re.sub(r"https?://\S+", " ", text)
    text = _MONEY.sub(lambda money: _dollars(int(money[1].replace(",", "")), int(money[2] or 0)), text)
    text = _SPELLED.sub(lambda code: " ".join(code[0].replace("_", "")), text)
    for symbol, word in _WORDS.items():
        text = text.replace(symbol, word)
    text = re.sub(r"[^\w\s.,?!':-]|_", " ", re.sub(r":(?!\d)", ",", text))
    text = re.sub(r"\s+", " ", text)
    return re.sub(r"(?:\s*,)+(?=\s*[.,?!])|\s+(?=[.,?!])", "", text).strip()


def _dollars(dollars: int, cents: int) -> str:
    whole = f"{dollars} dollar{'' if dollars == 1 else 's'}"
    return f"{whole} and {cents} cent{'' if cents == 1 else 's'}" if cents else whole
