"""Calls: how long a caller waits beyond the model, how fast they can cut in, what a call costs. One worker, and two."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .figures import Row, median, ms, percentile, table
from .voice_world import VoiceWorld, voice_world

PAUSE = 4.0
ADDED: dict[tuple[int, bool], tuple[float, float]] = {(50, False): (0.005, 0.025), (200, True): (0.008, 0.060)}
"""Targets, by calls and whether they pause: p50 and p99 of what is added to the first token."""
LAST_TOKEN, CLOSED = 0.005, 0.010
CPU = 0.013
WORKERS = 2
IDLE, IDLE_MB = 1000, 300.0
GROWTH_MB = 10.0
"""Per 10,000 finished calls: less than that is the noise of an allocator."""
BATCH, BATCHES = 300, 4

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """So many calls that talk, and for how long. ``mixed``: half of them with a full window, all at once.

    ``words`` is what they are answered, see :mod:`.answers`.
    """

    calls: int
    seconds: float
    words: str = "numbers"
    pause: float = 0.0
    mixed: bool = False
    alone: float = 0.0


STAGES = (
    Stage(1, 4.0, alone=4.0),
    Stage(1, 4.0, "plain"),
    Stage(50, 6.0, mixed=True, alone=6.0),
    Stage(50, 6.0, "plain", mixed=True),
    Stage(200, 10.0, pause=PAUSE, mixed=True),
    Stage(200, 10.0, "plain", pause=PAUSE, mixed=True),
    Stage(200, 6.0, mixed=True, alone=6.0),
)


@dataclass(frozen=True, slots=True)
class Heard:
    """Turns of one kind: seconds to the model's request, of the first token, of every token, and whole overhead."""

    asked: list[float]
    first: list[float]
    delays: list[float]

    @classmethod
    def of(cls, turns: Sequence[Any]) -> Heard:
        """Read what :mod:`.callers` and :mod:`.alone` answer; an answer that was not told whole does not count."""
        whole = [(asked, delays) for asked, delays in turns if delays]
        return cls([a for a, _ in whole], [d[0] for _, d in whole], [delay for _, d in whole for delay in d])

    @property
    def added(self) -> list[float]:
        """Return what was added to the time to the first token, turn by turn."""
        return [asked + first for asked, first in zip(self.asked, self.first, strict=True)]

    def __add__(self, other: Heard) -> Heard:
        return Heard(self.asked + other.asked, self.first + other.first, self.delays + other.delays)


async def measure(folder: Path, say: Say) -> str:
    """Measure everything about calls; return the tables."""
    experienced = [number for place in range(len(STAGES)) for number in _numbers("full", place, 100)]
    say("starting a gateway for calls, and a model that speaks")
    one, several = folder / "one", folder / "several"
    async with voice_world(one, experienced) as world:
        rows = await _stages(world, say, STAGES)
        say("speaking over answers")
        barged = await _barge(world)
        say(f"{IDLE} idle calls, and {BATCH * BATCHES} that come and go")
        memory = await _memory(world)
    say(f"starting {WORKERS} workers")
    async with voice_world(several, experienced, WORKERS) as world:
        shared = await _stages(world, say, [replace(stage, alone=0.0) for stage in STAGES])
    return "\n\n".join((
        table("4. Calls: time to the first token beyond the model's, delay of a token, processor time", rows),
        table("5. Speaking over an answer", barged),
        table("6. Memory of calls, one gateway process", memory),
        table(f"7. The calls of 4 with {WORKERS} workers; callers and model use the same processors", shared),
    ))  # fmt: skip


async def _stages(world: VoiceWorld, say: Say, stages: Sequence[Stage]) -> list[Row]:
    await _warm_up(world)
    rows: list[Row] = []
    for place, stage in enumerate(stages):
        say(f"{stage.calls} call{'s' if stage.calls > 1 else ''} at once")
        rows += await _stage(world, stage, place)
    return rows


async def _warm_up(world: VoiceWorld) -> None:
    await world.call("dial", numbers={"new": _numbers("warm", 0, 8)})  # so many that every worker has some
    await world.call("talk", seconds=0.1, pause=0.0, bare=0, body="")
    await world.call("hang_up")
    await world.alone(await world.last_body(), 1, 0.1)


async def _stage(world: VoiceWorld, stage: Stage, place: int) -> list[Row]:
    await world.words(stage.words)
    half = stage.calls // 2 if stage.mixed else stage.calls
    groups = {"new": _numbers("new", place, half), "full": _numbers("full", place, half)}
    rounds = [groups] if stage.mixed else [{name: those} for name, those in groups.items()]
    heard: dict[str, Heard] = {}
    bare, cpu = Heard([], [], []), []
    for numbers in rounds:
        await world.call("dial", numbers=numbers)
        body = await world.last_body()
        before = world.cpu()
        told = await world.call("talk", seconds=stage.seconds, pause=stage.pause, bare=2, body=body)
        used = world.cpu() - before
        bare += Heard.of(told.pop("bare"))
        turns = sum(map(len, told.values()))
        cpu.append((" + ".join(told), used / turns))
        heard |= {name: Heard.of(turns) for name, turns in told.items()}
        await world.call("hang_up")
    body = await world.last_body()
    alone = await world.alone(body, stage.calls, stage.alone) if stage.alone else None
    return _rows(stage, heard, bare, cpu, alone)


