"""The thread that groups writes: one commit for all that wait, and no failure that spreads."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tandem.errors import LeaseLost, StoreUnavailable
from tandem.persistence.file.database import DatabaseFile
from tandem.persistence.file.storage import DatabaseThread, Operation

pytestmark = pytest.mark.promise("P2", "P8")


@pytest.fixture
async def thread(tmp_path: Path) -> AsyncIterator[DatabaseThread]:
    thread = DatabaseThread(DatabaseFile(tmp_path), name="test", begin="BEGIN IMMEDIATE")
    yield thread
    await thread.close()


class Gate:
    """Holds the thread in one operation, so that others queue up behind it; records the statements from then on."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self._open = threading.Event()

    def __call__(self, db: sqlite3.Connection) -> None:
        assert self._open.wait(10)
        db.set_trace_callback(self.statements.append)

    def open(self) -> None:
        self._open.set()


def add(key: str) -> Operation:
    def operation(db: sqlite3.Connection) -> str:
        db.execute("INSERT INTO lane_head (subject, version, head) VALUES (?, 1, '')", (key,))
        return key

    return operation


def keys(db: sqlite3.Connection) -> list[str]:
    return [key for (key,) in db.execute("SELECT subject FROM lane_head ORDER BY id")]


def lose(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO lane_head (subject, version, head) VALUES ('lost', 1, '')")
    raise LeaseLost


def fill_up(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA max_page_count=1")
    db.execute("INSERT INTO lane_head (subject, version, head) VALUES ('s', 1, hex(zeroblob(9000000)))")


async def queue(thread: DatabaseThread, *operations: Operation) -> list[object]:
    """Run operations that all wait when the thread comes to them; return answers and errors."""
    gate = Gate()
    tasks = [asyncio.create_task(thread.run(operation)) for operation in (gate, *operations)]
    await asyncio.sleep(0)
    gate.open()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    return answers[1:]


async def test_what_waits_together_is_committed_together_in_the_order_of_its_calls(thread: DatabaseThread) -> None:
    gate, expected = Gate(), [str(number) for number in range(50)]
    tasks = [asyncio.create_task(thread.run(gate)), *(asyncio.create_task(thread.run(add(key))) for key in expected)]
    await asyncio.sleep(0)
    gate.open()
    assert (await asyncio.gather(*tasks))[1:] == expected  # every caller gets its own answer
    assert gate.statements.count("COMMIT") <= 2
    assert await thread.run(keys) == expected


async def test_a_failing_operation_leaves_nothing_behind(thread: DatabaseThread) -> None:
    answers = await queue(thread, add("a"), lose, add("b"))
    assert isinstance(answers[1], LeaseLost)
    assert await thread.run(keys) == ["a", "b"]


async def test_a_drivers_error_is_translated(thread: DatabaseThread) -> None:
    answers = await queue(thread, add("a"), add("a"), add("b"))
    assert isinstance(answers[1], StoreUnavailable)
    assert isinstance(answers[1].__cause__, sqlite3.IntegrityError)


async def test_the_thread_works_again_after_a_full_disk(thread: DatabaseThread) -> None:
    with pytest.raises(StoreUnavailable):
        await thread.run(fill_up)
    assert await thread.run(add("a" * 100_000)) == "a" * 100_000


async def test_a_call_that_was_given_up_before_its_turn_does_nothing(thread: DatabaseThread) -> None:
    gate = Gate()
    held = asyncio.create_task(thread.run(gate))
    given_up = asyncio.create_task(thread.run(add("a")))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.sleep(0)
    gate.open()
    await held
    assert await thread.run(keys) == []


async def test_closing_finishes_what_is_queued(tmp_path: Path) -> None:
    thread = DatabaseThread(DatabaseFile(tmp_path), name="test", begin="BEGIN IMMEDIATE")
    last = asyncio.create_task(thread.run(add("a")))
    await asyncio.sleep(0)
    await thread.close()
    assert await last == "a"
