"""The file's side of erasing: nothing readable stays in it or beside it, and the audit survives what the file does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tandem.errors import StoreUnavailable
from tandem.persistence.file import open_file_store

from ...contracts.records import DAY, JANE, conversation, event, fresh, text, write

pytestmark = pytest.mark.promise("O4")

WORDS = "a very private sentence"
REFUSE = """
CREATE TRIGGER no BEFORE DELETE ON lane_row WHEN old.kind = 'timeline' BEGIN SELECT RAISE(ABORT, 'no'); END
"""


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


@pytest.mark.promise("P12")
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
    hashes = [query(tmp_path / name, "SELECT kind FROM lane_row WHERE kind LIKE 'audit:%'") for name in ("one", "two")]
    assert hashes[0] != hashes[1]


async def test_the_audit_survives_a_salvage(tmp_path: Path) -> None:
    await erased(tmp_path)
    async with open_file_store(tmp_path) as store:
        for number in range(400):
            await store.accept(JANE, (text(f"SM{number}", "x" * 200),), token=fresh())
    (root,) = query(tmp_path, "SELECT rootpage FROM sqlite_master WHERE name = 'lane_row_order'")
    (size,) = query(tmp_path, "PRAGMA page_size")
    with (tmp_path / "tandem.db").open("r+b") as file:
        file.seek((int(str(root[0])) - 1) * int(str(size[0])))
        file.write(b"\xff" * 512)
    async with open_file_store(tmp_path) as store:
        rows = await store.erasures(JANE)
    assert [row.actor for row in rows] == ["alice"]
    assert any(name.startswith("tandem.db.damaged-") for name in names(tmp_path))


async def test_a_store_that_must_be_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"there is no .*tandem\.db"):
        async with open_file_store(tmp_path / "state", create=False):
            pass
    assert names(tmp_path) == []


async def test_a_failing_step_ends_a_purge_and_what_it_left_goes_with_the_next(tmp_path: Path) -> None:
    async with open_file_store(tmp_path, clock_offset=-30 * DAY) as store:
        await write(store, timeline=(event("turn"),))
    query(tmp_path, REFUSE)
    async with open_file_store(tmp_path) as store:
        report = await store.purge(older_than=DAY)
        assert await store.conversation(JANE) is not None
        assert (report.failed, report.deleted["timeline"], report.deleted["conversations"]) == (1, 0, 0)
        query(tmp_path, "DROP TRIGGER no")
        report = await store.purge(older_than=DAY)
        assert (report.failed, report.deleted["conversations"]) == (0, 1)
