"""Commands that look, and the two that delete, leave a damaged or older database as it is.

Only the server repairs; everybody else says what is wrong and what to do.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from tandem.errors import StoreDamaged
from tandem.persistence.file import open_file_store

from ..contracts.records import JANE, write
from ..kit.command import tandem

pytestmark = pytest.mark.promise("P5", "O3")

COMMANDS = [
    ("check",),
    ("show", str(JANE)),
    ("show", str(JANE), "--json"),
    ("cleanup",),
    ("cleanup", "--dry-run"),
    ("erase", str(JANE), "--yes"),
    ("chat", "--from", "+14155550100"),
]
ENV = {"STATE_PERSISTENCE_DIR": "state"}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder; the index of the write-ahead log is a cache that any reader may build again."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


async def make(folder: Path) -> Path:
    async with open_file_store(folder) as store:
        await write(store)
    return folder / "tandem.db"


def leave_log(path: Path) -> None:
    """Copy the log of an open database and put it back after closing, as a killed process leaves it."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE lane_head SET version = version + 1")
    log = Path(f"{path}-wal").read_bytes()
    connection.close()
    Path(f"{path}-wal").write_bytes(log)


def overwrite(path: Path, *, page: int) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_a_damaged_database_is_told_and_left_alone(tmp_path: Path, command: tuple[str, ...]) -> None:
    path = await make(tmp_path / "state")
    leave_log(path)
    overwrite(path, page=3)
    before = contents(tmp_path / "state")
    done = tandem(*command, folder=tmp_path, env=ENV)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "The database file is damaged." in said
    assert "Start the server" in said
    assert "state/tandem.db.damaged-…" in said
    assert "Traceback" not in said
    assert contents(tmp_path / "state") == before


@pytest.mark.parametrize("content", [b"certainly no database" * 1000, b"SQLite format 3\0" + b"\xff" * 8000])
@pytest.mark.parametrize("lock", [True, False], ids=["a server was here", "no server was here"])
async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes, lock: bool) -> None:
    (tmp_path / "tandem.db").write_bytes(content)
    if lock:
        (tmp_path / "tandem.lock").touch()
    before = contents(tmp_path)
    with pytest.raises(StoreDamaged):
        async with open_file_store(tmp_path, create=False, repair=False):
            pass
    assert contents(tmp_path) == before


async def test_a_database_in_order_is_left_as_it_is(tmp_path: Path) -> None:
    await make(tmp_path)
    before = contents(tmp_path)
    async with open_file_store(tmp_path, create=False, repair=False) as store:
        assert await store.conversation(JANE) is not None
    assert contents(tmp_path) == before


async def test_a_broken_off_repair_is_left_to_the_server(tmp_path: Path) -> None:
    path = await make(tmp_path / "state")
    path.rename(tmp_path / "state" / "tandem.db.salvaged")
    before = contents(tmp_path / "state")
    done = tandem("show", str(JANE), folder=tmp_path, env=ENV)
    assert (done.returncode, "a repair was broken off" in done.stderr) == (1, True)
    assert contents(tmp_path / "state") == before


async def test_a_database_of_an_older_version_is_left_to_the_server(tmp_path: Path) -> None:
    path = await make(tmp_path / "state")
    older = sqlite3.connect(path)
    older.execute("PRAGMA user_version=1")
    older.close()
    before = contents(tmp_path / "state")
    done = tandem("check", folder=tmp_path, env=ENV)
    assert (done.returncode, "is of an older version (schema 1)" in done.stdout) == (1, True)
    assert contents(tmp_path / "state") == before


async def test_chat_makes_no_store(tmp_path: Path) -> None:
    tandem("chat", "--from", "+14155550100", folder=tmp_path, env=ENV | {"PORT": "9"})
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["staff-token"]


@pytest.mark.parametrize("arguments", [("show", str(JANE)), ("erase", str(JANE), "--yes")])
async def test_a_reader_that_has_enough_is_no_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    await make(tmp_path / "state")
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "tandem", *arguments]
    env = ENV | {"PATH": os.environ["PATH"]}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, env=env, stdout=writer, stderr=asyncio.subprocess.PIPE
    )
    os.close(writer)
    _, said = await process.communicate()
    assert (process.returncode, said.count(b"\n")) == (1, 1)  # which settings and data are used
    assert said.startswith(b"settings: ")
