"""One server of several workers over the file store: one port, one truth, and nothing lost when one of them dies."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tandem.conversation import phrases
from tandem.persistence.file.hints import FOLDER
from tandem.simulator.call import SimulatedCall

from ..kit.command import tandem
from ..kit.gateway import JANE, JOHN
from ..kit.model_server import Answer, ModelServer
from ..kit.process import GatewayProcess
from ..kit.replicas import Replicas, file_place, replicas, subject
from ..kit.serving import serve
from ..kit.waiting import PATIENCE, until
from .test_approvals import CASHIER, Bank, cashier, desk_at, nothing_waits, settled
from .test_calls import GREETING
from .test_staff_events import HEADERS
from .test_texts import echo

pytestmark = pytest.mark.promise("V30")

BOTH = {"1", "2"}
FIELD = re.compile(r"(\w+)=(\S+)")


def told(gateway: GatewayProcess, event: str) -> Iterator[dict[str, str]]:
    """Yield the fields of each line of the log that tells an event."""
    for line in gateway.log.read_text(encoding="utf-8", errors="replace").splitlines():
        if re.search(rf"\] {event}\b", line):
            yield dict(FIELD.findall(line))


def processes(gateway: GatewayProcess) -> dict[str, int]:
    """Return the process of each worker, the latest of its number."""
    return {fields["worker"]: int(fields["pid"]) for fields in told(gateway, "started")}


def starts(gateway: GatewayProcess) -> int:
    return len(list(told(gateway, "started")))


@asynccontextmanager
async def server(folder: Path, model: ModelServer, *, workers: int = 2, **more: str) -> AsyncIterator[Replicas]:
    """Run one server of several workers, all of which serve."""
    env = {"WORKERS": str(workers), "LOG_LEVEL": "debug", "RATE_LIMIT_PER_MINUTE": "0", **more}
    async with replicas(folder, model, file_place(folder / "state"), count=1, **env) as it:
        await until(lambda: len(processes(it.running[0])) == workers)
        yield it


def workers(gateway: GatewayProcess, event: str) -> set[str]:
    """Return the workers that told an event."""
    return {fields["worker"] for fields in told(gateway, event)}


async def figures(it: Replicas) -> dict[tuple[str, ...], float]:
    """Return what one scrape tells."""
    async with it.http.get(f"{it.running[0].url}/metrics") as response:
        page = await response.text()
    families = text_string_to_metric_families(page)
    return {
        (one.name, *(value for _, value in sorted(one.labels.items()))): one.value
        for family in families
        for one in family.samples
    }


async def test_a_worker_killed_during_a_call_and_texts_loses_and_repeats_nothing(tmp_path: Path) -> None:
    gate, held = asyncio.Event(), set[str]()

    def script(request: dict[str, Any]) -> Answer:
        """Hold each text back once, so that its turn is under way when the worker dies."""
        newest = str(request["input"][-1]["content"])
        if newest.startswith("text") and newest not in held:
            held.add(newest)
            return Answer(f"You said: {newest}", gate=gate)
        return echo(request)

    async with server(tmp_path, ModelServer(script), LANE_LEASE_SECONDS="5") as it:
        (gateway,) = it.running
        async with it.call() as call:
            assert await call.ask("my parcel is green") == "You said: my parcel is green"
            (holder,) = [fields["worker"] for fields in told(gateway, "call_started")]
            senders = list[str]()
            while [one["worker"] for one in told(gateway, "turn_began")].count(
                holder
            ) < 2:  # the caller's, and a text's
                senders.append(f"+1415555{len(senders):04d}")
                assert await it.text(f"text {len(senders)}", sender=senders[-1]) == 200
                await until(lambda: len(held) == len(senders))
            os.kill(processes(gateway)[holder], signal.SIGKILL)
            await call.wait_sessions(2)
            assert await call.ask("what did I say") == "You said: what did I say"
            gate.set()
            for sender in senders:
                await it.twilio.wait_for(sender)
            await until(lambda: starts(gateway) == 3)
            (replaced,) = told(gateway, "worker_replaced")
            heard, violations = call.heard(), call.violations
        await nothing_waits(it)
        for number, sender in enumerate(senders, 1):
            assert it.bodies(sender) == [f"You said: text {number}"]
            assert set((await it.covered(sender)).values()) == {1}
        assert (replaced["ended"], replaced["worker"]) == ("SIGKILL", holder)
        assert await gateway.terminate() == 0
    assert violations == []
    assert heard.count(GREETING) == 1
    assert [heard.count(f"You said: {words}") for words in ("my parcel is green", "what did I say")] == [1, 1]


@pytest.mark.promise("O2")
async def test_a_signal_drains_all_workers_and_cuts_no_turn(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ModelServer(lambda request: Answer("All in one piece.", gate=gate))
    senders = list[str]()
    async with server(tmp_path, model) as it:
        (gateway,) = it.running
        while workers(gateway, "turn_began") != BOTH:
            senders.append(f"+1415555{len(senders):04d}")
            assert await it.text("tell me everything", sender=senders[-1]) == 200
            await until(lambda: len(model.requests) == len(senders))
        for process in processes(gateway).values():  # as systemd does, which signals every process of a service
            os.kill(process, signal.SIGTERM)
        gateway.stop()
        await until(lambda: len(list(told(gateway, "draining"))) == 2)
        gate.set()
        assert await asyncio.wait_for(gateway.process.wait(), PATIENCE) == 0
        assert [it.bodies(sender) for sender in senders] == [["All in one piece."]] * len(senders)
        assert [fields["in_time"] for fields in told(gateway, "drained")] == ["True", "True"]
        assert starts(gateway) == 2


async def test_a_stopping_server_moves_the_calls_of_all_its_workers(tmp_path: Path) -> None:
    async with server(tmp_path, ModelServer(echo), DRAIN_SECONDS="0") as it, AsyncExitStack() as calls:
        (gateway,) = it.running
        lines = list[SimulatedCall]()
        while workers(gateway, "call_started") != BOTH:
            lines.append(await calls.enter_async_context(it.call(f"+1415555{len(lines):04d}")))
            await lines[-1].ask("hello")
        gateway.stop()
        for call in lines:
            await call.wait_for(lambda call=call: bool(call.happened("action")))
        assert {call.happened("action")[0]["body"].count("<ConversationRelay") for call in lines} == {1}
        assert all(phrases.MOVING in call.heard() for call in lines)
        assert await asyncio.wait_for(gateway.process.wait(), PATIENCE) == 0


async def test_each_scrape_tells_the_figures_of_all_workers_also_of_one_that_died(tmp_path: Path) -> None:
    async with server(tmp_path, ModelServer(echo)) as it:
        (gateway,) = it.running
        senders = [f"+1415555{number:04d}" for number in range(12)]
        assert {await it.text("hello", sender=sender) for sender in senders} == {200}
        for sender in senders:
            await it.twilio.wait_for(sender)
        await nothing_waits(it)
        async with it.call() as call:
            await call.ask("hello")
            scrapes = [await figures(it) for _ in range(8)]
            statuses = [await it.status(gateway) for _ in range(8)]
            (holder,) = [fields["worker"] for fields in told(gateway, "call_started")]
            os.kill(processes(gateway)[holder], signal.SIGKILL)
            await call.wait_sessions(2)
        await until(lambda: starts(gateway) == 3)
        after = await figures(it)
    texts, spoken = ("tandem_turns_total", "sms", "answered"), ("tandem_turns_total", "voice", "answered")
    assert {one["tandem_webhook_answers_total", "200", "/sms"] for one in scrapes} == {12}
    assert {one[texts] for one in scrapes} == {12}
    assert {one["tandem_turn_added_seconds_count", "sms"] for one in scrapes} == {12}
    assert {one["tandem_open_calls",] for one in scrapes} == {1}
    assert {one["tandem_workers",] for one in scrapes} == {2}
    assert {one["openCalls"] for one in statuses} == {1}
    assert (after[texts], after[spoken], after["tandem_worker_starts_total",]) == (12, 1, 3)
    assert after["tandem_workers",] == 2
    assert after["tandem_conversations",] == 13


async def test_the_bound_on_calls_is_that_of_all_workers_together(tmp_path: Path) -> None:
    async with server(tmp_path, ModelServer(echo), MAX_CALLS="1") as it, it.call() as call:
        await call.ask("hello")
        for _ in range(8):  # whichever worker is asked
            async with it.call(JANE) as other:
                await other.wait_over()
                assert phrases.LINE_BUSY in other.heard()
                assert other.sessions == []
        assert await call.ask("still here") == "You said: still here"


async def told_all(stream: aiohttp.ClientResponse, events: list[str]) -> None:
    """Read a page's events until its worker ends."""
    with suppress(aiohttp.ClientError):
        async for line in stream.content:
            if line.startswith(b"data: {"):
                events.extend(json.loads(line.removeprefix(b"data: ")))


