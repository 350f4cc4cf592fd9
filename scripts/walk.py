"""How far a reader walks: the files that one text, prompt, approval and reply enters, and the moves between them.

A real gateway runs in this process, with the tests' model server and the simulated Twilio around it. While a walk goes
on, every entry of a function of the package is noted, in all tasks and threads. Counted:

* **files** of the package in which at least one function was entered;
* **moves** from file to file: a function whose caller is in another file of the package is two, there and back. A
  task, a callback and a thread begin without a caller: one move. That a coroutine goes on after it waited is none.

Not counted: the simulated Twilio, the tests, libraries, generated methods (``__init__`` of dataclasses), and what the
clock starts (sweep, hints, lease renewal). Each walk is taken several times, each time through a new gateway, and the
shortest counts: a timer that goes off in between is not part of the way.

    python scripts/walk.py            # the figures
    python scripts/walk.py --steps    # and every move
    python scripts/walk.py --json     # for programs
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import logging
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the tests' kit

import aiohttp
import structlog

import tandem
from tandem.simulator.wire import Fault
from tests.kit.gateway import JOHN, OURS, Running, running
from tests.kit.model_server import Answer, ModelServer
from tests.kit.sources import subject_of

PACKAGE = str(Path(tandem.__file__).parent) + "/"
SIMULATOR = "simulator/"
CLOCKWORK = frozenset({"TurnEngine._sweep", "TurnEngine._listen", "LaneWorker._renew"})
"""Functions that the clock starts: what they enter is not counted."""
STAFF = "mia-token-123456789"
QUESTION, REFUND = "Where is my order?", {"order_id": "12345", "amount": 139.97, "reason": "damaged"}
THROTTLED = Fault(429, 20429)


@dataclass
class Walk:
    """One way through the package. ``steps`` are its moves, in words."""

    files: set[str] = field(default_factory=set)
    moves: int = 0
    steps: list[str] = field(default_factory=list)


class Tracer:
    """Notes entries of functions while a walk goes on, in this thread and those that begin after it."""

    def __init__(self) -> None:
        self._walk: Walk | None = None
        self._over: Callable[[], bool] = lambda: False

    def __enter__(self) -> Tracer:
        threading.setprofile(self._look)
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]

    def begin(self, over: Callable[[], bool]) -> Walk:
        """Begin a walk; it ends with the first entry of a function at which ``over`` is true."""
        self._walk, self._over = Walk(), over
        return self._walk

    def end(self) -> None:
        """End the walk."""
        self._walk = None

    def _look(self, frame: FrameType, event: str, _: Any) -> None:
        walk, file = self._walk, file_of(frame)
        if walk is None or event != "call" or file is None or not _begins(frame):
            return
        if self._over():
            self.end()
            return
        callers = list(_callers(frame))
        if any(_is_not_walked(one) for one in (frame, *callers)):
            return
        before = next((found for caller in callers if (found := file_of(caller)) is not None), None)
        walk.files.add(file)
        if before != file:
            walk.moves += 1 if before is None else 2
            walk.steps.append(f"{before or '(begins)'} -> {file} {frame.f_code.co_qualname}")


def file_of(frame: FrameType) -> str | None:
    """Return the file of the package in which a function is, None for any other function."""
    name = frame.f_code.co_filename
    return name.removeprefix(PACKAGE) if name.startswith(PACKAGE) else None


def _is_not_walked(frame: FrameType) -> bool:
    return (file_of(frame) or "").startswith(SIMULATOR) or frame.f_code.co_qualname in CLOCKWORK


def _callers(frame: FrameType) -> Iterator[FrameType]:
    caller = frame.f_back
    while caller is not None:
        yield caller
        caller = caller.f_back


def _begins(frame: FrameType) -> bool:
    """Return True if a function begins, False if a coroutine or generator goes on.

    The argument of RESUME says so: 0 at the start, 1 to 3 after yield, yield from and await (docs.python.org, dis).
    """
    return frame.f_code.co_code[frame.f_lasti + 1] & 3 == 0


# --- the walks ------------------------------------------------------------------------------------------


@dataclass
class World:
    """A gateway that runs, the tracer, and a colleague with a token."""

    it: Running
    tracer: Tracer
    staff: aiohttp.ClientSession

    def told(self) -> int:
        """Return how many texts the customer got."""
        return len(self.it.twilio.sent_to(JOHN))

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Look again and again, and return what comes once it is true."""
        async with asyncio.timeout(10):
            while not (found := await condition()):  # noqa: ASYNC110 - the store has no event for it
                await asyncio.sleep(0.005)
        return found

    async def settle(self) -> None:
        """Return when nothing of the customer waits: turns are committed and replies reported as delivered."""
        await self.until(self._committed)
        await self.it.twilio.settle()

    async def _committed(self) -> bool:
        there = await self.it.store.conversation(subject_of(JOHN)) is not None
        return there and not await self.it.store.waiting(subject_of(JOHN))


