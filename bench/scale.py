"""What more workers and replicas bring over each store: ``python -m bench scale``. Some ten minutes.

Every process is offered what it can have in the air at once: customers who wait for a model that takes two seconds. So
each one more brings the same, until processors or store are at their end: there the line bends. Customers, model and
stores share the machine. The table is Markdown, for docs/scaling.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

from . import store_time
from .figures import percentile
from .processes import first_line, process
from .voice import Say
from .wire import listen
from .world import NoReply, PretendTwilio, World, open_gateway

LAYOUTS: Final = tuple((workers, replicas) for replicas in (1, 2, 3) for workers in (1, 2, 4))
MODEL_SECONDS: Final = 2.0
CUSTOMERS: Final = 48
"""Per process, which runs 64 turns at once (EngineLimits.workers)."""
WARM, WARM_EACH = 3.0, 1.0
"""Seconds before it is measured, and more for each process: beyond what processors carry, all first turns end late."""
SECONDS: Final = 6.0
LONGEST: Final = 90.0
"""Seconds after which a layout is given up, and the next one tried."""
AGAIN: Final = 0.2
"""Seconds after which a customer whom nothing answered texts again."""
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
    def cell(self) -> str:
        """Return what the table says of it."""
        figures = f"{self.rate:.0f}, {(self.p99 - MODEL_SECONDS) * 1000:,.0f} ms, {self.cost * 1000:.1f} ms"
        return f"{figures}, {self.late} late" if self.late else figures


def offered(processes: int) -> float:
    """Return the turns per second that so many processes are offered."""
    return processes * CUSTOMERS / MODEL_SECONDS


async def measure(folder: Path, say: Say, layouts: Sequence[tuple[int, int]] = LAYOUTS, picture: Path = PICTURE) -> str:
    """Measure each layout over each store, and draw the picture."""
    found: dict[str, list[Point]] = {}
    with store_time.servers() as (redis, postgres):
        stores = {
            "file": {"STATE_PERSISTENCE_DIR": str(folder / "state")},
            "Redis": {"PERSISTENCE_ADAPTER": "redis", "REDIS_URL": redis.url},
            "Postgres": {"PERSISTENCE_ADAPTER": "postgres", "DATABASE_URL": postgres.url},
        }
        for name, env in stores.items():
            found[name] = []
            for workers, replicas in layouts:
                place = folder / f"{name}-{workers}-{replicas}"
                told = f"{replicas} × {workers} over {name}: "
                try:
                    async with asyncio.timeout(LONGEST):
                        found[name].append(point := await _point(place, env, workers, replicas))
                    say(told + point.cell)
                except (ExceptionGroup, RuntimeError, AssertionError, OSError, TimeoutError) as error:
                    say(f"{told}no figure, {error!r}")
    if not any(found.values()):
        raise RuntimeError("no layout yielded a figure")
    await asyncio.to_thread(picture.write_text, drawn(found), encoding="utf-8")
    return tabled(found)


def tabled(found: Mapping[str, Sequence[Point]]) -> str:
    """Return the table: a row for each layout, a column for each store."""
    cells = {(one.replicas, one.workers, name): one.cell for name, line in found.items() for one in line}
    layouts = sorted({place[:2] for place in cells}, key=lambda place: (place[0] * place[1], place))
    lines = [f"| Replicas × workers | Offered | {' | '.join(found)} |", "|---" * (2 + len(found)) + "|"]
    for replicas, workers in layouts:
        row = (cells.get((replicas, workers, name), "no figure") for name in found)
        lines.append(f"| {replicas} × {workers} | {offered(replicas * workers):.0f} | {' | '.join(row)} |")
    said = "Turns a second; the 99th percentile beyond the model's two seconds; processor time of a turn."
    return "\n".join((said, "", *lines))


async def _point(folder: Path, env: Mapping[str, str], workers: int, replicas: int) -> Point:
    async with _fleet(folder, {**env, "WORKERS": str(workers)}, replicas) as fleet, asyncio.TaskGroup() as group:
        await fleet[0].model_takes(MODEL_SECONDS)
        began = time.perf_counter()
        warm = WARM + WARM_EACH * workers * replicas
        times: list[float] = []
        late = 0

        async def customer(number: str, world: World, after: float) -> None:
            nonlocal late
            await asyncio.sleep(after)
            while time.perf_counter() - began < warm + SECONDS:
                try:
                    seconds = await world.turn(number)
                except ConnectionError:  # the server closed an idle connection just now
                    await asyncio.sleep(AGAIN)
                    continue
                except NoReply:
                    late += 1
                    await asyncio.sleep(AGAIN)
                    continue
                if warm < time.perf_counter() - began < warm + SECONDS:
                    times.append(seconds)

        # No two layouts have a customer in common: a longer history is a dearer turn.
        # Nor do they write in step: waves would be counted, a whole one more or less.
        count = CUSTOMERS * workers * replicas
        for number in range(count):
            name, after = f"+15558{replicas}{workers}{number:04}", MODEL_SECONDS * number / count
            group.create_task(customer(name, fleet[number % replicas], after))
        await asyncio.sleep(warm)
        before = sum(one.cpu() or 0.0 for one in fleet)
        await asyncio.sleep(SECONDS)
        used = sum(one.cpu() or 0.0 for one in fleet) - before
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

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 360, 48, 32, 88, 48
LINE_HEIGHT: Final = 20
PROCESSES: Final = "processes (replicas × workers)"
Look = tuple[str, str, str]
Place = tuple[float, float]
LOOKS: Final = (
    ("#2f81f7", "", "m-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z"),
    ("#d97706", "9 4", "m-4,-4h8v8h-8z"),
    ("#1a9e63", "2 3", "m0,-5l5,9h-10z"),
)
"""A store's colour, dashes and mark: each alone tells the lines apart."""
STYLE: Final = """<style>
text { font: 12px system-ui, sans-serif; fill: #57606a } .grid { stroke: #8c959f; stroke-opacity: 0.35 }
.offered { stroke: #8c959f; stroke-width: 1.5 } path, polyline { fill: none }
@media (prefers-color-scheme: dark) { text { fill: #c9d1d9 } }
</style>"""


