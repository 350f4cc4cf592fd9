"""What a parent of workers that was killed leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tandem.commands.workers import PREFIX, clear


@pytest.mark.promise("V30")
def test_the_next_parent_removes_the_figures_of_killed_ones_alone(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead, own, foreign = (tmp_path / f"{PREFIX}{whose}-x1" for whose in (ended.pid, os.getpid(), "somebody"))
    for folder in (dead, own, foreign):
        folder.mkdir()
        (folder / "counter_1.db").touch()
    clear(tmp_path)
    assert {folder.name for folder in tmp_path.iterdir()} == {own.name, foreign.name}
