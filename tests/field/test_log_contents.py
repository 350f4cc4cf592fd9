"""Met in the field, "Starting and running": what the log says is enough to follow a turn, and names nobody."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ..flows.test_process import world
from ..kit.canaries import found
from ..kit.gateway import JOHN, OURS
from ..kit.model_server import Answer, ModelServer
from ..kit.process import gateway_process
from ..kit.waiting import until

pytestmark = pytest.mark.heavy
STAFF = {"STAFF_TOKENS": "mia:mia-token-123456789"}
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
        env = it.env | STAFF | {"LOG_LEVEL": "debug", "LOG_DIR": "logs"}
        async with gateway_process(tmp_path, it.port, env) as gateway:
            for count, text in enumerate(("where is it? canary", "my money, canary", "and now? canary"), start=1):
                await it.twilio.text(JOHN, text, to=OURS)
                await it.twilio.wait_for(JOHN, count)
            async with it.twilio.call(JOHN, to=OURS, chars_per_second=1e6) as call:
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
    async with (
        world(tmp_path, ModelServer([Answer("plugh")])) as it,
        gateway_process(tmp_path, it.port, it.env | STAFF | {"LOG_DIR": "logs"}) as gateway,
    ):
        await it.twilio.text(JOHN, "hello", to=OURS)
        await it.twilio.wait_for(JOHN, 1)
        assert await gateway.terminate() == 0
    events = {line["event"] for line in lines(tmp_path / "logs/customer-service.log")}
    assert "turn_ended" in events
    assert events & {"turn_began", "model_asked", "delivery_began", "turn"} == set()


def label(log: Path) -> set[str]:
    return set(re.findall(r"subj_[0-9a-f]{10}_4567", log.read_text("utf-8")))


async def test_a_customer_has_one_name_in_the_log_on_every_replica_and_after_a_restart(tmp_path: Path) -> None:
    model = ModelServer(lambda _: Answer("Hello."))
    seen = []
    async with world(tmp_path, model) as it:
        for number, extra in enumerate(({}, {}, {"STATE_PERSISTENCE_DIR": "elsewhere"})):
            async with gateway_process(tmp_path, it.port, it.env | extra, name=f"gateway-{number}") as gateway:
                await it.twilio.text(JOHN, "hello", to=OURS)
                await it.twilio.wait_for(JOHN, number + 1)
                assert await gateway.terminate() == 0
            seen.append(label(gateway.log))
    assert [len(one) for one in seen] == [1, 1, 1]
    assert seen[0] == seen[1] == seen[2]


async def test_a_key_of_its_own_outlives_a_new_auth_token(tmp_path: Path) -> None:
    """Without one, the name changes with the first of TWILIO_AUTH_TOKEN, as the documents say."""
    seen = []
    tokens = "test-auth-token", "test-auth-token-2,test-auth-token"
    async with world(tmp_path, ModelServer(lambda _: Answer("Hello."))) as it:
        for key in ("", "a-key-for-labels"):
            for given in tokens:
                env = it.env | {"LOG_LABEL_KEY": key, "TWILIO_AUTH_TOKEN": given}
                async with gateway_process(tmp_path, it.port, env, name=f"gateway-{len(seen)}") as gateway:
                    assert (await it.twilio.text(JOHN, "hello", to=OURS))[0].status == 200
                    await until(lambda log=gateway.log: "turn_ended" in log.read_text("utf-8"))
                seen.append(label(gateway.log))
    assert seen[0] != seen[1]
    assert seen[2] == seen[3] != seen[0]
