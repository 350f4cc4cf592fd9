"""The way through the package: drawn in docs/architecture.md, and no longer than it is."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterable

import pytest

from ..kit.tables import each
from .tree import ROOT, SRC

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
LIVES = ("text", "spoken prompt", "approval", "reply")
LONGEST = {"text": (60, 335), "spoken": (60, 275), "approval": (74, 655), "reply": (25, 210)}
"""Files and moves of each walk, as scripts/walk.py counts them. Make them smaller when the way gets shorter.

A little more than on a quiet machine: where two tasks are busy at once, what one hands the other may be a move more.
"""


def steps(life: str) -> list[tuple[str, str]]:
    """Return file and function of every step of a life."""
    section = re.search(rf"^## The life of an? {life}$(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    assert section, f"no life of a {life}"
    return re.findall(r"^\|.*\| `([\w/]+\.py)` \| `([\w.]+)` \|$", section[1], re.MULTILINE)


def names(body: list[ast.stmt], prefix: str = "") -> set[str]:
    """Return the functions and classes of a module, methods with their class."""
    found = set[str]()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(prefix + node.name)
        if isinstance(node, ast.ClassDef):
            found |= names(node.body, f"{prefix}{node.name}.")
    return found


def is_there(file: str, function: str) -> bool:
    path = SRC / file
    return path.exists() and function in names(ast.parse(path.read_text(encoding="utf-8")).body)


@each("life", LIVES)
def test_every_step_of_a_life_exists(life: str) -> None:
    found = steps(life)
    assert len(found) >= 8
    assert [step for step in found if not is_there(*step)] == []


@each("step", [("conversation/engine.py", "TurnEngine.gone"), ("conversation/gone.py", "decide")])
def test_a_step_that_is_gone_is_noticed(step: tuple[str, str]) -> None:
    assert not is_there(*step)


@pytest.mark.timeout(240)
def test_no_walk_gets_longer() -> None:
    """What was too long the first time is taken again, and the shortest counts."""
    long = too_long(LONGEST, times=1)
    assert not long or too_long(long, times=3) == {}


def too_long(walks: Iterable[str], times: int) -> dict[str, list[int]]:
    only = [f"--only={name}" for name in walks]
    command = [sys.executable, str(ROOT / "scripts/walk.py"), "--json", "--times", str(times), *only]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found.keys() == set(walks)
    return {name: walk for name, walk in found.items() if walk[0] > LONGEST[name][0] or walk[1] > LONGEST[name][1]}
