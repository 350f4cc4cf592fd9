"""An endurance run: ``make soak``, or ``python -m bench.soak --store redis --minutes 5 --replicas 3``.

Several replicas over one store answer thousands of texts, calls and approvals while they are killed, restarted and
frozen beyond their leases. An oracle outside (:mod:`.soak_journal`) checks that nothing was lost, repeated or out of
order. Everything runs on loopback and in a temporary folder. Ends with 1 when anything was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from tests.kit.model_server import ModelServer
from tests.kit.postgres_server import postgres_server
from tests.kit.redis_server import redis_server
from tests.kit.replicas import Replicas, Shared, file_place, postgres_place, redis_place, replicas
from tests.kit.serving import serve

from .figures import percentile
from .soak_journal import Journal, words
from .soak_life import Life
from .soak_model import AGENT, bank, script

LEASE = 5.0
SETTLE_SECONDS = 90.0
"""How long everything that was acknowledged may take to be answered once the disturbances have ended."""
SHOWN = 20
"""Customers whose conversation is read with ``tandem show --json``; the model's requests are checked of all."""
WRITERS, CALLERS = 6, 2
DURABLE = ("shared_buffers=128MB",)
"""Postgres as it is installed: every commit is on the disk before it is answered."""


@contextmanager
def place(store: str, folder: Path) -> Iterator[Shared]:
    """Start a store server of this soak's own that keeps what it acknowledges."""
    if store == "redis":
        with redis_server(folder, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec") as redis:
            yield redis_place(redis.url)
    elif store == "postgres":
        with postgres_server() as postgres:
            postgres.stop()
            postgres.settings = DURABLE
            postgres.start()
            yield postgres_place(postgres.url)
    else:
        yield file_place(folder / "state")


async def soak(store: str, minutes: float, count: int, every: float, seed: int) -> int:
    """Run it; print the figures and return the exit code."""
    journal = Journal()
    with tempfile.TemporaryDirectory(prefix="tandem-soak-") as name, place(store, Path(name)) as shared:
        folder = Path(name) / "work"
        folder.mkdir()
        (folder / "soak_agent.py").write_text(AGENT, encoding="utf-8")
        more = {"AGENT_PATH": "soak_agent:agent", "LANE_LEASE_SECONDS": str(LEASE), "RATE_LIMIT_PER_MINUTE": "0",
                "MAX_SPOKEN_TURNS_PER_HOUR": "0", "MAX_WAITING_REQUESTS": "0", "MAX_REQUESTS_PER_TURN": "0",
                "COALESCE_MS": "100", "DRAIN_SECONDS": "2", "LOG_LEVEL": "warning",
                "PYTHONPATH": os.environ.get("PYTHONPATH", "")}  # fmt: skip
        async with (
            serve(bank(journal)) as bank_url,
            replicas(folder, ModelServer(script(journal)), shared, count=count,
                     **more, BANK_URL=f"{bank_url}/pay") as it,
        ):  # fmt: skip
            life = Life(it, journal, random.Random(seed), LEASE, spare=min(1, count - 1))  # noqa: S311
            it.twilio.route = life.route
            it.patience = SETTLE_SECONDS  # on a busy machine
            await _live(life, minutes * 60, every)
            settled = await _settle(life)
            if life.staff is not None:
                life.staff.cancel()
            await _show(life)
            bodies = _bodies(it)
            _answering(it, journal)
            found = journal.check(bodies)
            journal.violations += _twice(it)
    return _report(journal, found, store=store, count=count, minutes=minutes, settled=settled, seed=seed)


async def _live(life: Life, seconds: float, every: float) -> None:
    """Let everything happen for a while, then let it come to an end."""
    staff = asyncio.create_task(life.decide())
    others = [asyncio.create_task(life.write()) for _ in range(WRITERS)]
    others += [asyncio.create_task(life.call()) for _ in range(CALLERS)]
    others.append(asyncio.create_task(life.disturb(every)))
    ended = time.monotonic() + seconds
    while (left := ended - time.monotonic()) > 0:
        done, _ = await asyncio.wait(others, timeout=min(left, 30.0), return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
        _say(f"{left:.0f} s to go: {dict(life.journal.counts)}, violations {len(life.journal.violations)}")
    life.calm.set()
    await asyncio.gather(*others, *life.starting)
    life.staff = staff


async def _settle(life: Life) -> float:
    """Wait until all that was acknowledged is answered; return the seconds that took."""
    began = time.monotonic()
    while time.monotonic() - began < SETTLE_SECONDS:
        if not life.journal.unanswered(_bodies(life.it)):
            break
        await asyncio.sleep(0.5)
    await asyncio.sleep(LEASE)  # whatever would be told a second time is told by now
    return time.monotonic() - began


async def _show(life: Life) -> None:
    """Read some conversations as an operator does."""
    env = {"PATH": os.environ["PATH"], **life.it.env}
    numbers = [number for number, one in life.journal.customers.items() if one.acknowledged]
    for number in life.chance.sample(numbers, min(SHOWN, len(numbers))):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tandem", "show", number, "--json",
            cwd=life.it.folder, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        told, _ = await process.communicate()
        life.journal.check_shown(number, json.loads(told[told.index(b"{\n") :]))


def _bodies(it: Replicas) -> dict[str, list[str]]:
    bodies: dict[str, list[str]] = {}
    for message in it.twilio.messages:
        if message.direction == "outbound-api":
            bodies.setdefault(message.to, []).append(message.body)
    return bodies


def _twice(it: Replicas) -> list[str]:
    """Say when messages came that should have come once, to find out why; the check has counted them already."""
    times: dict[tuple[str, str], list[float]] = {}
    for message in it.twilio.messages:
        if message.direction == "outbound-api" and words(message.body):
            times.setdefault((message.to, message.body), []).append(message.created_at)
    return [f"  {body} after {at[-1] - at[0]:.1f} s" for (_, body), at in times.items() if len(at) > 1]


def _answering(it: Replicas, journal: Journal) -> None:
    """Note how long each text waited for its answer."""
    wall = time.time() - time.monotonic()
    for message in it.twilio.messages:
        for word in words(message.body) if message.direction == "outbound-api" else ():
            if word in journal.sent_at and not message.body.startswith("outcome"):
                journal.answering.append(message.created_at - wall - journal.sent_at[word])


def _report(
    journal: Journal, found: dict[str, int], *, store: str, count: int, minutes: float, settled: float, seed: int
) -> int:
    def spread(values: list[float]) -> str:
        shares = (0.5, 0.99, 1.0)
        return ", ".join(f"{percentile(values, share):.3f}" for share in shares) if values else "none"

    rows = {
        "store, replicas, minutes, seed": f"{store}, {count}, {minutes:g}, {seed}",
        "customers": len(journal.customers),
        **dict(sorted(journal.counts.items())),
        **dict(sorted(journal.statuses.items())),
        "payments": sum(journal.paid.values()),
        "acknowledged in s (median, 99 %, longest)": spread(journal.acknowledging),
        "answered in s (median, 99 %, longest)": spread(journal.answering),
        "all answered after s": f"{settled - LEASE:.1f}",
        **{f"VIOLATIONS {name}": number for name, number in found.items()},
        "VIOLATIONS in all": len(journal.violations),
    }
    for name, value in rows.items():
        print(f"  {name:<45} {value}")
    for one in journal.violations[:40]:
        print(f"  ! {one}")
    return 1 if journal.violations else 0


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} … {what}", file=sys.stderr, flush=True)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--store", choices=("file", "redis", "postgres"), default="redis")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--replicas", type=int, default=3, help="the file store is for one")
    parser.add_argument("--every", type=float, default=7.0, help="seconds between two disturbances, on average")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    chosen = parser.parse_args()
    count = 1 if chosen.store == "file" else max(2, chosen.replicas)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(soak(chosen.store, chosen.minutes, count, chosen.every, chosen.seed)))


if __name__ == "__main__":
    main()