async def test_pages_hear_of_what_every_worker_does(tmp_path: Path) -> None:
    async with server(tmp_path, ModelServer(echo)) as it, AsyncExitStack() as stack:
        (gateway,) = it.running
        pages: list[list[str]] = []
        listening = tmp_path / "state" / FOLDER
        # Each engine listens, and so does each worker that has a page.
        while len(list(listening.iterdir())) < 4:
            stream = await stack.enter_async_context(it.http.get(f"{gateway.url}/staff/events", headers=HEADERS))
            pages.append([])
            reading = asyncio.create_task(told_all(stream, pages[-1]))
            stack.callback(reading.cancel)
            await until(lambda: len(list(listening.iterdir())) >= 3)
        senders = list[str]()
        while workers(gateway, "turn_began") != BOTH:
            senders.append(f"+1415555{len(senders):04d}")
            assert await it.text("hello", sender=senders[-1]) == 200
            await it.twilio.wait_for(senders[-1])
        await until(lambda: all({subject(sender) for sender in senders} <= set(page) for page in pages))


async def test_a_decision_is_spoken_by_the_worker_that_has_the_call_once(tmp_path: Path) -> None:
    bank = Bank()
    (tmp_path / "cashier.py").write_text(CASHIER, encoding="utf-8")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serve(bank.app()))
        more = {"AGENT_PATH": "cashier:agent", "BANK_URL": f"{url}/pay"}
        it = await stack.enter_async_context(server(tmp_path, ModelServer(cashier("pay")), **more))
        async with it.call() as call:
            assert await call.ask("pay me") == "A colleague looks at it."
            async with desk_at(it.running[0]) as mia, desk_at(it.running[0], "tom-token-123456789") as tom:
                waiting = await mia.waiting()
                decided = await asyncio.gather(*(one.decide(waiting, approved=True) for one in (mia, tom) * 4))
                await call.wait_heard("It is paid.")
                done = await settled(tom)
            await nothing_waits(it)
            assert call.heard().count("It is paid.") == 1
        assert it.bodies() == []
    assert sorted(status for status, _ in decided) == [200, *[409] * 7]
    assert (done["status"], bank.payments) == ("executed", 1)


