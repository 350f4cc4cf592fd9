"""Stub models that execute one approved call without contacting a model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agents import Model, ModelResponse, Usage
from agents.items import TResponseStreamEvent
from openai.types.responses import ResponseFunctionToolCall


class EmptyModel(Model):
    """Answers every request with nothing at all."""

    async def get_response(self, *args: Any, **kw: Any) -> ModelResponse:
        """Return an empty answer."""
        return ModelResponse(output=[], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kw: Any) -> AsyncIterator[TResponseStreamEvent]:
        """Refuse: a decided call is run without streaming."""
        raise TypeError("SilentModel does not stream")


class OneCallModel(EmptyModel):
    """Asks once for one call, then says nothing."""

    def __init__(self, tool: str, arguments: str, call_id: str) -> None:
        self._call = ResponseFunctionToolCall(
            type="function_call", name=tool, arguments=arguments, call_id=call_id, id=call_id
        )
        self._asked = False

    async def get_response(self, *args: Any, **kw: Any) -> ModelResponse:
        """Return the call, later nothing."""
        output: list[Any] = [] if self._asked else [self._call]
        self._asked = True
        return ModelResponse(output=output, usage=Usage(), response_id=None)
