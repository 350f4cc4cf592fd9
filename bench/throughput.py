"""How many turns a second one gateway process makes for many customers at once, beside the SDK alone."""

from __future__ import annotations

import asyncio
import time

from .figures import Row, median
from .world import World

CUSTOMERS = 20
ROUNDS = 4
SECONDS, SECONDS_ALONE = 4.0, 2.0
TARGET = 150.0


async def measure(world: World, body: str) -> list[Row]:
    """Take turns with the SDK alone, whose every turn sends ``body``, so that both see the same machine."""
    rates: list[float] = []
    alone: list[float] = []
    cpu: list[float] = []
    for _ in range(ROUNDS):
        before = world.cpu()
        turns, seconds = await count_turns(world)
        after = world.cpu()
        rates.append(turns / seconds)
        if before is not None and after is not None:
            cpu.append((after - before) / turns * 1000)
        answer = await world.alone("many", body, parallel=CUSTOMERS, seconds=SECONDS_ALONE)
        alone.append(answer["turns"] / answer["seconds"])
    rate, other = median(rates), median(alone)
    used = f"{median(cpu):.2f} ms" if cpu else "not told here"
    return [
        Row(f"{CUSTOMERS} customers, turns/s", f"{rate:.0f}", f">= {TARGET:.0f}", rate >= TARGET),
        Row("  the rounds", ", ".join(f"{one:.0f}" for one in rates)),
        Row("processor time of the gateway per turn", used),
        Row("the SDK alone at a full window, turns/s", f"{other:.0f}"),
        Row("gateway : SDK alone", f"{rate / other:.2f}"),
    ]


async def count_turns(world: World) -> tuple[int, float]:
    """Let all customers talk for a while; return how many turns that made, and the seconds it took."""
    started = time.perf_counter()
    turns = 0

    async def customer(number: str) -> None:
        nonlocal turns
        while time.perf_counter() - started < SECONDS:
            await world.turn(number)
            turns += 1

    await asyncio.gather(*(customer(f"+1555400{one:04}") for one in range(CUSTOMERS)))
    return turns, time.perf_counter() - started
