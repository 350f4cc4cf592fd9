"""What is special about the file store: processes, groups of writes, pragmas, cost."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import stat
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from structlog.testing import capture_logs

from tandem.errors import ConfigurationError, StoreUnavailable
from tandem.model import ReplyStatus, SubjectId
from tandem.persistence import lane, outbox
from tandem.persistence.base import WANTS_CLAIM, LaneStore, wants_commit, wants_keys
from tandem.persistence.file import open_file_store, primitives
from tandem.persistence.file.schema import connect
from tandem.persistence.rows import LaneIndex, Want
from tandem.persistence.state import Lane
from tandem.persistence.values import Change, Settlement

from ...contracts.records import JANE, approval, conversation, event, fresh, reply, take, text, texts, write
from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("P2", "P7", "P8", "P10", "P12")

T = TypeVar("T")
WORKER = Path(__file__).with_name("store_worker.py")


@asynccontextmanager
async def worker(task: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the worker script; it is killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), task, str(folder), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def killed_after(folder: Path, turns: int) -> int:
    """Let a process write, kill it at some point after so many turns, and return the last acknowledged one."""
    async with worker("write", folder) as process:
        assert process.stdout is not None
        last = 0
        while last < turns:
            last = int(await process.stdout.readline())
        process.kill()
        rest = await process.stdout.read()
    complete = rest[: rest.rfind(b"\n") + 1].split()
    return int(complete[-1]) if complete else last


@pytest.mark.parametrize("turns", [1, 7, 20, 45])
async def test_kill_9_leaves_the_previous_or_the_next_state(tmp_path: Path, turns: int) -> None:
    acknowledged = await killed_after(tmp_path, turns)
    async with open_file_store(tmp_path) as store:
        stored = await store.conversation(JANE)
        timeline = await store.timeline(JANE, limit=10_000)
        replies = await store.replies(JANE, limit=10_000)
    assert stored is not None
    assert stored.turns_taken in (acknowledged, acknowledged + 1)
    assert stored.summary == str(stored.turns_taken) * 3000
    numbers = range(1, stored.turns_taken + 1)
    assert [row.name for row in timeline] == [f"turn{number}" for number in numbers]
    assert [row.reply.id for row in replies] == [f"r{number}" for number in numbers]


async def test_kill_9_loses_no_acknowledged_entry(tmp_path: Path) -> None:
    acknowledged = await killed_after(tmp_path, 15)
    async with open_file_store(tmp_path) as store:
        keys = texts(*(f"k{number}" for number in range(1, acknowledged + 1)))
        receipts = await store.accept(JANE, keys, token=fresh())
    assert {receipt.outcome for receipt in receipts} == {"duplicate"}


async def test_two_processes_never_overlap_on_a_lane(tmp_path: Path) -> None:
    async with worker("compete", tmp_path) as one, worker("compete", tmp_path) as other:
        codes = await asyncio.wait_for(asyncio.gather(one.wait(), other.wait()), PATIENCE)
    async with open_file_store(tmp_path) as store:
        stored = await store.conversation(JANE)
    assert codes == [0, 0]
    assert stored is not None
    assert (stored.turns_taken, stored.version) == (40, 40)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.fixture
def careless() -> Iterator[None]:
    """A umask that closes nothing."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
