"""Texts over several replicas: each in one turn with one reply, in order, whoever gets it and whoever dies."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tandem.conversation.engine import SWEEP_SECONDS
from tandem.settings import load_settings
from tandem.simulator.wire import Fault, new_sid

from ..kit.gateway import JOHN
from ..kit.model_server import Answer, ModelServer
from ..kit.replicas import Replicas, Shared, replicas
from ..kit.waiting import PATIENCE, until

pytestmark = pytest.mark.promise("S8", "P7")

TAKEOVER_SECONDS = 6.0
LEASE = load_settings({}, env_file=None).lane_lease_seconds


def echo(request: dict[str, Any]) -> Answer:
    return Answer("You said: " + [item["content"] for item in request["input"] if item.get("role") == "user"][-1])


def said(model: ModelServer) -> list[str]:
    """What the customer said, as the latest request to the model has it."""
    return [item["content"] for item in model.inputs[-1] if item.get("role") == "user"]


@pytest.mark.promise("S8a")
async def test_one_message_at_two_replicas_at_once_and_later_is_one_turn_and_one_reply(
    tmp_path: Path, shared: Shared
) -> None:
    model = ModelServer(echo)
    async with replicas(tmp_path, model, shared) as it:
        sid = new_sid("SM")
        at_once = [it.text("hello", at=one, sid=sid) for one in it.running for _ in range(3)]
        assert set(await asyncio.gather(*at_once)) == {200}
        await it.twilio.wait_for(JOHN)
        later = [await it.text("hello", at=one, sid=sid) for one in it.running]
        assert set(later) == {200}
        await it.text("and this?")
        await it.twilio.wait_for(JOHN, 2)
        assert it.bodies() == ["You said: hello", "You said: and this?"]
        assert (await it.covered())[sid] == 1
    assert len(model.requests) == 2


@pytest.mark.promise("S8a")
async def test_a_burst_over_all_replicas_is_answered_text_by_text_in_order(tmp_path: Path, shared: Shared) -> None:
    model = ModelServer(echo)
    words = [f"word {number}" for number in range(12)]
    async with replicas(tmp_path, model, shared, count=3) as it:
        for number, word in enumerate(words):
            assert await it.text(word, at=it.running[number % 3]) == 200
        await it.twilio.wait_for(JOHN, len(words))
        covered = await it.covered()
        assert it.bodies() == [f"You said: {word}" for word in words]
    assert said(model) == words
    assert len(covered) == len(words)
    assert set(covered.values()) == {1}


@pytest.mark.promise("P7a")
async def test_a_replica_killed_in_the_middle_of_a_turn_another_finishes_within_six_seconds(
    tmp_path: Path, shared: Shared
) -> None:
    answers = iter([Answer("never sent", gate=asyncio.Event())])
    model = ModelServer(lambda request: next(answers, Answer("Here I am.")))
    async with replicas(tmp_path, model, shared, count=1, LANE_LEASE_SECONDS=str(LEASE)) as it:
        sid = new_sid("SM")
        assert await it.text("hello", sid=sid) == 200
        await until(lambda: model.requests)  # so the first replica has the turn
        await it.start()
        await it.running[0].kill()
        await it.twilio.wait_for(JOHN)
        assert await it.covered() == {sid: 1}
        assert it.bodies() == ["Here I am."]
    # A lease runs out, and a sweep finds it: that is in time. What else it takes is the machine's.
    assert LEASE + SWEEP_SECONDS < TAKEOVER_SECONDS


@pytest.mark.promise("P7a")
@pytest.mark.parametrize("created", [False, True])
async def test_a_replica_killed_in_the_middle_of_a_delivery_another_sends_it_once(
    tmp_path: Path, shared: Shared, created: bool
) -> None:
    model = ModelServer([Answer("Only once.")])
    async with replicas(tmp_path, model, shared, count=1) as it:
        it.twilio.statuses = ()
        it.twilio.faults.append(Fault(hang=True, created=created))
        assert await it.text("hello") == 200
        await until(lambda: it.twilio.creates)
        await it.start()
        await it.running[0].kill()
        await settled(it)
        assert it.bodies() == ["Only once."]
    assert len(model.requests) == 1
    assert it.twilio.creates == (1 if created else 2)


async def settled(it: Replicas) -> None:
    """Wait until every reply that is stored was handed over, or found to have been."""
    async with asyncio.timeout(PATIENCE):
        while (await it.store.counts()).oldest_unsettled_reply_seconds > 0:
            await asyncio.sleep(0.02)
