"""`tandem cleanup` and scripts/cleanup.py, as cron runs them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tandem.model import Conversation
from tandem.persistence.file import open_file_store

from ..contracts.records import DAY, JANE, JOHN, event, write
from ..kit.command import tandem
from ..kit.tables import each

pytestmark = pytest.mark.promise("O3", "O4")

SCRIPT = Path(__file__).parents[2] / "scripts/cleanup.py"
ANOTHER_PYTHON = getattr(sys, "_base_executable", sys.executable)
"""The interpreter that this environment was made from: it has none of our packages."""


@pytest.fixture
async def checkout(tmp_path: Path) -> Path:
    """A checkout with the script, an environment, settings of its own, and a store with one old and one new lane."""
    folder = tmp_path / "checkout"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPT, folder / "scripts")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / ".env").write_text("STATE_PERSISTENCE_DIR=./state\n")
    async with open_file_store(folder / "state", clock_offset=-10 * DAY) as store:
        await write(store, JANE, timeline=(event("turn"),))
    async with open_file_store(folder / "state", clock_offset=-2 * DAY) as store:
        await write(store, JOHN, timeline=(event("turn"),))
    return folder


async def stored(checkout: Path) -> list[bool]:
    """Say whether the old and the new conversation are there."""
    found: list[Conversation | None] = []
    async with open_file_store(checkout / "state") as store:
        found += [await store.conversation(JANE), await store.conversation(JOHN)]
    return [conversation is not None for conversation in found]


def run(script: Path, *arguments: str, folder: Path, python: str = ANOTHER_PYTHON) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, str(script), *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


SUMMARY = "conversations=1 effects=0 keys=0 replies=0 set_aside=0 tickets=0 timeline=1 failed=0"


def cleanup(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run what the script becomes."""
    return tandem("cleanup", *arguments, folder=checkout)


@pytest.mark.promise("P4")
async def test_from_any_folder_and_python_a_week_is_kept(checkout: Path, tmp_path: Path) -> None:
    done = run(checkout / "scripts/cleanup.py", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"cleanup: deleted {SUMMARY} (untouched for 7 days)\n"
    assert await stored(checkout) == [False, True]


async def test_by_a_link_from_elsewhere_under_its_own_python_too(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "cleanup").symlink_to(checkout / "scripts/cleanup.py")
    done = run(tmp_path / "cleanup", "--days", "9", folder=tmp_path, python=sys.executable)
    assert (done.returncode, await stored(checkout)) == (0, [False, True])


async def test_more_days_keep_more_and_hours_less(checkout: Path) -> None:
    assert (cleanup(checkout, "--days", "30").returncode, await stored(checkout)) == (0, [True, True])
    assert cleanup(checkout, "--days", "1", "--dry-run").stdout.endswith("(untouched for 1 day)\n")
    assert cleanup(checkout, "--hours", "30").stdout.endswith("(untouched for 30 hours)\n")
    assert await stored(checkout) == [False, False]


async def test_a_dry_run_deletes_nothing_and_twice_is_safe(checkout: Path) -> None:
    assert cleanup(checkout, "--dry-run").stdout == f"cleanup: would delete {SUMMARY} (untouched for 7 days)\n"
    assert await stored(checkout) == [True, True]
    assert "conversations=1" in cleanup(checkout).stdout
    done = cleanup(checkout)
    assert (done.returncode, "conversations=0" in done.stdout) == (0, True)


def test_what_fails_is_counted_and_told(checkout: Path) -> None:
    with closing(sqlite3.connect(checkout / "state/tandem.db")) as connection, connection:
        connection.execute(
            "CREATE TRIGGER no BEFORE DELETE ON lane_row WHEN old.kind = 'timeline'"
            " BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    done = cleanup(checkout)
    assert (done.returncode, "failed=1" in done.stdout) == (1, True)


def test_a_missing_store_is_told_and_not_made(tmp_path: Path) -> None:
    done = tandem("cleanup", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("cleanup: failed. There is no store yet. (there is no data")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_environment_is_told(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".venv").unlink()
    done = run(checkout / "scripts/cleanup.py", folder=tmp_path)
    assert (done.returncode, "run `make run` there once" in done.stderr) == (1, True)


@each(
    "arguments",
    [("--days", "7", "--hours", "7"), ("--days", "0"), ("--hours", "-1"), ("--days", "1.5"), ("--days", "9" * 40)],
)
def test_it_is_wrongly_called_with(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = tandem("cleanup", *arguments, folder=tmp_path)
    assert (done.returncode, "usage: tandem cleanup" in done.stderr) == (2, True)