async def test_folder_and_files_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "state"
    async with open_file_store(folder) as store:
        await write(store)
        found = modes(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert found == dict.fromkeys(["tandem.db", "tandem.db-wal", "tandem.db-shm", "tandem.lock"], 0o600)


@pytest.mark.usefixtures("careless")
async def test_a_repaired_file_and_the_copy_are_for_their_owner_only(tmp_path: Path) -> None:
    (tmp_path / "tandem.db").write_bytes(b"certainly no database" * 1000)
    async with open_file_store(tmp_path) as store:
        await write(store)
        found = modes(tmp_path)
    assert set(found.values()) == {0o600}
    assert len(found) == 5


async def test_a_database_that_was_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as other:
        await write(other)
        for suffix in ("", "-wal", "-shm"):
            (tmp_path / f"tandem.db{suffix}").chmod(0o644)
        async with open_file_store(tmp_path, repair=False):
            assert set(modes(tmp_path).values()) == {0o600, 0o644}
        async with open_file_store(tmp_path):
            assert set(modes(tmp_path).values()) == {0o600}


async def test_a_folder_that_is_open_to_others_is_told_and_left_so(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o750)
    with capture_logs() as logs:
        async with open_file_store(tmp_path):
            pass
    assert [(line["event"], line["mode"]) for line in logs] == [("state_folder_open_to_others", "0750")]
    assert stat.S_IMODE(os.stat(tmp_path).st_mode) == 0o750


def test_commits_go_to_a_write_ahead_log_and_to_the_disk(tmp_path: Path) -> None:
    connection = connect(tmp_path / "tandem.db")
    pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    connection.close()
    assert pragmas == ["wal", 2]


async def test_a_locked_database_is_unavailable_until_the_lock_is_gone(tmp_path: Path) -> None:
    async with open_file_store(tmp_path, busy_seconds=0.01) as store:
        other = sqlite3.connect(tmp_path / "tandem.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for write in (store.ping, lambda: store.accept(JANE, texts("a"), token=fresh())):
            with pytest.raises(StoreUnavailable):
                await write()
        other.close()
        await store.ping()


@contextmanager
def full_disk(folder: Path, room: int) -> Iterator[None]:
    """Let no file of this process grow much larger than the largest one in a folder is."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = max(path.stat().st_size for path in folder.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def fill_up(store: LaneStore, accepted: list[str]) -> None:
    """Accept entries until there is no room."""
    for number in range(1000):
        await store.accept(JANE, [text(f"k{number}", "x" * 4000)], token=fresh())
        accepted.append(f"k{number}")


async def test_a_full_disk_is_unavailable_and_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        await write(store)
        accepted: list[str] = []
        with full_disk(tmp_path, 64 * 1024), pytest.raises(StoreUnavailable):
            await fill_up(store, accepted)
        assert accepted
        await store.accept(JANE, texts("after"), token=fresh())
        assert [one.entry.key for one in await store.waiting(JANE)] == [*accepted, "after"]
    async with open_file_store(tmp_path) as store:
        assert [one.entry.key for one in (await take(store)).waiting] == [*accepted, "after"]


async def test_reading_goes_on_while_another_process_writes(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        await write(store, conversation=conversation(summary="before"))
        other = sqlite3.connect(tmp_path / "tandem.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        stored = await store.conversation(JANE)
        other.close()
    assert stored is not None
    assert stored.summary == "before"


async def test_a_folder_that_cannot_be_used_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StoreUnavailable):
        async with open_file_store(tmp_path / "state"):
            pass


async def test_a_file_of_a_newer_version_stops_the_start(tmp_path: Path) -> None:
    newer = sqlite3.connect(tmp_path / "tandem.db")
    newer.execute("PRAGMA user_version=99")
    newer.close()
    with pytest.raises(ConfigurationError, match="newer version"):
        async with open_file_store(tmp_path):
            pass


async def test_what_is_erased_is_overwritten(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        await store.accept(JANE, (text("SM1", "a very private sentence"),), token=fresh())
        await store.erase(JANE)
    content = (tmp_path / "tandem.db").read_bytes()
    assert b"private" not in content
    assert JANE.encode() not in content


async def fill(store: LaneStore, count: int) -> None:
    """Store conversations that wait for an approval's expiry, and as many turns of Jane."""

    async def one(number: int) -> None:
        subject = SubjectId(f"phone_{number}")
        await store.accept(subject, texts("a"), token=fresh())
        carried = conversation(subject, approvals=(approval(f"apr_{number}", subject),))
        change = {"conversation": carried, "consumed": ("a",), "replies": (reply("r"),), "wake_at": 9e9}
        committed = await write(store, subject, deliver=60.0, **change)
        await store.settle(subject, committed.outgoing[0], Settlement(ReplyStatus.SENT), seconds=60.0)

    for number in range(count // 4):
        await store.accept(JANE, texts(f"k{number}"), token=fresh())
        change = {"consumed": (f"k{number}",), "replies": (reply(f"r{number}"),), "timeline": (event(),)}
        committed = await write(store, deliver=60.0, **change)
        await store.settle(JANE, committed.outgoing[0], Settlement(ReplyStatus.SENT), seconds=60.0)
    await asyncio.gather(*(one(number) for number in range(count)))


def instructions(connection: sqlite3.Connection, step: Callable[[], object]) -> int:
    """How many instructions of its machine SQLite needs for a step."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    connection.set_progress_handler(tick, 1)
    step()
    connection.set_progress_handler(None, 1)
    return count


def turn_cost(path: Path, now: float) -> int:
    """The cost of finding a lane that is due, claiming it, committing its turn and sending the reply."""
    connection = connect(path)

    def step(wanted: Want, rule: Callable[[Lane], T]) -> T:
        return primitives.step(connection, {JANE: wanted}, rule, now - time.time())

    entries, token = texts("a"), fresh()
    step(wants_keys(entries), lambda it: lane.accept(it, entries, token))
    change = Change(conversation(), consumed=("a",), replies=(reply("new"),), timeline=(event(),))

    def turn() -> None:
        (due,) = primitives.scan(connection, LaneIndex.DUE, 10, None, now + 60, "", descending=False)
        assert due.subject == JANE
        claim = step(WANTS_CLAIM, lambda it: lane.claim(it, fresh(), 5.0))
        assert claim is not None
        committed = step(wants_commit(change, "t"), lambda it: lane.commit(it, claim, change, "t", 60.0))
        sent = Settlement(ReplyStatus.SENT, provider_id="SM9")
        step(outbox.WANTS_LINES, lambda it: outbox.settle(it, committed.outgoing[0], sent, 60.0))

    cost = instructions(connection, turn)
    connection.close()
    return cost


async def test_a_turn_costs_the_same_whatever_is_stored(tmp_path: Path) -> None:
    for name, count in (("few", 5), ("many", 1000)):
        async with open_file_store(tmp_path / name) as store:
            await fill(store, count)
    now = time.time() + 60
    assert turn_cost(tmp_path / "many" / "tandem.db", now) <= turn_cost(tmp_path / "few" / "tandem.db", now) + 20