def drawn(found: Mapping[str, Sequence[Point]]) -> str:
    """Return the picture: turns per second by processes, a line per store, and a thin one of what was offered."""
    points = [one for line in found.values() for one in line]
    most = max(one.processes for one in points)
    top = max([offered(1), *(one.rate for one in points)]) * 1.1

    def place(processes: float, rate: float) -> tuple[float, float]:
        across = LEFT + processes / most * (WIDTH - LEFT - RIGHT)
        return round(across, 1), round(HEIGHT - BOTTOM - rate / top * (HEIGHT - TOP - BOTTOM), 1)

    step = next(one for one in (5, 10, 20, 50, 100, 200, 500, 1000, 10_000) if top / one <= 6)
    parts = [STYLE, _text(LEFT - 40, 16, "turns a second"), _text(WIDTH - RIGHT, HEIGHT - 8, PROCESSES, "end")]
    for rate in range(0, int(top) + 1, step):
        x, y = place(0, rate)
        parts += (f'<path class="grid" d="M{x},{y}H{WIDTH - RIGHT}"/>', _text(x - 8, y + 4, f"{rate}", "end"))
    for processes in sorted({one.processes for one in points}):
        parts.append(_text(place(processes, 0)[0], HEIGHT - BOTTOM + 18, f"{processes}", "middle"))
    ideal = min(float(most), top / offered(1))
    (left, low), (right, high) = place(0, 0), place(ideal, offered(1) * ideal)
    parts += (f'<path class="offered" d="M{left},{low}L{right},{high}"/>', _text(right + 6, high + 10, "offered"))
    for number, (look, (name, line)) in enumerate(zip(LOOKS, found.items(), strict=False)):
        key = WIDTH - RIGHT + 20, TOP + 20 + LINE_HEIGHT * number
        parts += (*_line(look, line, place), _mark(look, key), _text(key[0] + 10, key[1] + 4, name))
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
    said = 'aria-label="Turns a second by processes, over each store"'
    return "\n".join((f"{opening} {said}>", *parts, "</svg>\n"))


def _line(look: Look, points: Sequence[Point], place: Callable[[float, float], Place]) -> Iterator[str]:
    """Draw a store's points, and a line through the middle of those with as many processes."""
    counts = sorted({one.processes for one in points})
    middles = (place(n, fmean(one.rate for one in points if one.processes == n)) for n in counts)
    through = " ".join(f"{x},{y}" for x, y in middles)
    yield f'<polyline stroke="{look[0]}" stroke-width="2" stroke-dasharray="{look[1]}" points="{through}"/>'
    yield from (_mark(look, place(one.processes, one.rate)) for one in points)


def _mark(look: Look, at: Place) -> str:
    return f'<path style="fill: {look[0]}" d="M{at[0]},{at[1]}{look[2]}"/>'


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{words}</text>'
