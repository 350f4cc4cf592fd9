"""Who runs when: one run per key at a time, nothing woken is forgotten, crashes are run again."""

from __future__ import annotations

import asyncio
from collections import Counter

from tandem.conversation.schedule import Schedule

from ...kit.waiting import PATIENCE


async def test_a_key_never_runs_twice_at_once_and_no_wake_is_lost() -> None:
    running: Counter[str] = Counter()
    runs: Counter[str] = Counter()

    async def run(key: str) -> None:
        running[key] += 1
        assert running[key] == 1
        runs[key] += 1
        await asyncio.sleep(0)
        running[key] -= 1

    async with Schedule("test", run, workers=4) as schedule:
        for _ in range(50):
            schedule.wake("a")
            schedule.wake("b")
            await asyncio.sleep(0)
        before = dict(runs)
        schedule.wake("a")
        while runs["a"] == before["a"]:
            await asyncio.sleep(0)
        assert await schedule.drain(1.0)
    assert runs["b"] >= 1


async def test_a_wake_during_a_run_runs_the_key_once_more() -> None:
    gate, runs = asyncio.Event(), 0
    twice = asyncio.Event()

    async def run(key: str) -> None:
        nonlocal runs
        runs += 1
        if runs == 2:
            twice.set()
        await gate.wait()

    async with Schedule("test", run, workers=2) as schedule:
        schedule.wake("a")
        while not runs:
            await asyncio.sleep(0)
        schedule.wake("a")
        schedule.wake("a")
        gate.set()
        await asyncio.wait_for(twice.wait(), PATIENCE)
        assert await schedule.drain(1.0)
    assert runs == 2


async def test_an_urgent_key_does_not_wait_for_a_worker_and_runs_once() -> None:
    gate, urgent = asyncio.Event(), asyncio.Event()
    runs: Counter[str] = Counter()

    async def run(key: str) -> None:
        runs[key] += 1
        if key == "caller":
            urgent.set()
        await gate.wait()

    async with Schedule("test", run, workers=1) as schedule:
        schedule.wake("text")
        while not runs["text"]:
            await asyncio.sleep(0)
        schedule.wake("caller")
        schedule.wake("caller", urgent=True)
        await asyncio.wait_for(urgent.wait(), PATIENCE)
        schedule.wake("last")
        gate.set()
        while not runs["last"]:
            await asyncio.sleep(0)
        assert await schedule.drain(1.0)
    assert runs == {"text": 1, "caller": 1, "last": 1}


async def test_an_earlier_wake_brings_a_key_forward_and_a_later_one_does_not_push_it_back() -> None:
    ran = asyncio.Event()

    async def run(key: str) -> None:
        ran.set()

    async with Schedule("test", run, workers=1) as schedule:
        schedule.wake("a", after=3600)
        schedule.wake("a", after=0.001)
        schedule.wake("a", after=3600)
        await asyncio.wait_for(ran.wait(), PATIENCE)


async def test_a_crash_ends_neither_the_worker_nor_the_key() -> None:
    runs, done = 0, asyncio.Event()

    async def run(key: str) -> float | None:
        nonlocal runs
        runs += 1
        if key == "bad":
            raise ValueError("boom")
        done.set()
        return None

    async with Schedule("test", run, workers=1) as schedule:
        schedule.wake("bad")
        schedule.wake("good")
        await asyncio.wait_for(done.wait(), PATIENCE)


async def test_drain_waits_for_what_runs_and_starts_nothing_new() -> None:
    gate, ended, started = asyncio.Event(), [], []

    async def run(key: str) -> None:
        started.append(key)
        await gate.wait()
        ended.append(key)

    async with Schedule("test", run, workers=1) as schedule:
        schedule.wake("a")
        schedule.wake("b")
        while not started:
            await asyncio.sleep(0)
        draining = asyncio.create_task(schedule.drain(5.0))
        await asyncio.sleep(0)
        gate.set()
        assert await draining
    assert (started, ended) == (["a"], ["a"])


async def test_drain_says_when_something_did_not_end() -> None:
    async def run(key: str) -> None:
        await asyncio.Event().wait()

    async with Schedule("test", run, workers=1) as schedule:
        schedule.wake("a")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not await schedule.drain(0.01)
