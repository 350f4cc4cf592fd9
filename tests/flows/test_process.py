"""Promises about a process, kept by a real one that is killed at the worst moments."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tandem.simulator.wire import Fault, new_sid

from ..kit.gateway import JOHN
from ..kit.model_server import Answer, ModelServer
from ..kit.process import gateway_process
from ..kit.replicas import Replicas, file_place, replicas
from ..kit.waiting import until

pytestmark = pytest.mark.promise("S1", "P3")


@asynccontextmanager
async def world(folder: Path, model: ModelServer) -> AsyncIterator[Replicas]:
    """What stays when a gateway dies: Twilio, the model service, and the folder with its file store."""
    async with replicas(folder, model, file_place(folder / "state"), count=0) as it:
        yield it


async def test_killed_in_the_middle_of_a_turn_the_text_is_answered_once(tmp_path: Path) -> None:
    model = ModelServer([Answer("never sent", gate=asyncio.Event()), Answer("Here I am.")])
    async with world(tmp_path, model) as it:
        first = await it.start()
        assert await it.text("hello") == 200
        await until(lambda: model.requests)
        await first.kill()
        second = await it.start()
        await it.twilio.wait_for(JOHN)
        assert await second.terminate() == 0
        assert it.bodies() == ["Here I am."]
        assert set((await it.covered()).values()) == {1}


@pytest.mark.promise("S15")
@pytest.mark.parametrize("created", [False, True])
async def test_killed_between_commit_and_delivery_the_reply_arrives_once(tmp_path: Path, created: bool) -> None:
    model = ModelServer([Answer("Only once.")])
    async with world(tmp_path, model) as it:
        it.twilio.statuses = ()
        it.twilio.faults.append(Fault(hang=True, created=created))
        first = await it.start()
        await it.text("hello")
        await until(lambda: it.twilio.creates)
        await first.kill()
        second = await it.start()
        await it.twilio.wait_for(JOHN)
        await until(lambda: it.twilio.creates == (1 if created else 2))
        assert await second.terminate() == 0
        assert it.bodies() == ["Only once."]
        assert len(model.requests) == 1


@pytest.mark.promise("O2")
async def test_sigterm_lets_a_running_turn_finish_and_be_delivered(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ModelServer([Answer("Just in time.", gate=gate)])
    async with world(tmp_path, model) as it:
        gateway = await it.start(fresh=True)
        await it.text("hello")
        await until(lambda: model.requests)
        ending = asyncio.create_task(gateway.terminate())
        while (ready := await it.ready(gateway)) == 200:
            pass
        gate.set()
        assert await ending == 0
        assert (ready, it.bodies()) == (503, ["Just in time."])


@pytest.mark.promise("P2")
@pytest.mark.heavy
async def test_killed_at_random_moments_every_text_has_one_turn_and_one_reply(tmp_path: Path) -> None:
    model = ModelServer(lambda request: Answer("You said: " + str(request["input"][-1]["content"])))
    chance = random.Random(7)
    acknowledged: list[str] = []
    async with world(tmp_path, model) as it:

        async def settle() -> None:
            # A message that found its process killed three times in a row would be set aside as poison.
            await until(lambda: {f"You said: text {sid}" for sid in acknowledged} <= set(it.bodies()))

        for _ in range(5):
            gateway = await it.start()
            await settle()
            sids = [new_sid("SM") for _ in range(4)]
            texts = [asyncio.create_task(it.text(f"text {sid}", sid=sid)) for sid in sids]
            await asyncio.wait(texts, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(chance.uniform(0, 0.1))
            await gateway.kill()
            statuses = await asyncio.gather(*texts)
            acknowledged += [sid for sid, status in zip(sids, statuses, strict=True) if status == 200]
        gateway = await it.start()
        await settle()
        assert await gateway.terminate() == 0
        covered = await it.covered()
    replies = Counter(it.bodies())
    assert len(acknowledged) >= 5
    for sid in acknowledged:
        assert covered[sid] == 1
        assert replies[f"You said: text {sid}"] == 1
    assert set(covered.values()) == {1}
    assert set(replies.values()) == {1}


@pytest.mark.promise("O6")
async def test_bad_settings_are_all_listed_and_end_the_start(tmp_path: Path) -> None:
    env = {"PORT": "abc", "APP_ENV": "production", "OPENAI_API_MODE": "telepathy", "AGENT_PATH": "nocolon"}
    with pytest.raises(AssertionError) as failure:
        async with gateway_process(tmp_path, 0, env):
            pass
    told = str(failure.value)
    for name in ("PORT", "OPENAI_API_MODE", "AGENT_PATH", "TWILIO_AUTH_TOKEN", "PUBLIC_BASE_URL", "STAFF_TOKENS"):
        assert name in told
    assert "Traceback" not in told
