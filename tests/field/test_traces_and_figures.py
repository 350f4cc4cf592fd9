"""Met in the field, "Trust and exposure": where traces and keys go, and names that a model makes up in figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from agents import Agent, set_trace_processors, set_tracing_disabled
from agents.tracing import Span, Trace, TracingProcessor
from agents.tracing.processors import default_exporter
from agents.tracing.setup import get_trace_provider

from tandem.agents.trace_export import set_up_tracing

from ..kit.gateway import running
from ..kit.model_server import Answer, ModelServer
from ..unit.agents.test_execution import SAID, bench, empty

pytestmark = pytest.mark.promise("F5")


class Watching(TracingProcessor):
    """Keeps the names of traces, as the exporter would get them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.groups: list[str] = []

    def on_trace_start(self, trace: Trace) -> None:
        self.names.append(trace.name)
        self.groups.append(str(trace.export()["group_id"]))

    def on_trace_end(self, trace: Trace) -> None: ...
    def on_span_start(self, span: Span[Any]) -> None: ...
    def on_span_end(self, span: Span[Any]) -> None: ...
    def shutdown(self) -> None: ...
    def force_flush(self) -> None: ...


@pytest.fixture
def watching() -> Iterator[Watching]:
    """Stand in the exporter's place, as at the start of a process."""
    watching = Watching()
    set_trace_processors([watching])
    set_tracing_disabled(False)
    yield watching
    set_trace_processors([])
    set_tracing_disabled(True)


@pytest.mark.parametrize("asked", [{}, {"TRACING_ENABLED": "true"}], ids=["by default", "when asked for"])
async def test_no_trace_reaches_the_exporter_while_the_key_is_another_services(
    tmp_path: Path, watching: Watching, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-our-own-service")
    extra = {"TRACING_ENABLED": ""} | asked
    async with running(tmp_path, ModelServer(lambda _: Answer("Hi.")), **extra) as it:
        await it.ask("hello")
    assert watching.names == []


@pytest.mark.parametrize("base_url", [None, "https://api.openai.com/v1", "https://eu.api.openai.com/v1"])
def test_the_exporter_is_given_the_key_that_is_openais(watching: Watching, base_url: str | None) -> None:
    exporter = default_exporter()
    before = exporter.api_key
    try:
        set_up_tracing(enabled=True, api_key="key-of-openai", base_url=base_url)
        assert exporter.api_key == "key-of-openai"
    finally:
        exporter.api_key = before


@pytest.mark.parametrize(
    "base_url", ["https://openai.com.evil.example/v1", "https://notopenai.com/v1", "http://127.0.0.1:8080/v1"]
)
def test_the_exporter_never_gets_the_key_of_another_service(watching: Watching, base_url: str) -> None:
    exporter = default_exporter()
    before = exporter.api_key
    set_up_tracing(enabled=True, api_key="key-of-our-own-service", base_url=base_url)
    with_trace = get_trace_provider().create_trace("any")
    with_trace.start()
    with_trace.finish()
    assert exporter.api_key == before
    assert watching.names == []


@pytest.mark.parametrize(("enabled", "api_key"), [(False, "key"), (True, None)])
def test_tracing_is_off_unless_asked_for_and_without_a_key(
    watching: Watching, enabled: bool, api_key: str | None
) -> None:
    set_up_tracing(enabled=enabled, api_key=api_key, base_url=None)
    with_trace = get_trace_provider().create_trace("any")
    with_trace.start()
    with_trace.finish()
    assert watching.names == []


@pytest.mark.promise("G7")
async def test_traces_of_one_conversation_are_a_group_that_names_nobody(tmp_path: Path, watching: Watching) -> None:
    async with bench(tmp_path, Agent("a"), [SAID] * 3, tracing=True) as it:
        for subject, key in (("phone_15551234567", "SM1"), ("phone_15551234567", "SM2"), ("phone_2", "SM3")):
            await it.turn(empty(subject), key=key)
    first, second, third = watching.groups
    assert first == second != third
    assert "5551234567" not in first


async def test_names_that_a_model_makes_up_are_one_figure(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> Answer:
        said = body["input"][-1]
        return Answer(calls=[(str(said["content"]), {})]) if said.get("role") == "user" else Answer("No.")

    async with running(tmp_path, ModelServer(answer)) as it:
        for name in ("order_status", "pay_everybody", "drop_table_1", "drop_table_2"):
            await it.ask(name)
        async with aiohttp.ClientSession(it.url) as session, session.get("/metrics") as response:
            lines = [
                line for line in (await response.text()).splitlines() if line.startswith("tandem_tool_calls_total")
            ]
    assert sorted(lines) == [
        'tandem_tool_calls_total{outcome="failed",tool="order_status"} 1.0',
        'tandem_tool_calls_total{outcome="failed",tool="unknown"} 3.0',
    ]
