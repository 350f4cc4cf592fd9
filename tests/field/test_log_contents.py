"""Met in the field, "Starting and running": what the log says is enough to follow a turn, and names nobody."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ..flows.test_process import world
from ..kit.canaries import found
from ..kit.gateway import JOHN
from ..kit.model_server import Answer, ModelServer
from ..kit.replicas import Replicas
from ..kit.waiting import until

pytestmark = pytest.mark.promise("F5", "E3")
CANARIES = [
    "5551234567",
    "phone_1555",
    "xyzzy",
    "plugh",
    "canary",
    "Headphones",
    "test-auth-token",
    "mia-token",
    "frobnicate",
]


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


async def test_debug_tells_how_turns_calls_tools_and_deliveries_go_and_nothing_personal(tmp_path: Path) -> None:
    refund = {"order_id": "12345", "amount": 139.97, "reason": "xyzzy"}
    script = iter([
        Answer(calls=[("order_status", {"order_id": "12345"})]), Answer("plugh"),
        Answer(calls=[("process_refund", refund)]), Answer("plugh"),
        Answer(calls=[("frobnicate_canary", {"x": "xyzzy"})]), Answer("plugh"),
    ])  # fmt: skip
    model = ModelServer(lambda _: next(script, Answer("plugh")))
    async with world(tmp_path, model) as it:
        gateway = await it.start(LOG_LEVEL="debug", LOG_DIR="logs")
        for count, text in enumerate(("where is it? canary", "my money, canary", "and now? canary"), start=1):
            await it.text(text)
            await it.twilio.wait_for(JOHN, count)
        async with it.call() as call:
            await call.wait_sessions(1)
            await call.say("canary, are you there?")
            await call.wait_answer()
        assert await gateway.terminate() == 0
    told = lines(tmp_path / "logs/customer-service.log")
    events = [line["event"] for line in told]
    wanted = (
        "turn_began", "model_asked", "model_answered", "tool_began", "tool_ended", "gate_decided", "turn_ended", "turn",
        "tool", "approval_requested", "delivery_began", "delivery_ended", "reply_status", "call_started", "call_ended",
    )  # fmt: skip
    assert [event for event in wanted if event not in events] == []
    first = [event for event in events if event in wanted][:6]
    assert first == ["turn_began", "model_asked", "model_answered", "tool_began", "tool_ended", "model_asked"]
    gates = [(line["tool"], line["waits"]) for line in told if line["event"] == "gate_decided"]
    assert ("process_refund", True) in gates
    for log in (tmp_path / "logs").iterdir():
        assert found(CANARIES, log.read_text("utf-8")) == []
    assert found(CANARIES, gateway.log.read_text("utf-8")) == []


async def test_info_does_not_tell_them(tmp_path: Path) -> None:
    async with world(tmp_path, ModelServer([Answer("plugh")])) as it:
        gateway = await it.start(LOG_DIR="logs")
        await it.text("hello")
        await it.twilio.wait_for(JOHN, 1)
        assert await gateway.terminate() == 0
    events = {line["event"] for line in lines(tmp_path / "logs/customer-service.log")}
    assert "turn_ended" in events
    assert events & {"turn_began", "model_asked", "delivery_began", "turn"} == set()


async def names_in_log(it: Replicas, **extra: str) -> set[str]:
    """Start a gateway, text it, stop it, and return the names under which the customer is in its log."""
    gateway = await it.start(**extra)
    assert await it.text("hello") == 200
    await until(lambda: "turn_ended" in gateway.log.read_text("utf-8"))
    await gateway.terminate()
    return set(re.findall(r"subj_[0-9a-f]{10}_4567", gateway.log.read_text("utf-8")))


async def test_a_customer_has_one_name_in_the_log_on_every_replica_and_after_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path, ModelServer(lambda _: Answer("Hello."))) as it:
        first = await names_in_log(it)
        assert len(first) == 1
        assert await names_in_log(it) == first
        assert await names_in_log(it, STATE_PERSISTENCE_DIR="elsewhere") == first


async def test_a_key_of_its_own_outlives_a_new_auth_token(tmp_path: Path) -> None:
    """Without one, the name changes with the first of TWILIO_AUTH_TOKEN, as the documents say."""
    rotated, key = "test-auth-token-2,test-auth-token", "a-key-for-labels"
    async with world(tmp_path, ModelServer(lambda _: Answer("Hello."))) as it:
        plain, changed = await names_in_log(it), await names_in_log(it, TWILIO_AUTH_TOKEN=rotated)
        kept = [await names_in_log(it, LOG_LABEL_KEY=key, **more) for more in ({}, {"TWILIO_AUTH_TOKEN": rotated})]
    assert plain != changed
    assert kept[0] == kept[1] != plain