async def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    async with server(tmp_path, ModelServer(echo)) as it:
        (gateway,) = it.running
        with frozen(processes(gateway)["2"]):
            assert await it.text("hello") == 200
            await it.twilio.wait_for(JOHN)
            await until(lambda: starts(gateway) == 3)
        (replaced,) = told(gateway, "worker_replaced")
        assert (replaced["worker"], replaced["ended"]) == ("2", "SIGKILL")
        assert it.bodies() == ["You said: hello"]


@contextmanager
def frozen(process: int) -> Iterator[None]:
    """Stop a process for a while; left stopped, it would outlive its parent and the test."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)


async def test_a_worker_ended_by_a_signal_without_a_name_is_replaced(tmp_path: Path) -> None:
    async with server(tmp_path, ModelServer(echo)) as it:
        (gateway,) = it.running
        os.kill(processes(gateway)["2"], signal.SIGRTMIN + 1)
        await until(lambda: starts(gateway) == 3)
        assert await it.text("hello") == 200
        await it.twilio.wait_for(JOHN)
        assert f"signal {signal.SIGRTMIN + 1}" in gateway.log.read_text(encoding="utf-8")


async def test_workers_without_a_parent_finish_what_runs_and_end(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ModelServer(lambda request: Answer("All in one piece.", gate=gate))
    async with server(tmp_path, model) as it:
        (gateway,) = it.running
        assert await it.text("tell me everything") == 200
        await until(lambda: model.requests)
        os.kill(gateway.process.pid, signal.SIGKILL)
        await until(lambda: len(list(told(gateway, "draining"))) == 2)
        gate.set()
        await until(lambda: len(list(told(gateway, "stopped"))) == 2)
        assert it.bodies() == ["All in one piece."]


async def test_a_server_that_cannot_start_says_why_once(tmp_path: Path) -> None:
    env = {
        "WORKERS": "2",
        "PORT": "0",
        "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
        "TWILIO_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
        "PERSISTENCE_ADAPTER": "redis",
        "REDIS_URL": "redis://127.0.0.1:9/0",
    }
    ended = await asyncio.to_thread(tandem, "serve", folder=tmp_path, env=env)
    assert ended.returncode == 1
    assert ended.stderr.count("does not answer") == 1
    assert "listening" not in ended.stdout
