"""Traces for OpenTelemetry: one per turn, with what it waited for, and without a word of anybody's."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from opentelemetry.trace import INVALID_SPAN

from tandem.app import open_gateway
from tandem.errors import ConfigurationError
from tandem.settings import load_settings
from tandem.telemetry.logs import subject_label
from tandem.telemetry.traces import here, span

from ..kit.colleague import Colleague, staffed
from ..kit.gateway import JOHN, OURS, Running
from ..kit.model_server import Answer, ModelServer
from ..kit.otlp_collector import Collector, told
from ..kit.serving import serve
from ..kit.sources import subject_of
from ..kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("G7")

ASKED, SAID, REASON = "where is my purple kettle?", "Your kettle has shipped.", "kettle exploded"
STATUS = Answer(calls=[("order_status", {"order_id": "12345"})])
REFUND = Answer(calls=[("process_refund", {"order_id": "12345", "amount": 120, "reason": REASON})])


@asynccontextmanager
async def traced(
    folder: Path, collector: Collector, model: ModelServer, **env: str
) -> AsyncIterator[tuple[Running, Colleague]]:
    """Run a gateway whose traces have all reached the collector at the end."""
    async with serve(collector.app) as url:
        env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "AGENT_MODEL": "m-1"}
        async with staffed(folder, model, **env) as (it, mia):
            yield it, mia
            await it.gateway.drain(PATIENCE)


TEXT = [
    " > turn",
    "execute_tool order_status > store effect_begin",
    "execute_tool order_status > store effect_finish",
    "invoke_agent Customer Service Agent > chat m-1",
    "invoke_agent Customer Service Agent > chat m-1",
    "invoke_agent Customer Service Agent > execute_tool order_status",
    "send sms > store settle",
    "turn > invoke_agent Customer Service Agent",
    "turn > send sms",
    "turn > store commit",
]


async def test_a_text_is_one_trace_of_what_it_waited_for_and_holds_no_words(tmp_path: Path) -> None:
    collector, model = Collector(), ModelServer([STATUS, Answer(SAID), Answer("Bye, John.")])
    async with traced(tmp_path, collector, model) as (it, _):
        assert await it.ask(ASKED) == SAID
        assert await it.ask("thanks") == "Bye, John."
        label = subject_label(subject_of(JOHN))
    first, second = collector.named("turn")
    assert collector.services == {"tandem"}
    reads_only = [line for line in TEXT if "effect" not in line]
    assert collector.tree(first) == reads_only
    assert len(collector.tree(second)) == len(reads_only) - 2
    assert {told(one)["gen_ai.conversation.id"] for one in (first, second)} == {label}
    asked = told(collector.named("chat")[0])
    assert asked == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m-1",
        "gen_ai.conversation.id": label,
        "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5,
    }  # fmt: skip
    ran = told(collector.named("invoke_agent")[0])
    assert (ran["gen_ai.agent.name"], ran["gen_ai.usage.input_tokens"], ran["tandem.channel"]) == (
        "Customer Service Agent", 20, "sms",
    )  # fmt: skip
    assert told(collector.named("send")[0])["tandem.status"] == "sent"
    for canary in ("kettle", "thanks", "Bye", "12345", JOHN.lstrip("+"), "UPS", "test-key", "mia-token"):
        assert canary.encode() not in collector.sent.replace(label.encode(), b""), canary
    assert all(first.start_time_unix_nano <= one.start_time_unix_nano for one in collector.spans)
    assert all(one.end_time_unix_nano >= one.start_time_unix_nano for one in collector.spans)


async def test_words_are_there_when_a_setting_says_so(tmp_path: Path) -> None:
    collector, model = Collector(), ModelServer([STATUS, Answer(SAID)])
    async with traced(tmp_path, collector, model, TRACES_PERSONAL="true") as (it, _):
        await it.ask(f"{ASKED} my card is 4111 1111 1111 1111")
    (ran,), (tool,) = collector.named("invoke_agent"), collector.named("execute_tool")
    ((asked,), (answered,)) = (json.loads(told(ran)[f"gen_ai.{way}.messages"]) for way in ("input", "output"))
    assert asked["parts"][0]["content"].startswith(ASKED)
    assert answered == {"role": "assistant", "parts": [{"type": "text", "content": SAID}]}
    assert told(tool)["gen_ai.tool.call.arguments"] == '{"order_id": "12345"}'
    assert "UPS" in told(tool)["gen_ai.tool.call.result"]
    assert b"4111" not in collector.sent


async def test_an_approved_call_and_what_fails_are_told_by_their_kind(tmp_path: Path) -> None:
    answers = [REFUND, Answer("A colleague decides."), Answer("Paid."), Answer(status=401, code="bad_thing")]
    collector, model = Collector(), ModelServer(answers)
    async with traced(tmp_path, collector, model) as (it, mia):
        await it.ask("refund it")
        await mia.decide(await mia.waiting_approval("process_refund"), approved=True)
        await it.hear(2)
        it.twilio.refused[JOHN] = 21610
        await it.say("hello?")
        await mia.until(lambda shown: "reply_blocked" in [row["name"] for row in shown["timeline"]])
    (executed,) = collector.named("execute_tool process_refund")
    trace = next(one for one in collector.named("turn") if one.trace_id == executed.trace_id)
    tree = collector.tree(trace)
    assert "turn > execute_tool process_refund" in tree
    assert [line for line in TEXT if "effect" in line] == [
        line.replace("process_refund", "order_status") for line in tree if "effect" in line
    ]
    assert "turn > invoke_agent Customer Service Agent" in tree
    assert [told(one).get("error.type") for one in collector.named("chat")] == [None, None, None, "ModelUnavailable"]
    assert told(collector.named("invoke_agent")[-1])["error.type"] == "model_unavailable"
    assert told(collector.named("send")[-1])["error.type"] == "21610"
    assert REASON.encode() not in collector.sent
    assert b"scripted trouble" not in collector.sent
    assert not any(one.events for one in collector.spans)


@pytest.mark.parametrize("over", [False, True], ids=["heard", "spoken over"])
async def test_a_spoken_turn_is_traced_to_its_end(tmp_path: Path, over: bool) -> None:
    model = ModelServer([Answer("A long answer, word by word.", gap=0.05 if over else 0.0), Answer("Yes?")])
    collector = Collector()
    async with (
        traced(tmp_path, collector, model) as (it, _),
        it.twilio.call(JOHN, to=OURS, chars_per_second=1e6) as call,
    ):
        if over:
            await call.say(ASKED)
            await call.wait_heard("long")
            await call.ask("stop")
        else:
            await call.ask(ASKED)
    first = collector.named("turn")[0]
    assert [line for line in collector.tree(first) if "send" not in line] == [
        " > turn", "invoke_agent Customer Service Agent > chat m-1", "turn > invoke_agent Customer Service Agent",
        "turn > store commit",
    ]  # fmt: skip
    assert told(collector.named("invoke_agent")[0])["tandem.interrupted"] is over
    assert ("gen_ai.usage.input_tokens" in told(collector.named("chat")[0])) is not over


async def test_without_the_setting_there_are_none_and_without_the_extra_no_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staffed(tmp_path, ModelServer([Answer("Hi.")])) as (it, _):
        assert await it.ask("hello") == "Hi."
        assert here() is None
        with span("anything") as one:
            assert one is INVALID_SPAN
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)  # as where it is not installed
    env = {"STATE_PERSISTENCE_DIR": str(tmp_path / "other"), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    with pytest.raises(ConfigurationError) as refused:
        async with open_gateway(load_settings(env, env_file=None)):
            pass
    assert refused.value.problems == (
        "OTEL_EXPORTER_OTLP_ENDPOINT needs the extra otel: pip install 'tandem-gateway[otel]'.",
    )
