"""A model that answers at once, or after a while, always the same: ``python -m bench.model_server``.

Prints its port. ``POST /v1/responses`` answers; ``POST /delay`` sets the seconds that an answer takes; ``GET /last``
gives the body of the latest request. Ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json

import uvloop

from .processes import input_ends
from .wire import Answer, listen, response

TEXT = (
    "Thanks for reaching out! Order ORD_12345 left our warehouse yesterday and should arrive on Thursday. "
    "Is there anything else I can help you with today?"
)


class _Model:
    def __init__(self) -> None:
        self._answer = response(json.dumps(completed()).encode())
        self._done = response(b"{}")
        self._delay = 0.0
        self._last = b""

    def __call__(self, head: bytes, body: bytes) -> Answer:
        if head.startswith(b"POST /v1/responses"):
            self._last = body
            return self._delay, self._answer
        if head.startswith(b"POST /delay"):
            self._delay = float(body)
            return 0.0, self._done
        return 0.0, response(self._last)


def completed(text: str = TEXT) -> dict[str, object]:
    """Return an answer of the Responses API as the real one words it: instructions and tools come back with it."""
    content = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [content]}
    usage = {
        "input_tokens": 1200, "input_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 0},
        "output_tokens": 40, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 1240,
    }  # fmt: skip
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "error": None,
        "incomplete_details": None, "instructions": "Be brief. " * 200, "max_output_tokens": None, "model": "bench",
        "output": [message], "parallel_tool_calls": True, "previous_response_id": None, "store": False,
        "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
        "tools": [_tool(number) for number in range(10)], "top_p": 1.0,
        "truncation": "disabled", "usage": usage, "user": None, "metadata": {},
    }  # fmt: skip


def _tool(number: int) -> dict[str, object]:
    parameters = {
        "type": "object", "required": ["order_id"], "additionalProperties": False,
        "properties": {"order_id": {"type": "string", "description": "The order number."}},
    }  # fmt: skip
    return {
        "type": "function", "name": f"tool_{number}", "description": "Look up one of the customer's orders.",
        "parameters": parameters, "strict": True,
    }  # fmt: skip


async def _main() -> None:
    server, port = await listen(_Model())
    print(port, flush=True)
    await input_ends()
    server.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
