"""Streamed tool calls of the Chat Completions API, as services of several makers tell them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from agents import ModelSettings, ModelTracing
from openai.types.responses import ResponseFunctionToolCall
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tandem.agents.models import Models, open_client

from ...kit.serving import serve

WANTED = [("look_up", {"order": "1"}), ("look_up", {"order": "2"})]


def piece(index: int | None, id: str | None, name: str | None, arguments: str) -> dict[str, Any]:
    call: dict[str, Any] = {"type": "function", "function": {"arguments": arguments}}
    if index is not None:
        call["index"] = index
    if id is not None:
        call["id"] = id
    if name is not None:
        call["function"]["name"] = name
    return call


def whole(order: str) -> str:
    return json.dumps({"order": order})


def server(pieces: Sequence[dict[str, Any]]) -> Starlette:
    """Answer with these pieces of calls, one per chunk."""

    async def answer(request: Request) -> StreamingResponse:
        async def send() -> Any:
            for one in [*pieces, None]:
                choice = {
                    "index": 0,
                    "delta": {"tool_calls": [one]} if one else {},
                    "finish_reason": None if one else "tool_calls",
                }
                chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
                yield f"data: {json.dumps(chunk)}\n\n".encode()
            yield b"data: [DONE]\n\n"

        return StreamingResponse(send(), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(
            [piece(0, "a", "look_up", ""), piece(0, None, None, whole("1")),
             piece(1, "b", "look_up", ""), piece(1, None, None, whole("2"))],
            id="as OpenAI",
        ),
        pytest.param(
            [piece(0, "", "look_up", whole("1")), piece(0, "", "look_up", whole("2"))], id="one index, empty ids"
        ),
        pytest.param(
            [piece(0, "x", "look_up", whole("1")), piece(0, "y", "look_up", whole("2"))], id="one index, good ids"
        ),
        pytest.param(
            [piece(None, None, "look_up", whole("1")), piece(None, None, "look_up", whole("2"))], id="neither"
        ),
        pytest.param([piece(0, "x", "look_up", whole("1")), piece(1, "x", "look_up", whole("2"))], id="one id"),
        pytest.param(
            [piece(0, "a", "look_up", '{"order"'), piece(0, "a", "look_up", ': "1"}'), piece(0, "a", "look_up", ""),
             piece(1, "b", "look_up", '{"order": '), piece(1, "b", "look_up", '"2"}')],
            id="id and name in every piece",
        ),
    ],
)  # fmt: skip
async def test_streamed_calls_are_whole_and_told_apart(pieces: list[dict[str, Any]]) -> None:
    async with serve(server(pieces)) as url, open_client("key", f"{url}/v1") as client:
        model = Models(client, mode="chat_completions", default="m", call_timeout=5.0).get_model(None)
        events = [
            event
            async for event in model.stream_response(
                None, "hello", ModelSettings(), [], None, [], ModelTracing.DISABLED,
                previous_response_id=None, conversation_id=None, prompt=None,
            )
        ]  # fmt: skip
    done = [event.item for event in events if event.type == "response.output_item.done"]
    (completed,) = [event.response for event in events if event.type == "response.completed"]
    calls = [item for item in completed.output if isinstance(item, ResponseFunctionToolCall)]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == WANTED
    ids = [call.call_id for call in calls]
    assert len(set(ids)) == 2
    assert [getattr(item, "call_id", None) for item in done] == ids
