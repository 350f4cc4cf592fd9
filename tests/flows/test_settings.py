"""Settings change what a running gateway does.

Each test shows the other value too, or another test of the suite does with the default.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agents import set_tracing_disabled
from agents.tracing import Span, Trace, TracingProcessor, set_trace_processors

from tandem.conversation import phrases
from tandem.model import SubjectId

from ..contracts.records import write
from ..kit.canaries import found
from ..kit.gateway import JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from .test_approvals import REFUND, scene
from .test_text import echo

pytestmark = pytest.mark.promise("A12")

SUBJECT = SubjectId("phone_15551234567")
STRANGER = "+14155550123"
KEY = ("SK" + "2" * 32, "key-secret-4711")


def said(request: dict[str, Any]) -> list[str]:
    """What the customer said, in a model request."""
    return [item["content"] for item in request["input"] if item.get("role") == "user"]


# --- model --------------------------------------------------------------------------------------------------


async def test_turn_timeout_ms_ends_a_turn(tmp_path: Path) -> None:
    model = ModelServer(lambda _: Answer("too late", gate=asyncio.Event()))
    async with running(tmp_path, model, TURN_TIMEOUT_MS="50") as it:
        assert await it.ask("hello") == phrases.FAILURE
        (turn,) = [event for event in await it.store.timeline(SUBJECT) if event.name == "turn"]
    assert turn.data["error"] == "turn_timed_out"


async def test_max_input_chars_is_the_longest_text(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), MAX_INPUT_CHARS="10") as it:
        assert await it.ask("x" * 11) == "That message is too long for me. Please keep it under 10 characters."
        assert await it.ask("y" * 10) == f"You said: {'y' * 10}"


@pytest.mark.parametrize(("extra", "asked"), [({"AGENT_MODEL": "our-own-model"}, True), ({}, False)])
async def test_agent_model_is_the_model_asked(tmp_path: Path, extra: dict[str, str], asked: bool) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model, **extra) as it:
        await it.ask("hello")
    assert (model.requests[0]["model"] == "our-own-model") is asked


async def test_openai_api_mode_chooses_the_older_protocol(tmp_path: Path) -> None:
    model = ModelServer(
        [Answer(calls=[("order_status", {"order_id": "12345"})]), Answer("It has shipped."), Answer("!")]
    )
    async with running(tmp_path, model, OPENAI_API_MODE="chat_completions") as it:
        assert await it.ask("where is my order 12345?") == "It has shipped."
        await it.ask("thanks")
        items = (await it.conversation()).history[0].items
    assert model.requests == []
    said = [message for message in model.chats[1]["messages"] if "<customer_profile>\n" not in str(message["content"])]
    assert [message["role"] for message in said] == ["system", "user", "assistant", "tool"]
    assert "shipped" in said[3]["content"]
    assert [item.get("type", item.get("role")) for item in items] == [
        "user",
        "function_call",
        "function_call_output",
        "assistant",
    ]
    assert "thanks" in str(model.chats[2]["messages"][-1])


class Traces(TracingProcessor):
    """Keeps the names of traces and what spans tell; nothing leaves the process."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.spans: list[str] = []

    def on_trace_start(self, trace: Trace) -> None:
        self.names.append(trace.name)

    def on_trace_end(self, trace: Trace) -> None: ...
    def on_span_start(self, span: Span[Any]) -> None: ...

    def on_span_end(self, span: Span[Any]) -> None:
        self.spans.append(str(span.export()))

    def shutdown(self) -> None: ...
    def force_flush(self) -> None: ...


@pytest.mark.parametrize(("enabled", "names"), [("true", ["Night Desk"]), ("false", [])])
async def test_tracing_enabled_traces_turns_under_the_workflow_name(
    tmp_path: Path, enabled: str, names: list[str]
) -> None:
    traces = Traces()
    extra = {"TRACING_ENABLED": enabled, "WORKFLOW_NAME": "Night Desk"}
    model = ModelServer([Answer(calls=[("order_status", {"order_id": "ORD_12345"})]), Answer("It has shipped.")])
    async with running(tmp_path, model, **extra) as it:
        set_trace_processors([traces])  # as an agent's module adds its own
        await it.ask("where is ORD_12345?")
    set_trace_processors([])
    set_tracing_disabled(True)
    assert traces.names == names
    assert any("order_status" in span for span in traces.spans) is bool(names)
    assert found(("ORD_12345", "shipped"), str(traces.spans)) == []  # no word of customers, tools or agent


