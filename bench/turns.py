"""What the gateway adds to a turn, early and late in a conversation, beside the SDK alone and the bare model call."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from .figures import Row, median, ms
from .world import World

STAGES = (10, 40, 100, 300)
CONVERSATIONS = 4
AROUND = 5
"""Turns before and after a stage: together one round of the window, which grows and is trimmed."""
QUIET = 0.004
"""Seconds of silence before each measurement, so that no side pays for what another left to do."""
BEYOND_SDK = 0.003
FLAT, FILLING = 1.1, 1.25
"""How much more a turn may take at the last stage than at the second, whose window is as full, and at the first."""


@dataclass(slots=True)
class Samples:
    """Seconds of one stage, sample by sample; the three sides of a sample follow one another."""

    turn: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    sdk: list[float] = field(default_factory=list)
    sdk_cpu: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    def beyond_bare(self) -> float:
        """Return the gateway's own time: what a turn takes beyond the model call in it."""
        return median([turn - bare for turn, bare in zip(self.turn, self.bare, strict=True)])

    def beyond_sdk(self) -> float:
        """Return what a turn takes beyond the SDK alone."""
        return median([turn - sdk for turn, sdk in zip(self.turn, self.sdk, strict=True)])


async def prepare(world: World) -> None:
    """Lead conversations as far as their stages."""

    async def lead(number: str, turns: int) -> None:
        for _ in range(turns):
            await world.turn(number)

    jobs = (lead(_number(stage, one), stage - AROUND - 1) for stage in STAGES for one in range(CONVERSATIONS))
    await asyncio.gather(*jobs)


async def measure(world: World) -> dict[int, Samples]:
    """Go round the stages, one turn each, until every conversation has gone past its stage."""
    samples = {stage: Samples() for stage in STAGES}
    for step in range((2 * AROUND + 1) * CONVERSATIONS):
        for stage in STAGES:
            await _sample(world, samples[stage], _number(stage, step % CONVERSATIONS), bare_first=step % 2 == 0)
    return samples


async def _sample(world: World, samples: Samples, number: str, *, bare_first: bool) -> None:
    await asyncio.sleep(QUIET)
    before = world.cpu()
    samples.turn.append(await world.turn(number))
    await asyncio.sleep(QUIET)
    after = world.cpu()
    if before is not None and after is not None:
        samples.cpu.append(after - before)
    body = await world.last_body()
    for side in ("bare", "sdk") if bare_first else ("sdk", "bare"):
        await asyncio.sleep(QUIET)
        answer = await world.alone(side, body)
        (samples.bare if side == "bare" else samples.sdk).append(answer["seconds"])
        if side == "sdk":
            samples.sdk_cpu.append(answer["cpu"])


def rows(samples: dict[int, Samples]) -> list[Row]:
    """Return the table's lines."""
    found: list[Row] = []
    for stage, at in samples.items():
        sides = f"turn {ms(median(at.turn))}, SDK alone {ms(median(at.sdk))}, bare call {ms(median(at.bare))}"
        beyond = at.beyond_sdk()
        cpu = f"gateway {ms(median(at.cpu))}, SDK alone {ms(median(at.sdk_cpu))}" if at.cpu else "not told here"
        found += [
            Row(f"turn {stage:>3}: whole", sides),
            Row("          own time (without the model call)", ms(at.beyond_bare())),
            Row("          beyond the SDK alone", ms(beyond), "<= 3 ms", beyond <= BEYOND_SDK),
            Row("          processor time", cpu),
        ]
    last = samples[STAGES[-1]].beyond_bare()
    for stage, limit in ((STAGES[0], FILLING), (STAGES[1], FLAT)):
        growth = last / samples[stage].beyond_bare()
        found.append(
            Row(f"own time, turn {STAGES[-1]} : turn {stage}", f"{growth:.2f}", f"<= {limit}", growth <= limit)
        )
    return found


def _number(stage: int, one: int) -> str:
    return f"+1555{stage:03}{one:04}"
