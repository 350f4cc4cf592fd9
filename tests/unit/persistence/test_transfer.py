"""The commands ``export`` and ``import``, and backups of each store as docs/operations.md makes them, put back."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tandem.commands.transfer import export_store, import_store
from tandem.errors import ConfigurationError, StoreMissing
from tandem.model import SubjectId
from tandem.persistence.file import open_file_store
from tandem.persistence.merging import erase_person
from tandem.persistence.postgres import open_postgres_store
from tandem.persistence.redis import open_redis_store
from tandem.persistence.rows import Whole
from tandem.persistence.transfer import export
from tandem.settings import Settings, load_settings

from ...contracts.records import JANE, JOHN, approval, event, take, write, write_approvals
from ...kit.command import tandem
from ...kit.full_store import everything, fill
from ...kit.gateway import running
from ...kit.postgres_server import PostgresServer, postgres_server
from ...kit.redis_server import redis_server, shared_redis
from ...kit.serving import free_port

pytestmark = pytest.mark.promise("X7")

Everything = Mapping[SubjectId, Whole]


def of_file(folder: Path, **more: str) -> Settings:
    env = {"STATE_PERSISTENCE_DIR": str(folder), "PORT": str(free_port()), **more}
    return load_settings(env, env_file=None)


@pytest.fixture
async def full(tmp_path: Path) -> tuple[Path, Everything]:
    folder = tmp_path / "full"
    async with open_file_store(folder) as store:
        await fill(store)
        return folder, await everything(store)


# --- the commands ---------------------------------------------------------------------------------------------


async def test_growing_from_a_file_to_redis_is_one_line(full: tuple[Path, Everything], tmp_path: Path) -> None:
    folder, before = full
    address, prefix = shared_redis().url, f"grown-{tmp_path.name}:"
    theirs = {"PERSISTENCE_ADAPTER": "redis", "REDIS_URL": address, "REDIS_KEY_PREFIX": prefix}
    ours = {"STATE_PERSISTENCE_DIR": str(folder), "PORT": str(free_port())}
    exported = await asyncio.to_thread(tandem, "export", folder=tmp_path, env=ours)
    assert exported.returncode == 0, exported.stderr
    imported = await asyncio.to_thread(tandem, "import", folder=tmp_path, env=theirs, stdin=exported.stdout)
    assert imported.returncode == 0, imported.stderr
    assert imported.stdout == f"import: {len(before)} lanes written and read back, 0 were there, 0 differ, 0 failed\n"
    async with open_redis_store(address, prefix=prefix) as store:
        assert await everything(store) == before


async def test_a_file_that_is_written_is_nobody_elses_to_read_and_is_not_overwritten(
    full: tuple[Path, Everything], tmp_path: Path
) -> None:
    settings, backup = of_file(full[0]), tmp_path / "backup.jsonl"
    assert await export_store(settings, str(backup), running=False) == 0
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    before = backup.read_bytes()
    with pytest.raises(ConfigurationError, match="File exists"):
        await export_store(settings, str(backup), running=False)
    assert backup.read_bytes() == before


async def test_it_refuses_while_a_gateway_answers_and_makes_a_backup_beside_it(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        await it.ask("Where is my order 12345?")
        port = it.url.rpartition(":")[2]
        settings = of_file(tmp_path / "state", PORT=port)
        with pytest.raises(ConfigurationError, match=f"A gateway answers on port {port}"):
            await export_store(settings, str(tmp_path / "none.jsonl"), running=False)
        assert not (tmp_path / "none.jsonl").exists()
        assert await export_store(settings, str(tmp_path / "backup.jsonl"), running=True) == 0
        kept = await everything(it.store)
    assert await import_store(of_file(tmp_path / "new"), str(tmp_path / "backup.jsonl")) == 0
    async with open_file_store(tmp_path / "new") as store:
        assert (await everything(store)).keys() == kept.keys()


async def test_a_lane_that_is_held_ends_it_with_one(full: tuple[Path, Everything], tmp_path: Path) -> None:
    async with open_file_store(full[0]) as store:
        await take(store, JOHN)
    assert await export_store(of_file(full[0]), str(tmp_path / "backup.jsonl"), running=False) == 1
    assert await import_store(of_file(tmp_path / "new"), str(tmp_path / "backup.jsonl")) == 1


async def test_a_change_while_it_is_read_is_noticed(full: tuple[Path, Everything]) -> None:
    lines: list[str] = []

    async def change() -> None:
        async with open_file_store(full[0]) as another:
            await write(another, JOHN, timeline=(event("late"),))

    def write_down(line: str) -> None:
        lines.append(line)
        if len(lines) == 2:  # another process is at work
            thread = threading.Thread(target=lambda: asyncio.run(change()))
            thread.start()
            thread.join()

    async with open_file_store(full[0]) as store:
        told = await export(store.storage, "here", write_down)
    assert (told.changed, json.loads(lines[-1])["sound"]) == (True, False)


@pytest.mark.promise("P12")
async def test_who_was_erased_since_a_backup_stays_away_with_their_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = JOHN.replace("phone_", "+")
    to_john = replace(approval("apr_1"), tool="send_sms", arguments={"to": number, "message": "Hello, it is Jane"})
    old, new, backup, erased = of_file(tmp_path / "old"), of_file(tmp_path / "new"), "backup.jsonl", "erased.jsonl"
    async with open_file_store(tmp_path / "old") as store:
        await write_approvals(store, to_john)
        await write(store, JOHN, timeline=(event(),))
    assert await export_store(old, str(tmp_path / backup), running=False) == 0
    assert number in (tmp_path / backup).read_text()
    async with open_file_store(tmp_path / "old") as store:
        await erase_person(store, JOHN, actor="mia")
    assert await export_store(old, str(tmp_path / erased), running=False, erasures=True) == 0
    assert number.strip("+") not in (tmp_path / erased).read_text()
    assert await import_store(new, str(tmp_path / erased)) == 0
    assert await import_store(new, str(tmp_path / backup)) == 0
    assert "import: 1 left out: " in capsys.readouterr().out
    async with open_file_store(tmp_path / "new") as store:
        there = await everything(store)
    assert JANE in there
    assert number.strip("+") not in repr(there)


async def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        await export_store(of_file(tmp_path / "none"), str(tmp_path / "backup.jsonl"), running=False)
    assert not (tmp_path / "backup.jsonl").exists()


async def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    for name in ("picture.jpg", "nowhere.jsonl"):
        with pytest.raises(ConfigurationError):
            await import_store(of_file(tmp_path / "new"), str(tmp_path / name))


# --- the stores' own ways -------------------------------------------------------------------------------------


async def test_a_copy_that_sqlite_makes_while_the_server_runs(full: tuple[Path, Everything], tmp_path: Path) -> None:
    (tmp_path / "back").mkdir()
    async with open_file_store(full[0]) as store:
        await write(store, JOHN, timeline=(event("last"),))
        with (
            closing(sqlite3.connect(full[0] / "tandem.db")) as source,
            closing(sqlite3.connect(tmp_path / "back/tandem.db")) as copy,
        ):
            source.backup(copy)  # what .backup does
        before = await everything(store)
    async with open_file_store(tmp_path / "back") as store:
        assert await everything(store) == before


async def test_a_copy_of_the_folder_of_a_stopped_server(full: tuple[Path, Everything], tmp_path: Path) -> None:
    shutil.copytree(full[0], tmp_path / "back")
    async with open_file_store(tmp_path / "back") as store:
        assert await everything(store) == full[1]


@pytest.mark.parametrize("kept", ["snapshot", "append-only"])
async def test_a_copy_of_what_redis_keeps_on_disk(tmp_path: Path, kept: str) -> None:
    options = ("--save", "", "--appendonly", "yes" if kept == "append-only" else "no", "--appendfsync", "always")
    (tmp_path / "here").mkdir()
    with redis_server(tmp_path / "here", *options) as server:
        async with open_redis_store(server.url) as store:
            await fill(store)
            before = await everything(store)
        if kept == "snapshot":
            async with Redis.from_url(server.url, protocol=2) as redis:
                await redis.execute_command("SAVE")
    shutil.copytree(tmp_path / "here", tmp_path / "back")
    with redis_server(tmp_path / "back", *options) as server:
        async with open_redis_store(server.url) as store:
            assert await everything(store) == before


async def test_a_dump_of_postgres(tmp_path: Path) -> None:
    with postgres_server() as server:
        async with open_postgres_store(server.url) as store:
            await fill(store)
            before = await everything(store)
        dump = await asyncio.to_thread(run, server, "pg_dump", "--format=custom", server.url)
        back = server.url.rpartition("/")[0] + "/back"
        await asyncio.to_thread(run, server, "createdb", "--maintenance-db", server.url, "back")
        await asyncio.to_thread(run, server, "pg_restore", "--exit-on-error", "--dbname", back, stdin=dump)
        async with open_postgres_store(back) as store:
            assert await everything(store) == before


def run(server: PostgresServer, program: str, *arguments: str, stdin: bytes = b"") -> bytes:
    command: list[Any] = [server.binary.with_name(program), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
