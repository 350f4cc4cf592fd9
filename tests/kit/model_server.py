"""A scripted server of the Responses API, as strict about its input as the real one, and a plain one of the older API.

With ``store`` false nothing is kept at the provider, so it refuses with 400, as the real API does: calls without
output, outputs without call, reasoning that carries no content, and any reference to an item by id. It also refuses
what llama.cpp's server does: items without a type, and messages whose content is not in parts.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route


@dataclass
class Answer:
    """What the model says to one request: text, tool calls, or trouble.

    ``gate`` holds the answer back until it is set; ``status`` other than 200 answers an error; ``calls`` are
    (name, arguments) pairs; ``reasoning`` puts a reasoning item before the output, as reasoning models do. ``code`` is
    the error's, ``ids`` are those of the calls, in place of good ones.
    """

    text: str = ""
    calls: Sequence[tuple[str, dict[str, Any]]] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    gap: float = 0.0
    reasoning: bool = False
    refusal: str = ""
    """Said in place of the text, as a part of its own kind."""
    code: str | None = None
    ids: Sequence[str] | None = None
    message: dict[str, Any] | None = None
    """That of the older API as another maker's service writes it, in place of the text and the calls."""
    body: Any = None
    """Sent in place of an answer or an error: JSON; with a good status also a page where it is a text, and with
    ``late`` an event.

    Bytes are a stream of events, sent to who asked for one.
    """
    late: bool = False

    def instead(self, body: dict[str, Any]) -> Response | None:
        """Return what is sent in place of an answer, or None."""
        if self.status != 200 and self.body is not None:
            return JSONResponse(self.body, self.status, self.headers)
        if self.status != 200:
            return _error(self.status, TROUBLE, self.headers, code=self.code)
        if isinstance(self.body, bytes):
            return Response(self.body, media_type="text/event-stream") if body.get("stream") else None
        if self.body is None:
            return None
        if self.late and body.get("stream"):
            return Response(f"data: {json.dumps(self.body)}\n\ndata: [DONE]\n\n", media_type="text/event-stream")
        return HTMLResponse(self.body) if isinstance(self.body, str) else JSONResponse(self.body, 200, self.headers)


ENCRYPTED = "reasoning.encrypted_content"
TROUBLE = "scripted trouble with what John wrote"
"""The message of an error, which quotes the request as services do."""

Script = Callable[[dict[str, Any]], Answer]


def repeating(*answers: Answer) -> Script:
    """Return a script of these answers, the last of them again and again."""
    left = iter(answers)
    return lambda _: next(left, answers[-1])


