"""Our way to the model says and reads the same as the SDK's own, which it replaces below ``responses.create``.

The SDK's own model, over openai's own client, is the specification: both get the same scripted answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from agents import (
    Agent,
    Model,
    ModelResponse,
    ModelSettings,
    ModelTracing,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    function_tool,
)
from openai.types.shared import Reasoning
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tandem.agents import guarded_model, responses
from tandem.agents.models import Models, open_client
from tandem.errors import ModelUnavailable, TurnTimedOut

from ...kit.model_server import Answer, ModelServer
from ...kit.serving import listen, port_of, serve
from ...kit.tables import each
from ...kit.waiting import until

OWN, SDKS = "ours", "the SDK's"
HISTORY: list[Any] = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where is my order? 📦 é"}]},
    {"type": "function_call", "call_id": "a1B2c3D4e", "name": "look_up", "arguments": '{"order": "ORD_1"}'},
    {"type": "function_call_output", "call_id": "a1B2c3D4e", "output": "on its way"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "On its way."}]},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Thanks. And the other one?"}]},
]


@function_tool
async def look_up(order: str, urgent: bool | None = None) -> str:
    """Look up an order."""
    return f"{order} is on its way"


@asynccontextmanager
async def asking(app: Any, which: str = OWN, timeout: float = 5.0) -> AsyncIterator[Model]:
    """Open one of the two models on a server."""
    async with serve(app) as url, open_client("test-key", f"{url}/v1") as client:
        if which == SDKS:
            yield OpenAIResponsesModel(model="some-model", openai_client=client.openai)
        else:
            yield Models(client, mode="responses", default="some-model", call_timeout=timeout).get_model(None)


def request(given: Any = None, settings: ModelSettings | None = None, tools: Sequence[Any] = ()) -> dict[str, Any]:
    """Return the arguments of a model call."""
    return {
        "system_instructions": "Be kind.", "input": HISTORY if given is None else given, "tools": list(tools),
        "model_settings": settings or ModelSettings(store=False), "output_schema": None, "handoffs": [],
        "tracing": ModelTracing.DISABLED, "previous_response_id": None, "conversation_id": None, "prompt": None,
    }  # fmt: skip


def said(response: ModelResponse) -> list[dict[str, Any]]:
    """Return the output as the SDK will store it, but for the ids of calls, which are ours."""
    return [_without_ids(item.model_dump(exclude_unset=True)) for item in response.output]


def _without_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_ids(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_ids(one) for name, one in value.items() if name != "call_id"}
    return value


ANSWERS = [
    Answer("Hello 👋"),
    Answer(calls=[("look_up", {"order": "ORD_1"}), ("look_up", {"order": "ORD_2"})]),
    Answer("Let me see.", calls=[("look_up", {"order": "é"})], reasoning=True),
]


@each("answer", ANSWERS)
async def test_an_answer_is_read_as_the_sdk_reads_it(answer: Answer) -> None:
    read = []
    for which in (OWN, SDKS):
        async with asking(ModelServer([answer]).app, which) as model:
            read.append(await model.get_response(**request()))
    ours, theirs = read
    assert said(ours) == said(theirs)
    assert [type(item) for item in ours.output] == [type(item) for item in theirs.output]
    assert (ours.usage, ours.response_id) == (theirs.usage, theirs.response_id)


@each("answer", ANSWERS)
async def test_a_stream_is_read_as_the_sdk_reads_it_less_what_repeats(answer: Answer) -> None:
    read = []
    for which in (OWN, SDKS):
        async with asking(ModelServer([answer]).app, which) as model:
            read.append([event async for event in model.stream_response(**request())])
    ours, theirs = read[0], [event for event in read[1] if event.type not in responses.REPEATING]
    assert [type(event) for event in ours] == [type(event) for event in theirs]
    assert [_without_ids(event.model_dump(exclude_unset=True)) for event in ours] == [
        _without_ids(event.model_dump(exclude_unset=True)) for event in theirs
    ]


@each(
    ("takes", "left"),
    [
        (True, ["output_item.added", "output_item.done", "completed"]),
        (False, ["output_item.added", "output_text.delta", "output_item.done", "completed"]),
    ],
)
async def test_a_listener_hears_the_text_and_the_sdk_the_rest(takes: bool, left: list[str]) -> None:
    heard: list[str] = []

    def listen(text: str) -> bool:
        heard.append(text)
        return takes

    async with asking(ModelServer([Answer("Hello")]).app) as model:
        token = responses.listener.set(listen)
        try:
            events = [event async for event in model.stream_response(**request())]
        finally:
            responses.listener.reset(token)
    assert heard == ["Hello"]
    assert [event.type.removeprefix("response.") for event in events] == left


@each(
    "settings",
    [
        ModelSettings(store=False),
        ModelSettings(store=False, temperature=0.2, max_tokens=50, parallel_tool_calls=True, metadata={"a": "b"}),
        ModelSettings(store=False, reasoning=Reasoning(effort="low"), verbosity="low", tool_choice="look_up"),
        ModelSettings(store=False, extra_body={"extra": [1]}, extra_args={"user": "somebody"}, truncation="auto"),
    ],
)
@each("given", [HISTORY, HISTORY[-1:]])
async def test_the_body_on_the_wire_is_the_one_that_the_sdk_sends(settings: ModelSettings, given: Any) -> None:
    sent = []
    for which in (OWN, SDKS):
        server = ModelServer([Answer("ok")])
        async with asking(server.app, which) as model:
            await model.get_response(**request(given, settings, [look_up]))
        sent.extend(server.wire)
    assert sent[0] == sent[1]


async def test_key_and_headers_are_sent_and_nothing_is_stored_at_the_provider() -> None:
    seen: list[Request] = []
    server = ModelServer([Answer("ok")])

    async def look(request: Request) -> Response:
        seen.append(request)
        return await server._respond(request)

    app = Starlette(routes=[Route("/v1/responses", look, methods=["POST"])])
    async with asking(app) as model:
        await model.get_response(
            **request(settings=ModelSettings(extra_headers={"X-Own": "1"}, extra_query={"q": "2"}))
        )
    (arrived,) = seen
    assert arrived.headers["authorization"] == "Bearer test-key"
    assert (arrived.headers["x-own"], arrived.query_params["q"]) == ("1", "2")
    assert "Agents/Python" in arrived.headers["user-agent"]
    assert server.requests[0]["store"] is False


async def test_a_run_with_tools_and_reasoning_sends_no_ids_back() -> None:
    server = ModelServer([Answer(calls=[("look_up", {"order": "ORD_9"})], reasoning=True), Answer("There.")])
    async with asking(server.app) as model:
        agent: Agent[Any] = Agent(name="a", model=model, tools=[look_up])
        result = await Runner.run(agent, "where?", run_config=RunConfig(tracing_disabled=True))
    assert result.final_output == "There."
    assert server.refused == []


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_model, "FIRST_BACKOFF", 0.001)


@pytest.mark.usefixtures("_no_waiting")
@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("streamed", [False, True])
async def test_passing_trouble_is_tried_again(status: int, streamed: bool) -> None:
    server = ModelServer([Answer(status=status), Answer(status=status, headers={"retry-after": "0.01"}), Answer("ok")])
    async with asking(server.app) as model:
        await call(model, streamed)
    assert len(server.requests) == 3


@pytest.mark.usefixtures("_no_waiting")
@pytest.mark.parametrize(("status", "calls"), [(400, 1), (401, 1), (404, 1), (500, 3)])
@pytest.mark.parametrize("streamed", [False, True])
async def test_lasting_trouble_is_model_unavailable(status: int, calls: int, streamed: bool) -> None:
    server = ModelServer(lambda _: Answer(status=status))
    async with asking(server.app) as model:
        with pytest.raises(ModelUnavailable, match=f"status {status}"):
            await call(model, streamed)
    assert len(server.requests) == calls


@pytest.mark.usefixtures("_no_waiting")
@pytest.mark.parametrize("body", [b"<html>busy</html>", b"[]", b'{"output": ', b""])
async def test_an_answer_that_is_no_response_is_model_unavailable(body: bytes) -> None:
    async def answer(request: Request) -> Response:
        return Response(body)

    async with asking(Starlette(routes=[Route("/v1/responses", answer, methods=["POST"])])) as model:
        with pytest.raises(ModelUnavailable):
            await model.get_response(**request())


@pytest.mark.usefixtures("_no_waiting")
async def test_nobody_listening_is_model_unavailable() -> None:
    with listen() as nobody:
        url = f"http://127.0.0.1:{port_of(nobody)}/v1"
        async with open_client("test-key", url) as client:
            model = Models(client, mode="responses", default="some-model", call_timeout=5.0).get_model(None)
            with pytest.raises(ModelUnavailable):
                await model.get_response(**request())


async def test_an_answer_that_lacks_newer_fields_is_read_all_the_same() -> None:
    text = b'{"id": "r", "output": [{"type": "message", "role": "assistant", "content":'
    text += b' [{"type": "output_text", "text": "hi"}]}], "usage": {"input_tokens": 3, "output_tokens": 4}}'

    async def answer(request: Request) -> Response:
        return Response(text)

    async with asking(Starlette(routes=[Route("/v1/responses", answer, methods=["POST"])])) as model:
        response = await model.get_response(**request())
    assert response.output[0].content[0].text == "hi"  # type: ignore[union-attr]


@each("split", [1, 7, 10_000])
async def test_events_may_arrive_in_any_pieces_and_unknown_ones_are_passed_over(split: int) -> None:
    events = (
        b': hello\r\n\r\nevent: response.newest\ndata: {"type": "response.newest"}\n\n'
        b'data: {"type": "response.output_text.delta",\ndata: "delta": "hi", "sequence_number": 1}\n\n'
        b"event: response.completed\r\n"
        b'data: {"type": "response.completed", "response": {"id": "r", "output": []}}\r\n\r\n'
        b"data: [DONE]\n\n"
    )

    async def answer(request: Request) -> Response:
        pieces = [events[at : at + split] for at in range(0, len(events), split)]

        async def send() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        return StreamingResponse(send(), media_type="text/event-stream")

    async with asking(Starlette(routes=[Route("/v1/responses", answer, methods=["POST"])])) as model:
        kinds = [event.type async for event in model.stream_response(**request())]
    assert kinds == ["response.output_text.delta", "response.completed"]


async def test_a_stream_that_breaks_off_is_model_unavailable_and_not_begun_again() -> None:
    calls = 0

    async def answer(request: Request) -> Response:
        nonlocal calls
        calls += 1

        async def send() -> AsyncIterator[bytes]:
            yield b'data: {"type": "response.output_text.delta", "delta": "hi", "sequence_number": 1}\n\n'
            yield b'data: {"error": {"message": "overloaded"}}\n\n'

        return StreamingResponse(send(), media_type="text/event-stream")

    async with asking(Starlette(routes=[Route("/v1/responses", answer, methods=["POST"])])) as model:
        with pytest.raises(ModelUnavailable):
            await call(model, streamed=True)
    assert calls == 1


async def test_leaving_a_stream_ends_it_at_the_provider() -> None:
    server = ModelServer([Answer("one two three", gap=5.0)])
    async with asking(server.app) as model:
        events = model.stream_response(**request())
        async for event in events:
            if event.type == "response.output_text.delta":
                break
        await events.aclose()  # type: ignore[attr-defined]
        await until(lambda: server.cancelled)


async def test_a_call_that_takes_too_long_times_out() -> None:
    server = ModelServer([Answer("late", gate=asyncio.Event())])
    async with asking(server.app, timeout=0.05) as model:
        with pytest.raises(TurnTimedOut):
            await model.get_response(**request())


async def call(model: Model, streamed: bool) -> None:
    """Make one call, to its end."""
    if not streamed:
        await model.get_response(**request())
        return
    async for _ in model.stream_response(**request()):
        pass
