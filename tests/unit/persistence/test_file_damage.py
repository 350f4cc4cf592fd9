"""A damaged database file is set aside, what can be read is carried over, and the store goes on."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from tandem.errors import StoreDamaged
from tandem.model import Channel, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.persistence.file.database import DatabaseFile
from tandem.persistence.file.salvage import salvage
from tandem.persistence.file.schema import connect

from ...contracts.records import JANE, JOHN, approval, conversation, event, fresh, reply, take, texts, write

pytestmark = pytest.mark.promise("P5")

COUNT = 400
PAGE = 4096


def subject(number: int) -> SubjectId:
    return SubjectId(f"phone_{number:05}")


def words(number: int) -> str:
    return f"needle-{number:05}-" + "hay " * 100


async def fill(store: LaneStore) -> None:
    async def one(number: int) -> None:
        await write(store, subject(number), conversation=conversation(subject(number), summary=words(number)))

    await asyncio.gather(*(one(number) for number in range(COUNT)))


def damage(folder: Path, number: int) -> int:
    """Overwrite the page that holds a conversation; return how many conversations it held."""
    path = folder / "tandem.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    connection.close()
    content = bytearray(path.read_bytes())
    page = content.index(words(number).encode()) // PAGE
    with path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(b"\xff" * PAGE)
    return content[page * PAGE : (page + 1) * PAGE].count(b"needle-")


def kept(folder: Path) -> list[Path]:
    """The files that were set aside, without their logs."""
    return [path for path in folder.glob("tandem.db.damaged-*") if not path.name.endswith(("-wal", "-shm"))]


async def readable(store: LaneStore) -> int:
    """How many conversations are there and say what was written."""
    stored = await asyncio.gather(*(store.conversation(subject(number)) for number in range(COUNT)))
    return sum(one is not None and one.summary == words(number) for number, one in enumerate(stored))


async def test_a_file_that_is_no_database_is_kept_and_counted_and_the_store_works(tmp_path: Path) -> None:
    (tmp_path / "tandem.db").write_bytes(b"certainly no database" * 1000)
    (tmp_path / "tandem.db-wal").write_bytes(b"")
    async with open_file_store(tmp_path) as store:
        assert [path.read_bytes() for path in kept(tmp_path)] == [b"certainly no database" * 1000]
        assert (await store.counts()).set_aside == 1
        await write(store)
        assert await store.conversation(JANE) is not None


async def test_damage_is_found_at_the_start_and_readable_rows_are_carried_over(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        await fill(store)
    lost = damage(tmp_path, COUNT // 2)
    async with open_file_store(tmp_path) as store:
        assert await readable(store) == COUNT - lost
        assert len(kept(tmp_path)) == 1
        claim = await take(store, subject(COUNT // 2), accept=texts("a"))
        assert [waiting.entry.key for waiting in claim.waiting] == ["a"]


async def test_rows_between_two_damaged_pages_are_carried_over(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        await fill(store)
    lost = damage(tmp_path, COUNT // 4) + damage(tmp_path, 3 * COUNT // 4)
    async with open_file_store(tmp_path) as store:
        assert await readable(store) == COUNT - lost


async def test_damage_that_shows_in_use_is_repaired_in_use(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        await fill(store)
    async with open_file_store(tmp_path) as store:
        lost = damage(tmp_path, COUNT // 2)  # after the check at the start, before the first connection
        assert await readable(store) == COUNT - lost
        assert len(kept(tmp_path)) == 1


async def test_another_process_goes_over_to_the_new_file(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as other:
        await fill(other)
        async with open_file_store(tmp_path) as store:
            damage(tmp_path, COUNT // 2)
            await readable(store)
            await other.accept(JANE, texts("a"), token=fresh())
            assert [waiting.entry.key for waiting in await store.waiting(JANE)] == ["a"]


async def test_damage_that_shows_in_use_is_left_alone_by_whoever_does_not_repair(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        await fill(store)
    async with open_file_store(tmp_path, repair=False) as store:
        damage(tmp_path, COUNT // 2)  # after the check at the start, before the first connection
        for _ in range(2):  # and the thread that met it goes on
            with pytest.raises(StoreDamaged, match="Start the server"):
                await store.conversation(subject(COUNT // 2))
    assert kept(tmp_path) == []


def test_a_file_is_replaced_once_however_many_found_it_damaged(tmp_path: Path) -> None:
    first, second = DatabaseFile(tmp_path), DatabaseFile(tmp_path)
    first.check()
    for file in (first, second):
        with file.use():
            pass
    first.repair("damaged")
    second.repair("damaged")
    assert len(kept(tmp_path)) == 1
    first.close()
    second.close()


async def test_a_crash_before_the_new_file_was_in_place_is_made_good(tmp_path: Path) -> None:
    async with open_file_store(tmp_path / "before") as store:
        await write(store, conversation=conversation(summary="salvaged"))
    (tmp_path / "after").mkdir()
    (tmp_path / "before" / "tandem.db").rename(tmp_path / "after" / "tandem.db.salvaged")
    (tmp_path / "after" / "tandem.db").write_bytes(b"damaged" * 1000)
    async with open_file_store(tmp_path / "after") as store:
        stored = await store.conversation(JANE)
    assert stored is not None
    assert stored.summary == "salvaged"


async def test_fences_grow_beyond_a_lost_file(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        before = await take(store)
    (tmp_path / "tandem.db").write_bytes(b"certainly no database" * 1000)
    async with open_file_store(tmp_path) as store:
        assert (await take(store)).fence > before.fence


async def salvaged_without(folder: Path, lost: str) -> None:
    """Salvage a file in which something is lost for good, and put the result in its place."""
    damaged = sqlite3.connect(folder / "tandem.db")
    with damaged:
        damaged.execute(lost)
    damaged.close()
    target = connect(folder / "new.db")
    salvage(folder / "tandem.db", target)
    target.execute("PRAGMA journal_mode=DELETE").fetchone()
    target.close()
    (folder / "new.db").rename(folder / "tandem.db")


async def test_waiting_entries_are_due_when_the_lanes_are_lost(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        await store.accept(JANE, texts("a"), token=fresh())
        await write(store, JOHN)
    await salvaged_without(tmp_path, "DROP TABLE lane_head")
    async with open_file_store(tmp_path) as store:
        assert (await store.due(limit=10)).lanes == (JANE,)


async def test_an_approval_still_expires_when_the_lanes_are_lost(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        await write(store, conversation=conversation(approvals=(approval("apr_1", expires_at=5.0),)), wake_at=5.0)
    await salvaged_without(tmp_path, "DROP TABLE lane_head")
    async with open_file_store(tmp_path) as store:
        assert (await store.due(limit=10)).lanes == (JANE,)


async def test_unsent_replies_are_due_when_the_lines_are_lost(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        await write(store, replies=(reply("r1"),))
    await salvaged_without(tmp_path, "DROP TABLE lane_index")
    async with open_file_store(tmp_path) as store:
        assert (await store.due(limit=10)).lines == ((JANE, Channel.SMS),)


async def test_lost_approvals_are_found_again_in_their_conversations(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        await write(store, conversation=conversation(approvals=(approval("apr_1"),)))
    await salvaged_without(tmp_path, "DELETE FROM lane_row WHERE kind = 'approval'")
    async with open_file_store(tmp_path) as store:
        assert await store.approval("apr_1") == replace(approval("apr_1"), snapshot="")


async def test_everything_else_is_carried_over_as_it_was(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        await write(store, timeline=(event("turn"),), replies=(reply("r1"),))
        await store.effect_begin(JANE, "refund", token=fresh())
        before = await store.timeline(JANE), await store.replies(JANE), await store.conversation(JANE)
    await salvaged_without(tmp_path, "DELETE FROM lane_row WHERE kind = 'answer'")
    async with open_file_store(tmp_path) as store:
        assert (await store.timeline(JANE), await store.replies(JANE), await store.conversation(JANE)) == before
        assert (await store.effect_begin(JANE, "refund", token=fresh())).state == "unknown"


async def test_opt_outs_survive_when_the_lanes_and_their_conversations_are_lost(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        await write(store, conversation=conversation(opted_out=(Channel.SMS,)))
    lost = "DELETE FROM lane_row WHERE kind = 'conversation'"
    await salvaged_without(tmp_path, lost)
    await salvaged_without(tmp_path, "DROP TABLE lane_head")
    async with open_file_store(tmp_path) as store:
        claim = await take(store)
    assert claim.conversation is not None
    assert claim.conversation.opted_out == (Channel.SMS,)
