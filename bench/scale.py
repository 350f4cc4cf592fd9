"""What more workers and replicas bring over each store: ``python -m bench scale``. Some eight minutes.

Every process is offered what it can have in the air at once: customers who wait for a model that takes two seconds. So
each one more brings the same, until processors or store are at their end: there the line bends. Customers, model and
stores share the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import store_time
from .figures import Row, ms, percentile, table
from .processes import first_line, process
from .voice import Say
from .wire import listen
from .world import NoReply, PretendTwilio, World, open_gateway

LAYOUTS: Final = tuple((workers, replicas) for replicas in (1, 2, 3) for workers in (1, 2, 4))
MODEL_SECONDS: Final = 2.0
CUSTOMERS: Final = 48
"""Per process, which runs 64 turns at once (EngineLimits.workers)."""
WARM: Final = 4.0
SECONDS: Final = 6.0
PICTURE: Final = Path(__file__).parents[1] / "docs/images/scaling.svg"


@dataclass(frozen=True, slots=True)
class Point:
    """One layout over one store: turns per second, latency at the 99th percentile, processor seconds of a turn.

    ``late`` texts had no answer in 20 seconds, or the store had none for them; they count for none of these.
    """

    workers: int
    replicas: int
    rate: float
    p99: float
    cost: float
    late: int = 0

    @property
    def processes(self) -> int:
        """Return how many processes take turns."""
        return self.workers * self.replicas

    @property
    def row(self) -> Row:
        """Return the line of the table."""
        what = f"{self.replicas} replica{'s' * (self.replicas > 1)} of {self.workers} worker{'s' * (self.workers > 1)}"
        beyond = ms(self.p99 - MODEL_SECONDS)
        figures = f"{self.rate:.1f} of {offered(self.processes):.0f}, p99 {beyond} beyond the model, {ms(self.cost)}"
        return Row(what, f"{figures}, {self.late} texts late" if self.late else figures)


def offered(processes: int) -> float:
    """Return the turns per second that so many processes are offered."""
    return processes * CUSTOMERS / MODEL_SECONDS


async def measure(folder: Path, say: Say, layouts: Sequence[tuple[int, int]] = LAYOUTS, picture: Path = PICTURE) -> str:
    """Measure each layout over each store, and draw the picture."""
    found: dict[str, list[Point]] = {}
    with store_time.servers() as (redis, postgres):
        file = folder / "state"
        stores = {
            "file": {"STATE_PERSISTENCE_DIR": str(file)},
            "Redis": {"PERSISTENCE_ADAPTER": "redis", "REDIS_URL": redis.url},
            "Postgres": {"PERSISTENCE_ADAPTER": "postgres", "DATABASE_URL": postgres.url},
        }
        for name, env in stores.items():
            found[name] = []
            for workers, replicas in layouts:
                say(f"{replicas} replicas of {workers} workers over {name}")
                place = folder / f"{name}-{workers}-{replicas}"
                found[name].append(point := await _point(place, env, workers, replicas))
                say(point.row.figure)
    await asyncio.to_thread(picture.write_text, drawn(found), encoding="utf-8")
    title = f"Turns a second over {{}}, a model that takes {MODEL_SECONDS:.0f} s, {CUSTOMERS} customers a process"
    return "\n\n".join(table(title.format(name), [one.row for one in points]) for name, points in found.items())


async def _point(folder: Path, env: Mapping[str, str], workers: int, replicas: int) -> Point:
    async with _fleet(folder, {**env, "WORKERS": str(workers)}, replicas) as fleet:
        await fleet[0].model_takes(MODEL_SECONDS)
        began = time.perf_counter()
        times: list[float] = []
        late = 0

        async def customer(number: int) -> None:
            nonlocal late
            while time.perf_counter() - began < WARM + SECONDS:
                try:
                    seconds = await fleet[number % replicas].turn(f"+1555800{number:04}")
                except ConnectionError:
                    continue  # the server closed an idle connection just now
                except NoReply:
                    late += 1
                    continue
                if WARM < time.perf_counter() - began < WARM + SECONDS:
                    times.append(seconds)

        running = [asyncio.create_task(customer(number)) for number in range(CUSTOMERS * workers * replicas)]
        await asyncio.sleep(WARM)
        before = sum(one.cpu() or 0.0 for one in fleet)
        await asyncio.sleep(SECONDS)
        used = sum(one.cpu() or 0.0 for one in fleet) - before
        await asyncio.gather(*running)
    if not times:
        raise RuntimeError("no turn ended while it was measured")
    return Point(workers, replicas, len(times) / SECONDS, percentile(times, 0.99), used / len(times), late)


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
            gateway, port = await stack.enter_async_context(open_gateway(place, model_port, twilio_port, **env))
            worlds.append(World(gateway, port, twilio, model_port, model))
        yield worlds
        for one in worlds:
            one.hang_up()


# --- the picture ----------------------------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 360, 56, 24, 96, 44
COLOURS: Final = ("#2563eb", "#d97706", "#059669", "#7c3aed")


def drawn(found: Mapping[str, Sequence[Point]]) -> str:
    """Return the picture: turns per second by processes, a line per store, and a dashed one of what was offered."""
    points = [one for line in found.values() for one in line]
    most = max(one.processes for one in points)
    top = max(*(one.rate for one in points), offered(1)) * 1.1

    def place(processes: float, rate: float) -> tuple[float, float]:
        across = LEFT + processes / most * (WIDTH - LEFT - RIGHT)
        return round(across, 1), round(HEIGHT - BOTTOM - min(rate / top, 1.0) * (HEIGHT - TOP - BOTTOM), 1)

    def path(places: Sequence[tuple[float, float]], style: str) -> str:
        return f'<polyline fill="none" {style} points="{" ".join(f"{x},{y}" for x, y in places)}"/>'

    ideal = min(float(most), top / offered(1))
    parts = [path([place(0, 0), place(ideal, offered(1) * ideal)], 'stroke="#9ca3af" stroke-dasharray="4 4"')]
    for step in range(5):
        (x, y), rate = place(0, top * step / 4), top * step / 4
        parts.append(f'<line x1="{x}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#9ca3af" stroke-opacity="0.3"/>')
        parts.append(f'<text x="{x - 8}" y="{y + 4}" text-anchor="end">{rate:.0f}</text>')
    for processes in sorted({one.processes for one in points}):
        x, y = place(processes, 0)
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{processes}</text>')
    for colour, (name, line) in zip(COLOURS, found.items(), strict=False):
        places = [place(one.processes, one.rate) for one in sorted(line, key=lambda one: (one.processes, one.rate))]
        parts.append(path(places, f'stroke="{colour}" stroke-width="2"'))
        parts += (f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places)
        parts.append(f'<text x="{places[-1][0] + 8}" y="{places[-1][1] + 4}" fill="{colour}">{name}</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 8}">turns a second; dashed: what was offered</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">processes (replicas × workers)</text>')
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
    font = 'font-family="system-ui, sans-serif" font-size="12" fill="#6b7280"'
    said = 'aria-label="Turns a second by processes, over each store"'
    return "\n".join((f"{opening} {said} {font}>", *parts, "</svg>\n"))