class ModelServer:
    """Answers ``POST /v1/responses``; keeps every request that it accepted or refused.

    ``POST /v1/chat/completions`` is answered from the same script, a stream in one piece; its requests are kept in
    ``chats``.
    """

    def __init__(self, script: Script | Sequence[Answer]) -> None:
        self.wire: list[dict[str, Any]] = []
        """Accepted requests as they came."""
        self.requests: list[dict[str, Any]] = []
        """The same, their messages as role and text."""
        self.chats: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.cancelled = 0
        self.play(script)
        self._ids = itertools.count(1)
        self.app = Starlette(
            routes=[
                Route("/v1/responses", self._respond, methods=["POST"]),
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
            ]
        )

    def play(self, script: Script | Sequence[Answer]) -> None:
        """Answer by a script, or with these answers, from now on, and forget what was asked before."""
        for kept in (self.wire, self.requests, self.chats, self.refused):
            kept.clear()
        if callable(script):
            self._script = script
        else:
            answers = iter(script)
            self._script = lambda _: next(answers)

    @property
    def inputs(self) -> list[list[dict[str, Any]]]:
        """The input items of every accepted request."""
        return [request["input"] for request in self.requests]

    async def _respond(self, request: Request) -> Response:
        body = await request.json()
        problem = complain(body)
        if problem:
            self.refused.append(problem)
            return _error(400, problem)
        self.wire.append(body)
        body = {**body, "input": [read_back(item) for item in body["input"]]}
        self.requests.append(body)
        answer = self._script(body)
        if answer.gate is not None and not body.get("stream"):
            try:
                await answer.gate.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if (instead := answer.instead(body)) is not None:
            return instead
        output = self._output(body, answer)
        if not body.get("stream"):
            return JSONResponse(self._response(body, output, "completed"))
        return StreamingResponse(self._events(body, answer, output), media_type="text/event-stream")

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        self.chats.append(body)
        answer = self._script(body)
        if (instead := answer.instead(body)) is not None:
            return instead
        calls = [
            {
                "id": self._call_id(answer, place),
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for place, (name, arguments) in enumerate(answer.calls)
        ]
        message = {"role": "assistant", "content": answer.text or None, "refusal": answer.refusal or None}
        message |= {"tool_calls": calls} if calls else {}
        message = answer.message or message
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        number = next(self._ids)
        whole = {
            "id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": body["model"],
            "choices": [choice], "usage": usage,
        }  # fmt: skip
        if not body.get("stream"):
            return JSONResponse(whole)
        piece = {**whole, "object": "chat.completion.chunk", "choices": [{**choice, "delta": message}]}
        return Response(f"data: {json.dumps(piece)}\n\ndata: [DONE]\n\n", media_type="text/event-stream")

    def _output(self, body: dict[str, Any], answer: Answer) -> list[dict[str, Any]]:
        output: list[dict[str, Any]] = []
        if answer.reasoning:
            thought: dict[str, Any] = {"type": "reasoning", "id": f"rs_{next(self._ids)}", "summary": []}
            if ENCRYPTED in (body.get("include") or ()):
                thought["encrypted_content"] = f"sealed-{next(self._ids)}"
            output.append(thought)
        for place, (name, arguments) in enumerate(answer.calls):
            output.append({
                "type": "function_call", "id": f"fc_{next(self._ids)}", "call_id": self._call_id(answer, place),
                "name": name, "arguments": json.dumps(arguments), "status": "completed",
            })  # fmt: skip
        if answer.text or answer.refusal:
            content: list[dict[str, Any]] = [{"type": "output_text", "text": answer.text, "annotations": []}]
            if answer.refusal:
                content = [{"type": "refusal", "refusal": answer.refusal}]
            output.append({
                "type": "message", "id": f"msg_{next(self._ids)}", "role": "assistant", "status": "completed",
                "content": content,
            })  # fmt: skip
        return output

    def _call_id(self, answer: Answer, place: int) -> str | None:
        return f"call_{next(self._ids)}" if answer.ids is None else answer.ids[place]

    def _response(self, body: dict[str, Any], output: list[dict[str, Any]], status: str) -> dict[str, Any]:
        usage = {
            "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15,
        }  # fmt: skip
        return {
            "id": f"resp_{next(self._ids)}", "object": "response", "created_at": 1, "status": status,
            "model": body["model"], "output": output, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
            "usage": usage if status == "completed" else None,
        }  # fmt: skip

    async def _events(self, body: dict[str, Any], answer: Answer, output: list[dict[str, Any]]) -> AsyncIterator[bytes]:
        sequence = itertools.count()

        def event(kind: str, **data: Any) -> bytes:
            payload = {"type": kind, "sequence_number": next(sequence), **data}
            return f"event: {kind}\ndata: {json.dumps(payload)}\n\n".encode()

        try:
            yield event("response.created", response=self._response(body, [], "in_progress"))
            if answer.gate is not None:
                await answer.gate.wait()
            for index, item in enumerate(output):
                yield event("response.output_item.added", output_index=index, item={**item, "content": []})
                if item["type"] == "message":
                    where = {"item_id": item["id"], "output_index": index, "content_index": 0}
                    if answer.refusal:
                        yield event("response.refusal.delta", delta=answer.refusal, **where)
                    for place, word in enumerate(answer.text.split(" ") if answer.text else ()):
                        part = f" {word}" if place else word
                        yield event("response.output_text.delta", delta=part, logprobs=[], **where)
                        if answer.gap:
                            await asyncio.sleep(answer.gap)
                yield event("response.output_item.done", output_index=index, item=item)
            yield event("response.completed", response=self._response(body, output, "completed"))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


def read_back(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item as it was before it got its full form; the id of a call is the wire's."""
    if item["type"] != "message":
        return item
    texts = [part.get("text") or f"[{part['type']}]" for part in item["content"]]
    return {"role": item["role"], "content": "\n".join(texts)}


def complain(body: dict[str, Any]) -> str | None:
    """Return what the real API would refuse in a request, or None."""
    items = body.get("input")
    if not isinstance(items, list) or not items:
        return "Missing required parameter: 'input'."
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    outputs = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    if len(set(calls)) != len(calls):
        return "Duplicate function call ids."
    for item in items:
        kind = item.get("type")
        if kind == "function_call" and not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", item["name"]):
            return "Invalid 'input.name': string does not match pattern."
        if kind is None or (kind == "message" and not isinstance(item.get("content"), list)):
            return "Cannot determine type of 'item'"
        if item.get("type") == "reasoning" and not item.get("encrypted_content"):
            return f"Item with id '{item.get('id')}' not found: reasoning without its required following item."
        if "id" in item:
            return f"Item with id '{item['id']}' not found. Items are not persisted when `store` is set to false."
    for call in calls:
        if call not in outputs:
            return f"No tool output found for function call {call}."
    for output in outputs:
        if output not in calls:
            return f"No tool call found for function call output with call_id {output}."
    return None


def _error(
    status: int, message: str, headers: dict[str, str] | None = None, *, code: str | None = None
) -> JSONResponse:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": error}, status, headers)
