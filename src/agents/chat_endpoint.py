"""The Chat Completions API as services of other makers speak it: mends what the SDK cannot read.

The SDK takes any client that has ``chat.completions.create``. Some services leave out the ids of tool calls, or give
all calls of one streamed answer the same index; the ids that are put in here are replaced by lasting ones later. Others
send an answer in parts, thoughts among them, or a call's arguments as an object, or trouble with a good status.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from .guarded_model import new_call_id
from .model_trouble import EndpointError, code_of, status_in


class ChatEndpoint:
    """Client interface that the SDK's Chat Completions model uses."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self.base_url = client.base_url
        self.chat = self
        self.completions = self
        self._client = client

    async def create(self, **given: Any) -> Any:
        """Create a completion or, with ``stream``, the iterator of its chunks. Raises EndpointError."""
        try:
            answer: Any = await self._client.chat.completions.create(**given)
            if isinstance(answer, AsyncStream):
                if not answer.response.headers.get("content-type", "").startswith("application/json"):
                    return _Chunks(answer, answer)
                return _Chunks(answer, _spelled(json.loads(await answer.response.aread())))
        except json.JSONDecodeError as error:
            raise EndpointError("no JSON") from error
        _check(answer if isinstance(answer, ChatCompletion) else None)
        for choice in answer.choices:
            message = choice.message
            _plain(message)
            for call in message.tool_calls or ():
                call.id = call.id or new_call_id()
                call.type = "function"
                if function := getattr(call, "function", None):
                    function.arguments = function.arguments or "{}"
        return answer


def _check(answer: Any) -> None:
    """Raise EndpointError where an answer with a good status tells of trouble, or holds no choice."""
    choices = getattr(answer, "choices", None) or ()
    errors = [error for one in (answer, *choices) if (error := getattr(one, "error", None))]
    whole = all(hasattr(one, "delta") or getattr(one, "message", None) is not None for one in choices)
    if choices and whole and not errors and all(getattr(one, "finish_reason", "") != "error" for one in choices):
        return
    body = {"error": errors[0]} if errors else {}
    raise EndpointError("error choice" if choices else "no choices", status=status_in(body), code=code_of(body))


def _plain(message: Any) -> None:
    """Make text of content in parts, and of arguments that came as an object; parts of thoughts are no words."""
    if isinstance(getattr(message, "content", None), list):
        parts = [part for part in message.content if isinstance(part, dict) and part.get("type") == "text"]
        message.content = "".join(str(part.get("text") or "") for part in parts)
    for call in getattr(message, "tool_calls", None) or ():
        function = getattr(call, "function", None)
        if function and not isinstance(function.arguments, str | None):
            function.arguments = json.dumps(function.arguments)


async def _spelled(whole: Any) -> AsyncIterator[Any]:
    """Yield the one chunk of an answer that came in one piece. Raises EndpointError where it is none."""
    choices = whole.get("choices") if isinstance(whole, dict) else None
    if not isinstance(choices, list) or not all(isinstance(one, dict) for one in choices) or whole.get("error"):
        raise EndpointError("no stream", status=status_in(whole), code=code_of(whole))
    spelled = [{**one, "delta": one.get("message")} for one in choices]
    yield ChatCompletionChunk.construct(**{**whole, "choices": spelled})


def _speaks(delta: Any) -> bool:
    return any(getattr(delta, name, None) for name in ("content", "tool_calls", "refusal"))


class _Chunks:
    """The chunks of one streamed answer, each call under an index of its own."""

    def __init__(self, stream: Any, told: AsyncIterator[Any]) -> None:
        self._stream = stream
        self._told = told
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
        """Yield the chunks; those before the first words come with it, so that until then it may be asked again."""
        held, begun = list[Any](), False
        try:
            async for chunk in self._told:
                choices = getattr(chunk, "choices", None) or ()
                if choices:
                    _check(chunk)
                for choice in choices:
                    choice.index = choice.index or 0  # some services leave it out where there is but one
                    _plain(choice.delta)
                    for call in getattr(choice.delta, "tool_calls", None) or ():
                        self._place(call)
                held.append(chunk)
                begun = begun or any(choice.finish_reason or _speaks(choice.delta) for choice in choices)
                while begun and held:
                    yield held.pop(0)
            if not begun:
                _check(None)
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
