"""Met in the field, "Models": answers that were cut, kept by a cache, spelled loosely, or newer than the SDK."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tandem.conversation import phrases

from ..flows.test_voice import dial
from ..kit.gateway import Running
from ..kit.model_server import Answer
from ..kit.tables import each

pytestmark = pytest.mark.promise("F4")
TOLD = "It has shipped."
ORACLE = {"type": "oracle_call", "id": "oc_1", "question": "?"}
"""An item of a kind that no version of the SDK knows."""


def message(content: Any) -> dict[str, Any]:
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}


WORDS = message([{"type": "output_text", "text": TOLD, "annotations": []}])


def response(*output: dict[str, Any], cut: str = "") -> dict[str, Any]:
    """Return a whole answer of the Responses API, or one that was ``cut`` for a reason."""
    how = {"status": "incomplete", "incomplete_details": {"reason": cut}} if cut else {"status": "completed"}
    return {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": output, **how}


@each(
    ("answer", "told"),
    [
        (Answer(body=response(WORDS)), TOLD),  # a cache does not stream
        (Answer(body=response(WORDS), headers={"x-policy": "x" * 9000}), TOLD),
        (Answer(body=response(ORACLE, WORDS)), TOLD),
        (Answer(body=response(message(None), WORDS)), TOLD),
        (Answer(body=response(WORDS, cut="max_output_tokens")), TOLD),
        (Answer(body=response(WORDS, cut="content_filter")), TOLD),
        (Answer(body=response(message([]), cut="content_filter")), phrases.REFUSED),
        # Told last: a model that answers again works the ticket of who got none.
        (Answer(body=response(cut="max_output_tokens")), phrases.FAILURE),
    ],
)
async def test_an_answer_is_told_as_far_as_there_is_one(it: Running, answer: Answer, told: str) -> None:
    model = it.another(lambda _: answer)
    assert await it.ask("where is my order?") == told
    assert len(model.requests) == 1
    async with dial(it) as call:
        assert (await call.ask("where is my order")).strip() == told


def events(*told: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in told)


def spoken(end: dict[str, Any], *between: dict[str, Any]) -> bytes:
    """Return the stream of an answer, word for word, with events of other kinds in it."""
    added = {"type": "response.output_item.added", "output_index": 0, "item": message([])}
    words = [{"type": "response.output_text.delta", "delta": word} for word in ("It ", "has ", "shipped.")]
    done = {"type": "response.output_item.done", "output_index": 0, "item": WORDS}
    return events(*between, added, *words, done, end)


COMPLETED = {"type": "response.completed", "response": response(ORACLE, WORDS)}


@each(
    "stream",
    [
        spoken(COMPLETED).rstrip(),
        spoken(COMPLETED).replace(b"\n", b"\r\n"),
        spoken(COMPLETED).replace(b"\n\n", b"\n\n: still here\n\n"),
        spoken(COMPLETED, *({"type": f"response.output_item.{how}", "item": ORACLE} for how in ("added", "done"))),
        spoken({"type": "response.incomplete", "response": response(WORDS, cut="max_output_tokens")}),
    ],
)
async def test_a_stream_is_heard_to_its_end(it: Running, stream: bytes) -> None:
    it.another(lambda _: Answer(body=stream))
    async with dial(it) as call:
        assert await call.ask("where is my order") == TOLD


def choice(**more: Any) -> dict[str, Any]:
    return {"choices": [{"finish_reason": "stop", **more}]}


@pytest.mark.parametrize("it", [{"OPENAI_API_MODE": "chat_completions"}], indirect=True)
@each(
    "body",
    [
        choice(index=0, message={"role": "assistant", "content": TOLD}),
        choice(message={"content": TOLD}),
        events(choice(delta={"content": "It has "}, finish_reason=None), choice(delta={"content": "shipped."})),
    ],
)
async def test_an_answer_of_the_older_protocol_needs_neither_stream_nor_index(it: Running, body: Any) -> None:
    it.another(lambda _: Answer(TOLD, body=body))
    assert await it.ask("where is my order?") == TOLD
    async with dial(it) as call:
        assert await call.ask("where is my order") == TOLD
