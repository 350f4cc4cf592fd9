"""Examples are run as their users do: from a copy of their folder, where they may write."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..kit.examples import EXAMPLES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Copy an example to a working folder of its own, and go there; return where the gateway keeps its data."""
    modules, path = set(sys.modules), list(sys.path)

    def enter(name: str) -> Path:
        copy = tmp_path / name
        shutil.copytree(EXAMPLES / name, copy)
        monkeypatch.chdir(copy)
        # The working folder is put on the search path by the gateway alone, as in a process of its own.
        sys.path[:] = [entry for entry in sys.path if entry]
        return tmp_path

    yield enter
    sys.path[:] = path
    # Only the example's own: libraries that were imported meanwhile stay whole.
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