# --- Twilio -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("validate", "status"), [("true", 403), ("false", 200)])
async def test_twilio_validate_signatures_lets_unsigned_texts_in(tmp_path: Path, validate: str, status: int) -> None:
    form = {"MessageSid": "SM" + "a" * 32, "From": JOHN, "To": OURS, "Body": "unsigned"}
    async with running(tmp_path, ModelServer(echo), TWILIO_VALIDATE_SIGNATURES=validate) as it:
        answer = await it.twilio.post("/sms", form, signature="")
        heard = await it.hear() if answer.status == 200 else []
    assert (answer.status, heard) == (status, ["You said: unsigned"] if status == 200 else [])


@pytest.mark.parametrize("service", ["", "MG" + "3" * 32])
async def test_twilio_messaging_service_sid_is_sent_through(tmp_path: Path, service: str) -> None:
    async with running(tmp_path, ModelServer(echo), TWILIO_MESSAGING_SERVICE_SID=service) as it:
        await it.ask("hello")
        (message,) = it.twilio.sent_to(JOHN)
    assert (message.service_sid or "", message.from_) == (service, OURS)


@pytest.mark.parametrize(
    ("extra", "login"),
    [({"TWILIO_API_KEY_SID": KEY[0], "TWILIO_API_KEY_SECRET": KEY[1]}, KEY[0]), ({}, "AC" + "1" * 32)],
    ids=["key", "account"],
)
async def test_twilio_api_key_signs_in_to_send(tmp_path: Path, extra: dict[str, str], login: str) -> None:
    async with running(tmp_path, ModelServer(echo), api_key=KEY, **extra) as it:
        assert await it.ask("hello") == "You said: hello"
    assert it.logins == [login]


# --- storage ------------------------------------------------------------------------------------------------


async def with_memories(it: Running) -> None:
    """Have a turn, and give the conversation a summary and something to remember."""
    await it.ask("my dog is called Rex")
    conversation = replace(await it.conversation(), summary="has a dog", context={"dog": "Rex"})
    await write(it.store, SUBJECT, conversation=conversation)
    await asyncio.sleep(0.01)  # longer than the ages below


async def test_state_max_age_forgets_the_history_and_nothing_else(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model, STATE_MAX_AGE="1") as it:
        await with_memories(it)
        await it.ask("what is he called?")
        conversation = await it.conversation()
    assert said(model.requests[1]) == ["what is he called?"]
    assert len(conversation.history) == 1
    assert (conversation.summary, conversation.context) == ("has a dog", {"dog": "Rex"})


async def test_context_max_age_forgets_the_rest(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), STATE_MAX_AGE="1", CONTEXT_MAX_AGE="1") as it:
        await with_memories(it)
        await it.ask("what is he called?")
        conversation = await it.conversation()
    assert (conversation.summary, conversation.context) == ("", {})


async def test_by_default_nothing_is_forgotten_so_soon(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it:
        await with_memories(it)
        await it.ask("what is he called?")
        conversation = await it.conversation()
    assert said(model.requests[1]) == ["my dog is called Rex", "what is he called?"]
    assert (conversation.summary, conversation.context) == ("has a dog", {"dog": "Rex"})


# --- identity and business data -----------------------------------------------------------------------------


@pytest.mark.parametrize(("region", "number"), [("US", "12079460018"), ("GB", "442079460018")])
async def test_default_region_completes_numbers(tmp_path: Path, region: str, number: str) -> None:
    async with running(tmp_path, ModelServer(echo), DEFAULT_REGION=region) as it:
        await it.ask("hello", sender="2079460018")
        assert await it.store.conversation(SubjectId(f"phone_{number}")) is not None


@pytest.mark.parametrize("extra", [{"SAMPLE_CUSTOMER_PHONE": STRANGER}, {}], ids=["set", "unset"])
async def test_sample_customer_phone_opens_the_first_account(tmp_path: Path, extra: dict[str, str]) -> None:
    async with running(tmp_path, **extra) as it:
        answer = await it.ask("where is my order 12345?", sender=STRANGER)
    assert ("has shipped" in answer) is bool(extra)


@pytest.mark.parametrize(("threshold", "waits"), [("139.96", True), ("139.97", False)])
async def test_refund_approval_threshold_decides_who_waits(tmp_path: Path, threshold: str, waits: bool) -> None:
    async with scene(tmp_path, REFUND_APPROVAL_THRESHOLD=threshold) as (it, desk):
        answer = await it.ask(REFUND)
        assert bool(await desk.approvals()) is waits
    assert ("REF_" in answer) is not waits
