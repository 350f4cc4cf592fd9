"""How fast a text is acknowledged while the model takes seconds."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from .figures import Row, median, ms, percentile
from .world import World

TEXTS = 400
CUSTOMERS = 20
MODEL_SECONDS = 2.0
GAP = 0.005
TARGET = 0.002


async def measure(world: World, folder: Path) -> list[Row]:
    """Send texts one after the other; between them, a request that does nothing and a flush of this disk."""
    await world.model_takes(MODEL_SECONDS)
    texts: list[float] = []
    nothing: list[float] = []
    flushes: list[float] = []
    with (folder / "flush").open("wb", buffering=0) as file:
        for number in range(TEXTS):
            texts.append(await world.text(f"+1555200{number % CUSTOMERS:04}"))
            await asyncio.sleep(GAP)
            nothing.append(await world.nothing())
            file.write(bytes(4096))
            started = time.perf_counter()
            os.fsync(file.fileno())
            flushes.append(time.perf_counter() - started)
    spread = f"p95 {ms(percentile(texts, 0.95))}, p99 {ms(percentile(texts, 0.99))}"
    return [
        Row("POST /sms, p50", ms(median(texts)), "< 2 ms", median(texts) < TARGET),
        Row("POST /sms, beyond the median", spread),
        Row("for comparison: GET /health, which does nothing", ms(median(nothing))),
        Row("for comparison: one flush of this disk", ms(median(flushes))),
    ]
