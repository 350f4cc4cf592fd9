"""The Chat Completions API as services of other makers speak it: mends what the SDK cannot read.

The SDK takes any client that has ``chat.completions.create``. Some services leave out the ids of tool calls, or give
all calls of one streamed answer the same index; the ids that are put in here are replaced by lasting ones later. Others
send an answer in parts, thoughts among them, or a call's arguments as an object.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from .guarded_model import new_call_id


class ChatEndpoint:
    """Client interface that the SDK's Chat Completions model uses."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self.base_url = client.base_url
        self.chat = self
        self.completions = self
        self._client = client

    async def create(self, **given: Any) -> Any:
        """Create a completion or, with ``stream``, the iterator of its chunks."""
        answer = await self._client.chat.completions.create(**given)
        if not isinstance(answer, ChatCompletion):
            return _Chunks(answer)
        for choice in answer.choices or ():
            message: Any = choice.message
            _plain(message)
            for call in message.tool_calls or ():
                call.id = call.id or new_call_id()
                call.type = "function"
                if function := getattr(call, "function", None):
                    function.arguments = function.arguments or "{}"
        return answer


def _plain(message: Any) -> None:
    """Make text of content in parts, and of arguments that came as an object; parts of thoughts are no words."""
    if isinstance(getattr(message, "content", None), list):
        parts = [part for part in message.content if isinstance(part, dict) and part.get("type") == "text"]
        message.content = "".join(str(part.get("text") or "") for part in parts)
    for call in getattr(message, "tool_calls", None) or ():
        function = getattr(call, "function", None)
        if function and not isinstance(function.arguments, str | None):
            function.arguments = json.dumps(function.arguments)


class _Chunks:
    """The chunks of one streamed answer, each call under an index of its own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._calls: list[_Call] = []
        self._chunks = self._read()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._chunks

    @property
    def response(self) -> Any:
        """Return the HTTP answer, whose headers name the request."""
        return self._stream.response

    async def aclose(self) -> None:
        """End the answer upstream."""
        await self._stream.close()

    async def _read(self) -> AsyncIterator[Any]:
        try:
            async for chunk in self._stream:
                for choice in chunk.choices or ():
                    _plain(choice.delta)
                    for call in getattr(choice.delta, "tool_calls", None) or ():
                        self._place(call)
                yield chunk
        finally:
            await self._stream.close()

    def _place(self, piece: Any) -> None:
        """Give a piece of a call the index of its call; the piece that begins one gets an id."""
        theirs, arguments = piece.index or 0, (piece.function and piece.function.arguments) or ""
        named = bool(piece.function and piece.function.name)
        place = next((n for n in reversed(range(len(self._calls))) if self._calls[n].index == theirs), None)
        if place is None or self._calls[place].ended_before(piece.id, arguments, named=named):
            place = len(self._calls)
            self._calls.append(_Call(theirs, piece.id or ""))
            piece.id = piece.id or new_call_id()
        self._calls[place].arguments += arguments
        piece.index = place


@dataclass(slots=True)
class _Call:
    """A call of a streamed answer as the service tells it."""

    index: int
    id: str
    arguments: str = ""

    def ended_before(self, id: str | None, arguments: str, *, named: bool) -> bool:
        """Tell whether a piece with the same index belongs to another call."""
        if id and self.id and id != self.id:
            return True
        return named and bool(arguments) and self._whole()

    def _whole(self) -> bool:
        try:
            return isinstance(json.loads(self.arguments), dict)
        except (ValueError, RecursionError):
            return False
