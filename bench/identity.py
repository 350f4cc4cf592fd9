"""What it costs to ask who is calling: an answer that is kept, one that must be asked for, a source that is dead."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tandem.identity.base import Identity
from tandem.identity.factory import open_identity
from tandem.model import Address
from tandem.settings import load_settings

from .figures import Row, median, ms, percentile, table
from .voice import Say
from .wire import free_port

ROUNDS, FRESH = 5_000, 200
TARGET = 0.0002


async def measure(folder: Path, say: Say) -> str:
    """Measure and return a table; ``folder`` is not used."""
    say("measuring who is calling")
    async with open_identity(load_settings({}, env_file=None)) as phone, _crm() as port:
        alone = await _timed(ROUNDS, lambda _: _ask(phone, 0))
        async with _known_at(port) as identity:
            fresh = await _timed(FRESH, lambda index: _ask(identity, index))
            kept = await _timed(ROUNDS, lambda _: _ask(identity, 0))
            glance = await _timed(FRESH, lambda index: identity.resolve_cached(_address(5000 + index), session="CA1"))
    async with _known_at(free_port()) as identity:
        await _timed(10, lambda index: _ask(identity, index))  # the circuit opens
        dead = await _timed(ROUNDS, lambda index: _ask(identity, index))
    more = median(kept) - median(alone)
    lost = median(dead) - median(alone)
    return table(
        "Who is calling (a CRM on loopback that answers at once)",
        [
            Row("the telephone number alone", _us(median(alone))),
            Row("an answer that is kept adds", _us(more), "< 0.2 ms", more < TARGET),
            Row("a dead source adds, its circuit open", _us(lost), "nothing (< 0.2 ms)", lost < TARGET),
            Row("the same, p99 of the whole", ms(percentile(dead, 0.99))),
            Row("asking the CRM, before a text is stored", ms(median(fresh))),
            Row("asking the CRM, before a call's greeting", ms(median(glance))),
        ],
    )


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs"


async def _timed(count: int, ask: Callable[[int], Awaitable[object]]) -> Sequence[float]:
    taken = []
    for index in range(count):
        began = time.perf_counter()
        await ask(index)
        taken.append(time.perf_counter() - began)
    return taken


def _address(last: int) -> Address:
    return Address("tel", f"+1415555{last:04}")


async def _ask(identity: Identity, last: int) -> object:
    return await identity.resolve(_address(last), session="SM1")


@asynccontextmanager
async def _known_at(port: int) -> AsyncIterator[Identity]:
    env = {"SUBJECT_RESOLVER": "crm", "CRM_BASE_URL": f"http://127.0.0.1:{port}", "CRM_API_KEY": "bench-key"}
    async with open_identity(load_settings(env, env_file=None)) as identity:
        yield identity


async def _lookup(request: web.Request) -> web.Response:
    phone = (await request.json())["phone"]
    return web.json_response({"id": phone, "name": "Ada", "tier": "gold", "orders": ["one", "two", "three"]})


@asynccontextmanager
async def _crm() -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_post("/customers/lookup", _lookup)
    runner, port = web.AppRunner(app, access_log=None), free_port()
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield port
    finally:
        await runner.cleanup()
