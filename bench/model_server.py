"""A model that answers always the same: ``python -m bench.model_server``. Prints its port, ends with its input.

``POST /v1/responses`` answers whole, after the seconds that ``POST /delay`` set, or streams: 300 ms to the first token,
then 40 tokens, one every 20 ms, or as ``POST /pace`` set the two; ``POST /words`` chooses which (:mod:`.answers`). The
first token begins with the moment at which the request arrived; each word begins with the moment at which it was
written (:mod:`.stamps`). ``GET /last`` gives the body of the latest request, ``GET /closed`` the moments at which
clients closed connections in the middle of a stream, by the stamp of the request.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

import uvloop

from .answers import ANSWERS, LENGTH
from .processes import input_ends
from .stamps import stamp
from .wire import Messages, response

TEXT = (
    "Thanks for reaching out! Order ORD_12345 left our warehouse yesterday and should arrive on Thursday. "
    "Is there anything else I can help you with today?"
)
FIRST_SECONDS, GAP_SECONDS = 0.3, 0.02
_STREAMED = re.compile(rb'"stream": ?true')
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_NO_HEAD = b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n"
_PLACE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
_PART = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
_ITEM = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}


class _Shared:
    """What all connections share."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.pace = FIRST_SECONDS, GAP_SECONDS
        self.tokens = ANSWERS["numbers"][:LENGTH]
        self.last = b""
        self.closed: dict[str, float] = {}


class _Answering(Messages):
    """One connection, with at most one answer under way."""

    def __init__(self, shared: _Shared) -> None:
        self._shared = shared
        self._request = ""
        self._next: asyncio.TimerHandle | None = None

    def message(self, head: bytes, body: bytes) -> None:
        shared = self._shared
        if head.startswith(b"POST /v1/responses"):
            shared.last = body
            if _STREAMED.search(body):
                self._begin()
            elif shared.delay > 0:
                asyncio.get_running_loop().call_later(shared.delay, self._write, _WHOLE)
            else:
                self._write(_WHOLE)
        elif head.startswith(b"POST /delay"):
            shared.delay = float(body)
            self._write(_NOTED)
        elif head.startswith(b"POST /pace"):
            shared.pace = tuple(json.loads(body))
            self._write(_NOTED)
        elif head.startswith(b"POST /words"):
            shared.tokens = ANSWERS[body.decode()][:LENGTH]
            self._write(_NOTED)
        elif head.startswith(b"GET /closed"):
            self._write(response(json.dumps(shared.closed).encode()))
        elif head.startswith(b"HEAD"):  # a gateway opens its connection before the first turn
            self._write(_NO_HEAD)
        else:
            self._write(response(shared.last))

    def _write(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)

    def connection_lost(self, error: Exception | None) -> None:
        if self._next is not None:
            self._next.cancel()
            self._shared.closed[self._request.strip()] = time.monotonic()

    def _begin(self) -> None:
        self._request = stamp(time.monotonic())
        first, gap = self._shared.pace
        self.transport.write(_HEAD + _chunk(*_OPENING))
        self._later(asyncio.get_running_loop().time() + first, gap, 0)

    def _later(self, at: float, gap: float, number: int) -> None:
        self._next = asyncio.get_running_loop().call_at(at, self._token, at, gap, number)

    def _token(self, at: float, gap: float, number: int) -> None:
        word = self._shared.tokens[number]
        moment = stamp(time.monotonic()) if word[-1].isalpha() else ""
        text = (self._request if number == 0 else "") + moment + word
        delta = {"type": "response.output_text.delta", **_PLACE, "delta": text, "logprobs": [], "obfuscation": "x" * 9}
        self.transport.write(_chunk(*(_STARTING if number == 0 else ()), {**delta, "sequence_number": number + 4}))
        if number + 1 < len(self._shared.tokens):
            self._later(at + gap, gap, number + 1)
            return
        self._next = None
        self.transport.write(_ENDING)


def _chunk(*events: dict[str, Any]) -> bytes:
    """Return events as one chunk of a chunked answer."""
    text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
    return f"{len(text):x}\r\n".encode() + text + b"\r\n"


def _completed(text: str) -> dict[str, Any]:
    """Return an answer of the Responses API as the real one words it: instructions and tools come back with it."""
    content = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [content]}
    usage = {
        "input_tokens": 1200, "input_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 0},
        "output_tokens": 40, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 1240,
    }  # fmt: skip
    parameters = {
        "type": "object", "required": ["order_id"], "additionalProperties": False,
        "properties": {"order_id": {"type": "string", "description": "The order number."}},
    }  # fmt: skip
    tool = {
        "type": "function", "description": "Look up one of the customer's orders.", "parameters": parameters,
        "strict": True,
    }  # fmt: skip
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "error": None,
        "incomplete_details": None, "instructions": "Be brief. " * 200, "max_output_tokens": None, "model": "bench",
        "output": [message], "parallel_tool_calls": True, "previous_response_id": None, "store": False,
        "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
        "tools": [{**tool, "name": f"tool_{number}"} for number in range(10)], "top_p": 1.0,
        "truncation": "disabled", "usage": usage, "user": None, "metadata": {},
    }  # fmt: skip


_NOTED = response(b"{}")
_WHOLE = response(json.dumps(_completed(TEXT)).encode())
_RESPONSE = {**_completed(TEXT), "status": "in_progress", "output": [], "usage": None}
_OPENING = (
    {"type": "response.created", "sequence_number": 0, "response": _RESPONSE},
    {"type": "response.in_progress", "sequence_number": 1, "response": _RESPONSE},
)
_STARTING = (
    {"type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": _ITEM},
    {"type": "response.content_part.added", "sequence_number": 3, **_PLACE, "part": _PART},
)
_DONE = _completed("The answer, whose words only the deltas tell. " * 8)
_ENDING = (
    _chunk(
        {"type": "response.output_text.done", "sequence_number": 50, **_PLACE, "text": "", "logprobs": []},
        {"type": "response.content_part.done", "sequence_number": 51, **_PLACE, "part": _PART},
        {"type": "response.output_item.done", "sequence_number": 52, "output_index": 0, "item": _DONE["output"][0]},
        {"type": "response.completed", "sequence_number": 53, "response": _DONE},
    )
    + b"0\r\n\r\n"
)


async def _main() -> None:
    shared = _Shared()
    server = await asyncio.get_running_loop().create_server(lambda: _Answering(shared), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await input_ends()
    server.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