async def text(world: World) -> Walk:
    """From a text's webhook until its reply is with the provider."""
    before = world.told()
    walk = world.tracer.begin(lambda: world.told() > before)
    await world.it.say(QUESTION)
    await world.it.hear(before + 1)
    return walk


async def spoken(world: World) -> Walk:
    """From a caller's prompt until the first words of the answer are on the wire."""
    async with world.it.twilio.call(JOHN, to=OURS, chars_per_second=1e6) as call:
        await call.ask("Hello")
        await call.wait_for(lambda: any(one.get("last") for one in call.received))
        await world.settle()
        await call.wait_silent()
        before = len(call.received)
        walk = world.tracer.begin(lambda: len(call.received) > before)
        await call.say(QUESTION)
        await call.wait_for(lambda: len(call.received) > before)
        world.tracer.end()
    return walk


async def approval(world: World) -> Walk:
    """From a colleague's decision until the customer's text about it is with the provider."""
    before = world.told()
    await world.it.ask("I want a refund")
    await world.settle()
    (waiting,) = await world.until(lambda: _waiting(world.staff))
    decision = {"toolCallId": waiting["toolCallId"], "approved": True}
    walk = world.tracer.begin(lambda: world.told() > before + 1)
    body = {"subjectId": waiting["subjectId"], "decisions": [decision]}
    async with world.staff.post("/approvals", json=body) as response:
        response.raise_for_status()
    await world.it.hear(before + 2)
    return walk


async def reply(world: World) -> Walk:
    """From a reply that waits in the outbox, once refused for the moment, until it was reported as delivered."""
    before, store = world.told(), world.it.store
    world.it.twilio.faults.append(THROTTLED)
    await world.it.say(QUESTION)

    async def refused() -> bool:
        return any(row.error_code == THROTTLED.code for row in await store.replies(subject_of(JOHN)))

    await world.until(refused)
    walk = world.tracer.begin(lambda: False)
    await world.it.hear(before + 1)
    await world.it.twilio.settle()
    return walk


WALKS = {walk.__name__: walk for walk in (text, spoken, approval, reply)}


async def _waiting(staff: aiohttp.ClientSession) -> list[dict[str, Any]]:
    async with staff.get("/approvals", params={"status": "pending"}) as response:
        return list((await response.json())["approvals"])


def answers(request: dict[str, Any]) -> Answer:
    """Play a model that asks for a refund when the customer does, and otherwise says a sentence, word by word."""
    last = request["input"][-1]
    if last.get("role") == "user" and "refund" in str(last["content"]):
        return Answer(calls=[("process_refund", REFUND)])
    return Answer("Your order is on its way.", gap=0.2)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Open a gateway to walk through; its customer has written before."""
    login = {"Authorization": f"Bearer {STAFF}"}
    with Tracer() as tracer:
        async with (
            running(folder, ModelServer(answers), STAFF_TOKENS=f"mia:{STAFF}") as it,
            aiohttp.ClientSession(it.url, headers=login) as staff,
        ):
            opened = World(it, tracer, staff)
            await it.ask("Hello")
            await opened.settle()
            yield opened
            tracer.end()


async def shortest(folder: Path, names: Iterable[str], times: int) -> dict[str, Walk]:
    """Take each walk several times and return the shortest ones, by name."""
    found: dict[str, Walk] = {}
    for name, take in itertools.product(names, range(times)):
        async with world(folder / f"{name}{take}") as opened:
            taken = await WALKS[name](opened)
        if name not in found or (len(taken.files), taken.moves) < (len(found[name].files), found[name].moves):
            found[name] = taken
    return found


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--steps", action="store_true", help="list every move")
    parser.add_argument("--json", action="store_true", help="print files and moves by walk, as JSON")
    parser.add_argument("--times", type=int, default=3, help="how often each walk is taken")
    parser.add_argument("--only", action="append", choices=WALKS, help="take this walk alone; may be repeated")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(shortest(Path(folder), chosen.only or WALKS, chosen.times))
    if chosen.json:
        print(json.dumps({name: [len(walk.files), walk.moves] for name, walk in found.items()}))
        return
    for name, walk in found.items():
        print(f"{name}: {len(walk.files)} files, {walk.moves} moves. {WALKS[name].__doc__}")
        if chosen.steps:
            print(*(f"    {step}" for step in walk.steps), *(f"  {file}" for file in sorted(walk.files)), sep="\n")


if __name__ == "__main__":
    main()
