"""What a second worker of one server brings: ``python -m bench workers``. Under a minute.

Customers, model and gateway share the processors, so on a machine with two the ratio stays below two.
"""

from __future__ import annotations

from pathlib import Path

from .figures import Row, median, ms, table
from .throughput import CUSTOMERS, count_turns
from .voice import Say
from .world import World, world

ROUNDS = 4


async def measure(folder: Path, say: Say) -> str:
    """Measure one and two workers over the file store in alternation, so that both see the same machine."""
    (folder / "1").mkdir()
    (folder / "2").mkdir()
    async with world(folder / "1") as one, world(folder / "2", WORKERS="2") as two:
        rates: dict[str, list[float]] = {"one": [], "two": []}
        costs: dict[str, list[float]] = {"one": [], "two": []}
        for number in range(ROUNDS):
            say(f"round {number + 1} of {ROUNDS}")
            for name, running in (("one", one), ("two", two)):
                rate, cost = await _round(running)
                rates[name].append(rate)
                costs[name].append(cost)
        memory = one.memory(), two.memory()
    return table(f"Workers of one server, file store, {CUSTOMERS} customers, a model that answers at once", [
        Row("one worker, turns/s", f"{median(rates['one']):.0f} ({_all(rates['one'])})"),
        Row("two workers, turns/s", f"{median(rates['two']):.0f} ({_all(rates['two'])})"),
        Row("two : one", f"{median(rates['two']) / median(rates['one']):.2f}"),
        Row("processor time of a turn, one and two", f"{ms(median(costs['one']))}, {ms(median(costs['two']))}"),
        Row("memory, proportional, one and two (with parent)", f"{memory[0]:.0f}, {memory[1]:.0f} MB"),
    ])  # fmt: skip


async def _round(running: World) -> tuple[float, float]:
    before = running.cpu()
    turns, seconds = await count_turns(running)
    after = running.cpu()
    used = float("nan") if before is None or after is None else (after - before) / turns
    return turns / seconds, used


def _all(rates: list[float]) -> str:
    return ", ".join(f"{one:.0f}" for one in rates)
