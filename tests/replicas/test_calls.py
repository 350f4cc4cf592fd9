"""Calls over several replicas: one dies or stops, and the call goes on at another one, which knows all that was said.

What depends on the store is tried on Redis and Postgres.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tandem.conversation import phrases
from tandem.simulator.wire import new_sid

from ..kit.gateway import JANE, JOHN, OURS
from ..kit.model_server import Answer, ModelServer
from ..kit.replicas import Shared, replicas
from ..kit.waiting import PATIENCE, until
from .test_approvals import Bank, cashier, desk_at, nothing_waits, scene, settled
from .test_texts import echo, said

pytestmark = pytest.mark.promise("V16", "O2", "O2a")

GREETING = "Hello John!"


@pytest.mark.promise("V16a")
async def test_a_call_whose_replica_dies_goes_on_at_another_without_a_greeting(tmp_path: Path, shared: Shared) -> None:
    model = ModelServer(echo)
    async with replicas(tmp_path, model, shared) as it:
        first, second = it.running
        assert await it.text("I wrote this before") == 200
        await it.twilio.wait_for(JOHN)
        it.chosen = first
        async with it.call() as call:
            assert await call.ask("my parcel is green") == "You said: my parcel is green"
            it.chosen = second
            await first.kill()
            await call.wait_sessions(2)
            assert await call.ask("what did I say") == "You said: what did I say"
            assert (await it.status(second))["openCalls"] == 1
            assert call.violations == []
            assert call.heard().count(GREETING) == 1
            attempts = [one["url"].rpartition("=")[2] for one in call.happened("action")]
    assert said(model) == ["I wrote this before", "my parcel is green", "what did I say"]
    assert attempts == ["0"]


@pytest.mark.parametrize("seconds", ["0", "60"])
async def test_a_stopping_replica_keeps_its_call_for_as_long_as_it_may_and_then_moves_it(
    tmp_path: Path, anywhere: Shared, seconds: str
) -> None:
    model = ModelServer(echo)
    async with replicas(tmp_path, model, anywhere, DRAIN_SECONDS=seconds) as it:
        first, second = it.running
        it.chosen = first
        async with it.call() as call:
            assert await call.ask("my parcel is green") == "You said: my parcel is green"
            first.stop()
            await not_ready(it, first)
            it.chosen = second
            if seconds == "0":
                await call.wait_sessions(2)
                assert await asyncio.wait_for(first.process.wait(), PATIENCE) == 0
            assert await call.ask("what did I say") == "You said: what did I say"
            assert first.runs == (seconds == "60")
            heard, attempts = call.heard(), [one["url"].rpartition("=")[2] for one in call.happened("action")]
            assert call.violations == []
        assert await asyncio.wait_for(first.process.wait(), PATIENCE) == 0  # nobody is on the line any more
    moved = seconds == "0"
    assert heard.count(GREETING) == 1
    assert heard.count(phrases.MOVING) == moved
    assert attempts == (["0"] if moved else [])
    assert said(model) == ["my parcel is green", "what did I say"]


async def test_a_moved_call_keeps_its_three_attempts_and_is_never_cut_in_a_turn(
    tmp_path: Path, anywhere: Shared
) -> None:
    gate = asyncio.Event()
    answers = iter([Answer("All in one piece.", gate=gate)])

    def script(request: dict[str, Any]) -> Answer:
        return next(answers, None) or echo(request)

    model = ModelServer(script)
    async with replicas(tmp_path, model, anywhere, DRAIN_SECONDS="0") as it:
        first, second = it.running
        it.chosen = first
        async with it.call() as call:
            await call.say("tell me everything")
            await until(lambda: model.requests)
            first.stop()
            await not_ready(it, first)
            assert await it.ready(first) == 503  # it serves HTTP as long as a turn runs
            it.chosen = second
            assert len(call.sessions) == 1
            gate.set()
            await call.wait_heard("All in one piece.")
            await call.wait_sessions(2)
            assert await call.ask("go on") == "You said: go on"
            await call.drop()
            session = await call.wait_sessions(3)
            attempts = session.noun.action
            assert call.violations == []
        turns = await it.conversation()
        assert turns is not None
    assert attempts is not None
    assert attempts.endswith("attempt=1")  # the move used none up
    assert turns.turns_taken == 2


async def test_a_stopping_replica_that_is_asked_about_a_moved_call_itself_gives_the_next_one_time(
    tmp_path: Path, anywhere: Shared
) -> None:
    async with replicas(tmp_path, ModelServer(echo), anywhere, count=1, DRAIN_SECONDS="0") as it:
        async with it.call(speed=75.0) as call:  # so that its pause is not over at once
            await call.ask("hello")
            it.running[0].stop()
            await call.wait_for(lambda: bool(call.happened("action")))
            (action,) = call.happened("action")
        assert '<Pause length="5"' in action["body"]
        assert "<ConversationRelay" in action["body"]
        assert await asyncio.wait_for(it.running[0].process.wait(), PATIENCE) == 0


async def not_ready(it: Any, gateway: Any) -> None:
    """Wait until a balancer's probe of a replica fails: with 503 while it drains, refused when it has ended."""
    async with asyncio.timeout(PATIENCE):
        with suppress(aiohttp.ClientConnectionError):
            while await it.ready(gateway) != 503:
                await asyncio.sleep(0.01)


