"""Promises about a process, kept by a real one that is killed at the worst moments."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from starlette.applications import Starlette

from tandem.model import SubjectId
from tandem.persistence.file import open_file_store
from tandem.simulator.twilio_simulator import TwilioSimulator
from tandem.simulator.wire import Fault, new_sid

from ..kit.gateway import ACCOUNT, JOHN, OURS, TOKEN
from ..kit.model_server import Answer, ModelServer
from ..kit.process import GatewayProcess, gateway_process
from ..kit.serving import free_port, serve
from ..kit.waiting import until

pytestmark = [pytest.mark.heavy, pytest.mark.promise("S1", "P3")]


@dataclass(slots=True)
class World:
    """What stays when the gateway dies: Twilio, the model service, and the folder."""

    twilio: TwilioSimulator
    folder: Path
    port: int
    env: dict[str, str]
    start: Callable[[], AbstractAsyncContextManager[GatewayProcess]]

    async def turns_covering(self) -> Counter[str]:
        """Count for every message how many committed turns cover it."""
        async with open_file_store(self.folder / "state") as store:
            events = await store.timeline(SubjectId("phone_15551234567"), limit=1000)
        return Counter(key for event in events if event.name == "turn" for key in event.data["covers"])


@asynccontextmanager
async def world(folder: Path, model: ModelServer) -> AsyncIterator[World]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    simulator = TwilioSimulator(account_sid=ACCOUNT, auth_token=TOKEN, gateway_url=url)
    async with (
        simulator,
        serve(Starlette(routes=list(simulator.routes()))) as twilio_url,
        serve(model.app) as model_url,
    ):
        env = {
            "STATE_PERSISTENCE_DIR": "state",
            "COALESCE_MS": "0",
            "LANE_LEASE_SECONDS": "1",
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_API_BASE_URL": twilio_url,
            "PUBLIC_BASE_URL": url,
            "OPENAI_API_KEY": "test-key",
            "OPENAI_BASE_URL": f"{model_url}/v1",
            "TRACING_ENABLED": "false",
        }
        yield World(simulator, folder, port, env, lambda: gateway_process(folder, port, env))


def bodies(twilio: TwilioSimulator) -> list[str]:
    return [message.body for message in twilio.sent_to(JOHN)]


async def test_killed_in_the_middle_of_a_turn_the_text_is_answered_once(tmp_path: Path) -> None:
    model = ModelServer([Answer("never sent", gate=asyncio.Event()), Answer("Here I am.")])
    async with world(tmp_path, model) as it:
        async with it.start() as first:
            assert (await it.twilio.text(JOHN, "hello", to=OURS))[0].status == 200
            await until(lambda: model.requests)
            await first.kill()
        async with it.start() as second:
            await it.twilio.wait_for(JOHN)
            assert await second.terminate() == 0
        assert bodies(it.twilio) == ["Here I am."]
        assert set((await it.turns_covering()).values()) == {1}


@pytest.mark.promise("S15")
@pytest.mark.parametrize("created", [False, True])
async def test_killed_between_commit_and_delivery_the_reply_arrives_once(tmp_path: Path, created: bool) -> None:
    model = ModelServer([Answer("Only once.")])
    async with world(tmp_path, model) as it:
        it.twilio.statuses = ()
        it.twilio.faults.append(Fault(hang=True, created=created))
        async with it.start() as first:
            await it.twilio.text(JOHN, "hello", to=OURS)
            await until(lambda: it.twilio.creates)
            await first.kill()
        async with it.start() as second:
            await it.twilio.wait_for(JOHN)
            await until(lambda: it.twilio.creates == (1 if created else 2))
            assert await second.terminate() == 0
        assert bodies(it.twilio) == ["Only once."]
        assert len(model.requests) == 1


@pytest.mark.promise("O2")
async def test_sigterm_lets_a_running_turn_finish_and_be_delivered(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ModelServer([Answer("Just in time.", gate=gate)])
    async with world(tmp_path, model) as it, gateway_process(tmp_path, it.port, it.env, fresh=True) as gateway:
        await it.twilio.text(JOHN, "hello", to=OURS)
        await until(lambda: model.requests)
        ending = asyncio.create_task(gateway.terminate())
        async with aiohttp.ClientSession() as session:
            ready = 200
            while ready == 200:
                async with session.get(f"{gateway.url}/health/ready") as response:
                    ready = response.status
        gate.set()
        assert await ending == 0
        assert (ready, bodies(it.twilio)) == (503, ["Just in time."])


@pytest.mark.promise("P2")
async def test_killed_at_random_moments_every_text_has_one_turn_and_one_reply(tmp_path: Path) -> None:
    model = ModelServer(lambda request: Answer("You said: " + str(request["input"][-1]["content"])))
    chance = random.Random(7)
    acknowledged: list[str] = []
    async with world(tmp_path, model) as it:

        async def settle() -> None:
            # A message that found its process killed three times in a row would be set aside as poison.
            await until(lambda: {f"You said: text {sid}" for sid in acknowledged} <= set(bodies(it.twilio)))

        for _ in range(5):
            async with it.start() as gateway:
                await settle()
                sids = [new_sid("SM") for _ in range(4)]
                sending = [it.twilio.text(JOHN, f"text {sid}", to=OURS, sid=sid) for sid in sids]
                answers = asyncio.gather(*sending)
                await asyncio.sleep(chance.uniform(0, 0.1))
                await gateway.kill()
                acknowledged += [answer.sid for (answer,) in await answers if answer.status == 200]
        async with it.start() as gateway:
            await settle()
            assert await gateway.terminate() == 0
        covered = await it.turns_covering()
    replies = Counter(bodies(it.twilio))
    for sid in acknowledged:
        assert covered[sid] == 1
        assert replies[f"You said: text {sid}"] == 1
    assert set(covered.values()) == {1}
    assert set(replies.values()) == {1}


@pytest.mark.promise("O6")
async def test_bad_settings_are_all_listed_and_end_the_start(tmp_path: Path) -> None:
    env = {"PORT": "abc", "APP_ENV": "production", "OPENAI_API_MODE": "telepathy", "AGENT_PATH": "nocolon"}
    with pytest.raises(AssertionError) as failure:
        async with gateway_process(tmp_path, 0, env, fresh=True):
            pass
    told = str(failure.value)
    for name in ("PORT", "OPENAI_API_MODE", "AGENT_PATH", "TWILIO_AUTH_TOKEN", "PUBLIC_BASE_URL", "STAFF_TOKENS"):
        assert name in told
    assert "Traceback" not in told
