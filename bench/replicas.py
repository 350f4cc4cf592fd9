"""What the shared stores cost, and what a second replica brings: ``python -m bench replicas``. Some three minutes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

from tests.kit.postgres_server import postgres_server
from tests.kit.redis_server import redis_server

from . import store_time
from .figures import Row, median, ms, table
from .processes import cpu_seconds, first_line, process
from .voice import Say
from .wire import listen
from .world import PretendTwilio, World, open_gateway

MODEL_SECONDS = 2.0
"""How long the model takes: what bounds a replica is how many turns wait for it at once."""
AT_ONCE = 64
"""Turns that a replica runs at once (EngineLimits.workers)."""
SECONDS = 14.0
WARM = 4.0
SPREAD, COST = 1.8, 0.10
ACKNOWLEDGED = 0.003
TEXTS = 200


async def measure(folder: Path, say: Say) -> str:
    """Measure Redis and Postgres; both servers keep on disk what they acknowledge."""
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="tandem-bench-redis-"))
        redis = stack.enter_context(
            redis_server(Path(place), "--save", "", "--appendonly", "yes", "--appendfsync", "everysec")
        )
        postgres = stack.enter_context(postgres_server())
        postgres.stop()
        postgres.settings = ("shared_buffers=128MB",)
        postgres.start()
        say("store time on Redis")
        async with store_time.redis_store(redis.url) as store:
            on_redis = await store_time.measure(store, store_time.fill_redis, redis.url, (0.001, 0.001))
        say("store time on Postgres")
        async with store_time.postgres_store(postgres.url) as store:
            on_postgres = await store_time.measure(store, store_time.fill_postgres, postgres.url, (0.002, 0.003))
        tables = [table("Store time of a turn on Redis (medians)", on_redis),
                  table("Store time of a turn on Postgres (medians; every commit flushed)", on_postgres)]  # fmt: skip
        stores = {
            "Redis": {"PERSISTENCE_ADAPTER": "redis", "REDIS_URL": redis.url},
            "Postgres": {"PERSISTENCE_ADAPTER": "postgres", "DATABASE_URL": postgres.url},
        }
        for name, env in stores.items():
            say(f"one and two replicas on {name}")
            tables.append(
                table(f"Replicas on {name}, a model that takes {MODEL_SECONDS:.0f} s", await _two(folder / name, env))
            )
    return "\n\n".join(tables)


async def _two(folder: Path, env: Mapping[str, str]) -> list[Row]:
    rates: dict[int, float] = {}
    costs: dict[int, float] = {}
    acknowledged = 0.0
    for count in (1, 2):
        async with _fleet(folder / str(count), env, count) as fleet:
            await fleet[0].model_takes(MODEL_SECONDS)
            if count == 1:
                acknowledged = median([await fleet[0].text(f"+1555700{n:04}") for n in range(TEXTS)])
            rates[count], costs[count] = await _rate(fleet)
    spread, dearer = rates[2] / rates[1], costs[2] / costs[1] - 1
    return [
        Row("POST /sms, p50", ms(acknowledged), "< 3 ms", acknowledged < ACKNOWLEDGED),
        Row("one replica, turns/s", f"{rates[1]:.1f}"),
        Row("two replicas, turns/s", f"{rates[2]:.1f}"),
        Row("two : one", f"{spread:.2f}", f">= {SPREAD}", spread >= SPREAD),
        Row("processor time per turn, one and two", f"{ms(costs[1])}, {ms(costs[2])}"),
        Row("the latter beyond the former", f"{dearer:+.0%}", f"<= {COST:.0%}", dearer <= COST),
    ]


async def _rate(fleet: list[World]) -> tuple[float, float]:
    """Return turns per second, and processor seconds per turn, with more customers than turns can run at once."""
    customers = 2 * AT_ONCE * len(fleet)
    began = time.perf_counter()
    turns, cpu = 0, 0.0

    async def customer(number: int) -> None:
        nonlocal turns
        while time.perf_counter() - began < WARM + SECONDS:
            try:
                await fleet[number % len(fleet)].turn(f"+1555800{number:04}")
            except ConnectionError:
                continue  # the server closed an idle connection just now
            turns += time.perf_counter() - began > WARM

    running = [asyncio.create_task(customer(number)) for number in range(customers)]
    await asyncio.sleep(WARM)
    before = sum(cpu_seconds(one.gateway.process.pid) or 0.0 for one in fleet)
    await asyncio.sleep(SECONDS)
    cpu = sum(cpu_seconds(one.gateway.process.pid) or 0.0 for one in fleet) - before
    done = turns
    await asyncio.gather(*running)
    return done / SECONDS, cpu / max(1, done)


@asynccontextmanager
async def _fleet(folder: Path, env: Mapping[str, str], count: int) -> AsyncIterator[list[World]]:
    """Run replicas behind one pretend Twilio and one model server."""
    async with AsyncExitStack() as stack:
        twilio = PretendTwilio()
        server, twilio_port = await listen(twilio)
        stack.callback(server.close)
        model = await stack.enter_async_context(process("-m", "bench.model_server"))
        model_port = int(await first_line(model))
        worlds: list[World] = []
        for number in range(count):
            place = folder / str(number)
            place.mkdir(parents=True)
            opened = open_gateway(place, model_port, twilio_port, **env)
            gateway, port = await stack.enter_async_context(opened)
            worlds.append(World(gateway, port, twilio, model_port, model))
        yield worlds
        for one in worlds:
            for connection in one._connections.values():
                connection.close()
