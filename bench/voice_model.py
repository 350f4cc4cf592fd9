"""A model that speaks: 300 ms to its first token, then 40 tokens, one every 20 ms. ``python -m bench.voice_model``.

Prints its port. ``POST /v1/responses`` streams. The first token begins with the moment at which the request arrived;
each token ends with the moment at which it was written (:mod:`.stamps`). ``POST /pace`` sets seconds to the first token
and between tokens; ``GET /last`` gives the body of the latest request, ``GET /closed`` the moments at which clients
closed connections in the middle of an answer, by the stamp of the request. Ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import uvloop

from .model_server import completed
from .processes import input_ends
from .stamps import stamp
from .wire import Messages, response

TOKENS = 40
FIRST_SECONDS, GAP_SECONDS = 0.3, 0.02
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_PLACE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
_PART = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
_ITEM = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}


class _Shared:
    """What all connections share."""

    def __init__(self) -> None:
        self.pace = FIRST_SECONDS, GAP_SECONDS
        self.last = b""
        self.closed: dict[str, float] = {}


class _Speaking(Messages):
    """One connection, with at most one answer under way."""

    def __init__(self, shared: _Shared) -> None:
        self._shared = shared
        self._request = ""
        self._next: asyncio.TimerHandle | None = None

    def message(self, head: bytes, body: bytes) -> None:
        shared = self._shared
        if head.startswith(b"POST /v1/responses"):
            shared.last = body
            self._begin()
        elif head.startswith(b"HEAD"):  # a gateway opens its connection before the first turn
            self.transport.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
        elif head.startswith(b"POST /pace"):
            shared.pace = tuple(json.loads(body))
            self.transport.write(response(b"{}"))
        elif head.startswith(b"GET /closed"):
            self.transport.write(response(json.dumps(shared.closed).encode()))
        else:
            self.transport.write(response(shared.last))

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
        text = (self._request if number == 0 else "") + stamp(time.monotonic())
        delta = {"type": "response.output_text.delta", **_PLACE, "delta": text, "logprobs": [], "obfuscation": "x" * 9}
        self.transport.write(_chunk(*(_STARTING if number == 0 else ()), {**delta, "sequence_number": number + 4}))
        if number + 1 < TOKENS:
            self._later(at + gap, gap, number + 1)
            return
        self._next = None
        self.transport.write(_ENDING)


def _chunk(*events: dict[str, Any]) -> bytes:
    """Return events as one chunk of a chunked answer."""
    text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
    return f"{len(text):x}\r\n".encode() + text + b"\r\n"


_RESPONSE = {**completed(), "status": "in_progress", "output": [], "usage": None}
_OPENING = (
    {"type": "response.created", "sequence_number": 0, "response": _RESPONSE},
    {"type": "response.in_progress", "sequence_number": 1, "response": _RESPONSE},
)
_STARTING = (
    {"type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": _ITEM},
    {"type": "response.content_part.added", "sequence_number": 3, **_PLACE, "part": _PART},
)
_DONE = completed("The answer, whose words only the deltas tell. " * 8)
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
    server = await asyncio.get_running_loop().create_server(lambda: _Speaking(shared), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await input_ends()
    server.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