def _rows(
    stage: Stage, heard: dict[str, Heard], bare: Heard, cpu: list[tuple[str, float]], alone: dict[str, Any] | None
) -> list[Row]:
    how = f"pausing {stage.pause:.0f} s" if stage.pause else "back to back"
    calls = f"{stage.calls} calls" if stage.calls > 1 else "1 call"
    rows = [Row(f"{calls}, {how}, {_ANSWERS[stage.words]}", "")]
    limit, worst = ADDED.get((stage.calls, bool(stage.pause)), (None, None))
    for name, turns in heard.items():
        added = median(turns.added)
        parts = f"{ms(added)} (request {ms(median(turns.asked))}, first token {ms(median(turns.first))})"
        rows.append(Row(f"  added, {_WINDOWS[name]}, p50", parts, *_at_most(added, limit)))
    every = [value for turns in heard.values() for value in turns.added]
    p99 = percentile(every, 0.99)
    rows.append(Row("  added, p99", ms(p99), *_at_most(p99, worst)))
    rows.append(Row("  the floor: a bare client", f"{_spread(bare.added)}; token {_spread(bare.delays)}"))
    rows.append(Row("  token delay", _spread([value for turns in heard.values() for value in turns.delays])))
    for name, used in cpu:
        target = _at_most(used, CPU if stage.calls > 1 else None)
        label = " and ".join(_WINDOWS[one] for one in name.split(" + "))
        rows.append(Row(f"  processor time a turn, {label}", ms(used), *target))
    if alone is not None:
        sdk = Heard.of(alone["turns"])
        used = alone["cpu"] / len(sdk.asked)
        rows += [
            Row("  the SDK alone, full window: added", _spread(sdk.added)),
            Row("    token delay; processor time a turn", f"{_spread(sdk.delays)}; {ms(used)}"),
        ]
    return rows


def _at_most(seconds: float, limit: float | None) -> tuple[str, bool | None]:
    return ("", None) if limit is None else (f"<= {limit * 1000:.0f} ms", seconds <= limit)


_ANSWERS = {"plain": "plain words", "numbers": "order numbers, prices, dates, a telephone number"}
_WINDOWS = {"new": "new caller", "full": "full window"}


def _spread(values: Sequence[float]) -> str:
    return f"p50 {ms(median(values))}, p99 {ms(percentile(values, 0.99))}" if values else "none"


async def _barge(world: VoiceWorld) -> list[Row]:
    await world.call("dial", numbers={"new": _numbers("new", 7, 8)})
    found = await world.call("barge", times=8)
    await world.call("hang_up")
    last, closed = found["last"], found["closed"]
    late = sum(1 for seconds in last if seconds > 0)
    return [
        Row("last token of the old turn after the interrupt, p50", ms(median(last))),
        Row("  p95", ms(percentile(last, 0.95)), "<= 5 ms", percentile(last, 0.95) <= LAST_TOKEN),
        Row("  interrupts after which any token came", f"{late} of {len(last)}"),
        Row("model's connection closed after the interrupt, p50", ms(median(closed))),
        Row("  p95", ms(percentile(closed, 0.95)), "<= 10 ms", percentile(closed, 0.95) <= CLOSED),
        Row("  never closed", f"{found['never'][0]:.0f} of {len(last)}", "none", not found["never"][0]),
    ]


async def _memory(world: VoiceWorld) -> list[Row]:
    before = world.memory()
    await world.call("dial", numbers={"new": _numbers("new", 8, IDLE)})
    await asyncio.sleep(1.0)
    idle = world.memory()
    used = world.cpu()
    await asyncio.sleep(3.0)
    busy = (world.cpu() - used) / 3.0
    await world.call("hang_up")
    await world.pace(0.0, 0.0)
    after: list[float] = []
    for batch in range(BATCHES):
        await world.call("finish", numbers=_numbers("new", 9, BATCH, since=batch * BATCH), parallel=16)
        after.append(world.memory())
    growth = (after[-1] - after[0]) / (BATCH * (BATCHES - 1))
    course = ", ".join(f"{value:.0f}" for value in after)
    return [
        Row(f"{IDLE} idle calls", f"{idle:.0f} MB", f"< {IDLE_MB:.0f} MB", idle < IDLE_MB),
        Row("  of that, per call", f"{(idle - before) * 1000 / IDLE:.1f} kB"),
        Row("  processor time of all of them", f"{busy * 100:.1f} % of one processor"),
        Row(f"after each {BATCH} finished calls, a turn in each, every caller new", f"{course} MB"),
        Row(
            f"growth per 10,000 finished calls, extrapolated from {BATCH * (BATCHES - 1)}",
            f"{growth * 10_000:.1f} MB", f"< {GROWTH_MB:.0f} MB", growth * 10_000 < GROWTH_MB,
        ),
    ]  # fmt: skip


def _numbers(kind: str, place: int, count: int, since: int = 0) -> list[str]:
    first = {"new": "6", "full": "7", "warm": "8"}[kind]
    return [f"+1555{first}{place}{one:05}" for one in range(since, since + count)]
