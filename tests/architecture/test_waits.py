"""Every wait of a test has the one length of ``tests/kit/waiting.py``: a shorter one fails on a busy machine."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
WAITS = {"timeout": 0, "wait_for": 1, "wait_heard": 1, "wait_sessions": 1, "wait_over": 0, "wait_answer": 0}
"""Calls that wait, and where their seconds stand among the arguments."""
NOTHING = 0.1
"""So short are waits that must end in vain, and cost what they last."""


def own_seconds(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of calls that wait for seconds of their own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WAITS:
            given = [one.value for one in node.keywords if one.arg == "seconds"]
            if not (node.func.attr == "wait_for" and ast.unparse(node.func.value) != "asyncio"):  # the other counts
                given += node.args[WAITS[node.func.attr] :][:1]
            if any(isinstance(one, ast.Constant) and float(one.value) > NOTHING for one in given):
                yield node.lineno


def test_no_wait_has_seconds_of_its_own() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        for line in own_seconds(ast.parse(path.read_text(encoding="utf-8")))
        if "mark.timeout" not in path.read_text(encoding="utf-8").splitlines()[line - 1]
    ]
    assert found == []


def test_seconds_are_seen() -> None:
    seen = "asyncio.timeout(5)", "asyncio.wait_for(x, 2)", "call.wait_sessions(2, 10)", "it.wait_for(JOHN, seconds=1)"
    fine = "asyncio.timeout(PATIENCE)", "asyncio.wait_for(x, PATIENCE)", "it.wait_for(JOHN, 2)", "asyncio.timeout(0.05)"
    assert [list(own_seconds(ast.parse(one))) for one in seen] == [[1]] * 4
    assert [list(own_seconds(ast.parse(one))) for one in fine] == [[]] * 4
