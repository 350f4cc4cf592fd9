"""A store server that goes away under a running gateway, over HTTP: fast refusals, apologies, and recovery by itself.

On Redis and Postgres.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.conversation import phrases
from tandem.simulator.wire import new_sid

from ..kit.cutting_proxy import cutting_proxy
from ..kit.gateway import JANE, JOHN
from ..kit.model_server import Answer, ModelServer
from ..kit.postgres_server import PostgresServer, postgres_server, shared_postgres
from ..kit.process import gateway_process
from ..kit.redis_server import RedisServer, redis_server
from ..kit.replicas import Replicas, Shared, postgres_place, redis_place, replicas
from ..kit.serving import free_port
from ..kit.waiting import PATIENCE, until
from .test_texts import echo

pytestmark = pytest.mark.promise("P8", "P8a")

AT_ONCE = 16
"""Requests of a flood that are under way together: each is answered in Twilio's time, also on a busy machine."""
Server = RedisServer | PostgresServer


@pytest.fixture(params=["redis", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server of this test's own that keeps what it acknowledges."""
    if request.param == "redis":
        folder = tmp_path / "redis"
        folder.mkdir()
        with redis_server(folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always") as redis:
            yield redis
    else:
        with postgres_server() as postgres:
            yield postgres


def over(kind: str) -> pytest.MarkDecorator:
    """Choose one, for what does not depend on the store."""
    return pytest.mark.parametrize("server", [kind], indirect=True)


def place(server: Server, port: int | None = None) -> Shared:
    url = server.url if port is None else server.url.replace(f":{server.port}/", f":{port}/")
    return redis_place(url) if isinstance(server, RedisServer) else postgres_place(url)


async def refused(it: Replicas) -> None:
    """Text and call while the store is away: refused in the 15 seconds that Twilio waits, and both are told."""
    before = len(it.bodies())
    assert await it.text("is anybody there?") == 503
    assert it.bodies()[before:] == [phrases.FAILURE]  # by the fallback, which needs no store
    async with it.call(JANE) as call:
        await call.wait_over()
    assert call.heard() == phrases.CALL_FAILURE
    assert await it.ready(it.running[0]) == 503
    assert it.running[0].runs


async def recovered(it: Replicas) -> None:
    """Wait until readiness is back, by itself, and see that everything works."""
    async with asyncio.timeout(PATIENCE):
        while await it.ready(it.running[0]) != 200:
            await asyncio.sleep(0.05)
    before = len(it.bodies())
    assert await it.text("after") == 200
    await until(lambda: "You said: after" in it.bodies())
    # A refused text may have reached a server that answered too late; then it is answered too, once.
    answers = it.bodies()[before:]
    assert answers[-1] == "You said: after"
    assert len(set(answers)) == len(answers)


@pytest.mark.promise("O8")
@pytest.mark.parametrize("how", ["stopped", "frozen"])
async def test_a_server_that_stops_or_freezes_and_comes_back(tmp_path: Path, server: Server, how: str) -> None:
    model = ModelServer(echo)
    async with replicas(tmp_path, model, place(server), count=1) as it:
        assert await it.text("before") == 200
        await it.twilio.wait_for(JOHN)
        (server.stop if how == "stopped" else server.freeze)()
        await refused(it)
        (server.start if how == "stopped" else server.thaw)()
        await recovered(it)
        assert set((await it.covered()).values()) == {1}
    log = (tmp_path / "replica-1.log").read_text()
    assert (log.count("store_unavailable "), log.count("store_back ")) == (1, 1)
    assert "Traceback" not in log


async def test_what_was_acknowledged_before_the_server_stopped_is_answered_afterwards(
    tmp_path: Path, server: Server
) -> None:
    gate = asyncio.Event()
    answers = iter([Answer("You said: first", gate=gate)])
    model = ModelServer(lambda request: next(answers, None) or echo(request))
    async with replicas(tmp_path, model, place(server), count=1) as it:
        assert [await it.text(text) for text in ("first", "second", "third")] == [200, 200, 200]
        server.stop()
        gate.set()  # the turn ends while there is nowhere to commit it
        await asyncio.to_thread(server.start)
        await it.twilio.wait_for(JOHN, 3)
        assert it.bodies() == ["You said: first", "You said: second", "You said: third"]
        covered = await it.covered()
    assert sorted(covered.values()) == [1, 1, 1]


@over("postgres")
async def test_a_caller_on_the_line_hears_an_apology_while_the_server_is_frozen(tmp_path: Path, server: Server) -> None:
    async with replicas(tmp_path, ModelServer(echo), place(server), count=1) as it, it.call() as call:
        assert await call.ask("before") == "You said: before"
        server.freeze()
        await call.say("during")
        await call.wait_heard(phrases.FAILURE)
        server.thaw()
        async with asyncio.timeout(PATIENCE):
            while await it.ready(it.running[0]) != 200:
                await asyncio.sleep(0.05)
        await call.say("after")
        await call.wait_heard("You said: after")
        assert call.violations == []


@over("redis")
async def test_a_slow_server_makes_answers_late_and_one_that_is_too_slow_is_refused_in_time(
    tmp_path: Path, server: Server
) -> None:
    async with (
        cutting_proxy(server.port) as proxy,
        replicas(tmp_path, ModelServer(echo), place(server, proxy.port), count=1) as it,
    ):
        proxy.delay = 0.1
        assert await it.text("slowly") == 200
        await it.twilio.wait_for(JOHN)
        proxy.delay = 0.0
        proxy.open.clear()
        await refused(it)
        proxy.open.set()
        await recovered(it)


@over("postgres")
@pytest.mark.heavy
async def test_a_flood_of_customers_leaves_readiness_answering_and_memory_bounded(
    tmp_path: Path, server: Server
) -> None:
    """Two thousand, while the model answers nobody: what waits is in the store, not in memory."""
    model = ModelServer(lambda request: Answer("never sent", gate=asyncio.Event()))
    patient = {"LANE_LEASE_SECONDS": "60", "STREAM_TIMEOUT_MS": "600000", "TURN_TIMEOUT_MS": "600000"}
    async with replicas(tmp_path, model, place(server), count=1, **patient) as it:
        gateway = it.running[0]
        assert await it.text("first", sid=new_sid("SM")) == 200
        before = resident(gateway.process.pid)
        senders, statuses = (f"+1415{5550000 + n:07}" for n in range(2000)), Counter[int]()

        async def text_on() -> None:
            for sender in senders:
                statuses[await it.text("hello", sender=sender)] += 1

        flood = asyncio.gather(*(text_on() for _ in range(AT_ONCE)))
        while not flood.done():
            assert await it.ready(gateway) == 200
        await flood
        grown = resident(gateway.process.pid) - before
        assert statuses == {200: 2000}
        assert (await it.store.counts()).oldest_pending_entry_seconds > 0
    assert grown < 150
    assert len(model.requests) <= 64  # the turns that run at once


def resident(pid: int) -> float:
    """Return a process' memory in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"PERSISTENCE_ADAPTER": "redis", "REDIS_URL": "redis://127.0.0.1:{closed}/0"}, "127.0.0.1:{closed}"),
        ({"PERSISTENCE_ADAPTER": "redis", "REDIS_URL": "redis://:wrong@127.0.0.1:{redis}/0"}, "password"),
        ({"PERSISTENCE_ADAPTER": "redis", "REDIS_URL": "redis://127.0.0.1:{redis}/0"}, "password"),
        (
            {"PERSISTENCE_ADAPTER": "postgres", "DATABASE_URL": "postgresql://postgres@127.0.0.1:{closed}/postgres"},
            "127.0.0.1:{closed}",
        ),
        (
            {"PERSISTENCE_ADAPTER": "postgres", "DATABASE_URL": "postgresql://postgres@127.0.0.1:{postgres}/nope"},
            "nope",
        ),
        (
            {"PERSISTENCE_ADAPTER": "postgres", "DATABASE_URL": "postgresql://nobody@127.0.0.1:{postgres}/postgres"},
            "nobody",
        ),
    ],
    ids=["redis-closed", "redis-wrong-password", "redis-no-password", "postgres-closed", "no-database", "no-user"],
)
async def test_a_store_that_cannot_be_used_ends_the_start_with_one_sentence(
    tmp_path: Path, env: dict[str, str], told: str
) -> None:
    with redis_server(tmp_path, "--requirepass", "right", "--save", "", "--appendonly", "no") as redis:
        ports = {"closed": free_port(), "redis": redis.port, "postgres": shared_postgres().port}
        env = {name: value.format(**ports) for name, value in env.items()}
        with pytest.raises(AssertionError) as failure:
            async with gateway_process(tmp_path, 0, env):
                pass
    lines = [line for line in str(failure.value).splitlines() if line.strip() and not line.startswith("notice:")]
    assert told.format(**ports) in "\n".join(lines)
    assert "Traceback" not in str(failure.value)
    assert len(lines) <= 2
