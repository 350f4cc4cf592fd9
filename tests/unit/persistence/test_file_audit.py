"""The file's side of erasing: nothing readable stays in it or beside it, and the audit survives what the file does.

Checklist: P12, O4.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tandem.errors import StoreUnavailable
from tandem.persistence.codec import CONVERSATION
from tandem.persistence.file import open_file_store
from tandem.persistence.file_salvage import salvage
from tandem.persistence.file_schema import SCHEMA_VERSION, connect, statements

from ...contracts.records import DAY, JANE, conversation, event, fresh, text, write

WORDS = "a very private sentence"


def query(folder: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "tandem.db")) as connection, connection:
        return connection.execute(statement).fetchall()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def erased(folder: Path) -> None:
    """Erase somebody from a store."""
    async with open_file_store(folder) as store:
        await write(store, conversation=conversation(summary=WORDS))
        await store.erase(JANE, actor="alice")


async def test_nothing_is_left_while_others_have_the_store_open(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as running, open_file_store(tmp_path) as store:
        await running.accept(JANE, (text("SM1", WORDS),), token=fresh())
        await write(running, conversation=conversation(summary=WORDS), consumed=("SM1",))
        await store.erase(JANE)
        content = b"".join((tmp_path / name).read_bytes() for name in names(tmp_path))
    assert WORDS.encode() not in content
    assert JANE.encode() not in content


async def test_the_row_cannot_be_guessed_without_the_key(tmp_path: Path) -> None:
    await erased(tmp_path / "one")
    await erased(tmp_path / "two")
    hashes = [query(tmp_path / name, "SELECT subject_hash FROM audit") for name in ("one", "two")]
    assert hashes[0] != hashes[1]


async def test_the_audit_survives_a_salvage(tmp_path: Path) -> None:
    await erased(tmp_path)
    async with open_file_store(tmp_path) as store:
        for number in range(400):
            await store.accept(JANE, (text(f"SM{number}", "x" * 200),), token=fresh())
    (root,) = query(tmp_path, "SELECT rootpage FROM sqlite_master WHERE name = 'entry_waiting'")
    (size,) = query(tmp_path, "PRAGMA page_size")
    with (tmp_path / "tandem.db").open("r+b") as file:
        file.seek((int(str(root[0])) - 1) * int(str(size[0])))
        file.write(b"\xff" * 512)
    async with open_file_store(tmp_path) as store:
        rows = await store.erasures(JANE)
    assert [row.actor for row in rows] == ["alice"]
    assert any(name.startswith("tandem.db.damaged-") for name in names(tmp_path))


async def test_a_file_of_the_first_version_is_lifted(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "tandem.db")) as first, first:
        for statement in statements("file.sql"):
            first.execute(statement)
        first.execute("INSERT INTO fence (id, last) VALUES (1, 7)")
        first.execute("PRAGMA user_version=1")
    await erased(tmp_path)
    assert query(tmp_path, "SELECT count(*) FROM audit") == [(1,)]
    assert query(tmp_path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert query(tmp_path, "SELECT last < 1000 FROM fence") == [(1,)]


def make_second_version(folder: Path) -> None:
    """Make the file of the version before presence and heads, with one conversation in it."""
    record = CONVERSATION.encode(conversation(summary="kept"))
    with closing(sqlite3.connect(folder / "tandem.db")) as second, second:
        for script in ("file.sql", "file_audit.sql"):
            for statement in statements(script):
                second.execute(statement)
        second.execute("INSERT INTO fence (id, last) VALUES (1, 7)")
        second.execute(
            "INSERT INTO conversation (subject, version, updated_at, last_channel, record)"
            " VALUES (?, 1, 2.0, 'sms', ?)",
            (JANE, record),
        )
        second.execute("PRAGMA user_version=2")


async def test_conversations_of_the_second_version_have_empty_heads_until_they_are_written(tmp_path: Path) -> None:
    make_second_version(tmp_path)
    async with open_file_store(tmp_path) as store:
        (before,) = (await store.recent(limit=1)).items
        await write(store, conversation=conversation(paused=True))
        (after,) = (await store.recent(limit=1)).items
    assert (before.version, before.paused, before.preview) == (1, False, "")
    assert (after.version, after.paused) == (2, True)


async def test_a_damaged_file_of_the_second_version_is_salvaged(tmp_path: Path) -> None:
    make_second_version(tmp_path)
    with closing(connect(tmp_path / "new.db")) as target:
        assert salvage(tmp_path / "tandem.db", target) == 1
        rows = target.execute("SELECT subject, head FROM conversation").fetchall()
    assert rows == [(JANE, "")]


async def test_a_store_that_must_be_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"there is no .*tandem\.db"):
        async with open_file_store(tmp_path / "state", create=False):
            pass
    assert names(tmp_path) == []


async def test_a_failing_step_ends_a_purge_and_is_counted(tmp_path: Path) -> None:
    async with open_file_store(tmp_path, clock_offset=-30 * DAY) as store:
        await write(store, timeline=(event("turn"),))
    query(tmp_path, "CREATE TRIGGER no BEFORE DELETE ON timeline BEGIN SELECT RAISE(ABORT, 'no'); END")
    async with open_file_store(tmp_path) as store:
        report = await store.purge(older_than=DAY)
        assert await store.conversation(JANE) is not None
    assert (report.failed, report.deleted["timeline"], report.deleted["conversations"]) == (1, 0, 0)


async def test_what_a_failed_purge_left_goes_with_the_next(tmp_path: Path) -> None:
    async with open_file_store(tmp_path, clock_offset=-30 * DAY) as store:
        await write(store, timeline=(event("turn"),))
    query(tmp_path, "CREATE TRIGGER no BEFORE DELETE ON conversation BEGIN SELECT RAISE(ABORT, 'no'); END")
    async with open_file_store(tmp_path) as store:
        assert (await store.purge(older_than=DAY)).failed == 1
        query(tmp_path, "DROP TRIGGER no")
        report = await store.purge(older_than=DAY)
    assert (report.failed, report.deleted["conversations"]) == (0, 1)