@pytest.mark.promise("H12")
async def test_a_decision_at_one_replica_is_spoken_by_the_one_that_holds_the_call_once(
    tmp_path: Path, shared: Shared
) -> None:
    bank = Bank()
    async with scene(tmp_path, ModelServer(cashier("pay")), shared, bank) as it:
        first, second = it.running
        it.chosen = first
        async with it.call() as call:
            assert await call.ask("pay me") == "A colleague looks at it."
            async with desk_at(second) as desk:
                status, _ = await desk.decide(await desk.waiting(), approved=True)
                await call.wait_heard("It is paid.")
                done = await settled(desk)
            await nothing_waits(it)
            assert call.heard().count("It is paid.") == 1
            assert call.violations == []
            assert (await it.status(first))["openCalls"] == 1
        assert it.bodies() == []
    assert (status, done["status"], bank.payments) == (200, "executed", 1)


@pytest.mark.heavy
async def test_all_replicas_restarted_one_after_the_other_under_load_lose_and_repeat_nothing(
    tmp_path: Path, shared: Shared
) -> None:
    model = ModelServer(echo)
    sent: list[str] = []
    async with replicas(tmp_path, model, shared, DRAIN_SECONDS="0", RATE_LIMIT_PER_MINUTE="0") as it:
        stop = asyncio.Event()

        async def write() -> None:
            """Text without a pause: what is not acknowledged is sent again, as Twilio does."""
            while not stop.is_set():
                word, sid = f"word {len(sent)}", new_sid("SM")
                form = {"MessageSid": sid, "From": JANE, "To": OURS, "Body": word, "NumMedia": "0"}
                while (await it.twilio.post("/sms", form)).status != 200:
                    await asyncio.sleep(0.05)
                sent.append(word)
                await asyncio.sleep(0.1)

        writing = asyncio.create_task(write())
        async with it.call() as call:
            for number, old in enumerate(tuple(it.running)):
                assert await call.ask(f"question {number}") == f"You said: question {number}"
                new = await it.start()
                old.stop()
                await not_ready(it, old)
                it.running.remove(old)  # as a balancer does whose probe failed
                assert await asyncio.wait_for(old.process.wait(), PATIENCE) == 0
                await call.wait_for(lambda: call.session is not None)
                assert new.runs
            assert await call.ask("question 2") == "You said: question 2"
            assert call.violations == []
            heard = call.heard()
        stop.set()
        await writing
        await until(lambda: f"You said: {sent[-1]}" in it.bodies(JANE))
        await nothing_waits(it)
        assert it.bodies(JANE) == [f"You said: {word}" for word in sent]
        assert set((await it.covered(JANE)).values()) == {1}
    assert [heard.count(f"You said: question {number}") for number in range(3)] == [1, 1, 1]
    assert heard.count(GREETING) == 1
