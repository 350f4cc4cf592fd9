"""Masks what a model asks of tools, as it comes from the model: gate, snapshot, record and tool see nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from agents import ModelResponse
from agents.items import TResponseStreamEvent
from openai.types.responses import ResponseCompletedEvent, ResponseFunctionToolCall, ResponseOutputItemDoneEvent

from ..guardrails.pii import mask, mask_value
from .model_wrapper import ModelWrapper


class MaskedCalls(ModelWrapper):
    """A model whose calls hold no card and social security numbers.

    A model may join what a customer gave in two messages, each harmless by itself.
    """

    async def get_response(self, *args: Any, **kw: Any) -> ModelResponse:
        """See :class:`agents.Model`."""
        response = await self._inner.get_response(*args, **kw)
        _mask(response.output)
        return response

    async def stream_response(self, *args: Any, **kw: Any) -> AsyncIterator[TResponseStreamEvent]:
        """See :class:`agents.Model`."""
        stream: Any = self._inner.stream_response(*args, **kw)
        async with aclosing(stream) as events:
            async for event in events:
                if isinstance(event, ResponseOutputItemDoneEvent):
                    _mask([event.item])
                elif isinstance(event, ResponseCompletedEvent):
                    _mask(event.response.output)
                yield event


def _mask(items: list[Any]) -> None:
    for item in items:
        if isinstance(item, ResponseFunctionToolCall):
            item.arguments = masked_arguments(item.arguments)


def masked_arguments(text: str) -> str:
    """Return a call's arguments without such numbers; those without one stay as they were written."""
    try:
        arguments = json.loads(text)
    except ValueError:
        return mask(text).text
    masked = mask_value(arguments)
    return text if masked == arguments else json.dumps(masked, ensure_ascii=False)
